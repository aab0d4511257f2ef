"""Codes beside the factors that made the rows: what every measure of structure asks of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

_FEWEST_ROWS = 20


def codes_and_factors(codes: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return codes as float64 (n_rows, d), and factors as the index of each value, int64 (n_rows, n_factors).

    Raises
    ------
    ValueError
        If they are no finite tables of the same 20 rows or more, a factor has one value only, or so many that it
        is no discrete one.

    Examples
    --------
    >>> codes_and_factors(np.zeros((20, 2)), np.arange(20)[:, None] % 2 / 10)[1][:3, 0]
    array([0, 1, 0])
    """
    z, v = finite_table(codes, "codes"), finite_table(factors, "factors")
    if len(z) != len(v):
        raise ValueError(f"factors must have a row for each of the {len(z)} rows of codes, got {len(v)}.")
    if len(z) < _FEWEST_ROWS:
        raise ValueError(f"codes must have {_FEWEST_ROWS} rows or more, got {len(z)}: give more rows.")
    index = np.empty(v.shape, np.int64)
    for j, column in enumerate(v.T):
        values, index[:, j] = np.unique(column, return_inverse=True)
        if len(values) == 1:
            raise ValueError(
                f"factors must vary, but column {j} is always {values[0]:g}: leave the column out."
            )
        if 2 * len(values) > len(v):
            raise ValueError(
                f"factors must be discrete, with 2 rows or more for a value on average, but column {j} has "
                f"{len(values)} values in {len(v)} rows: sort it into classes, or give more rows."
            )
    return z, index


def rows_that_share(factor: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return, for each row, a random row in which the factor has the same value, itself included.

    Parameters
    ----------
    factor : array of shape (n_rows,)
        Index of the factor's value in each row.
    rows : int array of any shape
        Rows to find another for.
    rng : numpy.random.Generator
        The source of chance.

    Returns
    -------
    array
        Row numbers, of the shape of ``rows``.

    Examples
    --------
    >>> rows_that_share(np.array([0, 1, 0]), np.array([1, 1]), np.random.default_rng(0))
    array([1, 1])
    """
    order = np.argsort(factor, kind="stable")
    counts = np.bincount(factor)
    starts = np.cumsum(counts) - counts
    value = factor[rows]
    return order[starts[value] + (rng.random(rows.shape) * counts[value]).astype(np.int64)]


def unit_codes(codes: np.ndarray) -> np.ndarray:
    """Return the codes that vary, each divided by its standard deviation; a single 0 where none does."""
    varies = codes.max(0) > codes.min(0)
    if not varies.any():
        return np.zeros((len(codes), 1))
    kept = codes[:, varies] - codes[:, varies].mean(0)
    return kept / kept.std(0)


def gaps(scores: np.ndarray) -> np.ndarray:
    """Return, for each column, its largest value less its second (0 where there is only one row).

    Examples
    --------
    >>> gaps(np.array([[0.9, 0.5], [0.1, 0.5], [0.3, 0.0]])).round(2)
    array([0.6, 0. ])
    """
    second, first = np.sort(np.vstack([np.zeros_like(scores[:1]), scores]), axis=0)[-2:]
    return first - second


def table(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """Return a matrix as rows of plain numbers."""
    return tuple(tuple(float(value) for value in row) for row in matrix)


def finite_table(array: Any, name: str) -> np.ndarray:
    """Return an array or Tensor as a float64 matrix; refuse what is none, or holds no numbers."""
    rows = array.detach().cpu().numpy() if isinstance(array, Tensor) else np.asarray(array)
    if rows.ndim != 2 or rows.shape[1] < 1 or rows.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must be numbers of shape (n_rows, n_columns), got {rows.dtype} of shape {rows.shape}: "
            "give one row for each observation."
        )
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows)).any(1).sum())
        raise ValueError(
            f"{name} must be finite, got NaN or infinity in {bad} of {len(rows)} rows: drop them."
        )
    return rows.astype(np.float64)
