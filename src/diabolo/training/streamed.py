"""Training rows that are read in blocks and shuffled in a pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diabolo.contracts import BatchSource
from diabolo.training.batches import Bytes

#: Bytes of rows, as they are stored, in a pool.
POOL_BYTES = 1 << 28


class Streamed:
    """The rows of a source as training sees them: ``x[rows]`` is a tensor, and only a pool of blocks is held.

    An order of the rows is drawn in three steps, all from torch's generator: an order of the blocks, which are
    taken into pools of ``pool_bytes``; then an order of the rows of each pool. Read in that order, each block is
    read once. Blocks of a sequential source stay in their order, and the first pool takes a random number of
    them, so that the pools of two epochs differ. Where one pool holds all, the order is that of an array.

    Parameters
    ----------
    source : BatchSource
        Where the rows are read.
    convert : callable
        From rows as they are stored to the tensor that the model gets.
    pool_bytes : int, optional
        Bytes of rows in a pool, 256 MiB by default; one block is held in any case.

    Examples
    --------
    >>> class Ramp(BatchSource):
    ...     shape, dtype, bounds = (6, 1), np.dtype("f4"), np.array([0, 4, 6])
    ...
    ...     def block(self, i):
    ...         return np.arange(self.bounds[i], self.bounds[i + 1], dtype=self.dtype)[:, None]
    >>> x = Streamed(Ramp(), torch.from_numpy)
    >>> len(x), x[torch.tensor([4, 0, 1])].flatten().tolist()
    (6, [4.0, 0.0, 1.0])
    """

    def __init__(
        self,
        source: BatchSource,
        convert: Callable[[np.ndarray], Tensor],
        *,
        pool_bytes: int | None = None,
    ) -> None:
        self.source, self.convert = source, convert
        self.bounds = np.asarray(source.bounds)
        pool_bytes = POOL_BYTES if pool_bytes is None else pool_bytes
        row_bytes = int(np.prod(source.shape[1:], dtype=np.int64)) * source.dtype.itemsize
        self.pool_rows = max(1, pool_bytes // max(1, row_bytes))
        n_blocks = len(self.bounds) - 1
        self._pools: list[np.ndarray] = [np.array([i]) for i in range(n_blocks)]
        self._pool_of = np.arange(n_blocks)
        self._place = np.full(n_blocks, -1)  # where each block begins in what is held
        self._held = np.empty((0, *source.shape[1:]), source.dtype)

    def __len__(self) -> int:
        return len(self.source)

    def split(self, n_rows: int) -> Iterator[Tensor]:
        """Yield all rows in their order, at most ``n_rows`` at a time; no more than a block is held."""
        for block in self.source.blocks():
            for start in range(0, len(block), n_rows):
                yield self.convert(block[start : start + n_rows])

    # -- order ---------------------------------------------------------------------------------

    def order(self) -> Any:
        """Draw an order of the rows from torch's generator; slices of it are tensors of row numbers."""
        n_blocks = len(self.bounds) - 1
        if len(self.source) <= self.pool_rows:
            self._gather(np.arange(n_blocks), [n_blocks])
            return torch.randperm(len(self))
        blocks = np.arange(n_blocks) if self.source.sequential else torch.randperm(n_blocks).numpy()
        sizes = np.diff(self.bounds)[blocks]
        first = self.pool_rows
        if self.source.sequential:
            first = int(torch.randint(1, self.pool_rows + 1, ()))
        ends, filled, room = [], 0, first
        for i, size in enumerate(sizes):
            if filled and filled + size > room:
                ends.append(i)
                filled, room = 0, self.pool_rows
            filled += int(size)
        self._gather(blocks, [*ends, n_blocks])
        return _Order(self._pools, self.bounds, torch.randint(1 << 62, (len(self._pools),)))

    def _gather(self, blocks: np.ndarray, ends: list[int]) -> None:
        self._pools = np.split(blocks, ends[:-1])
        for number, pool in enumerate(self._pools):
            self._pool_of[pool] = number

    # -- rows ----------------------------------------------------------------------------------

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Return rows by their numbers, in that order."""
        wanted = rows.cpu().numpy()
        block = np.searchsorted(self.bounds, wanted, side="right") - 1
        found = np.empty((len(wanted), *self.source.shape[1:]), self.source.dtype)
        missing = np.arange(len(wanted))
        while len(missing):
            here = self._place[block[missing]] >= 0
            at = missing[here]
            found[at] = self._held[self._place[block[at]] + wanted[at] - self.bounds[block[at]]]
            missing = missing[~here]
            if len(missing):
                self._load(self._pools[self._pool_of[block[missing[0]]]])
        return self.convert(found)

    def _load(self, pool: np.ndarray) -> None:
        """Hold the blocks of a pool in place of those of another."""
        sizes = np.diff(self.bounds)[pool]
        n_rows = int(sizes.sum())
        self._place[:] = -1
        if len(self._held) < n_rows:
            del self._held  # before the new one is made
            most = max(n_rows, min(self.pool_rows, len(self.source)))
            self._held = np.empty((most, *self.source.shape[1:]), self.source.dtype)
        start = 0
        for i, size in zip(pool, sizes, strict=True):
            self._held[start : start + size] = self.source.block(int(i))
            self._place[i] = start
            start += int(size)


class _Order:
    """An order of the rows that is drawn pool by pool, from a seed for each."""

    def __init__(self, pools: list[np.ndarray], bounds: np.ndarray, seeds: Tensor) -> None:
        self.pools, self.bounds, self.seeds = pools, bounds, seeds
        sizes = [int((bounds[pool + 1] - bounds[pool]).sum()) for pool in pools]
        self.ends = np.cumsum(sizes)
        self._number, self._drawn = -1, torch.empty(0, dtype=torch.int64)

    def __getitem__(self, part: slice) -> Tensor:
        start, stop, _ = part.indices(int(self.ends[-1]))
        pieces = []
        while start < stop:
            number = int(np.searchsorted(self.ends, start, side="right"))
            end = min(stop, int(self.ends[number]))
            first = int(self.ends[number - 1]) if number else 0
            pieces.append(self._of(number)[start - first : end - first])
            start = end
        return torch.cat(pieces) if pieces else torch.empty(0, dtype=torch.int64)

    def _of(self, number: int) -> Tensor:
        if number != self._number:
            pool = self.pools[number]
            rows = np.concatenate([np.arange(self.bounds[i], self.bounds[i + 1]) for i in pool])
            generator = torch.Generator().manual_seed(int(self.seeds[number]))
            drawn = torch.randperm(len(rows), generator=generator)
            self._number, self._drawn = number, torch.from_numpy(rows)[drawn]
        return self._drawn


#: What training asks of its rows: their number, ``x[rows]``, and ``split``.
Rows = Tensor | Bytes | Streamed
