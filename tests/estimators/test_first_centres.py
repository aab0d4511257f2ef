"""Where the centres of clusters start."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons
from sklearn.mixture import GaussianMixture

from diabolo.estimators import first_centres
from diabolo.estimators.first_centres import by_k_means, by_manifold, parted


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
    assert distance(by_manifold(codes, 2, seed=0).centres, means) < 0.02
    assert distance(by_k_means(codes, 2, seed=0).centres, means) > 0.2


def test_rows_of_a_sheet_belong_together(moons):
    codes, means = moons
    start = by_manifold(codes, 2, seed=0)
    labels = start.shares.argmax(1)
    np.testing.assert_allclose(start.shares.T @ codes / start.shares.sum(0)[:, None], start.centres)
    own = [codes[labels == k].mean(0) for k in (0, 1)]
    assert distance(np.stack(own), means) < 0.02


def test_rows_are_laid_out_in_place_of_codes_that_tell_nothing(moons):
    rows, _ = moons
    codes = np.random.default_rng(0).normal(size=(240, 2))
    start = by_manifold(codes, 2, seed=0, rows=rows)
    np.testing.assert_array_equal(start.shares, by_manifold(rows, 2, seed=0).shares)
    np.testing.assert_allclose(start.shares.T @ codes / start.shares.sum(0)[:, None], start.centres)


def test_k_means_is_scikit_learns(moons):
    expected = KMeans(3, n_init=20, random_state=4).fit(moons[0]).cluster_centers_
    np.testing.assert_array_equal(by_k_means(moons[0], 3, seed=4).centres, expected)


def test_a_subset_of_many_rows_is_enough(moons, monkeypatch):
    monkeypatch.setattr(first_centres, "_MOST_ROWS", 150)
    codes, means = moons
    first, again = (by_manifold(codes, 2, seed=1) for _ in range(2))
    assert 0 < distance(first.centres, means) < 0.15
    np.testing.assert_array_equal(first.centres, again.centres)
    assert first.shares.shape == (240, 2)  # the others belong where their neighbours do
    np.testing.assert_allclose(first.shares.sum(1), 1, rtol=1e-5)
    nearest = np.linalg.norm(codes[:, None] - codes, axis=-1) < 0.05
    assert np.mean((first.shares.argmax(1)[:, None] == first.shares.argmax(1))[nearest]) > 0.98


def test_of_equal_clusters_the_large_island_is_cut():
    """A bar of 400 rows and a ring of 200, in three: the likeliest mixture cuts the ring, the bar keeps all of them equal."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 1.3 * np.pi, 200)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(scale=0.1, size=(200, 2))
    bar = np.column_stack([rng.uniform(6, 10, 400), rng.normal(scale=0.2, size=400)])
    plane = np.concatenate([ring, bar])
    likeliest = GaussianMixture(3, n_init=50, random_state=0).fit_predict(plane)
    assert len(np.unique(likeliest[:200])) == 2
    labels = parted(plane, 3, seed=0).argmax(1)
    assert len(np.unique(labels[:200])) == 1
    np.testing.assert_allclose(np.bincount(labels), 200, atol=20)


def test_a_small_island_stays_by_itself():
    rng = np.random.default_rng(0)
    which = np.repeat([0, 1, 2], [900, 60, 20])
    plane = rng.normal(size=(980, 2)) + np.array([[0, 0], [9, 0], [0, 9]])[which]
    labels = parted(plane, 3, seed=0).argmax(1)
    assert sorted(np.bincount(labels)) == [20, 60, 900]
    assert all(len(np.unique(labels[which == k])) == 1 for k in range(3))


@pytest.mark.parametrize(
    "codes",
    [
        np.random.default_rng(0).normal(size=(39, 3)),  # fewer than ten rows a cluster
        np.random.default_rng(0).normal(size=(60, 1)),
    ],
)
def test_where_there_is_no_sheet_k_means_takes_over(codes):
    start = by_manifold(codes, 4, seed=0)
    np.testing.assert_array_equal(start.centres, by_k_means(codes, 4, seed=0).centres)
    assert start.shares is None
