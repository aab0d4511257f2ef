"""Clusters along graphs of rows: which graphs have a say, and what becomes of many rows."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_moons
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from diabolo.graphs import (
    agreed,
    clusters,
    degree_linkage,
    graph_clusters,
    modularity,
    nearest_images,
    nearest_rows,
)
from diabolo.measures import clustering_scores


@pytest.fixture(scope="module")
def moons():
    """Two curved sheets that lie in each other, in three dimensions."""
    plane, which = make_moons(240, noise=0.04, random_state=0)
    return np.column_stack([plane, plane[:, 0] * plane[:, 1]]), which


def test_curved_sheets_stay_whole(moons):
    rows, which = moons
    assert adjusted_rand_score(which, graph_clusters(rows, 2).argmax(1)) > 0.98


def test_of_several_graphs_the_one_whose_clusters_have_the_largest_modularity_is_kept(monkeypatch):
    """A sixth of the digits, where accuracies lie between 77 and 92 %."""
    digits = load_digits()
    rows, classes = digits.data[::6], digits.target[::6]
    found = {}

    def seen(graph, n_clusters, n_neighbors):
        shares = degree_linkage(graph, n_clusters, n_neighbors)
        found[graph.rows.shape[1], n_neighbors] = shares
        return shares

    monkeypatch.setattr(clusters, "degree_linkage", seen)
    kept = graph_clusters(rows, 10, seed=0)
    assert list(found) == [(30, 10), (30, 15), (30, 20), (50, 10), (50, 15), (50, 20)]
    judge = nearest_rows(PCA(50).fit_transform(rows), 15).edges(15)
    np.testing.assert_array_equal(
        kept, max(found.values(), key=lambda each: modularity(judge, each.argmax(1)))
    )
    accuracies = [clustering_scores(classes, each.argmax(1)).accuracy for each in found.values()]
    assert clustering_scores(classes, kept.argmax(1)).accuracy > np.mean(accuracies) + 0.02


def strokes(n=120):
    """Strokes in three directions anywhere in an image: their shapes say which, and hardly a pixel does."""
    rng, along, which = np.random.default_rng(0), np.linspace(-4, 4, 20), np.arange(n) % 3
    images = 0.2 * rng.normal(size=(n, 16, 16))
    for image, k in zip(images, which, strict=True):
        angle, (row, column) = k * np.pi / 3 + 0.1 * rng.normal(), rng.uniform(5, 10, 2)
        rows, columns = row + np.sin(angle) * along, column + np.cos(angle) * along
        image[rows.round().astype(int), columns.round().astype(int)] += 1
    return images, which


def lights(n=150):
    """Images in three colours, without a shape."""
    rng, which = np.random.default_rng(0), np.arange(n) % 3
    return 0.2 * np.eye(3)[which][..., None, None] + 0.2 * rng.normal(size=(n, 3, 16, 16)), which


@pytest.mark.parametrize(("make", "by_shape"), [(strokes, True), (lights, False)])
def test_of_images_the_clusters_with_the_larger_modularity_are_kept(make, by_shape):
    images, which = make()
    kept = graph_clusters(images, 3)
    assert clustering_scores(which, kept.argmax(1)).accuracy > 0.95
    rows = PCA(50, random_state=0).fit_transform(images.reshape(len(images), -1))
    graph = nearest_images(torch.as_tensor(images).reshape(len(images), -1, 16, 16), rows, 20)
    of_images = agreed([degree_linkage(graph, 3, k) for k in (10, 15, 20)])
    of_rows = graph_clusters(images.reshape(len(images), -1), 3)
    np.testing.assert_array_equal(kept, of_images if by_shape else of_rows)
    judged = [
        modularity(each.edges(15), shares.argmax(1))
        for each, shares in [(graph, of_images), (nearest_rows(rows, 15), of_rows)]
    ]
    assert (judged[0] > judged[1]) == by_shape
    other = of_rows if by_shape else of_images
    assert clustering_scores(which, other.argmax(1)).accuracy < 0.8


@pytest.mark.parametrize("most", [400, 100])  # also where only some of them are linked
def test_equal_rows_belong_alike(most, monkeypatch):
    monkeypatch.setattr(clusters, "_MOST_ROWS", most)
    rows = np.random.default_rng(0).normal(size=(4, 3)).repeat(40, axis=0)
    rows[:40, 0] = [0.0, -0.0] * 20
    shares = graph_clusters(rows, 5)
    np.testing.assert_array_equal(shares, shares[::40].repeat(40, axis=0))
    np.testing.assert_allclose(shares.sum(1), 1)


def test_bytes_are_values():
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    np.testing.assert_array_equal(graph_clusters(images, 3), graph_clusters(images.astype(np.float32), 3))


def test_small_images_are_rows():
    digits = load_digits().images[::6, None]
    np.testing.assert_array_equal(
        graph_clusters(digits, 10, seed=0), graph_clusters(digits.reshape(300, -1), 10, seed=0)
    )


def test_a_subset_of_many_rows_is_enough(moons, monkeypatch):
    rows, _ = moons
    whole = graph_clusters(rows, 2, seed=1)
    monkeypatch.setattr(clusters, "_MOST_ROWS", 150)
    first, again = (graph_clusters(rows, 2, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (240, 2)  # the others belong where their neighbours do
    np.testing.assert_allclose(first.sum(1), 1)
    assert adjusted_rand_score(whole.argmax(1), first.argmax(1)) > 0.95
    assert np.any(first != graph_clusters(rows, 2, seed=2))


def test_rows_come_in_any_memory(tmp_path):
    images, _ = strokes(60)
    wanted = graph_clusters(images.astype(np.float32), 3)
    np.save(tmp_path / "x.npy", images.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    backwards = images[::-1].astype(np.float32)[::-1]
    for rows in (images.astype(">f4"), backwards, mapped, torch.as_tensor(images).float()):
        np.testing.assert_array_equal(graph_clusters(rows, 3), wanted)
    half = (255 * images).astype(np.float16)  # whose squares are too large for it
    np.testing.assert_array_equal(graph_clusters(half, 3), graph_clusters(half.astype(np.float32), 3))
    with pytest.raises(ValueError, match=r"two axes or more, got the shape \(60,\)"):
        graph_clusters(images[:, 0, 0], 3)


@pytest.mark.filterwarnings("error")
def test_equal_images_are_clustered_too():
    assert graph_clusters(np.ones((40, 16, 16)), 2).shape == (40, 2)


@pytest.mark.parametrize(("n_rows", "n_clusters"), [(3, 4), (1, 1), (5, 0)])
def test_clusters_need_rows(n_rows, n_clusters):
    with pytest.raises(ValueError, match=f"{n_rows} rows cannot make {n_clusters} clusters"):
        graph_clusters(np.eye(5)[:n_rows], n_clusters)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_are_finite(value):
    rows = np.eye(40)
    rows[3, 3] = value
    with pytest.raises(ValueError, match="rows must be finite, and hold NaN or infinite values: fill these"):
        graph_clusters(rows, 2)
