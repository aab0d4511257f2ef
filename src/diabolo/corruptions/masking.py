"""Values set to a constant."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from diabolo.contracts import Sizes
from diabolo.corruptions.base import Corruption, check_fraction


class Masking(Corruption):
    """Each value is replaced by ``value`` with probability ``fraction`` (Vincent et al. 2008).

    Parameters
    ----------
    fraction : float
        Probability that a value is replaced, strictly between 0 and 1.
    value : float
        What replaces it, in units of X.
    """

    def __init__(self, fraction: float = 0.25, *, value: float = 0.0) -> None:
        super().__init__()
        self.fraction = fraction
        self.value = value

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Check the fraction and the value."""
        check_fraction(self.fraction)
        self.check_number("value", "a finite number, in units of X")
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Replace some values."""
        return torch.where(torch.rand_like(x) < self.fraction, torch.full_like(x, self.value), x)
