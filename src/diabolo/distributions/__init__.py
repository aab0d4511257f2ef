"""What ``torch.distributions`` lacks: point masses, fast or exact forms of usual ones, mixed columns, divergences."""

from diabolo.distributions.continuous_bernoulli import ContinuousBernoulli
from diabolo.distributions.counts import NegativeBinomial, Poisson
from diabolo.distributions.diagonal_normal import DiagonalNormal
from diabolo.distributions.dirac import Dirac
from diabolo.distributions.independent_bernoulli import IndependentBernoulli
from diabolo.distributions.kl import rate_of_dimensions
from diabolo.distributions.mapped import detached, mapped
from diabolo.distributions.mixed_columns import MixedColumns, put_together
from diabolo.distributions.mixture import MixtureOfNormals

__all__ = [
    "ContinuousBernoulli",
    "DiagonalNormal",
    "Dirac",
    "IndependentBernoulli",
    "MixedColumns",
    "MixtureOfNormals",
    "NegativeBinomial",
    "Poisson",
    "detached",
    "mapped",
    "put_together",
    "rate_of_dimensions",
]
