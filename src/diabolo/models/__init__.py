"""Compositions of parts."""

from diabolo.models.clustered import Clustered
from diabolo.models.latent import LatentModel
from diabolo.models.multi_rate import MultiRate

__all__ = ["Clustered", "LatentModel", "MultiRate"]
