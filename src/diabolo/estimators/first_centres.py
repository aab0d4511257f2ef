"""Where the centres of clusters start, among the codes of a trained auto-encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from diabolo.estimators.degree_linkage import degree_linkage, modularity
from diabolo.estimators.nearest_rows import nearest_if_moved, nearest_rows

_STARTS = 20
_LEAST_ROWS = 10  # for each cluster
#: Of one set of rows one graph keeps two kinds apart, of another set another one.
_NEIGHBOURS = 10, 15, 20
_DIMENSIONS = 30, 50
_JUDGE = 15
#: Rows of a graph at most: finding the nearest takes time with their square.
_MOST_ROWS = 100_000
_NEAREST = 10

#: Returns the rows of these indices, each moved anew, shape (n, n_values).
Moved = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Start:
    """Where clusters start.

    Parameters
    ----------
    centres : array of shape (n_clusters, d)
        Their centres, among the codes.
    shares : array of shape (n_rows, n_clusters) or None
        How far each row belongs to each of them, where more is known than which centre is near.
    """

    centres: np.ndarray
    shares: np.ndarray | None = None


def by_k_means(
    codes: np.ndarray, n_clusters: int, seed: int, rows: np.ndarray, moved: Moved | None = None
) -> Start:
    """Return the centres of k-means with 20 starts, as deep clustering has them.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        The codes of all rows.
    n_clusters : int
        Number of centres.
    seed : int
        Where chance begins.
    rows, moved
        Ignored.
    """
    return Start(KMeans(n_clusters, n_init=_STARTS, random_state=seed).fit(codes).cluster_centers_)


def by_graph(
    codes: np.ndarray, n_clusters: int, seed: int, rows: np.ndarray, moved: Moved | None = None
) -> Start:
    """Return the clusters along a graph of nearest rows (:func:`linked`), and the means of their codes.

    k-means takes over for fewer than 10 rows a cluster, and for one value.

    Parameters
    ----------
    codes, n_clusters, seed
        As for :func:`by_k_means`.
    rows : array of shape (n_rows, n_values)
        The rows, in units in which their distances compare.
    moved : callable, optional
        As for :func:`linked`.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(100, 3)) + np.repeat([[0.0], [9.0]], 50, axis=0)
    >>> start = by_graph(rows[:, :1], 2, seed=0, rows=rows)
    >>> start.centres.shape, start.shares.shape
    ((2, 1), (100, 2))
    """
    if len(rows) < _LEAST_ROWS * n_clusters or rows.shape[1] < 2:
        return by_k_means(codes, n_clusters, seed, rows)
    shares = linked(rows, n_clusters, seed, moved)
    return Start(shares.T @ codes / shares.sum(0)[:, None], shares)


def linked(rows: np.ndarray, n_clusters: int, seed: int, moved: Moved | None = None) -> np.ndarray:
    """Return how far rows belong to the clusters along a graph, shape (n_rows, n_clusters).

    Rows of one kind lie on a curved sheet, which k-means cuts where it is wide; along the graph of nearest rows it
    hangs together. Graph degree linkage merges the rows along graphs with 10, 15 and 20 edges from each, between the
    first 30 and the first 50 principal components, and the clusters with the largest modularity are kept. Of more than
    100,000 rows a seeded subset is merged, and the others belong where their 10 nearest rows of it do.

    Parameters
    ----------
    rows : array of shape (n_rows, n_values)
        Rows.
    n_clusters : int
        Number of clusters.
    seed : int
        Where chance begins; what ``moved`` draws is not of it.
    moved : callable, optional
        What may become of rows without making another kind of them: returns the rows of these indices, each moved
        anew, shape (n, n_values). The graphs are then of the distances of moved rows, between the first 50 principal
        components alone, and what all three say is kept (:func:`agreed`).
    """
    from sklearn.decomposition import PCA  # half a second, which k-means need not pay
    from sklearn.neighbors import NearestNeighbors

    seen: Callable[[np.ndarray], np.ndarray] = np.asarray
    if rows.shape[1] > _DIMENSIONS[0]:
        components = PCA(min(_DIMENSIONS[-1], *rows.shape), random_state=seed)
        rows, seen = components.fit_transform(rows), components.transform
    order = np.random.default_rng(seed).permutation(len(rows))
    some, others = np.sort(order[:_MOST_ROWS]), order[_MOST_ROWS:]
    if moved is None:
        sizes = sorted({min(most, rows.shape[1]) for most in _DIMENSIONS})
        graphs = [nearest_rows(rows[some, :size], _NEIGHBOURS[-1]) for size in sizes]
    else:
        graphs = [nearest_if_moved(rows[some], _NEIGHBOURS[-1], lambda block: seen(moved(some[block])))]
    candidates = (degree_linkage(graph, n_clusters, k) for graph in graphs for k in _NEIGHBOURS)
    if moved is None:
        judge = graphs[-1].edges(_JUDGE)
        shares = max(candidates, key=lambda each: modularity(judge, each.argmax(1)))
    else:
        shares = agreed(list(candidates))
    if not len(others):
        return shares
    _, nearest = NearestNeighbors(n_neighbors=_NEAREST).fit(rows[some]).kneighbors(rows[others])
    found = np.empty((len(rows), n_clusters))
    found[some], found[others] = shares, shares[nearest].mean(1)
    return found


def agreed(opinions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of several opinions on how far rows belong to clusters, numbered as in the one nearest to all.

    What they do not agree on is left open: a row that is half in one cluster and half in another.

    Parameters
    ----------
    opinions : sequence of arrays of shape (n_rows, n_clusters)
        Their rows sum to 1; each numbers the clusters as it likes.

    Examples
    --------
    >>> one = np.eye(3)[[0, 0, 1, 1, 2, 2]]
    >>> another = np.eye(3)[[2, 2, 0, 0, 0, 1]]
    >>> agreed([one, one, another]).round(2)[[0, 3, 4]]
    array([[1.  , 0.  , 0.  ],
           [0.  , 1.  , 0.  ],
           [0.  , 0.33, 0.67]])
    """
    alike = [
        sum(float(np.mean(one.argmax(1) == _as_in(one, other).argmax(1))) for other in opinions)
        for one in opinions
    ]
    nearest = opinions[int(np.argmax(alike))]
    return np.mean([_as_in(nearest, other) for other in opinions], axis=0)


def _as_in(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the other opinion with the numbers that make it most like the one (Hungarian matching)."""
    return other[:, linear_sum_assignment(one.T @ other, maximize=True)[1]]


BY_NAME = {"k-means": by_k_means, "graph": by_graph}
