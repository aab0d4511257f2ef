"""The two-sample test where the best classifier is known, and its standard error by simulation."""

import numpy as np
import pytest
from scipy.stats import chi, chi2, mannwhitneyu, norm
from sklearn.metrics import roc_auc_score

from diabolo.measures import classifier_two_sample
from diabolo.measures import two_sample as module
from diabolo.measures.two_sample import auc_standard_error

N_ROWS, WIDTH, SHARE = 300, 0.05, 0.4


def shifted(rng, d):
    """The mean moved by 1: the best area is Phi(1 / sqrt 2)."""
    return rng.normal(size=(N_ROWS, d)) + d**-0.5, norm.cdf(2**-0.5)


def shell(rng, d):
    """Radii about sqrt d, so the covariance is the identity; the best area from the densities of the radius."""
    rows = rng.normal(size=(N_ROWS, d))
    radius = d**0.5 * (1 + WIDTH * rng.normal(size=(N_ROWS, 1)))
    grid = np.linspace(0, 3 * d**0.5, 100_001)[1:]
    a, b = chi(d).pdf(grid), norm(d**0.5, WIDTH * d**0.5).pdf(grid)
    order = np.argsort(b / a)
    a, b = a[order] / a.sum(), b[order] / b.sum()
    return rows * radius / np.linalg.norm(rows, axis=1, keepdims=True), (b * (a.cumsum() - a / 2)).sum()


def hole(rng, d):
    """A ball about the centre left out, with a share p of the mass: the best area is (1 + p) / 2."""
    rows = rng.normal(size=(4 * N_ROWS, d))
    outside = np.square(rows).sum(1) > chi2(d).ppf(SHARE)
    return rows[outside][:N_ROWS], (1 + SHARE) / 2


@pytest.mark.parametrize("d", [2, 20])
@pytest.mark.parametrize("other", [shifted, shell, hole])
def test_holes_are_seen_and_never_more_than_there_is(other, d):
    rng = np.random.default_rng(d)
    b, best = other(rng, d)
    auc, se = module._cross_validated_auc(rng.normal(size=(N_ROWS, d)), b, 0)
    assert auc > 0.5 + 4 * se
    assert best - 0.12 < auc < best + 3 * se


def test_equal_sets_are_not_told_apart_and_the_floor_is_always_that():
    rng = np.random.default_rng(0)
    for offset in (0, 5):
        a, b = rng.normal(size=(80, 3)), rng.normal(size=(60, 3)) + offset
        record = classifier_two_sample(a[a[:, 0].argsort()], b)
        assert abs(record.floor - 0.5) < 3 * record.floor_se
        assert (abs(record.auc - 0.5) < 3 * record.auc_se) == (offset == 0)
        assert (record.n_a, record.n_b, record.n_floor) == (80, 60, 40)


def test_the_standard_error_of_exponential_scores():
    """Hanley and McNeil's formula is exact for them; 20,000 repetitions know the variance to one percent."""
    rng = np.random.default_rng(1)
    a, b = rng.exponential(size=(20_000, 8, 1)), 3 * rng.exponential(size=(20_000, 1, 5))
    areas = (a < b).mean((1, 2))
    assert areas.mean() == pytest.approx(3 / 4, abs=0.01)
    assert areas.std() == pytest.approx(auc_standard_error(3 / 4, 8, 5), rel=0.03)


def test_the_standard_error_of_equal_scores_is_that_of_mann_and_whitney():
    a, b = np.random.default_rng(2).normal(size=(2, 40))
    test = mannwhitneyu(b, a[:25], method="asymptotic", use_continuity=False, alternative="greater")
    z = norm.isf(test.pvalue)
    assert (test.statistic / 1000 - 0.5) / z == pytest.approx(auc_standard_error(0.5, 25, 40), rel=1e-9)
    assert roc_auc_score([0] * 25 + [1] * 40, [*a[:25], *b]) == test.statistic / 1000


def test_the_standard_error_of_a_cross_validation(monkeypatch):
    """Of equal sets, with a linear classifier for speed: the spread of 200 repetitions, known to 5 percent."""

    def towards_the_mean(x, is_second, test, seed):
        return test @ (x[is_second == 1].mean(0) - x[is_second == 0].mean(0))

    def area(is_second, score):
        return (score[is_second == 0][:, None] < score[is_second == 1]).mean()

    monkeypatch.setattr(module, "_fit_and_score", towards_the_mean)
    monkeypatch.setattr("sklearn.metrics.roc_auc_score", area)
    rng = np.random.default_rng(3)
    areas, errors = np.transpose(
        [module._cross_validated_auc(*rng.normal(size=(2, 50, 2)), seed) for seed in range(200)]
    )
    assert areas.std() == pytest.approx(errors.mean(), rel=0.15)


def test_seeds_and_subsets(recwarn):
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(50, 2)), rng.normal(size=(50, 2)) + 1
    before = np.random.get_state()[1].copy()
    record = classifier_two_sample(a, b, max_rows=30)
    assert (np.random.get_state()[1] == before).all()
    assert not recwarn.list
    assert (record.n_a, record.n_b) == (30, 30)
    assert record == classifier_two_sample(a, b, max_rows=30)
    assert record != classifier_two_sample(a, b, max_rows=30, seed=1)
    assert all(type(value) in (float, int) for value in record.as_dict().values())
    assert "30 against 30 rows; 0.5 = not told apart" in str(record)


def test_units_do_not_matter_and_constant_columns_do_no_harm():
    rows = np.random.default_rng(5).normal(size=(50, 2))
    seen = module._with_squared_norm(np.c_[rows, np.full(50, 7.1)])
    np.testing.assert_allclose(
        seen, module._with_squared_norm(np.c_[1e3 * rows + 5, np.zeros(50)]), atol=1e-4
    )
    assert (seen[:, 2] == 0).all()
    norms = np.square((rows - rows.mean(0)) / rows.std(0)).sum(1)
    np.testing.assert_allclose(seen[:, 3], (norms - 2) / norms.std(), atol=1e-4)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((30, 2)), np.zeros((30, 3)), "a and b must have rows of equal length, got 2 and 3"),
        (np.zeros((30, 2)), np.zeros((19, 2)), "at least 20 rows of each set, got 30 and 19: draw more"),
        (np.full((30, 2), np.nan), np.zeros((30, 2)), "a must be finite"),
    ],
)
def test_refusals(a, b, message):
    with pytest.raises(ValueError, match=message):
        classifier_two_sample(a, b)
