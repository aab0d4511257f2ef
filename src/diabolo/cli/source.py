"""Rows for a command: read, and split into rows to learn from and rows to measure on."""

from __future__ import annotations

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
        Rows to learn from, rows to measure on.
    said : str
        Which rows ``test`` are, for a person.
    train_noisy, test_noisy : arrays or None
        What was observed of each, for a denoising model with real pairs.
    test_labels : array of shape (n_test, ...) or None
        Labels of the rows to measure on, where the source has them.
    """

    data: Dataset
    train: np.ndarray
    test: np.ndarray
    said: str
    train_noisy: np.ndarray | None = None
    test_noisy: np.ndarray | None = None
    test_labels: np.ndarray | None = None


def read(source: str, reading: Reading) -> Dataset:
    """Return the data set of a path or a name."""
    from diabolo.data import load_data

    return load_data(source, **reading.options())


def gather(
    source: str, reading: Reading, *, test: str | None = None, noisy: str | None = None, seed: int = 0
) -> Rows:
    """Return rows to learn from and rows to measure on; the same arguments give the same rows."""
    import numpy as np

    data = read(source, reading)
    X = data.X
    seen = None if noisy is None else read(noisy, beside(noisy, reading)).X
    if seen is not None and seen.shape != X.shape:
        raise UsageError(
            f"--noisy must hold a noisy version of each row of {source}, of the same shape {X.shape}, got {seen.shape}"
        )
    other = None if seen is not None else _test_set(source, reading, test)
    if other is not None:
        held = other.X
        if held.shape[1:] != X.shape[1:]:
            raise UsageError(
                f"the rows of --test must have the shape of the others, {X.shape[1:]}, got {held.shape[1:]} in {test}"
            )
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


def whole(data: Dataset, labels: np.ndarray | None = None) -> Rows:
    """Return all rows, to learn from and to look at; labels of the source stand in where none are given."""
    known = data.y if labels is None else labels
    said = f"all {len(data.X)} rows, which it was trained on"
    return Rows(data, data.X, data.X, said, test_labels=known)


def beside(path: str, reading: Reading) -> Reading:
    """Return how to read a file that goes with the source, which may be of another kind."""
    return replace(reading, subset=None, key=reading.key if path.lower().endswith(".npz") else None)


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
