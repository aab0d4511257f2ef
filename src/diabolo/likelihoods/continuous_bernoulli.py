"""The cross-entropy made a density on [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from diabolo import distributions
from diabolo.contracts import Statistics
from diabolo.likelihoods.base import Likelihood, refuse_outside_unit_interval, smoothed_mean

#: A column that is always black has no finite logit, and one of 30 leaves a grey value its chance.
_LARGEST_START = 30.0
#: Steps of Newton's method, each of which doubles a logit that is still far too small.
_STEPS = 60


class ContinuousBernoulli(Likelihood):
    """p(x|z) proportional to exp(g(z) x) on [0, 1] (Loaiza-Ganem & Cunningham 2019).

    The cross-entropy of grey values plus the normaliser that it lacks.
    """

    in_unit_interval = True

    def __init__(self) -> None:
        super().__init__()

    def start(self, statistics: Statistics) -> None:
        """Start at the mean of each column, or as near to it as lets the other values still happen."""
        self.shift.copy_(_logit_of(smoothed_mean(statistics)).clamp(-_LARGEST_START, _LARGEST_START))

    def forward(self, outputs: Tensor) -> distributions.ContinuousBernoulli:
        """Return the distributions with logits shift + outputs."""
        return distributions.ContinuousBernoulli(self.shift + self.single(outputs), self.n_event_dims)

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse values outside [0, 1]."""
        refuse_outside_unit_interval(x, "continuous_bernoulli", names)


def _logit_of(mean: Tensor) -> Tensor:
    """Return the logit whose density has that mean, above 0 and below 1.

    The mean falls in -logit, and is convex there: from 12 (1/2 - mean), where its tangent at 0 ends, Newton's method
    comes nearer from one side.
    """
    low = torch.minimum(mean, 1 - mean).double()
    logit = -12 * (0.5 - low)
    for _ in range(_STEPS):
        p = distributions.ContinuousBernoulli(logit, 0)
        logit = logit - (p.mean - low) / p.variance
    return torch.where(mean < 0.5, logit, -logit)
