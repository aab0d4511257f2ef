"""Counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from diabolo import distributions
from diabolo.likelihoods.counts import Counts


class Poisson(Counts):
    """p(x = k|z) = m^k exp(-m) / k! with the mean m = exp(g(z)), which is the variance too.

    For counts of independent events; :class:`NegativeBinomial` where counts scatter more.
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, outputs: Tensor) -> distributions.Poisson:
        """Return the Poisson distributions with means exp(shift + outputs)."""
        return distributions.Poisson(self.log_mean(outputs), self.n_event_dims)

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse what is not a count."""
        self._refuse_others(x, "poisson", names)
