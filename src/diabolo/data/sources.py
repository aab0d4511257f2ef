"""Where a named data set's numbers come from: your own folder, or OpenML."""

import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

VARIABLE = "DIABOLO_DATA"

# The classes' sizes in USPS's training set, by which its order is recognised.
_USPS_TRAIN = (1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644)


@dataclass(frozen=True)
class Entry:
    """Where to look for a data set.

    Parameters
    ----------
    files : dict of str to (str, str)
        For each subset the .npz file in the folder and the array in it; the subset "all" where one file holds
        all rows.
    about : str
        What the data is, and its units.
    openml : (str, int), optional
        Its name and version at OpenML.
    n_train : int, optional
        How many of OpenML's rows, which are the training set and then the test set, are the training set.
    shape : tuple of int
        The shape of an image.

    Examples
    --------
    >>> Entry({"all": ("boxes.npz", "X")}, "boxes").shape
    (28, 28)
    """

    files: dict[str, tuple[str, str]]
    about: str
    openml: tuple[str, int] | None = None  # name and version
    n_train: int | None = None
    shape: tuple[int, ...] = (28, 28)


class Found(NamedTuple):
    """Images float32, labels int64 or None, the size of the training set where known, the origin."""

    X: np.ndarray
    y: np.ndarray | None
    n_train: int | None
    origin: str


def from_folder(entry: Entry, subset: str) -> Found | None:
    """Read a data set from the folder that the environment variable DIABOLO_DATA names.

    Parameters
    ----------
    entry : Entry
        The data set.
    subset : str
        A subset that `entry` has.

    Returns
    -------
    Found or None
        None if the variable is not set or a file is not there. Where one file holds all rows these are all,
        with `n_train` from the file.

    Raises
    ------
    FileNotFoundError
        If the variable names no folder.
    ValueError
        If a file is damaged or lacks an array.

    Examples
    --------
    >>> from_folder(Entry({"all": ("no_such_file.npz", "X")}, "boxes"), "all") is None
    True
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    if not Path(folder).expanduser().is_dir():
        raise FileNotFoundError(
            f"{VARIABLE} must name a folder with data, got {folder!r}; correct or unset it"
        )
    wanted = [(Path(folder).expanduser() / file, key) for file, key in _wanted(entry, subset)]
    if not all(file.is_file() for file, _ in wanted):
        return None
    loaded = [_load(file, key, entry.shape) for file, key in wanted]
    X = np.concatenate([X for X, _, _ in loaded]) if len(loaded) > 1 else loaded[0][0]
    labels = [y for _, y, _ in loaded if y is not None]
    y = np.concatenate(labels) if len(labels) == len(loaded) else None
    n_train = loaded[0][2]
    if n_train is None and "all" in entry.files and entry.n_train is not None and subset != "all":
        raise ValueError(
            f"{wanted[0][0]} must hold the number n_train to tell train from test; add it, or take "
            "subset='all'"
        )
    return Found(X, y, n_train, f"the folder {VARIABLE}")


def from_openml(name: str, entry: Entry, subset: str) -> Found:
    """Download a data set by scikit-learn, which keeps it for the next time.

    Parameters
    ----------
    name : str
        Its name in diabolo, for messages.
    entry : Entry
        The data set.
    subset : str
        The subset that is wanted, to check that it can be told from the others.

    Returns
    -------
    Found
        All rows.

    Raises
    ------
    FileNotFoundError
        If it is not at OpenML or could not be downloaded; the message names the file that would do instead.
    ValueError
        If what came is not the data set, or its training set cannot be told from its test set.

    Examples
    --------
    >>> from_openml("boxes", Entry({"all": ("boxes.npz", "X")}, "boxes"), "all")
    Traceback (most recent call last):
    ...
    FileNotFoundError: boxes cannot be downloaded; set the environment variable DIABOLO_DATA to ... boxes.npz
    """
    files = " and ".join(dict.fromkeys(file for file, _ in _wanted(entry, subset)))
    way_out = f"set the environment variable {VARIABLE} to a folder that holds {files}"
    if entry.openml is None:
        raise FileNotFoundError(f"{name} cannot be downloaded; {way_out}")
    from sklearn.datasets import fetch_openml

    try:
        got = fetch_openml(entry.openml[0], version=entry.openml[1], as_frame=False)
    except ImportError as error:  # scikit-learn parses what comes with pandas
        raise ImportError(f"downloading {name} needs pandas: pip install 'diabolo[tables]'") from error
    except Exception as error:  # no network, no server, a broken download: urllib, http, ssl, zlib, ...
        raise FileNotFoundError(f"{name} could not be downloaded from OpenML ({error}); {way_out}") from error
    X = np.array(got.data, dtype=np.float32)
    y = np.asarray(got.target).astype(np.float64).astype(np.int64)
    if X.shape[1:] != (int(np.prod(entry.shape)),):
        raise ValueError(f"{name} from OpenML has rows of shape {X.shape[1:]}, not {entry.shape}; {way_out}")
    if name == "usps":
        y -= y.min()  # OpenML has the classes 1 to 10 and grey values in [-1, 1]
        X += 1
        X /= 2
        if subset != "all" and tuple(np.bincount(y[: entry.n_train], minlength=10)) != _USPS_TRAIN:
            raise ValueError(
                f"usps from OpenML does not begin with its training set; take subset='all', or {way_out}"
            )
    else:
        X /= 255
    if X.min() < 0 or X.max() > 1 or y.min() < 0:
        raise ValueError(f"{name} from OpenML has values or labels outside their range; {way_out}")
    return Found(X.reshape(-1, *entry.shape), y, entry.n_train, "OpenML")


def _wanted(entry: Entry, subset: str) -> list[tuple[str, str]]:
    return [at for part, at in entry.files.items() if part == "all" or subset in (part, "all")]


def _load(file: Path, key: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray | None, int | None]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            X = archive[key]
            y = archive["y"].astype(np.int64) if "y" in archive else None
            n_train = int(archive["n_train"]) if "n_train" in archive else None
        if key.endswith("_packed"):
            X = np.unpackbits(X, axis=1, count=int(np.prod(shape)))
        scale = 255 if X.dtype == np.uint8 and not key.endswith("_packed") else 1
        X = X.reshape(-1, *shape).astype(np.float32)
        X /= scale
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{file} must hold the array {key!r} of images {shape}, got {error}; copy it again"
        ) from error
    return X, y, n_train
