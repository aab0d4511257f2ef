"""Graphs of rows, with edges from each to its nearest ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array
from scipy.sparse.csgraph import connected_components

#: Of a row that is moved, the nearest as it is are looked at anew, in so many places.
_CANDIDATES = 150
_MOVES = 128
_BLOCK_ROWS = 256


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


def nearest_if_moved(rows: np.ndarray, n_neighbors: int, moved: Callable[[slice], np.ndarray]) -> NearestRows:
    """Return the graph of rows by how near they come to each other when one of the two is moved.

    Two images of one thing are far apart where one is turned or shifted a little. So each row is moved 128 times at
    random, and its distance from another is the least of all these, in either direction. Only rows that are among the
    150 nearest as they are come into question. (Simard, LeCun & Denker 1993, Efficient pattern recognition using a new
    transformation distance, *NeurIPS*, have the least distance of planes along the moves.)

    Parameters
    ----------
    rows, n_neighbors
        As for :func:`nearest_rows`.
    moved : callable
        Returns the rows of a slice, each moved anew, shape (n, n_values).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = np.stack([[0.0, 5.0, 9.0], [0.0, 0.0, 1.5]], axis=1)
    >>> graph = nearest_if_moved(rows, 1, lambda block: rows[block] + [[rng.uniform(-1, 1), 0]])
    >>> graph.heads[:, 0], graph.distances[:, 0].round(1)
    (array([1, 2, 1]), array([4. , 3.4, 3.4]))
    """
    near = nearest_rows(rows, max(n_neighbors, _CANDIDATES))
    squares = near.distances**2
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        copies = np.stack([moved(block) for _ in range(_MOVES)], axis=1)
        others = rows[near.heads[block]]
        products = copies @ others.transpose(0, 2, 1)
        lengths = np.square(copies).sum(-1)[:, :, None] + np.square(others).sum(-1)[:, None]
        squares[block] = np.minimum(squares[block], np.maximum(lengths - 2 * products, 0).min(1))
    # sparse arrays know a largest of two, where what is missing is 0
    most = squares.max() + 1
    starts = np.arange(len(rows) + 1) * squares.shape[1]
    nearness = csr_array(((most - squares).ravel(), near.heads.ravel(), starts), (len(rows),) * 2)
    nearness = nearness.maximum(nearness.T).tocsr()
    n_edges = min(n_neighbors, len(rows) - 1)
    heads = np.empty((len(rows), n_edges), dtype=near.heads.dtype)
    distances = np.empty(heads.shape)
    for i, (start, end) in enumerate(zip(nearness.indptr[:-1], nearness.indptr[1:], strict=True)):
        order = start + np.argsort(-nearness.data[start:end], kind="stable")[:n_edges]
        heads[i], distances[i] = nearness.indices[order], np.sqrt(np.maximum(most - nearness.data[order], 0))
    return NearestRows(rows, distances, heads)
