"""Distributions of the codes before anything is observed: p(z)."""

from diabolo.priors.base import Prior
from diabolo.priors.standard_normal import StandardNormal

BY_NAME = {"standard_normal": StandardNormal}

__all__ = ["Prior", "StandardNormal"]
