"""The cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from diabolo.contracts import Sizes, Statistics
from diabolo.distributions import IndependentBernoulli
from diabolo.likelihoods.base import Likelihood, refuse_outside_unit_interval, smoothed_mean


class Bernoulli(Likelihood):
    """p(x = 1|z) = sigmoid(g(z)): the binary cross-entropy.

    On binary values this is a likelihood. Grey values in [0, 1] are accepted, as is usual, but
    their cross-entropy is *not* the logarithm of a density: numbers made with it compare only with
    numbers made with it on the same data. :class:`ContinuousBernoulli` is the density.

    Parameters
    ----------
    binarise : bool
        Dynamic binarisation (Salakhutdinov & Murray 2008): the values in [0, 1] of the rows to
        train on are probabilities, and binary rows are drawn from them anew at every step.
        Rows to score are taken as they are: binarise them once, by seed, with
        :func:`diabolo.data.binarise`.
    """

    is_discrete = True

    def __init__(self, *, binarise: bool = False) -> None:
        super().__init__()
        self.binarise = binarise

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Check the flag and make room for the shift."""
        self.check_flag("binarise")
        return super().build(sizes)

    def start(self, statistics: Statistics) -> None:
        """Start at the mean of each column."""
        self.shift.copy_(torch.logit(smoothed_mean(statistics)))

    def forward(self, outputs: Tensor) -> IndependentBernoulli:
        """Return the Bernoulli distributions with logits shift + outputs."""
        return IndependentBernoulli(self.shift + self.single(outputs), self.n_event_dims)

    def predict(self, outputs: Tensor) -> Tensor:
        """Return sigmoid(shift + outputs), in place."""
        return self.single(outputs).add_(self.shift).sigmoid_()

    def observe(self, x: Tensor) -> Tensor:
        """Return x, or binary rows drawn from it."""
        return torch.rand_like(x).lt_(x) if self.binarise else x  # a third of the time of x.bernoulli()

    def is_density(self, x: np.ndarray) -> bool:
        """Whether all values are 0 or 1."""
        return bool(((x == 0) | (x == 1)).all())

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse values outside [0, 1]."""
        refuse_outside_unit_interval(x, "bernoulli", names)
