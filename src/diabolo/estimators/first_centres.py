"""Where the centres of clusters start, among the codes of a trained auto-encoder."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

_STARTS = 20
_MIXTURES = 50
_PERPLEXITY = 30
_DIMENSIONS = 30
#: Rows that are laid out in the plane at most: its time grows with them, and the centres need no more.
_MOST_ROWS = 10_000
_LEAST_ROWS = 10  # for each cluster
_RIDGE = 1e-6


def by_k_means(codes: np.ndarray, rows: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """Return the centres of k-means with 20 starts, shape (n_clusters, d), as deep clustering has them.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        All codes.
    rows : array of shape (n_rows, n_values)
        What they are codes of; k-means does not look at it.
    n_clusters : int
        Number of centres.
    seed : int
        Where chance begins.
    """
    return KMeans(n_clusters, n_init=_STARTS, random_state=seed).fit(codes).cluster_centers_


def by_manifold(codes: np.ndarray, rows: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """Return mean codes of the islands on which rows lie (:func:`islands`); arguments as for :func:`by_k_means`.

    Of more than 10,000 rows a seeded subset is enough. k-means takes over for fewer than 10 rows a cluster.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(100, 3)) + np.repeat([[0.0], [9.0]], 50, axis=0)
    >>> by_manifold(rows[:, :2], rows, 2, seed=0).shape
    (2, 2)
    """
    if len(rows) < _LEAST_ROWS * n_clusters or rows.shape[1] < 2:
        return by_k_means(codes, rows, n_clusters, seed)
    if len(rows) > _MOST_ROWS:
        some = np.sort(np.random.default_rng(seed).permutation(len(rows))[:_MOST_ROWS])
        codes, rows = codes[some], rows[some]
    shares = islands(rows, n_clusters, seed)
    return shares.T @ codes / shares.sum(0)[:, None]


def islands(rows: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """Return how far rows belong to the Gaussians of a mixture where t-SNE lays them out, shape (n_rows, n_clusters).

    Rows of one kind lie on a curved sheet, which k-means cuts where it is wide; a map to the plane keeps its
    neighbourhoods, and there the sheets are islands (after N2D, McConville et al. 2020, who take UMAP, of codes). Rows
    are brought to 30 principal components before. The mixture is the likeliest of 50, which is needed: most of them
    cut an island in two.
    """
    from sklearn.decomposition import PCA  # half a second, which k-means need not pay
    from sklearn.manifold import TSNE
    from sklearn.mixture import GaussianMixture

    if min(rows.shape) > _DIMENSIONS:
        rows = PCA(_DIMENSIONS, random_state=seed).fit_transform(rows)
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
    ridge = _RIDGE * float(plane.var())
    mixture = GaussianMixture(n_clusters, n_init=_MIXTURES, reg_covar=ridge, random_state=seed).fit(plane)
    return mixture.predict_proba(plane)


BY_NAME = {"k-means": by_k_means, "manifold": by_manifold}
