"""Graphs of rows, with edges from each to its nearest ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class NearestRows:
    """A graph of rows: edges from each to its nearest ones.

    Parameters
    ----------
    rows : array of shape (n_rows, n_values)
        Rows, two at least.
    distances : array of shape (n_rows, n_neighbors)
        Length of the edges from each row, the shortest first.
    heads : array of shape (n_rows, n_neighbors)
        Rows to which they lead.
    """

    rows: np.ndarray
    distances: np.ndarray
    heads: np.ndarray

    def edges(self, n_neighbors: int) -> csc_array:
        """Return the weights of the edges to the ``n_neighbors`` nearest, shape (n_rows, n_rows), from row to column.

        An edge over a distance d weighs exp(-d^2 / s), where s is the median of d^2 > 0: of a few rows far from all
        others the mean of the paper would know nothing but these.
        """
        heads, squares = self.heads[:, :n_neighbors], self.distances[:, :n_neighbors] ** 2
        apart = squares[squares > 0]
        weights = np.exp(-squares / np.median(apart)) if len(apart) else np.ones_like(squares)
        n_rows, n_edges = heads.shape
        return csc_array(
            (weights.ravel(), (np.arange(n_rows).repeat(n_edges), heads.ravel())), (n_rows, n_rows)
        )

    def heaps(self) -> np.ndarray:
        """Return the clusters of rows that hang together by their very nearest, shape (n_rows,)."""
        n_rows = len(self.rows)
        nearest = csc_array((np.ones(n_rows), (np.arange(n_rows), self.heads[:, 0])), (n_rows, n_rows))
        return connected_components(nearest, connection="weak")[1]


def nearest_rows(rows: np.ndarray, n_neighbors: int) -> NearestRows:
    """Return the graph of rows by their distance.

    Parameters
    ----------
    rows : array of shape (n_rows, n_values)
        Rows, two at least.
    n_neighbors : int
        Edges from each row; at most to all others.
    """
    from sklearn.neighbors import NearestNeighbors  # a quarter of a second, which k-means need not pay

    search = NearestNeighbors(n_neighbors=min(n_neighbors, len(rows) - 1)).fit(rows)
    return NearestRows(rows, *search.kneighbors())
