"""Means and deviations of rows that come in blocks."""

from __future__ import annotations

import torch
from torch import Tensor


class Moments:
    """Number, mean, variance and range of each value of rows, gathered block by block in float64.

    A block's mean and squares about it are joined to those of the blocks before by

        mean = mean_a + (mean_b - mean_a) n_b / n,  S = S_a + S_b + (mean_b - mean_a)^2 n_a n_b / n

    (Chan, Golub & LeVeque 1983), all of it from the mean of the first block, so that no digits are lost where means
    are large beside deviations.

    Examples
    --------
    >>> moments = Moments()
    >>> for block in (torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0]])):
    ...     moments.add(block)
    >>> moments.n_rows, moments.mean.tolist(), moments.variance.tolist(), moments.high.tolist()
    (3, [2.0], [2.6666666666666665], [4.0])
    """

    n_rows = 0
    low: Tensor
    high: Tensor
    _origin: Tensor
    _mean: Tensor  # from the origin, which is rounded
    _is_one_block = True
    _squares: Tensor

    def add(self, block: Tensor) -> None:
        """Join rows, shape (n, *event); n is 1 or more."""
        rows, n = block.double(), len(block)
        low, high = block.amin(0), block.amax(0)
        if self.n_rows == 0:
            self._origin = rows.sum(0) / n
            rows = rows - self._origin
            self._mean, self._squares = rows.sum(0) / n, rows.square_().sum(0)
            self.n_rows, self.low, self.high = n, low, high
            return
        self._is_one_block = False
        rows = rows - self._origin  # so that means of blocks differ in all their digits
        mean = rows.sum(0) / n
        squares = (rows - mean).square_().sum(0)
        total, apart = self.n_rows + n, mean - self._mean
        self._mean = self._mean + apart * (n / total)
        self._squares = self._squares + squares + apart.square() * (self.n_rows * n / total)
        self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        self.n_rows = total

    @property
    def mean(self) -> Tensor:
        """Mean, shape event."""
        return self._origin if self._is_one_block else self._origin + self._mean

    @property
    def variance(self) -> Tensor:
        """Mean squared deviation from the mean, shape event."""
        return self._squares / self.n_rows
