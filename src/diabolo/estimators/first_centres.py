"""Where the centres of clusters start, among the codes of a trained auto-encoder."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

_STARTS = 20
_MIXTURES = 50
#: A hundredth of the rows, as Kobak & Berens 2019 have it, within these: with 30, islands of thousands of rows fall apart.
_PERPLEXITY = 30, 60
_DIMENSIONS = 30
#: Rows that are laid out in the plane at most: its time grows with them, and the centres need no more.
_MOST_ROWS = 30_000
_LEAST_ROWS = 10  # for each cluster
_NEAREST = 10
_RIDGE = 1e-6


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


def by_k_means(codes: np.ndarray, n_clusters: int, seed: int, rows: np.ndarray | None = None) -> Start:
    """Return the centres of k-means with 20 starts, as deep clustering has them.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        The codes of all rows.
    n_clusters : int
        Number of centres.
    seed : int
        Where chance begins.
    rows : None
        Ignored.
    """
    return Start(KMeans(n_clusters, n_init=_STARTS, random_state=seed).fit(codes).cluster_centers_)


def by_manifold(codes: np.ndarray, n_clusters: int, seed: int, rows: np.ndarray | None = None) -> Start:
    """Return the islands on which codes lie (:func:`islands`), and the means of their codes.

    k-means takes over for fewer than 10 rows a cluster.

    Parameters
    ----------
    codes, n_clusters, seed
        As for :func:`by_k_means`.
    rows : array of shape (n_rows, n_values) or None
        What is laid out in place of the codes.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(100, 3)) + np.repeat([[0.0], [9.0]], 50, axis=0)
    >>> start = by_manifold(rows, 2, seed=0)
    >>> start.centres.shape, start.shares.shape
    ((2, 3), (100, 2))
    """
    laid = codes if rows is None else rows
    if len(laid) < _LEAST_ROWS * n_clusters or laid.shape[1] < 2:
        return by_k_means(codes, n_clusters, seed)
    shares = islands(laid, n_clusters, seed)
    return Start(shares.T @ codes / shares.sum(0)[:, None], shares)


def islands(rows: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """Return how far rows belong to the Gaussians of a mixture where t-SNE lays them out, shape (n_rows, n_clusters).

    Rows of one kind lie on a curved sheet, which k-means cuts where it is wide; a map to the plane keeps its
    neighbourhoods, and there the sheets are islands (after N2D, McConville et al. 2020, who take UMAP). Rows
    are brought to 30 principal components before. Of more than 30,000 rows a seeded subset is laid out, and the
    others belong where their 10 nearest rows of it do.
    """
    from sklearn.decomposition import PCA  # half a second, which k-means need not pay
    from sklearn.manifold import TSNE
    from sklearn.neighbors import NearestNeighbors

    if min(rows.shape) > _DIMENSIONS:
        rows = PCA(_DIMENSIONS, random_state=seed).fit_transform(rows)
    some = np.sort(np.random.default_rng(seed).permutation(len(rows))[:_MOST_ROWS])
    laid = rows[some]
    perplexity = min((len(laid) - 1) / 3, max(_PERPLEXITY[0], min(_PERPLEXITY[1], len(laid) / 100)))
    plane = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(laid)
    shares = parted(plane, n_clusters, seed)
    if len(laid) == len(rows):
        return shares
    _, nearest = NearestNeighbors(n_neighbors=min(_NEAREST, len(laid))).fit(laid).kneighbors(rows)
    found = shares[nearest].mean(1)
    found[some] = shares
    return found


def parted(plane: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """Return how far rows belong to the Gaussians of one of 50 mixtures, shape (n_rows, n_clusters).

    Most mixtures cut an island in two. The one that is kept makes rows likeliest if all its Gaussians have the same
    share (Celeux & Govaert 1992 fit such mixtures), as in the target of deep clustering a large cluster counts no
    more than a small one. With the shares that were fitted, two pieces of one island beside two islands in one
    cluster are sometimes as likely as all of them whole.

    Parameters
    ----------
    plane : array of shape (n_rows, d)
        Where rows lie on a map.
    n_clusters : int
        Number of Gaussians.
    seed : int
        Where chance begins.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    ridge, chance = _RIDGE * float(plane.var()), np.random.RandomState(seed)
    best, most = np.empty(0), -np.inf
    for _ in range(_MIXTURES):
        mixture = GaussianMixture(n_clusters, reg_covar=ridge, random_state=chance)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it competes as it is
            mixture.fit(plane)
        shares = mixture.predict_proba(plane)
        mixture.weights_ = np.full(n_clusters, 1 / n_clusters)
        if (likelihood := mixture.score(plane)) > most:
            best, most = shares, likelihood
    return best


BY_NAME = {"k-means": by_k_means, "manifold": by_manifold}
