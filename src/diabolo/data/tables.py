"""Tables of numbers: CSV by NumPy alone, Parquet by pyarrow."""

import csv
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np

from .base import Dataset, optional, stem

_INDEX = re.compile(r"__index_level_\d+__")
_MISSING = {"", "na", "n/a", "nan", "null", "none"}


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
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            line = next((line for line in file if line.strip()), "")
            delimiter = max(",;\t|", key=line.count)
            file.seek(0)
            rows = (row for row in csv.reader(file, delimiter=delimiter, skipinitialspace=True) if row)
            first = [cell.strip() for cell in next(rows, [])]
            names = None if all(map(_is_number, first)) else first
            X = _values(path, rows if names else chain([first] if first else [], rows), len(first), names)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 ({error}); save it as UTF-8") from error
    except csv.Error as error:
        raise ValueError(f"{path} is not a readable CSV file ({error})") from error
    if names is not None:
        _check_names(path, names)
    header = "with a header" if names is not None else "without a header"
    return Dataset(X, feature_names=names, name=stem(path), source=f"{path.name}: CSV {header}, {X.shape}")


def _values(path: Path, rows: Iterable[list[str]], n_columns: int, names: list[str] | None) -> np.ndarray:
    values: list[np.ndarray] = []
    wrong: dict[str, str] = {}  # column -> its first cell that is no number
    for number, row in enumerate(rows, start=1):
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
    return float("nan") if cell.strip().lower() in _MISSING else float(cell)


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _check_names(path: Path, names: list[str]) -> None:
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
        "columns or encode them as numbers (sklearn.preprocessing.OneHotEncoder)"
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
    parquet = optional("pyarrow.parquet", "Parquet", "tables")
    import pyarrow as pa

    try:
        with open(path, "rb") as file:
            table = parquet.read_table(file)
    except (pa.ArrowInvalid, pa.ArrowException) as error:
        raise ValueError(f"{path} is not a readable Parquet file ({error}); write it again") from error
    table = table.select([name for name in table.column_names if not _INDEX.fullmatch(name)])
    names = list(table.column_names)
    numeric = {
        name: pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        for name, kind in zip(names, table.schema.types, strict=True)
    }
    if not all(numeric.values()):
        columns = [f"{name!r} ({table.schema.field(name).type})" for name in names if not numeric[name]]
        raise _not_numeric(path, columns)
    if not names or table.num_rows == 0:
        raise ValueError(f"{path} holds no rows of numbers; give a file with at least one")
    _check_names(path, names)
    dtype = np.float32 if set(table.schema.types) == {pa.float32()} else np.float64
    X = np.empty((table.num_rows, len(names)), dtype)
    for column, name in enumerate(names):
        values = table.column(name)
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        X[:, column] = values.to_numpy()
    return Dataset(X, feature_names=names, name=stem(path), source=f"{path.name}: Parquet, {X.shape}")
