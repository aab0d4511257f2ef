"""A data set from a path or a name."""

import difflib
from pathlib import Path
from typing import Any

from .base import Dataset
from .named import NAMES, named
from .readers import read


def load_data(source: str, **options: Any) -> Dataset:
    """Read a file or folder if `source` is one, else return the data set of that name.

    An existing path wins over a name: write "./mnist" or "mnist" in a folder without such a file.

    Parameters
    ----------
    source : str
        A path, or one of `NAMES`.
    **options
        `key` and `frame_length` for a path (see `read`), `subset` for a name (see `named`).

    Returns
    -------
    Dataset
        The data set.

    Raises
    ------
    FileNotFoundError
        If `source` is neither; the message lists the names and the files with similar names.
    ValueError
        If an option does not fit, and as in `read` and `named`.

    Examples
    --------
    >>> load_data("digits").X.shape
    (1797, 8, 8)
    """
    if not str(source):
        raise ValueError(f"source must be a path or one of {', '.join(NAMES)}, got an empty string")
    if Path(source).expanduser().exists():
        _check_options(options, {"key", "frame_length"}, f"the path {source}")
        return read(source, **options)
    if source in NAMES:
        _check_options(options, {"subset"}, f"the data set {source}")
        return named(source, **options)
    close = difflib.get_close_matches(str(source), NAMES, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    message = f"source must be a data set's name, one of {', '.join(NAMES)}{hint}, or a path, got {source!r}"
    try:
        read(source)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{message}: {error}") from None
    raise FileNotFoundError(f"{message}; check the path")


def _check_options(options: dict[str, Any], known: set[str], what: str) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise ValueError(f"options for {what} must be {' or '.join(sorted(known))}, got {', '.join(unknown)}")
