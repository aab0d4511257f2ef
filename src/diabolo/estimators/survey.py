"""What one pass over a source shows of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from diabolo.contracts import BatchSource, Moments, Statistics
from diabolo.contracts.statistics import example_rows
from diabolo.estimators.inputs import precision, usual_dtype
from diabolo.estimators.layout import Layout
from diabolo.training import streamed


class Surveyed(BatchSource):
    """A source of which each row has been seen once: checked, measured, and some of them kept.

    Parameters
    ----------
    source : BatchSource
        The rows.
    check : callable
        From a block to the block as an estimator takes it; refuses what it must not hold.
    keep : array of int
        Sorted numbers of the rows that are held out, which are kept in memory.
    digest : bool
        Whether to make a digest of all rows.

    Attributes
    ----------
    kept : array of shape (len(keep), ...)
        The rows that are held out.
    is_binary : bool
        Whether every value is 0 or 1.
    training_dtype : torch.dtype
        As :func:`~diabolo.estimators.inputs.training_dtype` of all rows.
    digest : str
        Changes with the rows, with the blocks and with the size of a pool; empty if not asked for.
    """

    def __init__(
        self,
        source: BatchSource,
        check: Callable[[np.ndarray], np.ndarray],
        *,
        keep: np.ndarray,
        digest: bool = False,
    ) -> None:
        self.source, self.held_out = source, keep
        self.shape, self.bounds = tuple(source.shape), np.asarray(source.bounds)
        self.dtype = usual_dtype(np.dtype(source.dtype))
        self.feature_names, self.sequential = source.feature_names, source.sequential
        dtypes = [torch.float32, *([torch.float64] if self.dtype == np.float64 else [])]
        self._moments = {dtype: Moments() for dtype in dtypes}
        self.is_binary = True
        examples = example_rows(len(self))
        self._examples = np.empty((len(examples), *self.shape[1:]), self.dtype)
        self.kept = np.empty((len(keep), *self.shape[1:]), self.dtype)
        hashed = hashlib.blake2b(f"{self.dtype.str} {self.shape}".encode(), digest_size=16)
        n_blocks, n_given = len(self.bounds) - 1, 0
        for i, block in enumerate(source.blocks()):
            n_given = i + 1
            if n_given > n_blocks:
                break
            start, stop = int(self.bounds[i]), int(self.bounds[i + 1])
            if block.shape != (stop - start, *self.shape[1:]):
                raise ValueError(
                    f"a block of rows must have the shape that bounds and shape say, {(stop - start, *self.shape[1:])} "
                    f"for block {i}, got {block.shape}: correct the {type(source).__name__}."
                )
            if start == stop:
                continue
            if not np.can_cast(block.dtype, source.dtype, "same_kind"):
                raise ValueError(
                    f"a block of rows must hold values of the dtype of the source, {source.dtype}, got {block.dtype} in "
                    f"rows {start} to {stop - 1}: bring all rows to one dtype."
                )
            with in_rows(start, stop):
                block = check(block)
            self._see(block)
            for rows, found in ((examples, self._examples), (keep, self.kept)):
                first, last = np.searchsorted(rows, (start, stop))
                found[first:last] = block[rows[first:last] - start]
            if digest:
                hashed.update(np.ascontiguousarray(block, self.dtype).reshape(-1).view(np.uint8).data)
        if n_given != n_blocks:
            raise ValueError(
                f"X must give the same blocks each time, but it had {n_blocks} blocks and now has "
                f"{n_given if n_given < n_blocks else 'more'}: correct the {type(source).__name__}."
            )
        hashed.update(f"{streamed.POOL_BYTES}".encode() + self.bounds.tobytes())
        self.digest = f"{'x'.join(map(str, self.shape))} {hashed.hexdigest()}" if digest else ""
        self.training_dtype = self._precision()

    def _see(self, block: np.ndarray) -> None:
        values = torch.from_numpy(block if block.flags.writeable else block.copy())
        for dtype, moments in self._moments.items():
            moments.add(values.to(dtype))
        self.is_binary = self.is_binary and bool(((block == 0) | (block == 1)).all())

    def _precision(self) -> torch.dtype:
        if torch.float64 not in self._moments:
            return torch.float32
        moments = self._moments[torch.float64]
        size = torch.maximum(moments.low.abs(), moments.high.abs())
        spread = torch.where(moments.low == moments.high, 0.0, moments.variance.sqrt())
        return precision(size.numpy(), spread.numpy())

    def block(self, i: int) -> np.ndarray:
        """Return a block, which has been checked before."""
        return self.source.block(i)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return rows by their sorted numbers."""
        return self.source.take(rows).astype(self.dtype, copy=False)

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value."""
        moments = self._moments[self.training_dtype]
        return float(moments.low.min()), float(moments.high.max())

    def statistics(self, layout: Layout, convert: Callable[[np.ndarray], Tensor], scale: str) -> Statistics:
        """Return what :meth:`Statistics.of` finds in all rows, in the model's layout.

        Parameters
        ----------
        layout : Layout
            From the shape of a row to that of an event.
        convert : callable
            From rows to the tensor that the model gets.
        scale : {"global", "column"}
            As there.
        """
        examples = convert(self._examples)
        moments = self._moments[self.training_dtype]
        mean, variance, low, high = (
            torch.from_numpy(layout.to_model(values.numpy()[None]).copy())[0].to(examples.device)
            for values in (moments.mean, moments.variance, moments.low, moments.high)
        )
        return Statistics.from_moments(mean, variance, low, high, len(self), examples, scale=scale)


@contextmanager
def in_rows(start: int, stop: int) -> Iterator[None]:
    """Add to a refusal in which rows it was met."""
    try:
        yield
    except ValueError as error:
        first, line, rest = str(error).partition("\n")
        raise ValueError(f"{first} (Met in rows {start} to {stop - 1}.){line}{rest}") from None
