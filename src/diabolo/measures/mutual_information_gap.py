"""The mutual information gap: does one code alone know a factor?"""

from __future__ import annotations

import numbers
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diabolo.measures.factors import codes_and_factors, gaps, table


@dataclass(frozen=True)
class MutualInformationGap:
    """How much more the best code knows of a factor than the second best, as a share of the factor's entropy.

    Parameters
    ----------
    score : float
        The mean over factors; 1: each factor is known by one code alone.
    per_factor : tuple of float
        (I(z_1; v) - I(z_2; v)) / H(v) for the codes z_1, z_2 that know most of v.
    information : tuple of tuple of float
        I(z_i; v_j) / H(v_j): a row for each code, a column for each factor.
    entropy : tuple of float
        H(v_j) over the rows, in nats.
    n_bins, n_rows : int
        Bins of a code, and rows.
    """

    score: float
    per_factor: tuple[float, ...]
    information: tuple[tuple[float, ...], ...]
    entropy: tuple[float, ...]
    n_bins: int
    n_rows: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and lists."""
        return asdict(self)

    def __str__(self) -> str:
        each = ", ".join(f"{value:.3f}" for value in self.per_factor)
        return f"MIG {self.score:.3f}  (factors: {each}; {self.n_bins} bins, {self.n_rows} rows)"


def mutual_information_gap(codes: Any, factors: Any, *, n_bins: int = 20) -> MutualInformationGap:
    """Return the mutual information gap (Chen et al. 2018, equation 6).

    The information is that of the table of counts (the plug-in estimate, biased upwards by about
    (n_bins - 1)(n_values - 1) / (2 n_rows) nats for a code that knows nothing). A code is sorted into ``n_bins``
    bins of equal width from its least to its largest value, as is usual; one with no more different values than
    that, or than the factor with most, is taken as it is. So codes that are the factors score exactly
    what the factors themselves do, which is 1 for factors that are independent over the rows, and a continuous code
    knows at most ln n_bins.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        A code for each row, such as the means of the posterior that ``transform`` gives.
    factors : array of shape (n_rows, n_factors)
        The value of each factor: discrete, as numbers. Their order and distances mean nothing here.
    n_bins : int
        Bins of a code, 2 or more.

    Raises
    ------
    ValueError
        If the inputs are no such tables, or rows are fewer than bins.

    Examples
    --------
    >>> grid = np.indices((5, 4)).reshape(2, -1).T
    >>> round(mutual_information_gap(grid, grid).score, 6)
    1.0
    """
    z, v = codes_and_factors(codes, factors)
    if not isinstance(n_bins, numbers.Integral) or not 2 <= n_bins <= len(z):
        raise ValueError(
            f"n_bins must be a whole number from 2 to the number of rows, {len(z)}, got {n_bins!r}: "
            "give more rows or fewer bins."
        )
    most = max(n_bins, int(v.max()) + 1)
    binned = [_binned(column, n_bins, most) for column in z.T]
    counts = [[_counts(code, factor) for factor in v.T] for code in binned]
    entropy = np.array([_entropy(np.bincount(factor)) for factor in v.T])
    information = np.array([[_information(cell) for cell in row] for row in counts]) / entropy
    each = gaps(information)
    return MutualInformationGap(
        score=float(each.mean()),
        per_factor=tuple(each.tolist()),
        information=table(information),
        entropy=tuple(entropy.tolist()),
        n_bins=n_bins,
        n_rows=len(z),
    )


def _binned(code: np.ndarray, n_bins: int, most: int) -> np.ndarray:
    values, index = np.unique(code, return_inverse=True)
    if len(values) <= most:
        return index
    share = (code - values[0]) / (values[-1] - values[0])
    return np.minimum((share * n_bins).astype(np.int64), n_bins - 1)


def _counts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    n_a, n_b = a.max() + 1, b.max() + 1
    return np.bincount(a * n_b + b, minlength=n_a * n_b).reshape(n_a, n_b)


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def _information(counts: np.ndarray) -> float:
    return _entropy(counts.sum(0)) + _entropy(counts.sum(1)) - _entropy(counts)
