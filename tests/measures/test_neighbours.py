"""Precision, recall, density and coverage, against loops, by hand, and in expectation."""

from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from diabolo.measures import precision_recall_density_coverage
from diabolo.measures.neighbours import expected_coverage

FIGURES = ("precision", "recall", "density", "coverage")


def figures(record):
    return [getattr(record, name) for name in FIGURES]


def by_loops(real, fake, k):
    """The definitions, ball by ball; radii from scikit-learn (k + 1, as a row is its own neighbour)."""

    def radii(rows):
        return NearestNeighbors(n_neighbors=k + 1).fit(rows).kneighbors(rows)[0][:, -1]

    r_real, r_fake = radii(real), radii(fake)
    in_real = np.zeros((len(real), len(fake)), bool)
    in_fake = np.zeros((len(real), len(fake)), bool)
    for i, x in enumerate(real):
        for j, y in enumerate(fake):
            distance = np.sqrt(((x - y) ** 2).sum())
            in_real[i, j], in_fake[i, j] = distance <= r_real[i], distance <= r_fake[j]
    return [
        in_real.any(0).mean(),
        in_fake.any(1).mean(),
        in_real.sum() / (k * len(fake)),
        in_real.any(1).mean(),
    ]


@pytest.mark.parametrize(("n_real", "n_fake", "d", "k"), [(60, 40, 2, 3), (30, 70, 5, 1), (50, 50, 1, 7)])
@pytest.mark.parametrize("block", [7, 1024])
def test_blocks_give_what_loops_give(n_real, n_fake, d, k, block, monkeypatch):
    monkeypatch.setattr("diabolo.measures.neighbours._BLOCK_ROWS", block)
    rng = np.random.default_rng(n_real)
    real, fake = rng.normal(size=(n_real, d)), 0.5 + 1.2 * rng.normal(size=(n_fake, d))
    record = precision_recall_density_coverage(real, fake, k=k)
    assert figures(record) == pytest.approx(by_loops(real, fake, k), abs=1e-12)
    far = precision_recall_density_coverage(10 * (real + 1e6), 10 * (fake + 1e6), k=k)
    assert figures(far) == pytest.approx(figures(record), abs=1e-12)


def test_a_line_by_hand():
    """k = 1: the real radii are 1, 1, 3, .5, .5; the samples' .3, .3, .2, .2; .9 and 1.2 lie in two real balls."""
    real, fake = [[0.0], [1.0], [4.0], [20.0], [20.5]], [[0.9], [1.2], [9.0], [9.2]]
    assert figures(precision_recall_density_coverage(real, fake, k=1)) == [2 / 4, 1 / 5, 4 / 4, 3 / 5]


def test_expected_values_for_equal_distributions():
    """E density = 1 and E coverage by the lemma, whatever the distribution; 4 standard errors of 60 repetitions."""
    rng = np.random.default_rng(0)
    for n_real, n_fake, k in ((100, 100, 5), (60, 150, 2)):
        draws = []
        for _ in range(60):
            rows = rng.standard_t(3, size=(n_real + n_fake, 3))
            draws.append(precision_recall_density_coverage(rows[:n_real], rows[n_real:], k=k))
        for name, exact in (("density", 1.0), ("coverage", expected_coverage(n_real, n_fake, k))):
            values = np.array([getattr(record, name) for record in draws])
            assert abs(values.mean() - exact) < 4 * values.std() / 60**0.5
            assert values.std() / 60**0.5 < 0.02
        assert draws[0].expected_coverage == expected_coverage(n_real, n_fake, k)


def test_expected_coverage_by_enumeration():
    """All orders of 2 other real rows and 3 samples round a real row, k = 2."""
    orders = list(permutations("rrfff"))
    missed = sum(order[:2] == ("r", "r") for order in orders) / len(orders)
    assert expected_coverage(3, 3, 2) == pytest.approx(1 - missed)


def test_a_dropped_mode_costs_recall_and_coverage_alone():
    rng = np.random.default_rng(1)
    modes = np.repeat([[-20.0, 0.0], [20.0, 0.0]], 300, axis=0)
    real, both = (modes + rng.normal(size=(600, 2)) for _ in range(2))
    one = modes[0] + rng.normal(size=(600, 2))
    kept, dropped = (precision_recall_density_coverage(real, fake) for fake in (both, one))
    assert min(kept.precision, kept.recall, dropped.precision) > 0.95
    assert dropped.recall < 0.5
    assert dropped.coverage < 0.51
    assert dropped.density > 0.9


def test_samples_far_away_have_neither():
    rng = np.random.default_rng(2)
    record = precision_recall_density_coverage(rng.normal(size=(50, 3)), 1e6 + rng.normal(size=(40, 3)))
    assert figures(record) == [0, 0, 0, 0]


def test_ties_are_inside():
    """On a grid all neighbours are at one distance; turned and shifted, every product rounds."""
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), -1).reshape(-1, 2)
    beside = grid + np.array([1.0, 0.0])
    turn = 0.1 * np.array([[0.6, 0.8], [-0.8, 0.6]])
    for k in (1, 2):
        turned = precision_recall_density_coverage(grid @ turn + 1 / 3, beside @ turn + 1 / 3, k=k)
        assert turned.precision == turned.recall == turned.coverage == 1
        assert figures(turned) == pytest.approx(by_loops(grid, beside, k), abs=1e-12)


def test_images_tensors_and_subsets():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(80, 2, 3)), rng.normal(size=(60, 2, 3))
    record = precision_recall_density_coverage(real, fake)
    assert precision_recall_density_coverage(torch.tensor(real), torch.tensor(fake)) == record
    cut = [precision_recall_density_coverage(real, fake, max_rows=30, seed=seed) for seed in (0, 0, 1)]
    assert (cut[0].n_real, cut[0].n_fake) == (30, 30)
    assert cut[0] == cut[1] != cut[2]
    assert all(type(value) in (float, int) for value in record.as_dict().values())
    assert "60 samples against 80 real, k = 5" in str(record)


@pytest.mark.parametrize(
    ("real", "fake", "k", "message"),
    [
        (np.zeros((9, 2)), np.zeros((9, 3)), 5, "rows of equal length, got 2 and 3 values"),
        (np.zeros((9, 2)), np.zeros((5, 2)), 5, "k must be from 1 to 4 for 5 rows, got 5"),
        (np.zeros((9, 2)), np.zeros((9, 2)), 0, "k must be from 1 to 8"),
        (np.zeros(9), np.zeros((9, 2)), 5, r"real must have the shape \(n_rows, ...\)"),
        (np.zeros((9, 2)), np.full((9, 2), np.nan), 5, "fake must be finite, got NaN or infinity in 9 of 9"),
    ],
)
def test_refusals(real, fake, k, message):
    with pytest.raises(ValueError, match=message):
        precision_recall_density_coverage(real, fake, k=k)
