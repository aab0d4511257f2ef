"""What writing and running ONNX files needs beside the core."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, doing: str) -> Any:
    """Import a module of the extra ``onnx``.

    Parameters
    ----------
    module : str
        The module.
    doing : str
        What it is needed for, in words.

    Raises
    ------
    ImportError
        If it is not installed.

    Examples
    --------
    >>> needed("no_such_module", "reading tea leaves")
    Traceback (most recent call last):
    ...
    ImportError: reading tea leaves needs no_such_module: pip install 'diabolo[onnx]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{doing} needs {module.partition('.')[0]}: pip install 'diabolo[onnx]'") from error
