"""Compositions of parts."""

from diabolo.models.latent import LatentModel
from diabolo.models.multi_rate import MultiRate

__all__ = ["LatentModel", "MultiRate"]
