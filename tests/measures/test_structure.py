"""Structure where the scores are known: codes that are the factors, copies, rotations, and a table of chances."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import mutual_info_score

from diabolo.measures import (
    attribute_predictability,
    beta_vae_score,
    dci,
    factor_vae_score,
    mutual_information_gap,
    structure,
)
from diabolo.measures.dci import concentration

GRID = np.indices((8, 6, 5)).reshape(3, -1).T
COPIED = GRID[:, [0, 0, 1, 2]]


def test_codes_that_are_the_factors_score_1():
    scores = structure(GRID, GRID).measured.scores()
    exact = {name: value for name, value in scores.items() if "DCI" not in name}
    np.testing.assert_allclose(list(exact.values()), 1, rtol=1e-12)
    assert scores["DCI informativeness"] > 0.9
    assert min(scores["DCI disentanglement"], scores["DCI completeness"]) > 0.97


def test_codes_that_know_nothing_are_at_the_floor():
    record = structure(
        np.random.default_rng(0).normal(size=(1200, 4)), np.random.default_rng(1).integers(4, size=(1200, 3))
    )
    scores, floor = record.measured.scores(), record.floor.scores()
    assert max(scores["MIG"], scores["SAP"], scores["DCI disentanglement"], floor["MIG"]) < 0.02
    for name in ("FactorVAE score", "beta-VAE score"):
        assert abs(scores[name] - 1 / 3) < 0.09
    assert "MIG" in str(record)
    assert record.as_dict()["measured"]["mig"]["score"] == scores["MIG"]


def test_a_factor_copied_to_two_codes():
    assert mutual_information_gap(COPIED, GRID).per_factor == pytest.approx((0, 1, 1), abs=1e-12)
    assert attribute_predictability(COPIED, GRID).per_factor == pytest.approx((0, 1, 1), abs=1e-12)
    record = dci(COPIED, GRID, n_trees=60)
    # each copy is about one factor only; the factor is kept in two of four codes: 1 - ln 2 / ln 4
    assert record.disentanglement > 0.97
    assert record.completeness_per_factor == pytest.approx((0.5, 1, 1), abs=0.05)
    assert factor_vae_score(COPIED, GRID).score == 1


def test_dci_of_known_importances():
    shares = np.array([[0.5, 0], [0.25, 0.5], [0.25, 0.5]])
    entropy = -(math.log(1 / 3) / 3 + math.log(2 / 3) * 2 / 3) / math.log(2)
    np.testing.assert_allclose(concentration(shares), [1, 1 - entropy, 1 - entropy])
    np.testing.assert_allclose(concentration(shares.T), [1 - 1.5 * math.log(2, 3), 1 - math.log(2, 3)])


def test_information_is_that_of_the_table_of_chances():
    # all rows of a joint distribution p(z, v) in 48ths, and of its mirror image
    joint = np.array([[6, 2, 4], [1, 10, 1], [8, 4, 12]])
    cells = list(itertools.product(range(3), range(3)))
    rows = np.repeat(cells, [joint[cell] for cell in cells], axis=0)
    p = joint / 48
    exact = sum(p[c] * math.log(p[c] / (p[c[0]].sum() * p[:, c[1]].sum())) for c in cells)
    entropy = -sum(q * math.log(q) for q in p.sum(0))
    codes = np.stack([rows[:, 0] * 0.1 - 7, np.zeros(48)], 1)
    record = mutual_information_gap(codes, rows[:, 1:])
    assert record.score == pytest.approx(exact / entropy, rel=1e-12)
    assert record.entropy[0] == pytest.approx(entropy, rel=1e-12)
    assert record.information[1] == pytest.approx((0,), abs=1e-12)


def test_bins_are_of_equal_width():
    rng = np.random.default_rng(3)
    factors, noise = rng.integers(5, size=(600, 1)), rng.normal(size=(600, 1))
    codes = factors + noise
    edges = np.linspace(codes.min(), codes.max(), 13)
    binned = np.digitize(codes[:, 0], edges[1:-1])
    expected = mutual_info_score(binned, factors[:, 0]) / mutual_info_score(factors[:, 0], factors[:, 0])
    assert mutual_information_gap(codes, factors, n_bins=np.int64(12)).score == pytest.approx(
        expected, rel=1e-10
    )
    assert attribute_predictability(codes, factors).score == pytest.approx(
        pearsonr(codes[:, 0], factors[:, 0])[0] ** 2, rel=1e-10
    )


def test_two_factors_turned_by_45_degrees():
    factors = np.indices((9, 9)).reshape(2, -1).T
    codes = factors @ np.array([[1, 1], [1, -1]])
    # both codes know as much of either, a line in one explains half of it
    assert mutual_information_gap(codes, factors).score == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(attribute_predictability(codes, factors).r2, 0.5)
    record = structure(codes, factors).measured
    assert record.dci.disentanglement < 0.2
    # the mean |difference| of a + b is the same, whichever of the two is held fixed
    assert abs(record.beta_vae.score - 0.5) < 0.08
    assert abs(record.factor_vae.score - 0.5) < 0.08


def test_order_sign_scale_and_shift_of_codes_change_nothing():
    rng = np.random.default_rng(0)
    codes = np.c_[GRID + rng.normal(scale=0.7, size=GRID.shape), rng.normal(size=len(GRID))]
    moved = codes[:, [2, 0, 3, 1]] * [-4, 8, 0.5, -0.25] + 2
    for measure in (attribute_predictability, beta_vae_score, factor_vae_score):
        assert measure(moved, GRID).score == pytest.approx(measure(codes, GRID).score, abs=0.01)
    assert mutual_information_gap(moved, GRID).score == pytest.approx(
        mutual_information_gap(codes, GRID).score, abs=0.01
    )
    a, b = dci(moved, GRID), dci(codes, GRID)
    assert a.disentanglement == pytest.approx(b.disentanglement, abs=0.05)
    assert a.informativeness == pytest.approx(b.informativeness, abs=0.08)


def test_constant_codes_and_tensors():
    codes = np.c_[GRID, np.full(len(GRID), 0.1)]
    assert mutual_information_gap(torch.tensor(codes), torch.tensor(GRID)).score == pytest.approx(1)
    assert factor_vae_score(codes, GRID) == factor_vae_score(codes, GRID)
    assert factor_vae_score(codes, GRID).score == beta_vae_score(codes, GRID).score == 1
    assert attribute_predictability(codes, GRID).r2[3] == (0, 0, 0)
    dead = np.zeros((len(GRID), 2))
    zero = (mutual_information_gap, attribute_predictability)
    assert [measure(dead, GRID).score for measure in zero] == [0, 0]
    assert dci(dead, GRID).disentanglement == 0
    # a code that matters for nothing has no weight: the mean over codes would be 2/3 of it
    alone = dci(GRID, GRID).disentanglement
    assert dci(codes, GRID).disentanglement == pytest.approx(alone, abs=0.02)
    assert factor_vae_score(dead, GRID).score < 0.45
    assert beta_vae_score(dead, GRID).score < 0.45
    assert dci(GRID, GRID, seed=3) == dci(GRID, GRID, seed=3)


@pytest.mark.parametrize(
    ("codes", "factors", "sentence"),
    [
        (GRID[:10], GRID[:10], "codes must have 20 rows or more, got 10: give more rows"),
        (GRID, GRID[:9], "factors must have a row for each of the 240 rows of codes, got 9"),
        (GRID * np.nan, GRID, "codes must be finite, got NaN or infinity in 240 of 240 rows"),
        (GRID[:, 0], GRID, r"codes must be numbers of shape \(n_rows, n_columns\)"),
        (GRID, GRID * [1, 0, 1], "factors must vary, but column 1 is always 0: leave the column out"),
        (GRID, np.arange(240)[:, None], "column 0 has 240 values in 240 rows: sort it into classes"),
    ],
)
def test_refusals(codes, factors, sentence):
    with pytest.raises(ValueError, match=sentence):
        structure(codes, factors)


def test_refusals_of_numbers():
    with pytest.raises(
        ValueError, match="n_bins must be a whole number from 2 to the number of rows, 240, got 241"
    ):
        mutual_information_gap(GRID, GRID, n_bins=241)
    with pytest.raises(ValueError, match="n_votes must be 60 or more for 3 factors"):
        factor_vae_score(GRID, GRID, n_votes=10)
