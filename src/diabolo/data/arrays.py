"""NumPy's own files: .npy and .npz, never unpickled."""

import zipfile
import zlib
from pathlib import Path
from typing import Literal

import numpy as np

from .base import Dataset, check_numbers, stem


def read_npy(path: Path) -> Dataset:
    """Read the array of a .npy file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Dataset
        X as stored.

    Raises
    ------
    ValueError
        If the file is damaged, holds Python objects, or no real numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "a.npy"), np.zeros((4, 2)))
    ...     read_npy(Path(folder, "a.npy")).X.shape
    (4, 2)
    """
    array = load_npy(path)
    return Dataset(array, name=stem(path), source=f"{path.name}: {array.dtype} {array.shape}, as stored")


def load_npy(path: Path, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """Return the array of a .npy file, read or mapped, after the checks of `read_npy`."""
    try:
        array = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{path} is an .npz archive named .npy; rename it to {path.stem}.npz")
    check_numbers(array, f"the array in {path}")
    return array


def read_npz(path: Path, key: str | None = None) -> Dataset:
    """Read one array of an .npz file, and its labels where they are stored as "y".

    Parameters
    ----------
    path : pathlib.Path
        The file.
    key : str, optional
        The array's name. Without it: "X", else the only array besides "y". An array whose name ends in
        ``_packed`` holds eight binary values per byte and is unpacked to (n, width), width being the
        archive's number "width", or 784.

    Returns
    -------
    Dataset
        X as stored; y the array "y" if it is one-dimensional and as long as X.

    Raises
    ------
    ValueError
        If `key` is not one of the names or is needed, or if the file is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "a.npz"), X=np.zeros((4, 2)), y=np.arange(4))
    ...     read_npz(Path(folder, "a.npz")).y
    array([0, 1, 2, 3])
    """
    with _open(path) as archive:
        names = list(archive.files)
        key = _choose(path, names, key)
        array = _member(path, archive, key)
        labels = _member(path, archive, "y") if "y" in names and key != "y" else None
        width = int(_member(path, archive, "width")) if "width" in names else 784
    source = f"{path.name}: array {key!r}"
    if key.endswith("_packed"):
        array = _unpack(path, key, array, width)
        source += ", unpacked bits"
    check_numbers(array, f"the array {key!r} in {path}")
    if labels is not None and (labels.ndim != 1 or len(labels) != len(array)):
        labels = None
    return Dataset(array, labels, name=stem(path), source=f"{source}, {array.dtype} {array.shape}")


def _open(path: Path) -> np.lib.npyio.NpzFile:
    try:
        archive = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{path} is a single array named .npz; rename it to {path.stem}.npy")
    return archive


def _member(path: Path, archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    try:
        return archive[key]
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path, error) from error


def _choose(path: Path, names: list[str], key: str | None) -> str:
    if key is not None and key not in names:
        raise ValueError(f"key must be one of the arrays in {path}, {names}, got {key!r}")
    if key is not None or "X" in names:
        return key or "X"
    others = [name for name in names if name != "y"]
    if len(others) != 1:
        raise ValueError(
            f"{path} holds the arrays {names} and none is called 'X'; choose one with key= (--key)"
        )
    return others[0]


def _unpack(path: Path, key: str, array: np.ndarray, width: int) -> np.ndarray:
    n_bytes = -(-width // 8)
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != n_bytes:
        raise ValueError(
            f"the array {key!r} in {path} must hold {width} bits per row packed into uint8 (n, {n_bytes}), "
            f"got {array.dtype} {array.shape}; store another width as the number 'width', or unpacked bits "
            "under a name that does not end in _packed"
        )
    return np.unpackbits(array, axis=1, count=width)


def _unreadable(path: Path, error: Exception) -> ValueError:
    if any(said in str(error) for said in ("allow_pickle", "Object arrays", "Python objects")):
        return ValueError(
            f"{path} holds Python objects or is no NumPy file; diabolo never unpickles: save numbers only, "
            "numpy.save(file, array.astype(float))"
        )
    return ValueError(
        f"{path} is not a readable NumPy file, it may be damaged or cut short ({error}); save it again"
    )
