"""A model in an ONNX file, run by onnxruntime."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from diabolo.export.extra import needed
from diabolo.export.record import Port


class OnnxModel:
    """What :func:`diabolo.export_onnx` wrote, as a function of rows.

    The file needs nothing of diabolo: any ONNX runtime reads it. This is the short way from Python, with the
    checks of shape and dtype that the runtime leaves to the caller.

    Parameters
    ----------
    file : path or bytes
        The file, or its content.
    n_threads : int, optional
        Threads of onnxruntime; its own choice by default.

    Attributes
    ----------
    what : str
        ``"encoder"``, ``"decoder"`` or ``"whole"``.
    input : Port
        What goes in.
    outputs : tuple of Port
        What comes out.
    metadata : dict
        Everything that diabolo wrote into the file: its version, the estimator, names of columns, ...

    Raises
    ------
    ImportError
        Without onnxruntime, naming the extra.
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file was not written by diabolo, or onnxruntime cannot run it.
    """

    def __init__(self, file: str | os.PathLike[str] | bytes, *, n_threads: int | None = None) -> None:
        runtime = needed("onnxruntime", "running an ONNX file")
        name = "the model" if isinstance(file, bytes) else str(file)
        content = file if isinstance(file, bytes) else Path(file).read_bytes()
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        if n_threads is not None:
            options.intra_op_num_threads = n_threads
        try:
            self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors have no common base but this
            raise ValueError(
                f"onnxruntime cannot run {name}: {str(error).strip().splitlines()[0]}"
            ) from error
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        if "diabolo.version" not in self.metadata:
            raise ValueError(f"{name} must be a file that diabolo wrote: use onnxruntime itself for another.")
        self.what = self.metadata["diabolo.what"]
        self.input = _port(json.loads(self.metadata["diabolo.input"]))
        self.outputs = tuple(_port(fields) for fields in json.loads(self.metadata["diabolo.outputs"]))
        self._dtype = np.dtype(self.input.dtype)

    def run(self, rows: ArrayLike) -> list[np.ndarray]:
        """Return every output, in the order of ``outputs``."""
        array = np.asarray(rows)
        if array.dtype != self._dtype:
            array = self._cast(array)
        if array.shape[1:] != self.input.shape or array.ndim == 0:
            raise ValueError(
                f"rows must have the shape (n, {', '.join(map(str, self.input.shape))}), got {array.shape}."
            )
        return self._session.run(None, {self.input.name: array})

    def __call__(self, rows: ArrayLike) -> np.ndarray:
        """Return the first output: codes, or rows in the layout and the units of X."""
        return self.run(rows)[0]

    def _cast(self, array: np.ndarray) -> np.ndarray:
        if not np.can_cast(array.dtype, self._dtype, "same_kind"):
            raise ValueError(
                f"rows must be {self._dtype}, as the model's X was, got {array.dtype}: round or convert them first."
            )
        return array.astype(self._dtype)


def _port(fields: dict[str, Any]) -> Port:
    return Port(**{**fields, "shape": tuple(fields["shape"])})
