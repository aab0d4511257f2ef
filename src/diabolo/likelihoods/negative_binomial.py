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

#: The sizes r to start at, with which the variance is 1 + m / r times that of a Poisson distribution.
_STARTS = torch.logspace(-2, 3, 11, dtype=torch.float64)
#: Counts by which a start is chosen.
_MOST_COUNTS = 1 << 21


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
        """Start at the mean of each column, and the likeliest of eleven sizes around it."""
        super().start(statistics)
        with torch.no_grad():
            self.log_size.copy_(_likeliest_log_size(self.shift.double(), statistics))

    def forward(self, outputs: Tensor) -> distributions.NegativeBinomial:
        """Return the negative binomial distributions with means exp(shift + outputs)."""
        return distributions.NegativeBinomial(self.log_mean(outputs), self.log_size, self.n_event_dims)

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse what is not a count."""
        self._refuse_others(x, "negative_binomial", names)


def _likeliest_log_size(log_mean: Tensor, statistics: Statistics) -> Tensor:
    """Return the size for each column, by its examples and its largest value, which counts as one row of all.

    (By the variance, one value that is far off would make the size of all others too small by orders of magnitude.)
    """
    most = max(20, _MOST_COUNTS // max(1, log_mean.numel()))
    examples = statistics.examples[:: -(-len(statistics.examples) // most)]
    counts = torch.cat([examples, statistics.high.unsqueeze(0)]).double()
    weights = counts.new_full((len(counts), 1), (1 - 1 / statistics.n_rows) / len(examples))
    weights[-1] = 1 / statistics.n_rows
    starts, found = _STARTS.to(counts.device), []
    for size in starts:
        p = distributions.NegativeBinomial(log_mean.unsqueeze(-1), size.log(), 1)
        log_p = p.log_prob(counts.unsqueeze(-1)).flatten(1)
        found.append((weights * log_p).sum(0))
    return starts[torch.stack(found).argmax(0)].log().reshape(log_mean.shape)
