"""What a model may know of its data before the first step of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

_BLOCK_VALUES = 1 << 18  # which stay in a processor's cache as float64
_MOST_EXAMPLES = 1000


@dataclass(frozen=True)
class Statistics:
    """Shift, scale and range of the training rows, in units of X.

    Parameters
    ----------
    mean : Tensor of shape event
        Mean of each column.
    deviation : Tensor of shape event
        Standard deviation of each column; 0 where the column is constant.
    unit : Tensor of shape event
        The scale that the model works in: one value for the whole array (the root mean square
        of the column deviations, as in probabilistic PCA), or one per column. Never 0.
    low, high : Tensor of shape event
        Smallest and largest value of each column.
    n_rows : int
        Number of rows seen.
    per_column : bool
        Whether ``unit`` is one scale for each column.
    examples : Tensor of shape (n, *event)
        Rows themselves, evenly spaced, 1,000 at most; for parts that start from observations.
    """

    mean: Tensor
    deviation: Tensor
    unit: Tensor
    low: Tensor
    high: Tensor
    n_rows: int
    per_column: bool = False
    examples: Tensor = field(default_factory=lambda: torch.empty(0))

    @classmethod
    def of(cls, x: Tensor, *, scale: str = "global", dtype: torch.dtype | None = None) -> Statistics:
        """Measure the rows of ``x`` in two blockwise passes, in float64.

        Parameters
        ----------
        x : Tensor of shape (n_rows, *event)
            The training rows.
        scale : {"global", "column"}
            One scale for the whole array, or one for each column. A constant column has the
            scale 1 under ``"column"``.
        dtype : torch.dtype, optional
            What extremes and examples are given in; that of ``x`` by default.

        Examples
        --------
        >>> s = Statistics.of(torch.tensor([[0.0, 5.0], [2.0, 5.0]]))
        >>> s.mean.tolist(), s.deviation.tolist()
        ([1.0, 5.0], [1.0, 0.0])
        """
        rows = max(1, _BLOCK_VALUES // max(1, x[0].numel()))
        mean = sum(block.double().sum(0) for block in x.split(rows)) / len(x)
        variance = sum((block.double() - mean).square().sum(0) for block in x.split(rows)) / len(x)
        examples = x[torch.from_numpy(example_rows(len(x)))]
        low, high, examples = (values.to(dtype or x.dtype) for values in (x.amin(0), x.amax(0), examples))
        return cls.from_moments(mean, variance, low, high, len(x), examples, scale=scale)

    @classmethod
    def from_moments(
        cls,
        mean: Tensor,
        variance: Tensor,
        low: Tensor,
        high: Tensor,
        n_rows: int,
        examples: Tensor,
        *,
        scale: str = "global",
    ) -> Statistics:
        """Return the statistics of rows whose moments are known, each of shape event; the others as in ``of``."""
        if scale not in ("global", "column"):
            raise ValueError(f"scale must be 'global' or 'column', got {scale!r}.")
        deviation = torch.where(low == high, torch.zeros_like(variance), variance.sqrt())
        mean = torch.where(low == high, low.double(), mean)
        if scale == "column":
            unit = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        else:
            overall = deviation.square().mean().sqrt()
            unit = torch.full_like(deviation, float(overall) if overall > 0 else 1.0)
        return cls(mean, deviation, unit, low, high, n_rows, scale == "column", examples)

    def of_columns(self, columns: Sequence[int]) -> Statistics:
        """Return the statistics of some columns of a table alone.

        Examples
        --------
        >>> Statistics.of(torch.tensor([[0.0, 5.0], [2.0, 5.0]])).of_columns([1]).mean.tolist()
        [5.0]
        """
        own = {
            name: getattr(self, name)[..., list(columns)]
            for name in ("mean", "deviation", "unit", "low", "high", "examples")
        }
        return replace(self, **own)


def example_rows(n_rows: int) -> np.ndarray:
    """Return the numbers of the rows that stand as examples: evenly spaced, 1,000 at most."""
    n = min(n_rows, _MOST_EXAMPLES)
    return np.arange(n) * (n_rows - 1) // max(1, n - 1)  # whole numbers: no rounding for any number of rows
