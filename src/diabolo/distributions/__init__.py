"""What ``torch.distributions`` lacks: a point mass, a fast diagonal Gaussian, and the missing divergences."""

from diabolo.distributions import kl  # noqa: F401 - registers the closed forms
from diabolo.distributions.continuous_bernoulli import ContinuousBernoulli
from diabolo.distributions.detached import detached
from diabolo.distributions.diagonal_normal import DiagonalNormal
from diabolo.distributions.dirac import Dirac

__all__ = ["ContinuousBernoulli", "DiagonalNormal", "Dirac", "detached"]
