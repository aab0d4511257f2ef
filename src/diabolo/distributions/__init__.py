"""What ``torch.distributions`` lacks: a point mass, a fast diagonal Gaussian, a large mixture of them, divergences."""

from diabolo.distributions.continuous_bernoulli import ContinuousBernoulli
from diabolo.distributions.diagonal_normal import DiagonalNormal
from diabolo.distributions.dirac import Dirac
from diabolo.distributions.independent_bernoulli import IndependentBernoulli
from diabolo.distributions.kl import rate_of_dimensions
from diabolo.distributions.mapped import detached, mapped
from diabolo.distributions.mixture import MixtureOfNormals

__all__ = [
    "ContinuousBernoulli",
    "DiagonalNormal",
    "Dirac",
    "IndependentBernoulli",
    "MixtureOfNormals",
    "detached",
    "mapped",
    "rate_of_dimensions",
]
