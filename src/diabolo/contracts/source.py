"""Rows that are read when they are needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np


class BatchSource(ABC):
    """A table of rows that is read in blocks and never held whole.

    Estimators take one wherever they take an array. A subclass sets three attributes and writes one method.

    Parameters
    ----------
    shape : tuple of int
        Number of rows, then the shape of a row, as of an array.
    dtype : numpy.dtype
        Of the values.
    bounds : array of shape (n_blocks + 1,)
        The row at which each block begins, from 0, and at the end the number of rows.
    feature_names : sequence of str, optional
        Names of the columns of a table.
    sequential : bool
        Whether blocks are quick to read only one after another. Then their order is not shuffled, and rows are
        shuffled only within what the pool holds.

    Examples
    --------
    >>> class Ramp(BatchSource):
    ...     shape, dtype, bounds = (6, 2), np.dtype("f4"), np.array([0, 4, 6])
    ...
    ...     def block(self, i):
    ...         rows = np.arange(self.bounds[i], self.bounds[i + 1], dtype=self.dtype)
    ...         return np.stack([rows, 2 * rows], axis=1)
    >>> [block.shape for block in Ramp().blocks()]
    [(4, 2), (2, 2)]
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    bounds: np.ndarray
    feature_names: Sequence[str] | None = None
    sequential: bool = False

    @abstractmethod
    def block(self, i: int) -> np.ndarray:
        """Return the rows from ``bounds[i]`` to ``bounds[i + 1]``, the same at every call."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all blocks, from the first to the last."""
        for i in range(len(self.bounds) - 1):
            yield self.block(i)

    def __len__(self) -> int:
        return self.shape[0]
