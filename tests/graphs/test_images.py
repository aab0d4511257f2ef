"""Graphs of images against their definition, pixel by pixel, and what they find that distances of values do not."""

import numpy as np
import pytest
import torch
from scipy.ndimage import sobel
from sklearn.datasets import load_digits

from diabolo.contracts import seeded
from diabolo.corruptions import Motion
from diabolo.graphs import distortions, graph_clusters, nearest_images
from diabolo.graphs import images as module
from diabolo.measures import clustering_scores


def images(n, *shape, seed=0):
    return torch.as_tensor(np.random.default_rng(seed).random((n, *shape)), dtype=torch.float32)


def one_by_one(image, other):
    """The definition, with another library's slopes and a loop over pixels."""
    pad = [(0, 0), (4, 4), (4, 4)]
    slopes = []
    for each in (image, other):
        wide = np.pad(each.numpy().astype(float), pad)
        slopes.append(np.stack([sobel(channel, axis) / 8 for channel in wide for axis in (0, 1)]))
    (_, height, width), total = image.shape, 0.0
    for row in range(height):
        for column in range(width):
            differences = []
            for down in range(-2, 3):
                for across in range(-2, 3):
                    summed = 0.0
                    for i in range(row - 1, row + 2):
                        for j in range(column - 1, column + 2):
                            if 0 <= i < height and 0 <= j < width:
                                here, there = (
                                    slopes[0][:, i + 4, j + 4],
                                    slopes[1][:, i + down + 4, j + across + 4],
                                )
                                summed += np.square(here - there).sum()
                    differences.append(summed)
            total += min(differences)
    return total


@pytest.mark.parametrize("shape", [(1, 7, 9), (3, 6, 5)])
def test_distortions_are_those_of_the_definition(shape):
    image, *others = images(4, *shape)
    expected = [one_by_one(image, other) for other in others]
    np.testing.assert_allclose(distortions(image, torch.stack(others)), expected, rtol=1e-5)


def test_pixels_look_two_pixels_around():
    image = torch.zeros(2, 16, 16)
    image[0, 5:11, 5:8], image[1, 6, 4:9] = 1, 0.5
    there = torch.stack([image.roll((down, across), (-2, -1)) for down, across in [(0, 0), (2, -2), (0, 3)]])
    near, corner, far = distortions(image, there)
    assert near == corner == 0
    assert far > 1


def test_both_directions_of_candidates_are_averaged(monkeypatch):
    monkeypatch.setattr(module, "_CANDIDATES", 6)
    x = images(20, 1, 16, 16)
    rows = x.flatten(1).numpy()
    told = []
    graph = nearest_images(x, rows, 5, lambda *done: told.append(done))
    assert told == [(i + 1, 20) for i in range(20)]
    apart = np.linalg.norm(rows[:, None] - rows, axis=-1)
    np.fill_diagonal(apart, np.inf)
    edges = np.ones((16, 16), dtype=bool)
    edges[1:-1, 1:-1] = False
    x = x - torch.as_tensor(np.sort(x.numpy()[:, 0, edges])[:, 29, None, None, None])
    costs = np.stack([distortions(image, x) for image in x]).astype(float)
    known = np.zeros((20, 20), dtype=bool)
    np.put_along_axis(known, apart.argsort(1)[:, :6], True, axis=1)
    assert np.any(known != known.T)
    expected = np.where(known & known.T, (costs + costs.T) / 2, np.where(known, costs, costs.T))
    expected[~(known | known.T)] = np.inf
    np.testing.assert_array_equal(graph.heads, expected.argsort(1)[:, :5])
    np.testing.assert_allclose(graph.distances**2, np.sort(expected, axis=1)[:, :5], rtol=1e-6)
    assert graph.rows is rows


@pytest.mark.parametrize("n_rows", [2, 3])
def test_few_images_have_edges_to_all_others(n_rows):
    x = images(n_rows, 1, 16, 16)
    graph = nearest_images(x, x.flatten(1).numpy(), 20)
    assert graph.heads.shape == (n_rows, n_rows - 1)
    assert not (graph.heads == np.arange(n_rows)[:, None]).any()


def test_equal_images_are_at_no_distance():
    x = images(4, 1, 16, 16).repeat_interleave(3, 0)
    graph = nearest_images(x, x.flatten(1).numpy(), 2)
    np.testing.assert_allclose(graph.distances, 0, atol=1e-6)
    np.testing.assert_array_equal(graph.heads // 3, np.repeat(np.arange(4), 3)[:, None].repeat(2, 1))


def test_the_ground_does_not_matter():
    x = images(30, 2, 16, 16)
    x[..., 0], x[..., -1], x[..., 0, :], x[..., -1, :] = 0, 0, 0, 0
    rows = x.flatten(1).numpy()
    graph = nearest_images(x, rows, 4)
    grounds = torch.arange(60.0).reshape(30, 2, 1, 1) / 60
    for other in (1 - x, x + grounds):
        found = nearest_images(other, rows, 4)
        np.testing.assert_array_equal(found.heads, graph.heads)
        np.testing.assert_allclose(found.distances, graph.distances, rtol=1e-4)


@pytest.mark.parametrize(("shape", "blocks"), [((1, 64, 64), 2), ((2, 48, 96), 2), ((1, 200, 99), 4)])
def test_of_large_images_blocks_are_compared(shape, blocks):
    x = images(12, *shape)
    channels, height, width = shape
    high, wide = height // blocks, width // blocks
    if width % blocks:
        small = torch.nn.functional.adaptive_avg_pool2d(x, (high, wide))
    else:
        small = x.reshape(12, channels, high, blocks, wide, blocks).mean((3, 5))
    rows = x.flatten(1).numpy()
    graph, expected = nearest_images(x, rows, 3), nearest_images(small, rows, 3)
    np.testing.assert_array_equal(graph.heads, expected.heads)
    np.testing.assert_allclose(graph.distances, expected.distances, rtol=1e-4)


def test_digits_in_other_places_are_linked_where_pixels_may_look_around():
    digits = load_digits()
    x = torch.as_tensor(digits.images[:900, None], dtype=torch.float32) / 16
    with seeded(0):
        x = Motion(10, shift=0.15)(torch.nn.functional.interpolate(x, size=16, mode="bilinear"))
    by_values, by_explaining = graph_clusters(x.flatten(1).numpy(), 10, seed=0), graph_clusters(x, 10, seed=0)
    before, after = (
        clustering_scores(digits.target[:900], each.argmax(1)).accuracy for each in (by_values, by_explaining)
    )
    assert after > before + 0.15
    assert after > 0.8
