"""Graphs of nearest rows against their definition, and what they find of rows that are moved."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from diabolo.corruptions import Motion
from diabolo.estimators import nearest_rows as module
from diabolo.estimators.first_centres import linked
from diabolo.estimators.nearest_rows import nearest_if_moved, nearest_rows
from diabolo.measures import clustering_scores
from diabolo.training import seeded


def test_distances_are_the_least_of_all_moves_in_either_direction(monkeypatch):
    monkeypatch.setattr(module, "_MOVES", 3)
    monkeypatch.setattr(module, "_BLOCK_ROWS", 7)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 4))
    copies = [[row] for row in rows]

    def moved(block):
        new = rows[block] + rng.normal(size=rows[block].shape)
        for i, row in zip(range(*block.indices(30)), new, strict=True):
            copies[i].append(row)
        return new

    graph = nearest_if_moved(rows, 5, moved)
    assert all(len(each) == 4 for each in copies)  # as it is, and three times moved
    one_way = np.array([[min(np.linalg.norm(c - other) for c in each) for other in rows] for each in copies])
    expected = np.minimum(one_way, one_way.T)
    np.fill_diagonal(expected, np.inf)
    np.testing.assert_array_equal(graph.heads, expected.argsort(1)[:, :5])
    np.testing.assert_allclose(graph.distances, np.sort(expected, axis=1)[:, :5])
    assert graph.rows is rows


def test_only_the_nearest_as_they_are_come_into_question(monkeypatch):
    monkeypatch.setattr(module, "_CANDIDATES", 2)
    rows = np.array([[0.0], [1.0], [2.5], [4.5], [7.0]])
    graph = nearest_if_moved(rows, 2, lambda block: rows[block])
    expected = nearest_rows(rows, 2)
    np.testing.assert_array_equal(graph.heads, expected.heads)
    np.testing.assert_allclose(graph.distances, expected.distances)


@pytest.mark.parametrize("n_rows", [2, 3])
def test_few_rows_have_edges_to_all_others(n_rows):
    rows = np.arange(n_rows)[:, None] * [[1.0, 2.0]]
    graph = nearest_if_moved(rows, 20, lambda block: rows[block])
    assert graph.heads.shape == (n_rows, n_rows - 1)
    assert not (graph.heads == np.arange(n_rows)[:, None]).any()


def test_equal_rows_are_at_no_distance():
    rows = np.repeat(np.random.default_rng(0).normal(size=(4, 3)) * 100, 3, axis=0).astype(np.float32)
    graph = nearest_if_moved(rows, 2, lambda block: rows[block])
    np.testing.assert_allclose(graph.distances, 0, atol=1e-3)
    np.testing.assert_array_equal(graph.heads // 3, np.repeat(np.arange(4), 3)[:, None].repeat(2, 1))


def test_digits_in_other_places_are_linked_where_their_moves_are_known():
    digits = load_digits()
    images = torch.as_tensor(digits.images[:900, None], dtype=torch.float32)
    images = torch.nn.functional.interpolate(images, size=16, mode="bilinear")
    classes = digits.target[:900]
    motion = Motion(10, shift=0.15)
    with seeded(0):
        images = motion(images)
        rows = images.flatten(1).numpy()
        as_they_are = linked(rows, 10, seed=0)
        if_moved = linked(rows, 10, seed=0, moved=lambda which: motion(images[which]).flatten(1).numpy())
    before, after = (clustering_scores(classes, each.argmax(1)).accuracy for each in (as_they_are, if_moved))
    assert after > before + 0.05
    assert after > 0.85
