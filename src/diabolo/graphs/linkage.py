"""Graph degree linkage: clusters of rows merge along the graph of nearest rows."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array

from diabolo.graphs.rows import NearestRows

#: A cluster has at least this part of an even share of the rows, or it merges with no other and is no mere outlier.
_LEAST_SHARE = 0.2


def degree_linkage(graph: NearestRows, n_clusters: int, n_neighbors: int) -> np.ndarray:
    """Return how far rows belong to the clusters of graph degree linkage, shape (n_rows, n_clusters).

    At first those rows are a cluster that hang together by their nearest ones. Then, again and again, the clusters a
    and b merge for which

        sum over i in a of in_i(b) out_i(b) / |a|^2  +  sum over j in b of in_j(a) out_j(a) / |b|^2

    is largest; out_i(b) is the weight of the edges from row i to b, in_i(b) of those from b to it (Zhang et al. 2012,
    Graph degree linkage: agglomerative clustering on a directed graph, *ECCV*). Two rows far from all others would
    stay a cluster to the end, and large ones merge in their stead. So merging ends where for the last time
    ``n_clusters`` of them have a fifth of an even share of the rows, or merge with no other and have more rows than
    edges leave one; and each row of the rest joins that of the nearest row. How far a row belongs to a cluster is that
    one's part of the edges of the row, in both directions.

    Parameters
    ----------
    graph : NearestRows
        Rows, ``n_clusters`` of them at least.
    n_clusters : int
        Number of clusters.
    n_neighbors : int
        Edges from each row, at most as many as the graph has.

    Examples
    --------
    >>> from diabolo.graphs.rows import nearest_rows
    >>> angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    >>> ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> degree_linkage(nearest_rows(np.concatenate([ring, 5 * ring]), 5), 2, 5).sum(0)
    array([60., 60.])
    """
    edges, first = graph.edges(n_neighbors), graph.heaps()
    if first.max() + 1 < n_clusters:
        first = np.arange(len(graph.rows))
    labels = _cut(first, _merges(edges, first), n_clusters, n_neighbors)
    _join(labels, graph.rows)
    found = _memberships(labels)
    shares = (edges @ found + edges.T @ found + found).toarray()  # and a row is near itself
    return shares / shares.sum(1, keepdims=True)


def modularity(edges: csc_array, labels: np.ndarray) -> float:
    """Return the share of the weight that lies within clusters, above that of edges drawn between rows by chance.

    Every row keeps its weight there (Newman & Girvan 2004, Finding and evaluating community structure in networks,
    equation 5); below 1.

    Parameters
    ----------
    edges : sparse array of shape (n_rows, n_rows)
        Their weights; directions do not count.
    labels : array of shape (n_rows,)
        Clusters.
    """
    found = _memberships(labels)
    between = (found.T @ (edges + edges.T) @ found).toarray()
    between /= between.sum()
    return float(np.trace(between) - np.square(between.sum(0)).sum())


def _memberships(labels: np.ndarray) -> csc_array:
    """Return which row belongs to which cluster, as ones, shape (n_rows, n_clusters)."""
    return csc_array((np.ones(len(labels)), (np.arange(len(labels)), labels)))


class _Clusters:
    """Clusters that merge, and how strongly edges hold them together."""

    def __init__(self, edges: csc_array, labels: np.ndarray) -> None:
        found = _memberships(labels)
        self.labels = labels.copy()
        self.members = np.split(found.indices, found.indptr[1:-1])
        self.sizes = [len(rows) for rows in self.members]
        # rows with edges from or to a cluster, and the weight of both in one number, out + i in: of two clusters they add up
        weights = (edges @ found + 1j * (edges.T @ found)).tocsc()
        parts = weights.indptr[1:-1]
        self.seen = list(zip(np.split(weights.indices, parts), np.split(weights.data, parts), strict=True))
        # pulls[a][b]: sum of in_i(b) out_i(b) over i in a
        self.pulls: list[dict[int, float]] = [{} for _ in self.sizes]
        for b in range(len(self.sizes)):
            for a, pull in self._pulls(b).items():
                self.pulls[a][b] = pull
        self.affinities: list[dict[int, float]] = [{} for _ in self.sizes]
        for a, pulls in enumerate(self.pulls):
            for b in pulls.keys() - {a}:
                self.affinities[a][b] = self.affinities[b][a] = self._affinity(a, b)
        self.nearest = np.full(len(self.sizes), -1)
        self.most = np.zeros(len(self.sizes))
        for a in range(len(self.sizes)):
            self._look(a)

    def pair(self) -> tuple[int, int] | None:
        """Return the two clusters with the largest affinity; None if no edges lead from one to another and back."""
        a = int(self.most.argmax())
        return (a, int(self.nearest[a])) if self.most[a] > 0 else None

    def merge(self, a: int, b: int) -> None:
        """Make b a part of a."""
        self.labels[self.members[b]] = a
        self.members[a] = np.concatenate([self.members[a], self.members[b]])
        self.sizes[a] += self.sizes[b]
        (rows, weights), (others, more) = self.seen[a], self.seen[b]
        rows, where = np.unique(np.concatenate([rows, others]), return_inverse=True)
        weights = np.concatenate([weights, more])
        self.seen[a] = rows, np.bincount(where, weights.real) + 1j * np.bincount(where, weights.imag)
        pulled = self._pulls(a)
        of_a, of_b = self.pulls[a], self.pulls[b]
        around = (self.affinities[a].keys() | self.affinities[b].keys() | pulled.keys()) - {a, b}
        self.pulls[a] = {c: of_a.get(c, 0.0) + of_b.get(c, 0.0) for c in around}
        self.affinities[a] = {}
        for c in around:
            self.pulls[c].pop(b, None)
            self.affinities[c].pop(b, None)
            self.pulls[c][a] = pulled.get(c, 0.0)
            affinity = self.affinities[a][c] = self.affinities[c][a] = self._affinity(a, c)
            if self.nearest[c] in (a, b):
                self._look(c)
            elif affinity > self.most[c]:
                self.nearest[c], self.most[c] = a, affinity
        self._look(a)
        self.most[b], self.affinities[b], self.pulls[b] = 0.0, {}, {}

    def _pulls(self, b: int) -> dict[int, float]:
        """Return the sum of in_i(b) out_i(b) over the rows i of each cluster where it is not 0."""
        rows, weights = self.seen[b]
        pulls = np.bincount(self.labels[rows], weights.real * weights.imag)
        some = pulls.nonzero()[0]
        return dict(zip(some.tolist(), pulls[some].tolist(), strict=True))

    def _affinity(self, a: int, b: int) -> float:
        one, other = self.pulls[a].get(b, 0.0), self.pulls[b].get(a, 0.0)
        return one / self.sizes[a] ** 2 + other / self.sizes[b] ** 2

    def _look(self, a: int) -> None:
        """Find the cluster with the largest affinity to a."""
        affinities = self.affinities[a]
        self.nearest[a] = max(affinities, key=affinities.__getitem__, default=-1)
        self.most[a] = affinities.get(int(self.nearest[a]), 0.0)


def _merges(edges: csc_array, labels: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs that merge, in their order: the second cluster becomes part of the first."""
    clusters, merges = _Clusters(edges, labels), []
    while pair := clusters.pair():
        clusters.merge(*pair)
        merges.append(pair)
    return merges


def _cut(labels: np.ndarray, merges: list[tuple[int, int]], n_clusters: int, n_neighbors: int) -> np.ndarray:
    """Return the clusters at the last time when so many are large enough, the others as -1."""
    sizes = np.bincount(labels)
    in_the_end = _merged(len(sizes), merges)
    whole = np.bincount(in_the_end, sizes)[in_the_end]
    whole[whole <= n_neighbors] = np.inf
    least = _LEAST_SHARE * len(labels) / n_clusters
    while (n_merges := _last_time(sizes, merges, n_clusters, np.minimum(least, whole))) is None and least > 1:
        least /= 2
    labels = _merged(len(sizes), merges[:n_merges])[labels]
    largest = np.argsort(-np.bincount(labels), kind="stable")[:n_clusters]
    names = np.full(len(sizes), -1)
    names[largest] = np.arange(n_clusters)
    return names[labels]


def _merged(n_clusters: int, merges: list[tuple[int, int]]) -> np.ndarray:
    """Return of which cluster each is a part after these merges."""
    names = np.arange(n_clusters)
    for a, b in merges:
        names[names == b] = a
    return names


def _last_time(
    sizes: np.ndarray, merges: list[tuple[int, int]], n_clusters: int, least: np.ndarray
) -> int | None:
    """Return the largest number of merges after which ``n_clusters`` have their least size; None if there is none."""
    sizes = sizes.copy()
    n_large = int((sizes >= least).sum())
    last = 0 if n_large == n_clusters else None
    for n_merges, (a, b) in enumerate(merges, start=1):
        n_large -= int(sizes[a] >= least[a]) + int(sizes[b] >= least[b])
        sizes[a] += sizes[b]
        n_large += int(sizes[a] >= least[a])
        if n_large == n_clusters:
            last = n_merges
    return last


def _join(labels: np.ndarray, rows: np.ndarray) -> None:
    """Give rows without a cluster that of the nearest row with one."""
    from sklearn.neighbors import NearestNeighbors

    lost = labels < 0
    if lost.any():
        _, nearest = NearestNeighbors(n_neighbors=1).fit(rows[~lost]).kneighbors(rows[lost])
        labels[lost] = labels[~lost][nearest[:, 0]]
