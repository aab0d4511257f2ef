"""What the codes cost as a lossy compressor, beside PCA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_STEPS = 2.0 ** np.arange(1, -5, -1)  # of the root mean square deviation of the codes


@dataclass(frozen=True)
class CompressionCurve:
    """Bits per row of uniformly quantised codes against error; equal-length tuples.

    Parameters
    ----------
    step : tuple of float
        Width of the quantiser's cells, in units of the codes.
    bits_per_row : tuple of float
        Sum over dimensions of the entropy of the cell numbers, measured on the same rows with
        Miller and Madow's correction: what an ideal entropy coder of independent dimensions needs.
    mse : tuple of float
        Squared error per value of what is decoded from the cells' centres, in units of X squared; with ``by_column`` each
        column in units of its own scale. A wrong category counts 1.
    pca_mse : tuple of float
        The same for PCA with as many components at equal bits; PCA is fitted on the very rows
        that are measured, which favours it. NaN beyond the bits that PCA's curve covers, for a single row, and where
        some columns hold categories.
    by_column : bool
        Whether each column counts in units of its scale, for model and PCA alike.
    """

    step: tuple[float, ...]
    bits_per_row: tuple[float, ...]
    mse: tuple[float, ...]
    pca_mse: tuple[float, ...]
    by_column: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the columns as lists, and ``by_column``."""
        columns = {name: list(getattr(self, name)) for name in ("step", "bits_per_row", "mse", "pca_mse")}
        return {**columns, "by_column": self.by_column}


def compression_curve(
    x: np.ndarray,
    codes: np.ndarray,
    decode: Callable[[np.ndarray], np.ndarray],
    *,
    scale: np.ndarray | None = None,
    error: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    max_rows: int = 2000,
) -> CompressionCurve:
    """Quantise codes uniformly, with one step for all dimensions, and measure bits and error.

    Parameters
    ----------
    x : array of shape (n_rows, ...)
        The rows; evenly spaced ones of them when there are more than ``max_rows``.
    codes : array of shape (n_rows, n_components)
        Their codes.
    decode : callable
        From codes to reconstructions of the shape of x.
    scale : array of the shape of one row, optional
        The scale of each column, where the model gave each its own: errors are in units of it, of which the largest
        column would make all of them otherwise.
    error : callable, optional
        From rows and reconstructions to how far these are off, each of the shape of x; differences by default. PCA has
        no other.
    """
    unit = np.ones(()) if scale is None else np.asarray(scale, np.float64).reshape(-1)
    rows = np.unique(np.linspace(0, len(x) - 1, min(len(x), max_rows)).astype(int))
    x, codes = x[rows].astype(np.float64), codes[rows].astype(np.float64)
    steps = _STEPS * (_spread(codes) or 1.0)
    off = error or (lambda x, made: made - x)
    bits, errors = _curve(codes, lambda z: off(x, decode(z)).reshape(len(x), -1) / unit, steps)
    pca = np.full(len(steps), np.nan)
    if len(x) > 1 and error is None:
        pca_bits, pca_errors = _pca_curve(x.reshape(len(x), -1) / unit, codes.shape[1])
        order = np.argsort(pca_bits)
        pca = np.interp(bits, pca_bits[order], pca_errors[order], left=np.nan, right=np.nan)
    return CompressionCurve(
        tuple(steps.tolist()),
        tuple(bits.tolist()),
        tuple(errors.tolist()),
        tuple(pca.tolist()),
        scale is not None,
    )


def entropy_bits(cells: np.ndarray) -> float:
    """Return the sum over columns of the entropy of whole numbers in bits, bias-corrected.

    Examples
    --------
    >>> round(entropy_bits(np.array([[0], [1]] * 500)), 2)
    1.0
    """
    total = 0.0
    for column in cells.T:
        counts = np.unique(column, return_counts=True)[1]
        p = counts / counts.sum()
        correction = (len(counts) - 1) / (2 * counts.sum() * np.log(2))
        total += min(-(p * np.log2(p)).sum() + correction, np.log2(len(counts)))
    return float(total)


def _curve(
    codes: np.ndarray, off: Callable[[np.ndarray], np.ndarray], steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return bits and squared errors; ``off`` says how far what codes decode to is off the rows."""
    bits, errors = [], []
    centre = codes.mean(0)
    for step in steps:
        cells = np.round((codes - centre) / step)
        bits.append(entropy_bits(cells))
        errors.append(float(np.square(off(cells * step + centre)).mean()))
    return np.array(bits), np.array(errors)


def _pca_curve(x: np.ndarray, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.decomposition import PCA

    pca = PCA(min(n_components, *x.shape), random_state=0).fit(x)
    codes = pca.transform(x)
    steps = 2.0 ** np.arange(3, -7, -0.5) * (_spread(codes) or 1.0)
    return _curve(codes, lambda z: pca.inverse_transform(z) - x, steps)


def _spread(codes: np.ndarray) -> float:
    return float(np.sqrt(codes.var(0).mean()))
