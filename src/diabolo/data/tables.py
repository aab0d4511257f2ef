"""Tables of numbers: CSV by NumPy alone, Parquet by pyarrow."""

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np

from .base import Dataset, optional, stem

_INDEX = re.compile(r"__index_level_\d+__")
#: Words that stand for numbers.
_WORDS = dict.fromkeys(("", "na", "n/a", "nan", "null", "none"), float("nan")) | {"false": 0.0, "true": 1.0}


def read_csv(path: Path) -> Dataset:
    """Read a CSV file of numbers.

    The delimiter (comma, semicolon, tab or bar) is the commonest one in the first line. The first line is a
    header if one of its cells is neither a number nor missing. Empty cells, NA and null become nan.

    Parameters
    ----------
    path : pathlib.Path
        The file, in UTF-8.

    Returns
    -------
    Dataset
        X float64 (n, n_columns); the header as feature_names.

    Raises
    ------
    ValueError
        If columns are not numeric or have no or equal names, or if lines differ in length.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_text("height,width\\n1.5,2\\n3,4\\n")
    ...     data = read_csv(path)
    >>> data.X.tolist(), data.feature_names
    ([[1.5, 2.0], [3.0, 4.0]], ['height', 'width'])
    """
    with csv_errors(path), open(path, encoding="utf-8-sig", newline="") as file:
        header = CsvHeader.of(file)
        file.seek(0)
        X = header.values(path, islice(header.reader(file), int(header.names is not None), None))
    if header.names is not None:
        check_names(path, header.names)
    said = "with a header" if header.names is not None else "without a header"
    return Dataset(
        X, feature_names=header.names, name=stem(path), source=f"{path.name}: CSV {said}, {X.shape}"
    )


@contextmanager
def csv_errors(path: Path) -> Iterator[None]:
    """Say of a file that is no CSV file what it is."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 ({error}); save it as UTF-8") from error
    except csv.Error as error:
        raise ValueError(f"{path} is not a readable CSV file ({error})") from error


@dataclass(frozen=True)
class CsvHeader:
    """What the first line of a CSV file says of the others.

    Parameters
    ----------
    delimiter : str
        Between cells.
    n_columns : int
        Cells in a row.
    names : list of str or None
        Of the columns.
    n_lines : int
        Lines of the file up to the first row of numbers, blank ones included.

    Examples
    --------
    >>> import io
    >>> CsvHeader.of(io.StringIO("height;width\\n1.5;2\\n"))
    CsvHeader(delimiter=';', n_columns=2, names=['height', 'width'], n_lines=1)
    """

    delimiter: str
    n_columns: int
    names: list[str] | None
    n_lines: int

    @classmethod
    def of(cls, file: TextIO) -> Self:
        """Read it from the beginning of a file."""
        line = next((line for line in file if line.strip()), "")
        delimiter = max(",;\t|", key=line.count)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
        first = [cell.strip() for cell in next((row for row in reader if row), [])]
        names = None if all(map(_is_number, first)) else first
        return cls(delimiter, len(first), names, 0 if names is None else reader.line_num)

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Yield the cells of each line that is not blank."""
        return (row for row in csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True) if row)

    def values(self, path: Path, rows: Iterable[list[str]], start: int = 0) -> np.ndarray:
        """Return rows of cells as numbers; ``start`` is the number of the first, for messages."""
        return _values(path, rows, self.n_columns, self.names, start)


def _values(
    path: Path, rows: Iterable[list[str]], n_columns: int, names: list[str] | None, start: int
) -> np.ndarray:
    values: list[np.ndarray] = []
    wrong: dict[str, str] = {}  # column -> its first cell that is no number
    for number, row in enumerate(rows, start=start + 1):
        if len(row) != n_columns:
            raise ValueError(
                f"{path} must have {n_columns} cells in every row, as in its first line, got {len(row)} in "
                f"data row {number}; mend that row"
            )
        try:
            values.append(np.array(row, dtype=np.float64))
        except ValueError:
            for column, cell in enumerate(row):
                if not _is_number(cell):
                    wrong.setdefault(names[column] if names else f"number {column + 1}", cell)
            if not wrong:
                values.append(np.array([_number(cell) for cell in row]))
    if wrong:
        raise _not_numeric(path, [f"{name!r} (such as {cell!r})" for name, cell in wrong.items()])
    if not values:
        raise ValueError(f"{path} holds no rows of numbers; give a file with at least one")
    return np.stack(values)


def _number(cell: str) -> float:
    word = cell.strip().lower()
    return _WORDS[word] if word in _WORDS else float(cell)


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def check_names(path: Path, names: list[str]) -> None:
    """Refuse names of columns that are empty or not all different."""
    if "" in names:
        raise ValueError(
            f"{path} has no name for column {names.index('') + 1}; name it, or if it is the index of a "
            "pandas DataFrame, write the file with index=False"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path} must have different column names, got {twice} more than once; rename them")


def _not_numeric(path: Path, columns: list[str]) -> ValueError:
    return ValueError(
        f"{path} must hold only numbers, got other values in the columns {', '.join(columns)}; remove these "
        "columns, or encode words as 0, 1, 2, ... (sklearn.preprocessing.OrdinalEncoder)"
    )


def read_parquet(path: Path) -> Dataset:
    """Read a Parquet file of numbers.

    Missing values become nan; the index that pandas stores beside the columns is left out.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Dataset
        X (n, n_columns), float32 if every column is, else float64; the column names as feature_names.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError
        If columns are not numeric, or the file is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import pandas
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pandas.DataFrame({"height": [1.5, 3.0], "width": [2, 4]}).to_parquet(Path(folder, "a.parquet"))
    ...     read_parquet(Path(folder, "a.parquet")).feature_names
    ['height', 'width']
    """
    with open(path, "rb") as file:
        opened = open_parquet(path, file)
        names, dtype = parquet_columns(path, opened)
        with parquet_errors(path):
            X = parquet_values(opened.read().select(names), dtype)
    return Dataset(X, feature_names=names, name=stem(path), source=f"{path.name}: Parquet, {X.shape}")


def open_parquet(path: Path, file: Any) -> Any:
    """Return pyarrow's view of a Parquet file that is open, or say what is wrong with it."""
    parquet = optional("pyarrow.parquet", "Parquet", "tables")
    with parquet_errors(path):
        return parquet.ParquetFile(file)


@contextmanager
def parquet_errors(path: Path) -> Iterator[None]:
    """Say of a file that pyarrow cannot read which it is."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the system, which names the file
            raise
        said = " ".join(str(error).split())
        raise ValueError(f"{path} is not a readable Parquet file ({said}); write it again") from error


def parquet_columns(path: Path, opened: Any) -> tuple[list[str], np.dtype]:
    """Return the columns without the index, and the dtype that holds them; refuse what is no table of numbers."""
    import pyarrow as pa

    schema = opened.schema_arrow
    kinds = {field.name: field.type for field in schema if not _INDEX.fullmatch(field.name)}
    names = [name for name in schema.names if name in kinds]
    other = [
        name
        for name, kind in kinds.items()
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))
    ]
    if other:
        raise _not_numeric(path, [f"{name!r} ({kinds[name]})" for name in other])
    if not names or opened.metadata.num_rows == 0:
        raise ValueError(f"{path} holds no rows of numbers; give a file with at least one")
    check_names(path, names)
    return names, np.dtype(np.float32 if set(kinds.values()) == {pa.float32()} else np.float64)


def parquet_values(table: Any, dtype: np.dtype) -> np.ndarray:
    """Return the columns of a pyarrow table as an array; missing values become nan."""
    import pyarrow as pa

    X = np.empty((table.num_rows, table.num_columns), dtype)
    for column, values in enumerate(table.columns):
        plain = values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values
        X[:, column] = plain.to_numpy()
    return X
