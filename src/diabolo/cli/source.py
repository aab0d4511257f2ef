"""Rows for a command: read, and split into rows to learn from and rows to measure on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from .errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from diabolo.data import Dataset

READING = Group("Reading", sort_key=8)
_HELD_OUT = 0.1
#: Share of the memory above which rows are read in blocks; most rows, and values of them, to measure on then.
_SHARE, _MOST_TO_MEASURE, _MOST_VALUES = 0.25, 10_000, 1 << 24
_OTHER_SHAPE = "the rows of --test must have the shape of the others, {own}, got {got} in {test}"
_FEWEST_TO_SPLIT = 20


@Parameter(name="*")
@dataclass(frozen=True)
class Reading:
    """How a source is read."""

    key: Annotated[str | None, Parameter(group=READING, help="The array to take from an .npz file.")] = None
    subset: Annotated[
        str | None,
        Parameter(group=READING, help="The part of a named data set: train, test, all, for some valid."),
    ] = None
    frame_length: Annotated[
        int | None, Parameter(group=READING, help="Samples in each of the frames that sound is cut into.")
    ] = None

    stream: Annotated[
        bool | None,
        Parameter(
            group=READING,
            help="Read rows in blocks and never hold them all; by default where they would take a quarter of the memory.",
        ),
    ] = None

    def options(self) -> dict[str, Any]:
        """Return what was given."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to learn from and rows to measure on.

    Parameters
    ----------
    data : Dataset
        What was read; ``train`` are some or all of its rows.
    train, test : arrays of shape (n, ...)
        Rows to learn from, which may be a source that is read in blocks, and rows to measure on.
    said : str
        Which rows ``test`` are, for a person.
    train_noisy, test_noisy : arrays or None
        What was observed of each, for a denoising model with real pairs.
    test_labels : array of shape (n_test, ...) or None
        Labels of the rows to measure on, where the source has them.
    """

    data: Dataset
    train: Any
    test: np.ndarray
    said: str
    train_noisy: np.ndarray | None = None
    test_noisy: np.ndarray | None = None
    test_labels: np.ndarray | None = None


def read(source: str, reading: Reading) -> Dataset:
    """Return the data set of a path or a name, with an array or with a source of rows that are read in blocks."""
    from diabolo.data import load_data, open_data

    options = settled(source, reading).options()
    if not options.pop("stream", False):
        return load_data(source, **options)
    if options:
        raise UsageError(
            f"--stream reads rows as they are stored: drop --{next(iter(options)).replace('_', '-')}"
        )
    return open_data(source)


def settled(source: str, reading: Reading) -> Reading:
    """Return how to read a source with ``stream`` decided: the same on every machine from then on."""
    from diabolo.data import can_open, memory_bytes, open_data

    if reading.stream is not None or not can_open(source):
        return reading
    path = Path(source).expanduser()
    if path.suffix.lower() == ".csv":
        size = path.stat().st_size
    else:
        rows = open_data(path).X
        size = math.prod(rows.shape) * max(4, rows.dtype.itemsize)
    return replace(reading, stream=True) if size > _SHARE * memory_bytes() else reading


def gather(
    source: str, reading: Reading, *, test: str | None = None, noisy: str | None = None, seed: int = 0
) -> Rows:
    """Return rows to learn from and rows to measure on; the same arguments give the same rows.

    What could not be measured after the training is refused before it.
    """
    rows = _gathered(source, reading, test=test, noisy=noisy, seed=seed)
    _refuse_missing(rows.data.X, source, rows.data.feature_names)
    _refuse_missing(rows.test, test or source)
    for seen in (rows.train_noisy, rows.test_noisy):
        _refuse_missing(seen, noisy)
    return rows


def _gathered(source: str, reading: Reading, *, test: str | None, noisy: str | None, seed: int) -> Rows:
    import numpy as np

    data = read(source, reading)
    X = data.X
    if in_blocks(X):
        if noisy is not None:
            raise UsageError(
                "--noisy looks up pairs of rows, which must be in memory: drop it, or use --no-stream"
            )
        if len(X) >= _FEWEST_TO_SPLIT or test is not None:
            return _of_blocks(data, reading, test, seed)
        data = replace(data, X=X.take(np.arange(len(X))))
        X = data.X
    seen = None if noisy is None else read(noisy, replace(beside(noisy, reading), stream=False)).X
    if seen is not None and seen.shape != X.shape:
        raise UsageError(
            f"--noisy must hold a noisy version of each row of {source}, of the same shape {X.shape}, got {seen.shape}"
        )
    other = None if seen is not None else _test_set(source, reading, test)
    if other is not None:
        held = other.X
        if held.shape[1:] != X.shape[1:]:
            raise UsageError(_OTHER_SHAPE.format(own=X.shape[1:], got=held.shape[1:], test=test))
        said = f"all {len(held)} rows of {test or f'{source}, subset test'}"
        return Rows(data, X, held, said, test_labels=other.y)
    n = len(X)
    if n < _FEWEST_TO_SPLIT:
        said = (
            f"the {n} rows that it was trained on: fewer than {_FEWEST_TO_SPLIT} are too few to hold some out"
        )
        return Rows(data, X, X, said, seen, seen, data.y)
    order = np.random.default_rng(seed).permutation(n)
    n_test = round(_HELD_OUT * n)
    held, kept = np.sort(order[:n_test]), np.sort(order[n_test:])
    said = f"{n_test} rows of {n}, held out before training, drawn by seed {seed}"
    return Rows(
        data,
        X[kept],
        X[held],
        said,
        train_noisy=None if seen is None else seen[kept],
        test_noisy=None if seen is None else seen[held],
        test_labels=None if data.y is None else data.y[held],
    )


def in_memory(reading: Reading, why: str) -> Reading:
    """Return how to read a source into an array, or refuse what was asked, with the reason."""
    if reading.stream:
        raise UsageError(f"--stream reads rows in blocks, and {why}: drop it")
    return replace(reading, stream=False)


def in_blocks(X: Any) -> bool:
    """Whether rows are read in blocks, and are no array."""
    return hasattr(X, "bounds")


def row_of(X: Any, number: int) -> np.ndarray:
    """Return one row of an array or of a source, counted from the end if the number is negative."""
    import numpy as np

    return X.take(np.array([number % len(X)]))[0] if in_blocks(X) else X[number]


def some(X: Any, n: int) -> np.ndarray:
    """Return at most ``n`` rows, evenly spaced, of a source; an array as it is."""
    import numpy as np

    if not in_blocks(X):
        return X
    return X.take(np.unique(np.linspace(0, len(X) - 1, min(n, len(X))).astype(np.int64)))


def _of_blocks(data: Dataset, reading: Reading, test: str | None, seed: int) -> Rows:
    """Return a source to learn from, and rows in memory to measure on."""
    from diabolo.data import draw_rows

    X = data.X
    most = max(1, min(_MOST_TO_MEASURE, _MOST_VALUES // math.prod(X.shape[1:])))
    if test is not None:
        held = read(test, beside(test, reading)).X
        if held.shape[1:] != X.shape[1:]:
            raise UsageError(_OTHER_SHAPE.format(own=X.shape[1:], got=held.shape[1:], test=test))
        if not in_blocks(held) or len(held) <= most:
            return Rows(data, X, some(held, most), f"all {len(held)} rows of {test}")
        rows = draw_rows(len(held), most, seed, sparingly=True)
        return Rows(
            data, X, held.take(rows), f"{most} rows of the {len(held)} of {test}, drawn by seed {seed}"
        )
    n, n_test = len(X), min(round(_HELD_OUT * len(X)), most)
    rows = draw_rows(n, n_test, seed, sparingly=True)
    said = f"{n_test} rows of {n}, held out before training, drawn by seed {seed}"
    return Rows(data, X.without(rows), X.take(rows), said)


def _refuse_missing(X: Any, where: str | None, names: list[str] | None = None) -> None:
    """Refuse an array with values that are missing or infinite; a source is looked at before the training begins."""
    import numpy as np

    if X is None or in_blocks(X) or X.dtype.kind != "f" or np.isfinite(X).all():
        return
    wrong = ~np.isfinite(X.reshape(len(X), -1))
    row, column = np.argwhere(wrong)[0]
    where_first = f"row {row}, column {column}" if names is None else f"row {row}, column {names[column]!r}"
    raise UsageError(
        f"{where} holds NaN (missing) or infinite values in {wrong.any(1).sum()} of {len(X)} rows that were looked at, the "
        f"first in {where_first} of these, counted from 0: fill these, or leave the rows out"
    )


def whole(data: Dataset, labels: np.ndarray | None = None) -> Rows:
    """Return all rows, to learn from and to look at; labels of the source stand in where none are given."""
    known = data.y if labels is None else labels
    said = f"all {len(data.X)} rows, which it was trained on"
    return Rows(data, data.X, data.X, said, test_labels=known)


def beside(path: str, reading: Reading) -> Reading:
    """Return how to read a file that goes with the source, which may be of another kind."""
    return replace(
        reading, subset=None, stream=None, key=reading.key if path.lower().endswith(".npz") else None
    )


def _test_set(source: str, reading: Reading, test: str | None) -> Dataset | None:
    from diabolo.data import NAMES, load_data

    if test is not None:
        named = test in NAMES and not Path(test).exists()
        return read(test, Reading(subset="test") if named else beside(test, reading))
    if source not in NAMES or Path(source).exists() or reading.subset not in (None, "train"):
        return None
    try:
        return load_data(source, subset="test")
    except ValueError:  # a data set without that split
        return None
