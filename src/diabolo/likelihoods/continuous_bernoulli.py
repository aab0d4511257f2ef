"""The cross-entropy made a density on [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from diabolo import distributions
from diabolo.contracts import Statistics
from diabolo.likelihoods.base import Likelihood, mean_logit, refuse_outside_unit_interval


class ContinuousBernoulli(Likelihood):
    """p(x|z) proportional to exp(g(z) x) on [0, 1] (Loaiza-Ganem & Cunningham 2019).

    The cross-entropy of grey values plus the normaliser that it lacks.
    """

    def __init__(self) -> None:
        super().__init__()

    def start(self, statistics: Statistics) -> None:
        """Start near the mean of each column."""
        self.shift.copy_(mean_logit(statistics))

    def forward(self, outputs: Tensor) -> distributions.ContinuousBernoulli:
        """Return the distributions with logits shift + outputs."""
        return distributions.ContinuousBernoulli(self.shift + self.single(outputs), self.n_event_dims)

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse values outside [0, 1]."""
        refuse_outside_unit_interval(x, "continuous_bernoulli", names)
