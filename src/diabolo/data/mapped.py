"""Arrays that stay where they are, read in blocks."""

from pathlib import Path
from typing import Any

import numpy as np

from diabolo.contracts import BatchSource
from diabolo.contracts.source import BLOCK_BYTES, even_bounds

from .arrays import load_npy


class ArraySource(BatchSource):
    """An array on disk, or anything that has a shape, a dtype and slices of rows, read in blocks.

    ``numpy.load(path, mmap_mode="r")``, a ``numpy.memmap``, a dataset of h5py or an array of zarr.

    Parameters
    ----------
    array : array of shape (n_rows, ...)
        Where the rows are.
    block_bytes : int
        Bytes of a block, 1 MiB by default.

    Examples
    --------
    >>> source = ArraySource(np.arange(6.0).reshape(3, 2), block_bytes=32)
    >>> [block.tolist() for block in source.blocks()]
    [[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0]]]
    """

    def __init__(self, array: Any, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.array = array
        self.shape, self.dtype = tuple(array.shape), np.dtype(array.dtype).newbyteorder("=")
        self.bounds = even_bounds(self.shape, self.dtype, block_bytes)

    def block(self, i: int) -> np.ndarray:
        """Read a block into memory of its own."""
        return np.array(self.array[self.bounds[i] : self.bounds[i + 1]], self.dtype, order="C")

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return rows by their sorted numbers; of an array of NumPy no others are read."""
        if isinstance(self.array, np.ndarray):
            return np.asarray(self.array[rows], self.dtype)
        return super().take(rows)


def map_npy(path: Path) -> ArraySource:
    """Open the array of a .npy file without reading it.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    ArraySource
        The rows as stored.

    Raises
    ------
    ValueError
        If the file is damaged, holds Python objects, or no real numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "a.npy"), np.zeros((4, 2)))
    ...     map_npy(Path(folder, "a.npy")).shape
    (4, 2)
    """
    return ArraySource(load_npy(path, "r"))
