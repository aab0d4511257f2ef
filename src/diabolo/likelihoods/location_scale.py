"""What the likelihoods with a location and a scale share."""

from __future__ import annotations

import math
from abc import abstractmethod
from numbers import Real
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods.base import Likelihood

#: A learned scale never falls below this share of the data's standard deviation.
SCALE_FLOOR = 1e-4


class LocationScale(Likelihood):
    """A density around the decoder's output, with one scale for all values or one for each column."""

    unit: Tensor
    fixed: Tensor
    constant: Tensor

    _words: tuple[str, ...] = ("learned", "per_feature", "data")

    def __init__(self, scale: float | Literal["learned", "per_feature", "data"] = "learned") -> None:
        super().__init__()
        self.scale = scale

    @property
    def per_feature(self) -> bool:  # type: ignore[override]
        """Whether each column has a scale of its own."""
        return self.scale == "per_feature"

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the scale."""
        words = self._words
        scale: Any = self.scale
        is_number = isinstance(scale, Real) and not isinstance(scale, bool)
        if not (scale in words or (is_number and 0 < scale < math.inf)):
            raise ValueError(
                f"scale (of the {type(self).__name__} likelihood) must be a number above 0 in units of X, "
                f"or one of {words}, got {self.scale!r}."
            )
        super().build(sizes)
        self.register_buffer("unit", torch.ones(sizes.event))
        self.register_buffer("fixed", torch.full(sizes.event, 1.0 if scale in words else float(scale)))
        if self.scale in ("learned", "per_feature"):
            self.log_scale = nn.Parameter(torch.zeros(sizes.event if self.per_feature else ()))
        if self.per_feature:
            self.register_buffer("constant", torch.zeros(sizes.event, dtype=torch.bool))
        return self

    def start(self, statistics: Statistics) -> None:
        """Start at the mean and the deviation of the data."""
        self.shift.copy_(statistics.mean)
        self.unit.copy_(statistics.unit)
        if self.scale == "data":
            self.fixed.copy_(statistics.unit)
        elif not isinstance(self.scale, str) and statistics.per_column:
            self.fixed.copy_(self.scale * statistics.unit)
        if self.per_feature:
            self.constant.copy_(statistics.deviation == 0)

    def scales(self) -> Tensor:
        """The scale of each value in units of X, shape event (or () when one is shared)."""
        if self.scale not in ("learned", "per_feature"):
            return self.fixed
        learned = self.unit * (SCALE_FLOOR + self.log_scale.exp())
        return torch.where(self.constant, self.unit, learned) if self.per_feature else learned

    def forward(self, outputs: Tensor) -> Distribution:
        """Return the density around shift + unit * outputs."""
        return self.around(self.shift + self.unit * self.single(outputs), self.scales())

    def predict(self, outputs: Tensor) -> Tensor:
        """Return shift + unit * outputs, in place."""
        location = self.single(outputs)
        return torch.addcmul(self.shift, self.unit, location, out=location)

    @abstractmethod
    def around(self, location: Tensor, scale: Tensor) -> Distribution:
        """Return the density with the given location and scale."""
