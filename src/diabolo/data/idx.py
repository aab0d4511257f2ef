"""The IDX format of MNIST: a magic number, sizes, big-endian values."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from .base import Dataset, stem

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> Dataset:
    """Read an IDX file, also one compressed by gzip.

    Parameters
    ----------
    path : pathlib.Path
        The file; compressed if its name ends in ``.gz``.

    Returns
    -------
    Dataset
        X in the file's dtype and the machine's byte order.

    Raises
    ------
    ValueError
        If the file is not IDX, or its length does not fit its header.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.idx")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 9]))
    ...     read_idx(path).X
    array([[7],
           [9]], dtype=uint8)
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file ({error}); download or copy it again") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES or data[3] == 0:
        raise ValueError(
            f"{path} is not an IDX file: it must start with the bytes 0, 0, a type (8 to 14) and the number "
            f"of axes, got {list(data[:4])}; give an IDX file, or name a compressed one .gz"
        )
    dtype, n_axes = np.dtype(_DTYPES[data[2]]), data[3]
    start = 4 + 4 * n_axes
    if len(data) < start:
        raise ValueError(f"{path} is cut short within its header; download or copy it again")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", n_axes, 4))
    expected = start + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        what = "cut short" if len(data) < expected else "too long"
        raise ValueError(
            f"{path} is {what}: its header announces {shape} values in {expected} bytes, it has {len(data)}; "
            "download or copy it again"
        )
    array = np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
    return Dataset(array, name=stem(path), source=f"{path.name}: IDX, {array.dtype} {shape}, as stored")
