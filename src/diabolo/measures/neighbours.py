"""Precision, recall, density and coverage of samples, by nearest neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

#: Sets larger than this are cut to a seeded subset.
MAX_ROWS = 10_000
_BLOCK_ROWS = 1024
_ROUNDING = 1e-12  # of the squared norms: what a product of matrices may lose of a squared distance


@dataclass(frozen=True)
class NeighbourRecord:
    """Samples against real rows, by balls that reach to the k-th neighbour in the own set.

    Parameters
    ----------
    precision : float
        Share of the samples inside a ball of a real row: do samples look real?
    recall : float
        Share of the real rows inside a ball of a sample: is all that is real reached? Samples far apart
        have wide balls, so mere noise raises it; coverage is not misled (Naeem et al. 2020).
    density : float
        Balls of real rows that a sample lies in, on average, divided by k; 1 in expectation for
        equal distributions, and not bounded by 1.
    coverage : float
        Share of the real rows whose ball holds a sample.
    expected_coverage : float
        What coverage is in expectation when both sets follow one distribution.
    k, n_real, n_fake : int
        Neighbours, and rows that were used.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    expected_coverage: float
    k: int
    n_real: int
    n_fake: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"precision  {self.precision:.4f}",
                f"recall     {self.recall:.4f}",
                f"density    {self.density:.4f}  (1 for equal distributions)",
                f"coverage   {self.coverage:.4f}  ({self.expected_coverage:.4f} for equal distributions)",
                f"rows       {self.n_fake} samples against {self.n_real} real, k = {self.k}",
            ]
        )


def precision_recall_density_coverage(
    real: Any, fake: Any, *, k: int = 5, max_rows: int = MAX_ROWS, seed: int = 0
) -> NeighbourRecord:
    """Compare samples with real rows by their nearest neighbours.

    Precision and recall are those of Kynkäänniemi et al. (2019, equations 1 and 2), density and
    coverage those of Naeem et al. (2020, equations 4 and 5); a point on the surface of a ball is inside.
    All four depend on the numbers of rows and, through distances, on the features: compare them
    with a floor of real rows of the same number.

    Parameters
    ----------
    real : array of shape (n_real, ...)
        Real rows or their features, flattened.
    fake : array of shape (n_fake, ...)
        Samples.
    k : int
        Neighbours that a ball reaches to, the row itself not counted.
    max_rows : int
        Larger sets are cut to a subset of this size, drawn with ``seed``.
    seed : int
        Seed of the subsets.

    Returns
    -------
    NeighbourRecord

    Raises
    ------
    ValueError
        When the rows differ in length, hold no numbers, or are not more than k.

    Examples
    --------
    >>> corners = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    >>> record = precision_recall_density_coverage(corners, [[0.0, 0.1], [0.1, 0.0], [9.0, 9.0]], k=1)
    >>> record.recall, record.coverage
    (1.0, 0.75)
    """
    x, y = (flat_rows(subset(rows, max_rows, seed), name) for rows, name in ((real, "real"), (fake, "fake")))
    check_columns(x, y, "real", "fake")
    fewest = min(len(x), len(y))
    if not 0 < k < fewest:
        raise ValueError(f"k must be from 1 to {fewest - 1} for {fewest} rows, got {k}: give more rows.")
    centre = x.mean(0)
    x, y = x - centre, y - centre
    real_radii, fake_radii = _squared_radii(x, k), _squared_radii(y, k)
    n_balls = np.empty(len(y), int)
    covered, reached = np.zeros(len(x), bool), np.zeros(len(x), bool)
    for block, squared in _squared_distances(y, x, 1 - _ROUNDING):
        inside = squared <= real_radii
        n_balls[block] = inside.sum(1)
        covered |= inside.any(0)
        reached |= (squared <= fake_radii[block, None]).any(0)
    return NeighbourRecord(
        precision=float((n_balls > 0).mean()),
        recall=float(reached.mean()),
        density=float(n_balls.mean() / k),
        coverage=float(covered.mean()),
        expected_coverage=expected_coverage(len(x), len(y), k),
        k=int(k),
        n_real=len(x),
        n_fake=len(y),
    )


def expected_coverage(n_real: int, n_fake: int, k: int) -> float:
    """Return the expected coverage when both sets follow one continuous distribution.

    A real row is not covered when its k nearest neighbours, among the other real rows and all
    samples, are all real: 1 - prod_{i=1}^{k} (n_real - i) / (n_real + n_fake - i) (Naeem et al. 2020, Lemma 2).

    Examples
    --------
    >>> round(expected_coverage(10_000, 10_000, 5), 4)
    0.9688
    """
    return 1 - math.prod((n_real - i) / (n_real + n_fake - i) for i in range(1, k + 1))


def subset(rows: Any, max_rows: int, seed: int) -> np.ndarray:
    """Return the rows as an array; a seeded subset in their order when there are more than ``max_rows``."""
    x = _array(rows)
    if x.ndim and len(x) > max_rows:
        x = x[np.sort(np.random.default_rng(seed).choice(len(x), max_rows, replace=False))]
    return x


def flat_rows(rows: Any, name: str) -> np.ndarray:
    """Return rows as a float64 matrix of shape (n_rows, n_values); refuse what holds no numbers."""
    x = _array(rows)
    if x.ndim < 2 or not x.size:
        raise ValueError(f"{name} must have the shape (n_rows, ...) with n_rows > 0, got {x.shape}.")
    x = x.reshape(len(x), -1).astype(np.float64)
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).any(1).sum())
        raise ValueError(f"{name} must be finite, got NaN or infinity in {bad} of {len(x)} rows: drop them.")
    return x


def check_columns(x: np.ndarray, y: np.ndarray, x_name: str, y_name: str) -> None:
    """Refuse two matrices whose rows differ in length."""
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"{x_name} and {y_name} must have rows of equal length, got {x.shape[1]} and {y.shape[1]} values."
        )


def _array(rows: Any) -> np.ndarray:
    return rows.detach().cpu().numpy() if isinstance(rows, Tensor) else np.asarray(rows)


def _squared_radii(x: np.ndarray, k: int) -> np.ndarray:
    radii = np.empty(len(x))
    for block, squared in _squared_distances(x, x):
        own = np.arange(len(x))[block]
        squared[np.arange(len(own)), own] = np.inf
        radii[block] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return np.maximum(radii, 0)


def _squared_distances(
    x: np.ndarray, y: np.ndarray, shrink: float = 1.0
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield |x|^2 + |y|^2 - 2 xy by blocks of rows of x; ``shrink`` lowers the norms by their rounding."""
    y_norms = shrink * np.square(y).sum(1)
    for start in range(0, len(x), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        squared = x[block] @ (-2 * y.T)
        squared += shrink * np.square(x[block]).sum(1)[:, None]
        squared += y_norms
        yield block, squared
