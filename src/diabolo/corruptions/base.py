"""What a corruption is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Real
from typing import Any

from torch import Tensor

from diabolo.contracts import Part


class Corruption(Part, ABC):
    """A random map x -> x~ in units of X; the likelihood still explains the clean x."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return a corrupted copy of x, drawn with torch's generator; same shape."""


def check_fraction(fraction: Any) -> None:
    """Refuse a fraction that is no number in (0, 1)."""
    if not (isinstance(fraction, Real) and 0 < float(fraction) < 1):
        raise ValueError(
            f"fraction must lie strictly between 0 and 1 (a share of the values), got {fraction!r}."
        )
