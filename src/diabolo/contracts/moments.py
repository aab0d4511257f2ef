"""Means and deviations of rows that come in blocks."""

from __future__ import annotations

import torch
from torch import Tensor


class Moments:
    """Number, mean, variance and range of each value of rows, gathered block by block in float64.

    A block's mean and squares about it are joined to those of the blocks before by

        mean = mean_a + (mean_b - mean_a) n_b / n,  S = S_a + S_b + (mean_b - mean_a)^2 n_a n_b / n

    (Chan, Golub & LeVeque 1983), which loses no digits where the mean is large beside the deviation.

    Examples
    --------
    >>> moments = Moments()
    >>> for block in (torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0]])):
    ...     moments.add(block)
    >>> moments.n_rows, moments.mean.tolist(), moments.variance.tolist(), moments.high.tolist()
    (3, [2.0], [2.6666666666666665], [4.0])
    """

    n_rows = 0
    mean: Tensor
    low: Tensor
    high: Tensor
    _squares: Tensor

    def add(self, block: Tensor) -> None:
        """Join rows, shape (n, *event); n is 1 or more."""
        rows, n = block.double(), len(block)
        mean = rows.sum(0) / n
        squares = (rows - mean).square_().sum(0)
        low, high = block.amin(0), block.amax(0)
        if self.n_rows == 0:
            self.n_rows, self.mean, self._squares, self.low, self.high = n, mean, squares, low, high
            return
        total = self.n_rows + n
        apart = mean - self.mean
        self.mean = self.mean + apart * (n / total)
        self._squares = self._squares + squares + apart.square() * (self.n_rows * n / total)
        self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        self.n_rows = total

    @property
    def variance(self) -> Tensor:
        """Mean squared deviation from the mean, shape event."""
        return self._squares / self.n_rows
