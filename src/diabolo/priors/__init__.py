"""Distributions of the codes before anything is observed: p(z)."""

from diabolo.priors.base import Prior
from diabolo.priors.fitted_gaussian import FittedGaussian
from diabolo.priors.flow import Flow
from diabolo.priors.gaussian_mixture import GaussianMixture
from diabolo.priors.learned_mixture import LearnedMixture
from diabolo.priors.second_stage import SecondStage
from diabolo.priors.standard_normal import StandardNormal
from diabolo.priors.vamp import VampPrior

#: SecondStage has no name: it has no default without a model to be given.
BY_NAME = {
    "standard_normal": StandardNormal,
    "gaussian": FittedGaussian,
    "gaussian_mixture": GaussianMixture,
    "learned_mixture": LearnedMixture,
    "flow": Flow,
    "vamp": VampPrior,
}

__all__ = [
    "FittedGaussian",
    "Flow",
    "GaussianMixture",
    "LearnedMixture",
    "Prior",
    "SecondStage",
    "StandardNormal",
    "VampPrior",
]
