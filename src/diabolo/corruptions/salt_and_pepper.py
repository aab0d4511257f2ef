"""Values set to the extremes of the data."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from diabolo.contracts import Sizes, Statistics
from diabolo.corruptions.base import Corruption, check_fraction


class SaltAndPepper(Corruption):
    """Each value is replaced, with probability ``fraction``, by the smallest or largest of the data.

    Both are equally likely; the range is that of the whole training array, in units of X
    (Vincent et al. 2010).

    Parameters
    ----------
    fraction : float
        Probability that a value is replaced, strictly between 0 and 1.
    """

    low: Tensor
    high: Tensor

    def __init__(self, fraction: float = 0.1) -> None:
        super().__init__()
        self.fraction = fraction

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make room for the two extremes."""
        check_fraction(self.fraction)
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.ones(()))
        return self

    def start(self, statistics: Statistics) -> None:
        """Learn the range of the data."""
        self.low.copy_(statistics.low.min())
        self.high.copy_(statistics.high.max())

    def forward(self, x: Tensor) -> Tensor:
        """Replace some values."""
        u = torch.rand_like(x)
        x = torch.where(u < self.fraction, self.high, x)
        return torch.where(u < self.fraction / 2, self.low, x)
