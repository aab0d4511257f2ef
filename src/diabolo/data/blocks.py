"""Files and folders whose rows are read in blocks."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from diabolo.contracts import BatchSource
from diabolo.contracts.source import BLOCK_BYTES, even_bounds

from .base import Dataset, optional, stem
from .images import IMAGE_SUFFIXES, picture, stacked
from .mapped import map_npy
from .readers import files_in, missing
from .tables import (
    CsvHeader,
    check_names,
    csv_errors,
    open_parquet,
    parquet_columns,
    parquet_errors,
    parquet_values,
)

#: Bytes of a row group of Parquet, decoded, above which it is refused: groups are read whole.
_LARGEST_GROUP = 1 << 30


class CsvSource(BatchSource):
    """A CSV file of numbers, of which the places of the blocks are found in one pass; see `read_csv`.

    Parameters
    ----------
    path : path-like
        The file, in UTF-8; no cell may hold a line break, which is refused.
    block_bytes : int
        Bytes of a block, as numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_text("height,width\\n1.5,2\\n3,4\\n")
    ...     source = CsvSource(path, block_bytes=16)
    ...     [block.tolist() for block in source.blocks()]
    [[[1.5, 2.0]], [[3.0, 4.0]]]
    """

    def __init__(self, path: str | os.PathLike[str], *, block_bytes: int = BLOCK_BYTES) -> None:
        self.path = Path(path).expanduser()
        with csv_errors(self.path), open(self.path, encoding="utf-8-sig", newline="") as file:
            self.header = CsvHeader.of(file)
        names = self.header.names
        if names is not None:
            check_names(self.path, names)
        rows = max(1, block_bytes // max(1, 8 * self.header.n_columns))
        starts, n, place = [], 0, 0
        with open(self.path, "rb") as raw:
            for number, line in enumerate(raw):
                if line.count(b'"') % 2:
                    raise ValueError(
                        f"{self.path} has a cell with a line break, from line {number + 1} on, and cannot be read in blocks: "
                        "numbers have none, so correct the file, or have it read whole"
                    )
                if number >= self.header.n_lines and line.strip():
                    if n % rows == 0:
                        starts.append(place)
                    n += 1
                place += len(line)
        if n == 0:
            raise ValueError(f"{self.path} holds no rows of numbers; give a file with at least one")
        self._places = [*starts, place]
        self.shape, self.dtype = (n, self.header.n_columns), np.dtype(np.float64)
        self.bounds = np.append(np.arange(0, n, rows), n)
        self.feature_names = names

    def block(self, i: int) -> np.ndarray:
        """Read the lines of a block."""
        with open(self.path, "rb") as raw:
            raw.seek(self._places[i])
            data = raw.read(self._places[i + 1] - self._places[i])
        shape = (int(self.bounds[i + 1] - self.bounds[i]), self.shape[1])
        with csv_errors(self.path):
            lines = [line for line in data.decode("utf-8-sig").split("\n") if line.strip()]
            try:  # NumPy's reader is many times faster, and knows no missing values
                quick = np.loadtxt(
                    lines, delimiter=self.header.delimiter, comments=None, quotechar='"', ndmin=2
                )
                if quick.shape == shape:
                    return quick
            except ValueError:
                pass
            return self.header.values(self.path, self.header.reader(lines), int(self.bounds[i]))


class ParquetSource(BatchSource):
    """A Parquet file of numbers; its row groups are the blocks; see `read_parquet`.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    ValueError
        If a row group is read that takes more than 1 GiB, since it could only be read whole.

    Examples
    --------
    >>> import tempfile
    >>> import pandas
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pandas.DataFrame({"height": [1.5, 3.0, 4.5]})
    ...     table.to_parquet(Path(folder, "a.parquet"), row_group_size=2)
    ...     [block.tolist() for block in ParquetSource(Path(folder, "a.parquet")).blocks()]
    [[[1.5], [3.0]], [[4.5]]]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        with open(self.path, "rb") as file:
            opened = open_parquet(self.path, file)
            self._names, self.dtype = parquet_columns(self.path, opened)
            groups = [opened.metadata.row_group(i).num_rows for i in range(opened.metadata.num_row_groups)]
        self.bounds = np.append(0, np.cumsum(groups))
        self.shape = (int(self.bounds[-1]), len(self._names))
        self.feature_names = self._names

    def block(self, i: int) -> np.ndarray:
        """Read a row group."""
        n_rows, row_bytes = int(self.bounds[i + 1] - self.bounds[i]), self.shape[1] * self.dtype.itemsize
        if n_rows * row_bytes > _LARGEST_GROUP:
            raise ValueError(
                f"{self.path} has a row group of {n_rows} rows, {n_rows * row_bytes / 2**30:.1f} GiB, which can only be "
                f"read whole: write the file again with row_group_size={max(1, BLOCK_BYTES // row_bytes)}"
            )
        with open(self.path, "rb") as file:
            opened = open_parquet(self.path, file)
            with parquet_errors(self.path):
                return parquet_values(opened.read_row_group(i).select(self._names), self.dtype)


class ImageSource(BatchSource):
    """A folder of pictures of one size, opened when they are needed; see `read_images`.

    Parameters
    ----------
    folder : path-like
        The folder; the files in it are the rows, sorted by name.
    block_bytes : int
        Bytes of a block.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (5, 4)).save(Path(folder, "a.png"))
    ...     ImageSource(folder).shape
    (1, 4, 5, 3)
    """

    def __init__(self, folder: str | os.PathLike[str], *, block_bytes: int = BLOCK_BYTES) -> None:
        self.folder = Path(folder).expanduser()
        optional("PIL.Image", "images", "images")
        self.files, sounds = files_in(self.folder)
        if sounds:
            raise ValueError(_REFUSED.format(path=folder))
        first = picture(self.files[0])
        self.shape, self.dtype = (len(self.files), *first.shape), first.dtype
        self.bounds = even_bounds(self.shape, self.dtype, block_bytes)

    def block(self, i: int) -> np.ndarray:
        """Read the pictures of a block."""
        return stacked(self.files[self.bounds[i] : self.bounds[i + 1]], self.shape[1:], self.files[0])


def open_data(path: str | os.PathLike[str]) -> Dataset:
    """Open a file or folder whose rows are read in blocks when they are needed.

    Read so are .npy, .csv, .parquet and a folder of images, of any size. What `load_data` would put into an
    array is a `BatchSource` here, which estimators take in its place.

    Parameters
    ----------
    path : str or path-like
        The file or folder; ``~`` is the home folder.

    Returns
    -------
    Dataset
        X a `BatchSource`, with no labels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If it needs an extra that is not installed; the message names it.
    ValueError
        If it is of another kind, damaged, or holds no rows of real numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/boxes.npy", np.zeros((4, 2)))
    ...     open_data(f"{folder}/boxes.npy")
    Dataset(name='boxes', X=float64 (4, 2), y=None, source='boxes.npy: float64 (4, 2), read in blocks')
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(missing(path))
    opener = _OPENERS.get("folder" if path.is_dir() else path.suffix.lower())
    if opener is None:
        raise ValueError(_REFUSED.format(path=path))
    X = opener(path)
    names = None if X.feature_names is None else list(X.feature_names)
    source = f"{path.name}: {X.dtype} {X.shape}, read in blocks"
    return Dataset(X, feature_names=names, name=stem(path), source=source)


def can_open(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a file or folder, of a kind that `open_data` reads."""
    path = Path(path).expanduser()
    if path.is_dir():
        return any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())
    return path.suffix.lower() in _OPENERS and path.is_file()


_REFUSED = (
    "what is read in blocks must be .npy, .csv, .parquet or a folder of images (png, jpg, bmp, tif), got {path}; "
    "convert it (numpy.save is the simplest), or read it whole"
)
_OPENERS: dict[str, Callable[[Path], BatchSource]] = {
    ".npy": map_npy,
    ".csv": CsvSource,
    ".parquet": ParquetSource,
    "folder": ImageSource,
}
