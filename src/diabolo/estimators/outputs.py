"""Where results go that are made block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from diabolo.storage import write_npy


def delivered(
    blocks: Iterator[np.ndarray], n_rows: int, out: str | os.PathLike[str] | None = None
) -> np.ndarray:
    """Return blocks of rows in one array, or written to a .npy file that is then mapped.

    Raises
    ------
    ValueError
        If ``out`` is no name of a .npy file, or the blocks hold another number of rows.
    OSError
        If it cannot be written; what was there before is unharmed.

    Examples
    --------
    >>> delivered(iter([np.zeros((2, 1)), np.ones((1, 1))]), 3).ravel()
    array([0., 0., 1.])
    """
    if out is not None and (not isinstance(out, str | os.PathLike) or Path(out).suffix.lower() != ".npy"):
        raise ValueError(f"out must be the name of a .npy file, got {out!r}.")
    first = next(blocks, None)
    if first is None:
        raise _changed(n_rows, 0)
    shape = (n_rows, *first.shape[1:])
    if out is not None:
        return np.load(write_npy(out, shape, first.dtype, chain([first], blocks)), mmap_mode="r")
    result, end = np.empty(shape, first.dtype), 0
    for block in chain([first], blocks):
        start, end = end, end + len(block)
        if end > n_rows:
            break
        result[start:end] = block
    if end != n_rows:
        raise _changed(n_rows, end)
    return result


def _changed(n_rows: int, found: int) -> ValueError:
    return ValueError(
        f"X must give the same rows each time, but it had {n_rows} rows and now has {found if found < n_rows else 'more'}."
    )
