"""One code for one observation."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from diabolo.distributions import Dirac
from diabolo.posteriors.base import Posterior


class Deterministic(Posterior):
    """The encoder of a plain auto-encoder: z = E(x), a point without a density."""

    has_density = False

    def __init__(self) -> None:
        super().__init__()

    def n_parameters(self, n_components: int) -> int:
        """One number for each dimension."""
        return n_components

    def distribution(self, parameters: Tensor) -> Dirac:
        """Return the point mass."""
        return Dirac(parameters)

    def draw(self, q: Any, noise: Tensor) -> Tensor:
        """Return the point for each row of noise."""
        return q.mean.expand_as(noise)
