"""Compositions of parts."""

from diabolo.models.latent import LatentModel

__all__ = ["LatentModel"]
