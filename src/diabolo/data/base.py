"""What every reader returns, and what readers share."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of numbers with where they came from.

    Parameters
    ----------
    X : numpy.ndarray or BatchSource of shape (n, ...)
        Real numbers, one row per example: tables (n, n_features), grey images (n, H, W), colour images
        (n, H, W, 3), signals (n, frame_length) or (n, frame_length, channels).
    y : numpy.ndarray of shape (n, ...) or None
        Labels, where the source has them.
    feature_names : list of str or None
        The names of a table's columns.
    name : str
        A short name.
    source : str
        One line for a human: what was read, from where, in which units.
    channel_axis : int, None or "auto"
        Which axis of X holds channels (None: there is none); "auto" leaves it to the reader of X.

    Raises
    ------
    ValueError
        If the lengths do not fit each other or X is not made of real numbers.

    Examples
    --------
    >>> Dataset(np.zeros((3, 2)), feature_names=["height", "width"], name="boxes", source="made up")
    Dataset(name='boxes', X=float64 (3, 2), y=None, source='made up')
    """

    X: Any
    y: np.ndarray | None = None
    feature_names: list[str] | None = None
    name: str = "data"
    source: str = "an array"
    channel_axis: int | Literal["auto"] | None = "auto"

    def __post_init__(self) -> None:
        check_numbers(self.X, self.name)
        if self.y is not None and len(self.y) != len(self.X):
            raise ValueError(
                f"y must have one label per row of X, got {len(self.y)} labels for {len(self.X)} rows in "
                f"{self.name}; leave y out or give it the same rows"
            )
        if self.feature_names is not None and self.X.shape[1:] != (len(self.feature_names),):
            raise ValueError(
                f"feature_names must name the columns of a 2-D X, got {len(self.feature_names)} names for "
                f"X of shape {self.X.shape} in {self.name}"
            )

    def __repr__(self) -> str:
        labels = "None" if self.y is None else f"{self.y.dtype} {self.y.shape}"
        shape = f"{self.X.dtype} {self.X.shape}"
        return f"Dataset(name={self.name!r}, X={shape}, y={labels}, source={self.source!r})"


def check_numbers(array: Any, what: str) -> Any:
    """Return the array, or refuse one that is no list of rows of real numbers.

    Parameters
    ----------
    array : numpy.ndarray or BatchSource of shape (n, ...)
        The array.
    what : str
        What it is, for the message.

    Returns
    -------
    numpy.ndarray
        `array`.

    Raises
    ------
    ValueError
        If it has no rows, or its dtype is not boolean, integer or real.

    Examples
    --------
    >>> check_numbers(np.arange(3), "counts")
    array([0, 1, 2])
    """
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{what} must hold real numbers, got dtype {array.dtype}; encode text and categories as numbers "
            "(sklearn.preprocessing.OrdinalEncoder), split complex numbers into two parts"
        )
    if array.shape == () or len(array) == 0:
        raise ValueError(f"{what} must hold at least one row, got an array of shape {array.shape}")
    return array


def stem(path: Path) -> str:
    """Return a file's name without its suffixes.

    Parameters
    ----------
    path : pathlib.Path
        A file or a folder.

    Returns
    -------
    str
        The name up to the suffix, and up to ``.gz`` and the suffix before it.

    Examples
    --------
    >>> stem(Path("digits.idx.gz")), stem(Path("v1.2.csv"))
    ('digits', 'v1.2')
    """
    if path.is_dir():
        return path.name or path.resolve().name
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem


def optional(module: str, reading: str, extra: str) -> Any:
    """Import a module that an extra installs, or say which extra.

    Parameters
    ----------
    module : str
        The module's name.
    reading : str
        What it is needed for, as in "Parquet".
    extra : str
        The extra of diabolo that installs it.

    Returns
    -------
    module
        The module.

    Raises
    ------
    ImportError
        If it is not installed.

    Examples
    --------
    >>> optional("no_such_module", "tea leaves", "tables")
    Traceback (most recent call last):
    ...
    ImportError: reading tea leaves needs no_such_module: pip install 'diabolo[tables]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = {"PIL": "Pillow"}.get(module.split(".")[0], module.split(".")[0])
        raise ImportError(f"reading {reading} needs {package}: pip install 'diabolo[{extra}]'") from error
