"""Where the centres of clusters start, among the codes of a trained auto-encoder."""

from __future__ import annotations

import math

import numpy as np
from sklearn.cluster import KMeans
from torch import Tensor

from diabolo.graphs import graph_clusters
from diabolo.training.progress import Update

_STARTS = 20
_LEAST_ROWS = 10  # for each cluster


class RowGraph:
    """The clusters along a graph of rows as they are (:func:`~diabolo.graphs.graph_clusters`).

    They are found when they are first asked for, and kept: restarts have the same rows, and graphs of images take
    minutes.

    Parameters
    ----------
    seed : int
        Where chance begins.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._shares: np.ndarray | None = None

    def shares(self, rows: Tensor, n_clusters: int, progress: Update | None = None) -> np.ndarray | None:
        """Return how far rows belong to the clusters, shape (n_rows, n_clusters).

        None for fewer than 10 rows a cluster, and for one value.

        Parameters
        ----------
        rows : Tensor of shape (n_rows, ...)
            The rows, in units in which their distances compare.
        n_clusters : int
            Number of clusters.
        progress : callable, optional
            Gets the rows done, their number and an empty mapping.
        """
        if self._shares is None and len(rows) >= _LEAST_ROWS * n_clusters and math.prod(rows.shape[1:]) > 1:
            told = None if progress is None else lambda done, n_rows: progress(done, n_rows, {})
            images = rows.ndim == 4
            self._shares = graph_clusters(rows if images else rows.flatten(1), n_clusters, self.seed, told)
        return self._shares


def first_centres(
    codes: np.ndarray, n_clusters: int, seed: int, shares: np.ndarray | None = None
) -> np.ndarray:
    """Return the means of the codes of clusters that are known, or else the centres of k-means, shape (n_clusters, d).

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        The codes of all rows.
    n_clusters : int
        Number of centres.
    seed : int
        Where the chance of k-means begins; it has 20 starts, as in deep clustering.
    shares : array of shape (n_rows, n_clusters), optional
        How far each row belongs to each cluster.

    Examples
    --------
    >>> first_centres(np.array([[0.0], [1.0], [5.0]]), 2, 0, np.array([[1, 0], [1, 0], [0, 1]]))
    array([[0.5],
           [5. ]])
    """
    if shares is None:
        return KMeans(n_clusters, n_init=_STARTS, random_state=seed).fit(codes).cluster_centers_
    return shares.T @ codes / shares.sum(0)[:, None]
