"""Rows that are read when they are needed."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

#: Bytes of a block, where a source may choose: small enough that a pool holds some hundred of them.
BLOCK_BYTES = 1 << 20


class BatchSource(ABC):
    """A table of rows that is read in blocks and never held whole.

    Estimators take one in ``fit`` and ``transform`` in place of an array. A subclass sets three attributes and
    writes one method.

    Parameters
    ----------
    shape : tuple of int
        Number of rows, then the shape of a row, as of an array.
    dtype : numpy.dtype
        Of the values: boolean, whole or real numbers.
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
    >>> Ramp().take(np.array([0, 5])).tolist()
    [[0.0, 0.0], [5.0, 10.0]]
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

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return rows by their sorted numbers; only the blocks that they lie in are read."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        cuts = np.searchsorted(rows, self.bounds)
        for i in np.flatnonzero(np.diff(cuts)):
            part = slice(cuts[i], cuts[i + 1])
            found[part] = self.block(int(i))[rows[part] - self.bounds[i]]
        return found

    def without(self, rows: np.ndarray) -> BatchSource:
        """Return this source with some rows, by their sorted numbers, left out; the others close the gaps."""
        return _Without(self, rows) if len(rows) else self


class _Without(BatchSource):
    def __init__(self, source: BatchSource, rows: np.ndarray) -> None:
        self.source, self.rows = source, rows
        self._shifted = rows - np.arange(len(rows))
        self._cuts = np.searchsorted(rows, source.bounds)
        self.shape = (len(source) - len(rows), *source.shape[1:])
        self.dtype, self.feature_names, self.sequential = (
            source.dtype,
            source.feature_names,
            source.sequential,
        )
        self.bounds = np.asarray(source.bounds) - self._cuts

    def block(self, i: int) -> np.ndarray:
        own = self.rows[self._cuts[i] : self._cuts[i + 1]] - self.source.bounds[i]
        block = self.source.block(i)
        return np.delete(block, own, axis=0) if len(own) else block

    def take(self, rows: np.ndarray) -> np.ndarray:
        return self.source.take(rows + np.searchsorted(self._shifted, rows, side="right"))


def even_bounds(shape: tuple[int, ...], dtype: np.dtype, block_bytes: int = BLOCK_BYTES) -> np.ndarray:
    """Return the bounds of blocks of equal size, as many bytes as wanted or one row.

    Examples
    --------
    >>> even_bounds((5, 3), np.dtype("f4"), block_bytes=24).tolist()
    [0, 2, 4, 5]
    """
    rows = max(1, block_bytes // max(1, math.prod(shape[1:]) * dtype.itemsize))
    return np.append(np.arange(0, shape[0], rows), shape[0])
