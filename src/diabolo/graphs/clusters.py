"""Clusters along graphs of rows as they are."""

from __future__ import annotations

from hashlib import blake2b
from operator import itemgetter

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from diabolo.graphs.agreement import agreed
from diabolo.graphs.images import SMALLEST_SIDE, Progress, nearest_images
from diabolo.graphs.linkage import degree_linkage, modularity
from diabolo.graphs.rows import NearestRows, nearest_rows

#: Of one set of rows one graph keeps two kinds apart, of another set another one.
_NEIGHBOURS = 10, 15, 20
_DIMENSIONS = 30, 50
_JUDGE = 15
#: Rows of a graph at most: finding the nearest takes time with their square.
_MOST_ROWS = 100_000
_NEAREST = 10


def graph_clusters(
    rows: np.ndarray | Tensor, n_clusters: int, seed: int = 0, progress: Progress | None = None
) -> np.ndarray:
    """Return how far rows belong to the clusters along a graph, shape (n_rows, n_clusters).

    Rows of one kind lie on a curved sheet, which k-means cuts where it is wide; along the graph of nearest rows it
    hangs together. Graph degree linkage merges the rows along graphs with 10, 15 and 20 edges from each, between the
    first 30 and the first 50 principal components, and the clusters with the largest modularity are kept. Images of 16
    pixels and more have other graphs too, in which those are near that explain each other (:func:`nearest_images`), and
    what three of these agree on (:func:`agreed`) is kept where its modularity is as large: where shapes make the kinds, and
    not colours or brightness. Of more than 100,000 rows a seeded subset is merged, and the others belong where their 10
    nearest rows of it do. Equal rows belong alike.

    Parameters
    ----------
    rows : array or Tensor of shape (n_rows, n_values), (n_rows, height, width) or (n_rows, channels, height, width)
        Rows, in units in which their distances compare, or images, on the device that is to compare them.
    n_clusters : int
        Number of clusters.
    seed : int
        Where chance begins.
    progress : callable, optional
        As for :func:`nearest_images`; 70,000 images take minutes.

    Raises
    ------
    ValueError
        If rows are no array of two axes or more, fewer than two, or fewer than clusters, or hold what is not finite.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(100, 3)) + np.repeat([[0.0], [9.0]], 50, axis=0)
    >>> graph_clusters(rows, 2).sum(0)
    array([50., 50.])
    """
    from sklearn.decomposition import PCA  # half a second, which k-means need not pay
    from sklearn.neighbors import NearestNeighbors

    whole = _floats(rows)
    if whole.ndim < 2:
        raise ValueError(f"rows must have two axes or more, got the shape {tuple(whole.shape)}.")
    if not 1 <= n_clusters <= len(whole) or len(whole) < 2:
        raise ValueError(
            f"{len(whole)} rows cannot make {n_clusters} clusters along a graph: n_clusters must be 1 or more and at most "
            "the number of rows, and rows two or more."
        )
    if not whole.isfinite().all():
        raise ValueError(
            "rows must be finite, and hold NaN or infinite values: fill these, or leave the rows out."
        )
    whole = whole[:, None] if whole.ndim == 3 else whole
    flat = whole.flatten(1).numpy(force=True)
    if flat.shape[1] > _DIMENSIONS[0] and np.ptp(flat, axis=0).any():
        flat = PCA(min(_DIMENSIONS[-1], *flat.shape), random_state=seed).fit_transform(flat)
    order = np.random.default_rng(seed).permutation(len(flat))
    some, others = np.sort(order[:_MOST_ROWS]), order[_MOST_ROWS:]
    candidates = [_along_rows(flat[some], n_clusters)]
    if whole.ndim == 4 and min(whole.shape[2:]) >= SMALLEST_SIDE:
        graph = nearest_images(whole[torch.as_tensor(some)], flat[some], _NEIGHBOURS[-1], progress)
        candidates.insert(0, _along_images(graph, n_clusters))
    _, shares = max(candidates, key=itemgetter(0))
    same = _equal_rows(whole)
    if not len(others):
        return _means(shares, same)
    _, nearest = NearestNeighbors(n_neighbors=_NEAREST).fit(flat[some]).kneighbors(flat[others])
    found = np.empty((len(flat), n_clusters))
    found[some], found[others] = shares, shares[nearest].mean(1)
    return _means(found, same)


def _floats(rows: np.ndarray | Tensor) -> Tensor:
    """Return rows in single precision, or in double where they are so, in memory that torch can read."""
    if not isinstance(rows, Tensor):
        array = np.asarray(rows)
        array = np.ascontiguousarray(array, np.float64 if array.dtype == np.float64 else np.float32)
        rows = torch.from_numpy(array if array.flags.writeable else array.copy())
    return rows.detach() if rows.dtype in (torch.float32, torch.float64) else rows.detach().float()


def _equal_rows(rows: Tensor) -> np.ndarray:
    """Return a number for each row that equal rows share, from 0."""
    numbers: dict[bytes, int] = {}
    flat = rows.flatten(1).numpy(force=True) + 0.0  # -0 is 0
    return np.array([numbers.setdefault(blake2b(row.tobytes()).digest(), len(numbers)) for row in flat])


def _means(shares: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the shares with those of each group in the place of its rows': equal rows have edges to different ones."""
    member = csr_array((np.ones(len(groups)), (groups, np.arange(len(groups)))))
    return (member @ shares / member.sum(1)[:, None])[groups]


def _along_rows(rows: np.ndarray, n_clusters: int) -> tuple[float, np.ndarray]:
    """Return the clusters with the largest modularity of those along several graphs of rows, and before them that one."""
    sizes = sorted({min(most, rows.shape[1]) for most in _DIMENSIONS})
    graphs = [nearest_rows(rows[:, :size], _NEIGHBOURS[-1]) for size in sizes]
    judge = graphs[-1].edges(_JUDGE)
    found = [degree_linkage(graph, n_clusters, k) for graph in graphs for k in _NEIGHBOURS]
    return max(((modularity(judge, each.argmax(1)), each) for each in found), key=itemgetter(0))


def _along_images(graph: NearestRows, n_clusters: int) -> tuple[float, np.ndarray]:
    """Return what clusters along several graphs of images agree on, and before it its modularity in one of them."""
    shares = agreed([degree_linkage(graph, n_clusters, k) for k in _NEIGHBOURS])
    return modularity(graph.edges(_JUDGE), shares.argmax(1)), shares
