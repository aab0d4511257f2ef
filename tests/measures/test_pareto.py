"""The tail of the weights, against draws whose tail is known and against another implementation."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import genpareto

from diabolo.measures import largest_k, pareto, pareto_k


@pytest.mark.parametrize("k", [-0.2, 0.3, 0.7, 1.2])
def test_the_shape_of_simulated_tails(k):
    draws = genpareto.rvs(k, size=(4000, 300), random_state=1) + 1e-9
    found = pareto_k(torch.from_numpy(np.log(draws + 1)))
    # shifted by 1, the excesses over any threshold are generalised Pareto with the same k
    n_tail = int(3 * math.sqrt(4000))
    pulled = (k * n_tail + 5) / (n_tail + 10)
    error = float(found.std()) / math.sqrt(300)
    assert float(found.mean()) == pytest.approx(pulled, abs=4 * error + 0.02)
    assert float(found.std()) < 2 * (1 + abs(k)) / math.sqrt(n_tail)


@pytest.mark.parametrize("n_draws", [60, 226, 5000])
@pytest.mark.parametrize("deviation", [0.3, 2.0, 5.0])
def test_it_agrees_with_another_implementation(n_draws, deviation):
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    log_weights = deviation * np.random.default_rng(0).standard_normal((n_draws, 20))
    ours = pareto_k(torch.from_numpy(log_weights)).numpy()
    theirs = array_stats.psislw(-log_weights, r_eff=1, axis=0)[1]
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_weights_up_to_a_constant_and_in_any_order():
    log_weights = torch.randn(500, 4, dtype=torch.float64)
    k = pareto_k(log_weights)
    torch.testing.assert_close(pareto_k(log_weights + 1000), k)
    torch.testing.assert_close(pareto_k(log_weights[torch.randperm(500)]), k)


def test_too_few_or_equal_weights():
    assert torch.isnan(pareto_k(torch.randn(20, 3))).all()
    assert (pareto_k(torch.zeros(100, 3)) == -math.inf).all()
    assert (pareto_k(torch.full((100, 3), -90.0) + 1e-5 * torch.randn(100, 3)) == -math.inf).all()


def test_one_weight_above_all():
    log_weights = torch.randn(500, 3, dtype=torch.float64)
    for above in (50.0, 2000.0):
        assert (pareto_k(torch.cat([log_weights, log_weights[:1] * 0 + above])) > 1).all()


def test_weights_that_are_zero_or_no_number():
    log_weights = torch.randn(500, 3, dtype=torch.float64)
    k = pareto_k(log_weights)
    least = log_weights.argsort(0)[:100]
    torch.testing.assert_close(pareto_k(log_weights.scatter(0, least, -math.inf)), k)
    torch.testing.assert_close(
        pareto_k(log_weights.float().scatter(0, least, -math.inf)), k, rtol=1e-4, atol=1e-5
    )
    mostly = torch.full((500, 1), -math.inf)
    mostly[:3] = 1.0
    assert float(pareto_k(mostly)) > 1
    assert torch.isnan(pareto_k(torch.full((500, 1), -math.inf))).all()
    log_weights[7, 1] = math.nan
    assert torch.isnan(pareto_k(log_weights)).tolist() == [False, True, False]


def test_rows_are_taken_in_blocks(monkeypatch):
    log_weights = torch.randn(300, 11, dtype=torch.float64)
    k = pareto_k(log_weights)
    monkeypatch.setattr(pareto, "_BLOCK_NUMBERS", 6000)
    torch.testing.assert_close(pareto_k(log_weights), k, rtol=0, atol=1e-14)


def test_few_draws_need_a_lighter_tail():
    assert largest_k(30) == pytest.approx(0.323, abs=5e-4)
    assert largest_k(99) < 0.5
    assert largest_k(100) == largest_k(5000) == 0.5
    assert largest_k(1) == -math.inf
