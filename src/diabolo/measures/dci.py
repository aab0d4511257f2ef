"""Disentanglement, completeness and informativeness of codes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diabolo.measures.factors import codes_and_factors, table

_TEST_SHARE = 0.25
#: Rows in a leaf at least, as a share: trees that grow until no row is left split on codes that know nothing.
_SMALLEST_LEAF = 0.005


@dataclass(frozen=True)
class DCI:
    """What a code is about, where a factor is kept, and how well the factors can be told.

    Parameters
    ----------
    disentanglement : float
        1: each code matters for one factor only. The mean over codes, weighted by how much they matter.
    completeness : float
        1: one code only matters for each factor. The mean over factors, weighted in the same way.
    informativeness : float
        Share of held-out rows whose factor is told right, mean over factors. No baseline is taken off: a guess of
        the commonest value has a share too.
    disentanglement_per_code, completeness_per_factor, informativeness_per_factor : tuple of float
        Their terms; a code that matters for nothing has 0 and no weight.
    importance : tuple of tuple of float
        R: a row for each code, a column for each factor, whose sum is 1.
    n_trees, n_rows, n_test, seed : int
        Trees of a forest; rows that were used, those of them that were held out; the seed.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    disentanglement_per_code: tuple[float, ...]
    completeness_per_factor: tuple[float, ...]
    informativeness_per_factor: tuple[float, ...]
    importance: tuple[tuple[float, ...], ...]
    n_trees: int
    n_rows: int
    n_test: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and lists."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"DCI disentanglement {self.disentanglement:.3f}, completeness {self.completeness:.3f}, informativeness "
            f"{self.informativeness:.3f}  ({self.n_trees} trees, {self.n_rows - self.n_test} + {self.n_test} rows)"
        )


def dci(codes: Any, factors: Any, *, n_trees: int = 30, max_rows: int = 4_000, seed: int = 0) -> DCI:
    """Return disentanglement, completeness and informativeness (Eastwood & Williams 2018, section 2).

    For each factor a random forest is trained to tell its value from the codes; the importances are its mean
    decreases of the Gini impurity. Every split may use every code, and a leaf has 0.5 % of the rows or more: where a
    split saw a random few codes, or trees grew to the last row, codes that know nothing would be used too. Three quarters of the rows are trained on, the others tell the informativeness as
    a share of hits, so that larger is better (the paper reports an error). Codes enter a tree by their order only.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        A code for each row.
    factors : array of shape (n_rows, n_factors)
        The value of each factor: discrete, as numbers whose order means nothing here.
    n_trees : int
        Trees of a forest.
    max_rows : int
        Of more rows a subset drawn by ``seed`` is used.
    seed : int
        Seed of subset, split and forests.

    Raises
    ------
    ValueError
        If the inputs are no such tables.

    Examples
    --------
    >>> grid = np.indices((4, 4, 8)).reshape(3, -1).T[:, :2]
    >>> record = dci(grid, grid)
    >>> record.disentanglement > 0.99, record.informativeness
    (True, 1.0)
    """
    from sklearn.ensemble import RandomForestClassifier

    z, v = codes_and_factors(codes, factors)
    rows = np.random.default_rng(seed).permutation(len(z))[:max_rows]
    test, train = np.split(rows, [round(_TEST_SHARE * len(rows))])
    importance, hits = [], []
    for factor in v.T:
        forest = RandomForestClassifier(
            n_trees, max_features=None, min_samples_leaf=_SMALLEST_LEAF, random_state=seed
        )
        forest.fit(z[train], factor[train])
        importance.append(forest.feature_importances_)
        hits.append(float(forest.score(z[test], factor[test])))
    matrix = np.stack(importance, axis=1)
    of_codes, of_factors, weight = (
        concentration(matrix),
        concentration(matrix.T),
        matrix / (matrix.sum() or 1.0),
    )
    return DCI(
        disentanglement=float(weight.sum(1) @ of_codes),
        completeness=float(weight.sum(0) @ of_factors),
        informativeness=float(np.mean(hits)),
        disentanglement_per_code=tuple(of_codes.tolist()),
        completeness_per_factor=tuple(of_factors.tolist()),
        informativeness_per_factor=tuple(hits),
        importance=table(matrix),
        n_trees=n_trees,
        n_rows=len(rows),
        n_test=len(test),
        seed=seed,
    )


def concentration(importance: np.ndarray) -> np.ndarray:
    """Return 1 - H(P_i) / ln n for each row i, where P_i is the row divided by its sum, and n its length.

    1 where one entry has all, 0 where all are equal, and 0 for a row of zeros; 1 for rows of one entry.

    Examples
    --------
    >>> concentration(np.array([[1.0, 0, 0], [2, 2, 2], [1, 1, 0], [0, 0, 0]])).round(3).tolist()
    [1.0, 0.0, 0.369, 0.0]
    """
    total = importance.sum(1, keepdims=True)
    p = np.divide(importance, total, out=np.zeros_like(importance), where=total > 0)
    n = importance.shape[1]
    entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(1)
    return np.where(total[:, 0] > 0, 1 - entropy / (np.log(n) if n > 1 else 1.0), 0.0)
