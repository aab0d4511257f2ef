"""What the likelihoods of counts share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods.base import Likelihood, refuse_where, smoothed_mean

#: The least that logarithms are measured in, so that the first counts of a column that had none are not read as a flood.
_LEAST_SPREAD = 0.1


class Counts(Likelihood):
    """Probabilities of 0, 1, 2, ... around a mean exp(shift + g(z)).

    The encoder reads log(1 + x), centred and in units of its deviation (of the examples among the
    :class:`~diabolo.contracts.Statistics`, 0.1 at least), since counts have a few values that are many times the usual ones.
    """

    is_discrete = True
    middle: Tensor
    spread: Tensor

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make room for the shift and for what the encoder's logarithms are measured in."""
        super().build(sizes)
        self.register_buffer("middle", torch.zeros(sizes.event))
        self.register_buffer("spread", torch.ones(sizes.event))
        return self

    def start(self, statistics: Statistics) -> None:
        """Start at the mean of each column, as if one value of 1/2 had been seen more."""
        self.shift.copy_(smoothed_mean(statistics).log())
        logarithms = statistics.examples.double().clamp(min=0).log1p()
        deviation = logarithms.std(0, correction=0)
        if not statistics.per_column:
            deviation = deviation.square().mean().sqrt()
        self.middle.copy_(logarithms.mean(0))
        self.spread.copy_(deviation.clamp(min=_LEAST_SPREAD))

    def read(self, x: Tensor, scaled: Tensor) -> Tensor:
        """Return the logarithms of 1 + x, centred and scaled; of values below 0, which a corruption makes, that of 1."""
        return (x.clamp(min=0).log1p() - self.middle) / self.spread

    def log_mean(self, outputs: Tensor) -> Tensor:
        """Return the logarithm of the mean, shape (*batch, *event)."""
        return self.shift + self.single(outputs)

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """Return the nearest counts."""
        return np.rint(x).clip(0)

    def _refuse_others(self, x: np.ndarray, name: str, names: Sequence[str] | None) -> None:
        refuse_where(
            (x < 0) | (x != np.floor(x)),
            x,
            likelihood=name,
            needs="counts: whole numbers, 0 or more",
            instead="round them if they are counts, or use likelihood='gaussian'.",
            names=names,
        )
