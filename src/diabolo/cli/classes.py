"""Known classes of rows, which score clusters."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError
from .source import Reading, Rows, beside, read

if TYPE_CHECKING:
    import numpy as np


def scored_again(rows: Rows, config: Mapping[str, Any]) -> Rows:
    """Return the rows of a run with the classes that it was scored with; without any, and said so, where these are gone."""
    given = config["options"].get("labels")
    if given is None:
        return rows
    place = config["rows"].get("labels", given)
    try:
        found = classes(
            place if Path(place).exists() else given, Reading(**config["reading"]), len(rows.train)
        )
    except (OSError, ValueError, UsageError) as error:
        print(f"diabolo: drawn without the known classes: {error}", file=sys.stderr)
        return replace(rows, test_labels=None)
    return replace(rows, test_labels=found)


def classes(path: str, reading: Reading, n_rows: int) -> np.ndarray:
    """Return the known classes in a file, one for each row."""
    if path.lower().endswith(".npy"):
        import numpy as np

        try:
            found = np.load(Path(path).expanduser(), allow_pickle=False)
        except ValueError as error:
            raise UsageError(
                f"--labels {path} holds no plain numbers or words ({error}): save labels.astype(str), or give a CSV file"
            ) from error
    else:
        try:
            found = read(path, beside(path, reading)).X
        except ValueError:
            if not path.lower().endswith(".csv"):
                raise
            found = _words(Path(path).expanduser(), n_rows)
    found = found.reshape(len(found), -1) if found.ndim else found.reshape(0, 0)
    if found.shape != (n_rows, 1):
        raise UsageError(
            f"--labels must hold one class for each of the {n_rows} rows, {path} holds {found.shape[0]} rows of "
            f"{found.shape[1]} values"
        )
    if found.dtype.kind == "f" and (n_unknown := int((found != found).sum())):
        raise UsageError(
            f"--labels must hold a class for each row, {path} holds no number (NaN) in {n_unknown} of {n_rows} rows: give "
            "these a class of their own, or leave --labels out"
        )
    return found[:, 0]


def _words(path: Path, n_rows: int) -> np.ndarray:
    """Return the cells of a CSV file of words; a line more than rows is a header where its word is no other line's."""
    import csv

    import numpy as np

    from diabolo.data.tables import csv_errors

    with csv_errors(path), path.open(encoding="utf-8-sig", newline="") as file:
        lines = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    if len(lines) == n_rows + 1 and lines[0] not in lines[1:]:
        lines = lines[1:]
    width = max(map(len, lines), default=0)
    return np.array([[*row, *[""] * (width - len(row))] for row in lines])
