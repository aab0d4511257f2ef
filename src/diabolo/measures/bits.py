"""Bits per dimension, and the noise that makes a density comparable with them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from diabolo.measures.noise import row_generators

Numbers = TypeVar("Numbers", float, np.ndarray, Tensor)


def bits_per_dimension(log_likelihood: Numbers, n_values: int, *, bin_width: float = 1.0) -> Numbers:
    """Return the bits per value that rows of this log-likelihood cost, -log2 P(x) / D.

    For a discrete likelihood log P(x) is a log-probability, and ``bin_width`` stays 1. For a density p on
    data that come in steps of h = ``bin_width``, P is the probability of the bin around x: with
    u uniform in the bin, by Jensen's inequality,

        log P(bin of x) = log E_u p(x + u) + D log h >= E_u log p(x + u) + D log h

    (Theis et al. 2016), so the log-likelihood of rows from :func:`dequantise` gives an upper bound of the bits.
    Without that noise the log-density of quantised rows gives no bound: it has no upper limit. Bits
    do not depend on the units: with X and h in other units, log p changes by what D log h takes back.

    Parameters
    ----------
    log_likelihood : float, array or Tensor
        Nats, summed over the values of a row, in the units of X that were given.
    n_values : int
        D, values in a row.
    bin_width : float
        Step h of the quantised data in units of X: 1 for bytes, 1/255 for bytes over 255.

    Raises
    ------
    ValueError
        If the step or the number of values is not above 0.

    Examples
    --------
    >>> bits_per_dimension(-784 * math.log(2), 784)
    1.0
    """
    _check_width(bin_width)
    if n_values < 1:
        raise ValueError(f"n_values must be the number of values in a row, at least 1, got {n_values!r}.")
    return -(log_likelihood / n_values + math.log(bin_width)) / math.log(2)


@dataclass(frozen=True)
class BitsEstimate:
    """Bits per value that an ideal coder needs for rows; ``float(estimate)`` is the mean.

    Parameters
    ----------
    mean : float
        -log2 P(x) / D, averaged over rows.
    standard_error_rows : float
        What other rows, with other draws, would change in the mean; NaN for one row.
    standard_error_draws : float
        What other importance draws would change in it for the same rows.
    n_rows, n_values, n_draws : int
        Rows, values D in each, and importance draws for each.
    dequantised : bool
        Whether rows got uniform noise, one draw each, for a density: then the mean is an upper bound (Theis et al. 2016).
    """

    mean: float
    standard_error_rows: float
    standard_error_draws: float
    n_rows: int
    n_values: int
    n_draws: int
    dequantised: bool

    def __float__(self) -> float:
        return self.mean

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers."""
        return asdict(self)

    def __str__(self) -> str:
        bound = ", at most: of rows with uniform noise" if self.dequantised else ""
        return (
            f"{self.mean:.4f} +- {self.standard_error_rows:.4f} bits per value{bound} ({self.n_rows} rows of {self.n_values} "
            f"values, {self.n_draws} importance draws, their own error {self.standard_error_draws:.4f})"
        )


def dequantise(
    rows: np.ndarray, seed: int, bin_width: float = 1.0, *, in_unit_interval: bool = False
) -> np.ndarray:
    """Add uniform noise from [-h/2, h/2) to quantised rows, so that a density can be judged on them.

    The bin is centred on the value, which leaves the mean of the rows as it is: a model trained on x
    itself is judged around x. (The literature shifts bytes by [0, 1); a model trained on those
    would be judged on the same.) The noise of a row is keyed by the seed and the row's own values: it
    does not depend on the order or on the other rows, and equal rows get equal noise. Average over
    seeds for more than one draw, and always where few rows are distinct.

    Parameters
    ----------
    rows : array of shape (n_rows, ...)
        Values in steps of ``bin_width``.
    seed : int
        Seed of the noise.
    bin_width : float
        Step h of the data, in units of X.
    in_unit_interval : bool
        For values 0, h, ..., 1 and a density that has nothing outside of [0, 1]: their bins side by side, each of width
        h / (1 + h), x -> (x + h u) / (1 + h) with u uniform in [0, 1], where a bin around 0 or 1 would lie half outside.

    Returns
    -------
    array of shape (n_rows, ...), float32 for float32 and short integers, else float64

    Raises
    ------
    ValueError
        If the step is not above 0.

    Examples
    --------
    >>> X = np.array([[3.0, 7.0], [0.0, 255.0]])
    >>> bool((np.round(dequantise(X, 0)) == X).all())
    True
    """
    _check_width(bin_width)
    rows = np.asarray(rows)
    noise = [g.random(rows.shape[1:]) for g in row_generators(rows, seed, purpose="dequantise")]
    u = np.reshape(noise, rows.shape)
    if in_unit_interval:
        noisy = (rows + bin_width * u) / (1 + bin_width)
    else:
        noisy = rows + bin_width * (u - 0.5)
    return noisy.astype(np.result_type(rows.dtype, np.float32))


def _check_width(bin_width: float) -> None:
    if not 0 < bin_width < math.inf:
        raise ValueError(
            f"bin_width must be the step of the data in units of X, above 0 (1 for bytes), got {bin_width!r}."
        )
