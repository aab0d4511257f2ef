"""What is read in blocks, among all that an estimator may be given."""

from __future__ import annotations

import itertools
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from diabolo.contracts import BatchSource, seeded
from diabolo.contracts.source import BLOCK_BYTES, even_bounds
from diabolo.data import ArraySource, memory_bytes
from diabolo.training import streamed

_SHUFFLING = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def source_of(X: Any, name: str) -> BatchSource | None:
    """Return rows that need not be in memory as a source; None for what is an array, or is made one.

    Sources are a :class:`BatchSource`, a mapped array (``numpy.memmap``), a torch ``Dataset`` with or without
    numbered items, and any object that gives blocks of rows each time that it is iterated over. Of a tuple or
    list (rows and labels) the first element counts.

    Raises
    ------
    TypeError
        If it is the name of a file, can be iterated over only once, shuffles its rows, or does not give arrays.
    ValueError
        If items or blocks differ in shape.
    """
    if isinstance(X, BatchSource):
        return X
    if isinstance(X, str | os.PathLike):
        raise TypeError(
            f"{name} must be rows, got the name of a file: read it, as in diabolo.data.open_data({str(X)!r}).X, which reads "
            "large files in blocks."
        )
    if isinstance(X, np.memmap):
        return ArraySource(X) if X.ndim > 1 and X.dtype.kind in "fiub" and len(X) else None
    if isinstance(X, IterableDataset):
        return IterableSource(X, name, blocks_of=_gathered)
    if isinstance(X, Dataset):
        if not hasattr(X, "__len__"):
            raise TypeError(
                f"{name} must be a Dataset with a length and numbered items, or an IterableDataset, or an array, got a "
                f"{type(X).__name__}: gather its items first, as in numpy.stack(list(dataset))."
            )
        return DatasetSource(X, name) if len(X) else None
    if isinstance(X, DataLoader) and isinstance(X.sampler, _SHUFFLING):
        raise TypeError(
            f"{name} must give the same rows each time, and this DataLoader shuffles them: give its data set, "
            f"{name}.dataset. Training shuffles rows itself."
        )
    return IterableSource(X, name) if _only_iterable(X) else None


def is_small(source: BatchSource) -> bool:
    """Whether all rows, in float32, take no more memory than a pool: then they are held, as an array is."""
    return math.prod(source.shape) * max(4, source.dtype.itemsize) <= streamed.POOL_BYTES


def large_source(X: Any, name: str) -> BatchSource | None:
    """Return rows that are read in blocks as a source; None for those that are held in memory."""
    source = source_of(X, name)
    return None if source is None or is_small(source) else source


def whole(source: BatchSource, name: str) -> np.ndarray:
    """Return all rows in one array, or refuse where they would fill more than half of the memory."""
    size, memory = math.prod(source.shape) * source.dtype.itemsize, memory_bytes()
    if size > memory / 2:
        raise ValueError(
            f"{name} must fit in memory here, where all rows are needed at once, and its {len(source)} rows take "
            f"{size / 2**30:.3g} of {memory / 2**30:.3g} GiB: give some of them, such as the first 10000."
        )
    if isinstance(source, ArraySource):
        return np.asarray(source.array)
    return np.concatenate(list(source.blocks()))


def row(item: Any, name: str) -> np.ndarray:
    """Return one item of a data set as an array: itself, or the first of a tuple."""
    if isinstance(item, tuple | list) and item:
        item = item[0]
    if isinstance(item, Mapping):
        raise TypeError(
            f"{name} must have items that are arrays or tensors, or tuples that begin with one, got a "
            f"{type(item).__name__}: give a data set of the arrays alone."
        )
    return np.asarray(from_tensor(item, name))


def from_tensor(X: Any, name: str) -> Any:
    """Return a tensor as an array on the CPU and out of its graph, anything else untouched."""
    if not isinstance(X, torch.Tensor):
        return X
    if X.layout is not torch.strided:
        raise TypeError(f"{name} must be a dense tensor, got the layout {X.layout}: use {name}.to_dense().")
    return (X.float() if X.dtype is torch.bfloat16 else X).numpy(force=True)


@contextmanager
def _chance(seed: int) -> Iterator[None]:
    """Seed the generators that the items of a data set may draw from, and put them back: a block is the same each time."""
    with seeded(seed):  # where threads take turns
        kept, numpy_kept = random.getstate(), np.random.get_state()  # noqa: NPY002 - the items of others
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(kept)
            np.random.set_state(numpy_kept)  # noqa: NPY002


class DatasetSource(BatchSource):
    """A map-style torch ``Dataset`` of items of one shape, read item by item.

    An item that is drawn, by torch's, NumPy's or Python's own generator, is the same at every reading of its block.
    """

    def __init__(self, dataset: Any, name: str = "X") -> None:
        self.dataset, self.name = dataset, name
        with _chance(0):
            first = row(dataset[0], name)
        with _chance(0):
            again = row(dataset[0], name)
        if first.tobytes() != again.tobytes():
            raise ValueError(
                f"{name} must give the same item for the same number, and its first item differs from one reading to the "
                "next: draw in it by torch's, NumPy's or Python's own generator, which are seeded for every block, or leave "
                "chance to the model (DenoisingAutoEncoder draws noise anew in each step)."
            )
        self.shape, self.dtype = (len(dataset), *first.shape), first.dtype
        self.bounds = even_bounds(self.shape, self.dtype)

    def block(self, i: int) -> np.ndarray:
        """Read the items of a block."""
        rows = []
        with _chance(i):
            for number in range(int(self.bounds[i]), int(self.bounds[i + 1])):
                rows.append(row(self.dataset[number], self.name))
                if rows[-1].shape != self.shape[1:]:
                    raise ValueError(
                        f"{self.name} must have items of one shape, but item 0 has {self.shape[1:]} and item {number} "
                        f"has {rows[-1].shape}: crop or pad them to one shape."
                    )
        return np.stack(rows)


class IterableSource(BatchSource):
    """Blocks of rows from an object that gives them, the same ones, each time that it is iterated over.

    It is read once to count its rows. Blocks come one after another, so that a block far ahead costs reading
    those before it.
    """

    sequential = True

    def __init__(
        self,
        blocks: Iterable[Any],
        name: str = "X",
        blocks_of: Callable[[Iterable[Any], str], Iterator[np.ndarray]] | None = None,
    ) -> None:
        if isinstance(blocks, Iterator):
            raise TypeError(
                f"{name} must give its rows more than once, and a {type(blocks).__name__} is spent after one pass: give "
                "an object whose __iter__ begins anew (a class, an IterableDataset), or an array, as in "
                f"numpy.concatenate(list({name}))."
            )
        self.given, self.name, self.blocks_of = blocks, name, blocks_of or _arrays
        sizes: list[int] = []
        shapes: list[tuple[int, ...]] = []
        for block in self.blocks():
            sizes.append(len(block))
            shapes.append(block.shape[1:])
            if shapes[-1] != shapes[0]:
                raise ValueError(
                    f"{name} must give rows of one shape, but those of block 0 have {shapes[0]} and those of block "
                    f"{len(sizes) - 1} have {shapes[-1]}: crop or pad them to one shape."
                )
            self.dtype = np.promote_types(self.dtype, block.dtype) if len(sizes) > 1 else block.dtype
        if not sizes:
            raise ValueError(f"{name} must give at least one block of rows, got none.")
        self.bounds = np.append(0, np.cumsum(sizes))
        self.shape = (int(self.bounds[-1]), *shapes[0])
        self._next = 0
        self._coming: Iterator[np.ndarray] = iter(())

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all blocks."""
        coming = self.blocks_of(self.given, self.name)
        for number in itertools.count():
            with seeded(number):  # a DataLoader draws a number from torch's generator
                block = next(coming, None)
            if block is None:
                return
            yield block

    def block(self, i: int) -> np.ndarray:
        """Read on to a block, from the beginning if it lies behind."""
        if i < self._next:
            self._next = 0
        if self._next == 0:
            self._coming = self.blocks()
        found: np.ndarray | None = None
        while self._next <= i:
            found = next(self._coming, None)
            if found is None:
                break
            self._next += 1
        size = int(self.bounds[i + 1] - self.bounds[i])
        if found is None or len(found) != size:
            raise ValueError(
                f"{self.name} must give the same blocks each time, but block {i} had {size} rows and now has "
                f"{'none' if found is None else len(found)}: shuffle nothing in it, rows are shuffled in training."
            )
        return found


def _arrays(blocks: Iterable[Any], name: str) -> Iterator[np.ndarray]:
    for block in blocks:
        rows = row(block, name)
        if rows.ndim < 2 or rows.dtype.kind not in "fiub":
            raise TypeError(
                f"{name} must give blocks of rows, arrays of shape (n_rows, ...) of real numbers, got a "
                f"{type(block).__name__} with the shape {rows.shape} and the dtype {rows.dtype}."
            )
        yield rows


def _gathered(items: Iterable[Any], name: str) -> Iterator[np.ndarray]:
    """Join the single rows that an ``IterableDataset`` gives to blocks."""
    rows: list[np.ndarray] = []
    for item in items:
        rows.append(row(item, name))
        if rows[-1].shape != rows[0].shape:
            raise ValueError(
                f"{name} must have items of one shape, but there are {rows[0].shape} and {rows[-1].shape}: crop or pad "
                "them to one shape."
            )
        if len(rows) * rows[0].nbytes >= BLOCK_BYTES:
            yield np.stack(rows)
            rows = []
    if rows:
        yield np.stack(rows)


def _only_iterable(X: Any) -> bool:
    """Whether iterating is all that an object offers: neither an array nor a table nor a plain container."""
    if isinstance(X, str | bytes | Mapping | list | tuple | set | frozenset | range):
        return False
    offers = ("__array__", "__array_interface__", "__dataframe__", "__arrow_c_stream__", "shape", "dtype")
    return hasattr(X, "__iter__") and not any(hasattr(X, name) for name in offers)
