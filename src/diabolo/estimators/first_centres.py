"""Where the centres of clusters start, among the codes of a trained auto-encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from torch import Tensor

from diabolo.estimators.degree_linkage import degree_linkage, modularity
from diabolo.estimators.nearest_images import SMALLEST_SIDE, nearest_images
from diabolo.estimators.nearest_rows import nearest_rows
from diabolo.training.progress import Update

_STARTS = 20
_LEAST_ROWS = 10  # for each cluster
#: Of one set of rows one graph keeps two kinds apart, of another set another one.
_NEIGHBOURS = 10, 15, 20
_DIMENSIONS = 30, 50
_JUDGE = 15
#: Rows of a graph at most: finding the nearest takes time with their square.
_MOST_ROWS = 100_000
_NEAREST = 10
#: An opinion has no say if it agrees on a smaller share of the rows with the one nearest to all.
_LEAST_AGREEMENT = 0.9


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
    codes: np.ndarray, n_clusters: int, seed: int, rows: np.ndarray | Tensor, progress: Update | None = None
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
    rows, progress
        Ignored.
    """
    return Start(KMeans(n_clusters, n_init=_STARTS, random_state=seed).fit(codes).cluster_centers_)


def by_graph(
    codes: np.ndarray, n_clusters: int, seed: int, rows: np.ndarray | Tensor, progress: Update | None = None
) -> Start:
    """Return the clusters along a graph of nearest rows (:func:`linked`), and the means of their codes.

    k-means takes over for fewer than 10 rows a cluster, and for one value.

    Parameters
    ----------
    codes, n_clusters, seed
        As for :func:`by_k_means`.
    rows : array or Tensor of shape (n_rows, ...)
        The rows, in units in which their distances compare.
    progress : callable, optional
        As for :func:`linked`.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(100, 3)) + np.repeat([[0.0], [9.0]], 50, axis=0)
    >>> start = by_graph(rows[:, :1], 2, seed=0, rows=rows)
    >>> start.centres.shape, start.shares.shape
    ((2, 1), (100, 2))
    """
    if len(rows) < _LEAST_ROWS * n_clusters or math.prod(rows.shape[1:]) < 2:
        return by_k_means(codes, n_clusters, seed, rows)
    shares = linked(rows, n_clusters, seed, progress)
    return Start(shares.T @ codes / shares.sum(0)[:, None], shares)


def linked(
    rows: np.ndarray | Tensor, n_clusters: int, seed: int, progress: Update | None = None
) -> np.ndarray:
    """Return how far rows belong to the clusters along a graph, shape (n_rows, n_clusters).

    Rows of one kind lie on a curved sheet, which k-means cuts where it is wide; along the graph of nearest rows it
    hangs together. Graph degree linkage merges the rows along graphs with 10, 15 and 20 edges from each, between the
    first 30 and the first 50 principal components, and the clusters with the largest modularity are kept. Images of 16
    pixels and more are near that explain each other (:func:`nearest_images`), and what the three graphs agree on is
    kept (:func:`agreed`). Of more than 100,000 rows a seeded subset is merged, and the others belong where their 10
    nearest rows of it do.

    Parameters
    ----------
    rows : array or Tensor of shape (n_rows, ...)
        Rows; images of shape (channels, height, width), on the device that is to compare them.
    n_clusters : int
        Number of clusters.
    seed : int
        Where chance begins.
    progress : callable, optional
        As for :func:`nearest_images`; 70,000 images take minutes.
    """
    from sklearn.decomposition import PCA  # half a second, which k-means need not pay
    from sklearn.neighbors import NearestNeighbors

    whole = torch.as_tensor(rows)
    flat = whole.flatten(1).numpy(force=True)
    if flat.shape[1] > _DIMENSIONS[0]:
        flat = PCA(min(_DIMENSIONS[-1], *flat.shape), random_state=seed).fit_transform(flat)
    order = np.random.default_rng(seed).permutation(len(flat))
    some, others = np.sort(order[:_MOST_ROWS]), order[_MOST_ROWS:]
    if whole.ndim == 4 and min(whole.shape[2:]) >= SMALLEST_SIDE:
        graph = nearest_images(whole[torch.as_tensor(some)], flat[some], _NEIGHBOURS[-1], progress)
        shares = agreed([degree_linkage(graph, n_clusters, k) for k in _NEIGHBOURS])
    else:
        shares = _best(flat[some], n_clusters)
    if not len(others):
        return shares
    _, nearest = NearestNeighbors(n_neighbors=_NEAREST).fit(flat[some]).kneighbors(flat[others])
    found = np.empty((len(flat), n_clusters))
    found[some], found[others] = shares, shares[nearest].mean(1)
    return found


def _best(rows: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the clusters with the largest modularity of those along several graphs."""
    sizes = sorted({min(most, rows.shape[1]) for most in _DIMENSIONS})
    graphs = [nearest_rows(rows[:, :size], _NEIGHBOURS[-1]) for size in sizes]
    judge = graphs[-1].edges(_JUDGE)
    candidates = (degree_linkage(graph, n_clusters, k) for graph in graphs for k in _NEIGHBOURS)
    return max(candidates, key=lambda each: modularity(judge, each.argmax(1)))


def agreed(opinions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of several opinions on how far rows belong to clusters, numbered as in the one nearest to all.

    What they do not agree on is left open: a row that is half in one cluster and half in another. One that has another
    cluster than the nearest to all for more than a tenth of the rows is left out.

    Parameters
    ----------
    opinions : sequence of arrays of shape (n_rows, n_clusters)
        Their rows sum to 1; each numbers the clusters as it likes.

    Examples
    --------
    >>> one = np.eye(2)[[0] * 10 + [1] * 10]
    >>> another = np.eye(2)[[1] * 11 + [0] * 9]
    >>> agreed([one, one, another]).round(2)[9:12]
    array([[1.  , 0.  ],
           [0.33, 0.67],
           [0.  , 1.  ]])
    """
    alike = np.array([[_agreement(one, _as_in(one, other)) for other in opinions] for one in opinions])
    nearest = int(alike.sum(1).argmax())
    heard = [
        _as_in(opinions[nearest], other)
        for other, share in zip(opinions, alike[nearest], strict=True)
        if share >= _LEAST_AGREEMENT
    ]
    return np.mean(heard, axis=0)


def _agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of the rows for which both have the same cluster."""
    return float(np.mean(one.argmax(1) == other.argmax(1)))


def _as_in(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the other opinion with the numbers that make it most like the one (Hungarian matching)."""
    return other[:, linear_sum_assignment(one.T @ other, maximize=True)[1]]


BY_NAME = {"k-means": by_k_means, "graph": by_graph}
