"""Where the centres of clusters start."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons

from diabolo.estimators import first_centres as module
from diabolo.estimators.first_centres import RowGraph, first_centres
from diabolo.graphs import graph_clusters


@pytest.fixture(scope="module")
def moons():
    """Two curved sheets that lie in each other, in three dimensions; and the mean of each."""
    plane, which = make_moons(240, noise=0.04, random_state=0)
    codes = np.column_stack([plane, plane[:, 0] * plane[:, 1]])
    return codes, np.stack([codes[which == k].mean(0) for k in (0, 1)])


def distance(centres, means):
    """Return the largest distance of a mean from the nearest centre."""
    return np.linalg.norm(means[:, None] - centres, axis=-1).min(1).max()


def test_curved_sheets_stay_whole_where_k_means_cuts_them(moons):
    codes, means = moons
    shares = RowGraph(0).shares(torch.as_tensor(codes), 2)
    assert distance(first_centres(codes, 2, 0, shares), means) < 0.02
    assert distance(first_centres(codes, 2, 0), means) > 0.2


def test_centres_are_the_means_of_what_belongs_to_clusters():
    rng = np.random.default_rng(0)
    codes, shares = rng.normal(size=(30, 2)), rng.dirichlet(np.ones(3), size=30)
    expected = [np.average(codes, axis=0, weights=share) for share in shares.T]
    np.testing.assert_allclose(first_centres(codes, 3, 0, shares), expected)


def test_k_means_is_scikit_learns(moons):
    expected = KMeans(3, n_init=20, random_state=4).fit(moons[0]).cluster_centers_
    np.testing.assert_array_equal(first_centres(moons[0], 3, 4), expected)


def test_a_graph_is_made_once(moons, monkeypatch):
    rows, told, seeds = torch.as_tensor(moons[0]), [], []

    def seen(rows, n_clusters, seed, progress):
        seeds.append(seed)
        progress(3, 240)
        return graph_clusters(rows, n_clusters, seed)

    monkeypatch.setattr(module, "graph_clusters", seen)
    graph = RowGraph(7)
    one, another = (graph.shares(rows, 2, lambda *done: told.append(done)) for _ in range(2))
    assert one is another
    assert (seeds, told) == ([7], [(3, 240, {})])
    np.testing.assert_array_equal(one, graph_clusters(rows, 2, 7))


@pytest.mark.parametrize("shape", [(39, 3), (60, 1)])  # fewer than ten rows a cluster; one value
def test_where_there_is_no_sheet_there_is_no_graph(shape):
    assert RowGraph(0).shares(torch.zeros(shape), 4) is None
