"""Counts that scatter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from diabolo import distributions
from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods.counts import Counts

#: The size r starts between these, with which the variance is 1 + m / r times that of a Poisson distribution.
_SMALLEST_START, _LARGEST_START = 1e-2, 1e3


class NegativeBinomial(Counts):
    """Counts of mean m = exp(g(z)) and variance m + m^2 / r, with one learned size r for each column.

    A Poisson distribution whose rate is Gamma-distributed, as usual for counts that scatter more than their
    mean, such as those of gene expression (Lopez et al. 2018); where r grows it becomes the Poisson distribution.
    """

    def __init__(self) -> None:
        super().__init__()

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the sizes."""
        super().build(sizes)
        self.log_size = nn.Parameter(torch.zeros(sizes.event))
        return self

    def start(self, statistics: Statistics) -> None:
        """Start at the mean and the variance of each column."""
        super().start(statistics)
        excess = (statistics.deviation.square() - statistics.mean).clamp(min=1e-12)
        size = statistics.mean.square() / excess
        with torch.no_grad():
            self.log_size.copy_(size.clamp(_SMALLEST_START, _LARGEST_START).log())

    def forward(self, outputs: Tensor) -> distributions.NegativeBinomial:
        """Return the negative binomial distributions with means exp(shift + outputs)."""
        return distributions.NegativeBinomial(self.log_mean(outputs), self.log_size, self.n_event_dims)

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse what is not a count."""
        self._refuse_others(x, "negative_binomial", names)
