"""Where the centres of clusters start."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_moons
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from diabolo.estimators import first_centres
from diabolo.estimators.degree_linkage import degree_linkage, modularity
from diabolo.estimators.first_centres import agreed, by_graph, by_k_means, linked
from diabolo.estimators.nearest_images import nearest_images
from diabolo.estimators.nearest_rows import nearest_rows
from diabolo.measures import clustering_scores


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
    assert distance(by_graph(codes, 2, seed=0, rows=codes).centres, means) < 0.02
    assert distance(by_k_means(codes, 2, seed=0, rows=codes).centres, means) > 0.2


def test_rows_of_a_sheet_belong_together(moons):
    codes, means = moons
    start = by_graph(codes, 2, seed=0, rows=codes)
    labels = start.shares.argmax(1)
    np.testing.assert_allclose(start.shares.T @ codes / start.shares.sum(0)[:, None], start.centres)
    own = [codes[labels == k].mean(0) for k in (0, 1)]
    assert distance(np.stack(own), means) < 0.02


def test_rows_are_linked_in_place_of_codes_that_tell_nothing(moons):
    rows, _ = moons
    codes = np.random.default_rng(0).normal(size=(240, 2))
    start = by_graph(codes, 2, seed=0, rows=rows)
    np.testing.assert_array_equal(start.shares, linked(rows, 2, seed=0))
    np.testing.assert_allclose(start.shares.T @ codes / start.shares.sum(0)[:, None], start.centres)


def test_k_means_is_scikit_learns(moons):
    expected = KMeans(3, n_init=20, random_state=4).fit(moons[0]).cluster_centers_
    np.testing.assert_array_equal(by_k_means(moons[0], 3, seed=4, rows=moons[0]).centres, expected)


def test_of_several_graphs_the_one_whose_clusters_have_the_largest_modularity_is_kept(monkeypatch):
    """A sixth of the digits, where accuracies lie between 77 and 92 %."""
    digits = load_digits()
    rows, classes = digits.data[::6], digits.target[::6]
    found = {}

    def seen(graph, n_clusters, n_neighbors):
        shares = degree_linkage(graph, n_clusters, n_neighbors)
        found[graph.rows.shape[1], n_neighbors] = shares
        return shares

    monkeypatch.setattr(first_centres, "degree_linkage", seen)
    kept = linked(rows, 10, seed=0)
    assert list(found) == [(30, 10), (30, 15), (30, 20), (50, 10), (50, 15), (50, 20)]
    judge = nearest_rows(PCA(50).fit_transform(rows), 15).edges(15)
    np.testing.assert_array_equal(
        kept, max(found.values(), key=lambda each: modularity(judge, each.argmax(1)))
    )
    accuracies = [clustering_scores(classes, each.argmax(1)).accuracy for each in found.values()]
    assert clustering_scores(classes, kept.argmax(1)).accuracy > np.mean(accuracies) + 0.02


def test_of_images_three_graphs_have_a_say(monkeypatch):
    digits = load_digits().images[::6, None] / 16
    images = torch.nn.functional.interpolate(torch.as_tensor(digits, dtype=torch.float32), size=16)
    found = []

    def seen(graph, n_clusters, n_neighbors):
        assert graph.distances.shape == (300, 20)
        found.append((n_neighbors, degree_linkage(graph, n_clusters, n_neighbors)))
        return found[-1][1]

    monkeypatch.setattr(first_centres, "degree_linkage", seen)
    kept = linked(images, 10, seed=0)
    assert [k for k, _ in found] == [10, 15, 20]
    np.testing.assert_array_equal(kept, agreed([shares for _, shares in found]))
    np.testing.assert_allclose(kept.sum(1), 1)
    graph = nearest_images(images, PCA(50, random_state=0).fit_transform(images.flatten(1).numpy()), 20)
    np.testing.assert_array_equal(found[1][1], degree_linkage(graph, 10, 15))
    np.testing.assert_array_equal(linked(images.numpy(), 10, seed=0), kept)


def test_small_images_are_rows():
    digits = load_digits().images[::6, None]
    np.testing.assert_array_equal(linked(digits, 10, seed=0), linked(digits.reshape(300, -1), 10, seed=0))


def test_opinions_are_numbered_alike_before_their_mean():
    """As the one that agrees with most rows of the others has it; by hand, with numbers of clusters drawn anew."""
    labels = np.repeat([0, 1, 2, 3], 10)
    odd, odder, lost = labels.copy(), labels.copy(), labels.copy()
    odd[:2], odder[:2], odder[10:12], lost[:10] = 1, 1, 2, 2
    plain = [np.eye(4)[each] for each in (labels, odd, odder, lost)]
    orders = [2, 0, 3, 1], [1, 3, 0, 2], [3, 2, 1, 0], [0, 1, 2, 3]
    found = agreed([each[:, order] for each, order in zip(plain, orders, strict=True)])
    # the second is between the others; the last has two kinds in one cluster, and is left out
    np.testing.assert_allclose(found, np.mean(plain[:3], axis=0)[:, [1, 3, 0, 2]])


def test_a_subset_of_many_rows_is_enough(moons, monkeypatch):
    rows, _ = moons
    whole = linked(rows, 2, seed=1)
    monkeypatch.setattr(first_centres, "_MOST_ROWS", 150)
    first, again = (linked(rows, 2, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (240, 2)  # the others belong where their neighbours do
    np.testing.assert_allclose(first.sum(1), 1)
    assert adjusted_rand_score(whole.argmax(1), first.argmax(1)) > 0.95
    assert np.any(first != linked(rows, 2, seed=2))


@pytest.mark.parametrize(
    "codes",
    [
        np.random.default_rng(0).normal(size=(39, 3)),  # fewer than ten rows a cluster
        np.random.default_rng(0).normal(size=(60, 1)),
    ],
)
def test_where_there_is_no_sheet_k_means_takes_over(codes):
    start = by_graph(codes, 4, seed=0, rows=codes)
    np.testing.assert_array_equal(start.centres, by_k_means(codes, 4, seed=0, rows=codes).centres)
    assert start.shares is None
