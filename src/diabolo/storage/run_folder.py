"""The readable files of a run's folder: JSON and CSV, each written whole."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .atomic import write_atomic


def write_json(path: str | os.PathLike[str], obj: Any) -> Path:
    """Write an object as indented, strict JSON.

    NumPy and torch numbers and arrays become numbers and lists, paths become strings, and a number that JSON
    does not have (nan, inf) becomes null.

    Parameters
    ----------
    path : str or path-like
        The file to write; its folder must exist.
    obj : object
        Anything made of mappings, sequences, dataclasses, strings, numbers, arrays, paths and None.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    ValueError
        If `obj` holds something that JSON has no form for.
    OSError
        As in `write_atomic`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_json(pathlib.Path(folder, "a.json"), {"elbo": -89.5}).read_text())
    {
      "elbo": -89.5
    }
    """
    import msgspec

    try:
        encoded = msgspec.json.encode(obj, enc_hook=_plain)
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise ValueError(
            f"obj must hold only mappings, sequences, strings, numbers, arrays and None to be written to "
            f"{path} as JSON: {error}; convert it first, for instance with str()"
        ) from error
    return write_atomic(path, msgspec.json.format(encoded, indent=2) + b"\n")


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, torch tensors
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"got a {type(value).__name__}")


def write_csv(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as a table with a header; numbers keep every digit.

    The columns are the union of the rows' keys in the order in which they first appear; a cell that a row
    lacks, or that is None, is empty.

    Parameters
    ----------
    path : str or path-like
        The file to write; its folder must exist.
    rows : sequence of mappings
        One mapping from column names to cells per row; no rows write an empty file.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    ValueError
        If a row is not a mapping.
    OSError
        As in `write_atomic`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = [{"epoch": 0, "rate": 1.5}, {"epoch": 1, "distortion": 0.1}]
    ...     print(write_csv(pathlib.Path(folder, "a.csv"), rows).read_text())
    epoch,rate,distortion
    0,1.5,
    1,,0.1
    """
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ValueError(
                f"rows must be mappings from column names to cells, got a {type(row).__name__} as row "
                f"{index}; write dict(zip(columns, row)) for each row"
            )
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO(newline="")
    if columns:
        table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(
            {key: cell.item() if getattr(cell, "ndim", None) == 0 else cell for key, cell in row.items()}
            for row in rows
        )
    return write_atomic(path, text.getvalue().encode("utf-8"))
