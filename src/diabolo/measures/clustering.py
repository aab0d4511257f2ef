"""Clusters beside known classes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score


@dataclass(frozen=True)
class ClusteringScores:
    """How well clusters agree with classes that were not used to find them.

    Parameters
    ----------
    n_rows : int
        Rows that were counted.
    accuracy : float
        Share of the rows whose cluster is matched to their class: the largest that any one-to-one matching gives
        (Yang et al. 2010); rows of a cluster without a class count as wrong.
    normalised_mutual_information : float
        2 I(class; cluster) / (H(class) + H(cluster)), from 0 to 1.
    adjusted_rand_index : float
        Share of the pairs of rows that both agree on, from 0 for chance (in the mean) to 1.
    classes : tuple
        The classes, sorted: rows of ``confusion``.
    clusters : tuple of int
        Clusters in the order of the classes they are matched to, those without one last: its columns.
    confusion : tuple of tuple of int
        Rows of each class in each cluster.
    """

    n_rows: int
    accuracy: float
    normalised_mutual_information: float
    adjusted_rand_index: float
    classes: tuple[Any, ...]
    clusters: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a file."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"accuracy after matching       {self.accuracy:.4f}\n"
            f"normalised mutual information {self.normalised_mutual_information:.4f}\n"
            f"adjusted Rand index           {self.adjusted_rand_index:.4f}\n"
            f"rows                          {self.n_rows}"
        )


def clustering_scores(labels: ArrayLike, clusters: ArrayLike) -> ClusteringScores:
    """Compare clusters with known classes, whatever the clusters are called.

    Clusters and classes are matched one to one by the Hungarian method; there may be more of either.

    Parameters
    ----------
    labels : array of shape (n_rows,)
        Known classes: numbers or words.
    clusters : array of shape (n_rows,)
        Clusters, as ``labels_`` or ``predict`` gives them.

    Raises
    ------
    ValueError
        If the two differ in length, have no rows, or are no vectors, or if a class is NaN.

    Examples
    --------
    >>> scores = clustering_scores(["a", "a", "b", "b"], [1, 1, 0, 1])
    >>> scores.accuracy, scores.clusters, scores.confusion
    (0.75, (1, 0), ((2, 0), (1, 1)))
    """
    known, found = np.asarray(labels), np.asarray(clusters)
    if known.ndim != 1 or known.shape != found.shape or not len(known):
        raise ValueError(
            f"labels must hold one class for each of the {len(found) if found.ndim else 0} clustered rows, got the shape "
            f"{known.shape} for {found.shape}."
        )
    if known.dtype.kind == "f" and np.isnan(known).any():
        raise ValueError(
            f"labels must hold a class for each row, got NaN in {int(np.isnan(known).sum())} rows."
        )
    classes, row = np.unique(known, return_inverse=True)
    names, column = np.unique(found, return_inverse=True)
    counts = np.zeros((len(classes), len(names)), dtype=np.int64)
    np.add.at(counts, (row, column), 1)
    of_class, of_cluster = linear_sum_assignment(counts, maximize=True)
    matched = dict(zip(of_class.tolist(), of_cluster.tolist(), strict=True))
    rest = sorted(set(range(len(names))) - set(matched.values()))
    order = [matched[i] for i in range(len(classes)) if i in matched] + rest
    return ClusteringScores(
        n_rows=len(known),
        accuracy=float(counts[of_class, of_cluster].sum() / len(known)),
        normalised_mutual_information=float(normalized_mutual_info_score(known, found)),
        adjusted_rand_index=float(adjusted_rand_score(known, found)),
        classes=tuple(classes.tolist()),
        clusters=tuple(names[order].tolist()),
        confusion=tuple(tuple(line) for line in counts[:, order].tolist()),
    )
