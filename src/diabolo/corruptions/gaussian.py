"""Additive Gaussian noise."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from diabolo.contracts import Sizes, Statistics
from diabolo.corruptions.base import Corruption


class Gaussian(Corruption):
    """x~ = x + noise, noise ~ N(0, scale^2), not clipped (Vincent et al. 2010).

    Parameters
    ----------
    scale : float, optional
        Standard deviation of the noise, in units of X. By default a quarter of the standard
        deviation of the training rows (the root mean square over columns, or each column's own
        under the estimator's ``scale="column"``).
    """

    level: Tensor

    def __init__(self, scale: float | None = None) -> None:
        super().__init__()
        self.scale = scale

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make room for the level of the noise."""
        if self.scale is not None:
            self.check_number("scale", "above 0, in units of X", above=0)
        level = 0.25 if self.scale is None else float(self.scale)
        self.register_buffer("level", torch.full(sizes.event, level))
        return self

    def start(self, statistics: Statistics) -> None:
        """Set the default level from the data."""
        if self.scale is None:
            self.level.copy_(0.25 * statistics.unit)

    def forward(self, x: Tensor) -> Tensor:
        """Add the noise."""
        return x + self.level * torch.randn_like(x)
