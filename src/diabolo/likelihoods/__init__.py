"""How observations scatter around what the decoder says: p(x|z), and so the reconstruction loss."""

from collections.abc import Callable
from functools import partial

from diabolo.likelihoods.base import Likelihood
from diabolo.likelihoods.bernoulli import Bernoulli
from diabolo.likelihoods.categorical import Categorical
from diabolo.likelihoods.continuous_bernoulli import ContinuousBernoulli
from diabolo.likelihoods.gaussian import Gaussian
from diabolo.likelihoods.laplace import Laplace
from diabolo.likelihoods.log_normal import LogNormal
from diabolo.likelihoods.mixed import Mixed
from diabolo.likelihoods.negative_binomial import NegativeBinomial
from diabolo.likelihoods.poisson import Poisson

BY_NAME: dict[str, Callable[[], Likelihood]] = {
    "gaussian": Gaussian,
    "gaussian_per_feature": partial(Gaussian, scale="per_feature"),
    "laplace": Laplace,
    "log_normal": LogNormal,
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "categorical": Categorical,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
    "squared_error": partial(Gaussian, scale="data"),
    "absolute_error": partial(Laplace, scale="data"),
    "cross_entropy": Bernoulli,
}

__all__ = [
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "LogNormal",
    "Mixed",
    "NegativeBinomial",
    "Poisson",
]
