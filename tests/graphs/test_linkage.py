"""Graph degree linkage and modularity against their definitions."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse import csc_array
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score

from diabolo.graphs import linkage as module
from diabolo.graphs import modularity, nearest_rows


def degree_linkage(rows, n_clusters, n_neighbors=20):
    return module.degree_linkage(nearest_rows(rows, n_neighbors), n_clusters, n_neighbors)


def graph_of(rows, n_neighbors):
    graph = nearest_rows(rows, n_neighbors)
    return graph.edges(n_neighbors), graph.heaps()


def partition(labels):
    """Return clusters as sets of rows, whatever they are called."""
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in np.unique(labels)}


def affinity(edges, a, b):
    """Return that of Zhang et al. 2012 in matrices: 1' W_ba W_ab 1 / |a|^2 + 1' W_ab W_ba 1 / |b|^2."""
    there, back = edges[np.ix_(a, b)], edges[np.ix_(b, a)]
    return np.sum(back @ there) / len(a) ** 2 + np.sum(there @ back) / len(b) ** 2


def merged_by_definition(edges, labels, n_clusters):
    clusters = [sorted(rows) for rows in partition(labels)]
    while len(clusters) > n_clusters:
        a, b = max(combinations(clusters, 2), key=lambda pair: affinity(edges, *pair))
        if affinity(edges, a, b) == 0:
            break
        clusters = [rows for rows in clusters if rows not in (a, b)] + [sorted(a + b)]
    return {frozenset(rows) for rows in clusters}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_neighbors", [4, 9])
def test_clusters_merge_as_the_definition_says(seed, n_neighbors, monkeypatch):
    monkeypatch.setattr(module, "_LEAST_SHARE", 1e-9)
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(60, 3)) * rng.uniform(0.5, 2, size=(60, 1))
    edges, first = graph_of(rows, n_neighbors)
    merges = module._merges(edges, first)
    for n_clusters in (int(first.max()) + 1 - len(merges), 5):
        expected = merged_by_definition(edges.toarray(), first, n_clusters)
        assert partition(module._cut(first, merges, n_clusters, n_neighbors)) == expected


def test_edges_lead_to_the_nearest_rows():
    rows = np.random.default_rng(0).normal(size=(40, 2))
    edges, first = graph_of(rows, 3)
    squares = np.square(rows[:, None] - rows).sum(-1)
    nearest = np.argsort(squares + np.diag(np.full(40, np.inf)), axis=1)[:, :3]
    expected = np.zeros((40, 40))
    of_edges = np.take_along_axis(squares, nearest, 1)
    np.put_along_axis(expected, nearest, np.exp(-of_edges / np.median(of_edges)), 1)
    np.testing.assert_allclose(edges.toarray(), expected, rtol=1e-9)
    assert all(first[i] == first[nearest[i, 0]] for i in range(40))
    assert (
        len(np.unique(first)) == sum(nearest[nearest[i, 0], 0] == i for i in range(40)) / 2
    )  # a pair in each


def test_two_rows_far_from_all_others_cost_no_cluster(monkeypatch):
    rng = np.random.default_rng(0)
    which = np.repeat([0, 1, 2], [150, 150, 2])
    rows = rng.normal(size=(302, 2)) + np.array([[0.0, 0.0], [5.0, 0.0], [90.0, 90.0]])[which]
    assert adjusted_rand_score(which[:300], degree_linkage(rows, 2).argmax(1)[:300]) > 0.9
    monkeypatch.setattr(module, "_LEAST_SHARE", 1e-9)
    assert len(partition(degree_linkage(rows, 2).argmax(1)[:300])) == 1


def test_a_small_cluster_stays_by_itself_if_nothing_leads_to_it():
    which = np.repeat([0, 1, 2], [900, 60, 25])
    rows = np.random.default_rng(0).normal(size=(985, 2)) + np.array([[0, 0], [9, 0], [0, 9]])[which]
    assert partition(degree_linkage(rows, 3).argmax(1)) == partition(which)


def test_a_row_belongs_to_clusters_as_its_edges_do():
    rows, _ = make_moons(200, noise=0.15, random_state=1)
    shares = degree_linkage(rows, 2, n_neighbors=8)
    np.testing.assert_allclose(shares.sum(1), 1)
    edges, first = graph_of(rows, 8)
    labels = module._cut(first, module._merges(edges, first), 2, 8)
    both = edges.toarray() + edges.toarray().T + np.eye(200)
    for k in (0, 1):
        np.testing.assert_allclose(shares[:, k], both[:, labels == k].sum(1) / both.sum(1))
    assert 0 < np.mean(shares.max(1) < 0.9) < 0.5


@pytest.mark.parametrize("n_clusters", [1, 2, 3, 4, 9])
def test_heaps_far_apart_are_cut_or_joined_to_the_number_that_is_asked_for(n_clusters):
    """Of 4 heaps no edge leads to another; of fewer clusters the largest heaps remain."""
    which = np.repeat([0, 1, 2, 3], [40, 30, 20, 10])
    rows = (
        np.random.default_rng(0).normal(size=(100, 2))
        + 1e3 * np.array([[0, 0], [1, 0], [0, 1], [1.5, 0]])[which]
    )
    labels = degree_linkage(rows, n_clusters, n_neighbors=9).argmax(1)
    assert len(np.unique(labels)) == n_clusters
    if n_clusters < 4:  # the fourth is nearest to the second
        names = [labels[which == k] for k in range(n_clusters)]
        assert all(len(np.unique(name)) == 1 for name in names)
        if n_clusters > 1:
            assert labels[-1] == names[1][0]
    if n_clusters == 4:
        assert partition(labels) == partition(which)


@pytest.mark.parametrize("rows", [np.zeros((30, 2)), np.repeat(np.eye(3), 10, axis=0), np.eye(3)])
def test_rows_that_are_equal_or_few_are_clustered_too(rows):
    shares = degree_linkage(rows, 3)
    assert shares.shape == (len(rows), 3)
    np.testing.assert_allclose(shares.sum(1), 1)
    if len(np.unique(rows, axis=0)) == 3:
        assert len(np.unique(shares.argmax(1))) == 3


def test_modularity_is_its_definition():
    rng = np.random.default_rng(0)
    weights = rng.exponential(size=(30, 30)) * (rng.random((30, 30)) < 0.2)
    labels = rng.integers(0, 4, 30)
    both = weights + weights.T
    strength, total = both.sum(1), both.sum()
    same = labels[:, None] == labels
    expected = ((both - np.outer(strength, strength) / total) * same).sum() / total
    assert modularity(csc_array(weights), labels) == pytest.approx(expected)


def test_modularity_of_a_ring_of_cliques():
    """n cliques of m rows, each tied to the next by one edge: 1 - 2 / (m (m - 1) + 2) - 1 / n (Fortunato & Barthelemy 2007)."""
    n, m = 6, 5
    edges = np.kron(np.eye(n), 1 - np.eye(m))
    for k in range(n):
        a, b = k * m, (k + 1) % n * m + 1
        edges[a, b] = edges[b, a] = 1
    expected = 1 - 2 / (m * (m - 1) + 2) - 1 / n
    assert modularity(csc_array(edges), np.repeat(np.arange(n), m)) == pytest.approx(expected)
