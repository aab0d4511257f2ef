"""An array written block by block."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .atomic import write_atomic


def write_npy(
    path: str | os.PathLike[str], shape: tuple[int, ...], dtype: np.dtype, blocks: Iterable[np.ndarray]
) -> Path:
    """Write a .npy file from blocks of rows, of which one at a time is in memory; whole or not at all.

    Parameters
    ----------
    path : path-like
        The file to write; its folder must exist.
    shape : tuple of int
        Of the whole array.
    dtype : numpy.dtype
        Of the whole array.
    blocks : iterable of arrays
        Rows from the first to the last.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    ValueError
        If the blocks are not the rows that the shape says.
    OSError
        As in `write_atomic`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_npy(f"{folder}/a.npy", (3, 1), np.dtype("f4"), (np.ones((n, 1)) for n in (2, 1)))
    ...     np.load(path).ravel()
    array([1., 1., 1.], dtype=float32)
    """

    def write(file: BinaryIO) -> None:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        n_rows = 0
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype).reshape(-1).view(np.uint8).data)
            n_rows += len(block)
            if block.shape[1:] != shape[1:]:
                raise ValueError(f"blocks must hold rows of the shape {shape[1:]}, got {block.shape[1:]}")
        if n_rows != shape[0]:
            raise ValueError(f"blocks must hold {shape[0]} rows, got {n_rows}")

    return write_atomic(path, write)
