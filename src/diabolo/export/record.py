"""What was written, and how far it is from the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Port:
    """One input or output of a file.

    Parameters
    ----------
    name : str
        Its name in the file: ``X``, ``X_hat``, ``codes`` or ``scale``.
    shape : tuple of int
        Shape of one row, in the layout of X; any number of rows goes in at once.
    dtype : str
        Its dtype, as numpy names it.
    units : str
        What its numbers are, in words.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    units: str


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    format : {"onnx", "pt2"}
        Its kind.
    what : {"encoder", "decoder", "whole"}
        Which map it holds: ``transform``, ``inverse_transform`` or ``reconstruct``.
    input : Port
        What goes in.
    outputs : tuple of Port
        What comes out.
    n_rows : int
        Rows on which the file was compared with the estimator.
    error : float
        Largest difference of an output of the float file from the estimator's, over the size of the values.
    int8_rmse : float or None
        Of an int8 file: root of the mean squared difference of its first output from the float file's on
        these rows, in the units of that output.
    int8_share : float or None
        The same over the standard deviation of that output.
    """

    path: Path
    format: str
    what: str
    input: Port
    outputs: tuple[Port, ...]
    n_rows: int
    error: float
    int8_rmse: float | None = None
    int8_share: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {**asdict(self), "path": str(self.path)}

    def __str__(self) -> str:
        ports = ", ".join(_described(port) for port in self.outputs)
        text = f"{self.path}: {self.what}, {_described(self.input)} -> {ports}"
        text += f"; differs by {self.error:.1e} from the model on {self.n_rows} rows"
        if self.int8_rmse is None or self.int8_share is None:
            return text
        return f"{text}, before its layers went to int8: then RMSE {self.int8_rmse:.3g} ({self.int8_share:.2%} of the deviation)"


def _described(port: Port) -> str:
    return f"{port.name} {port.dtype} ({', '.join(['rows', *map(str, port.shape)])})"
