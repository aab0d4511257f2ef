"""What a diagnosis says, on models whose fault is known."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.datasets import load_digits

from diabolo import VAE, AutoEncoder
from diabolo.likelihoods import Bernoulli, Gaussian
from diabolo.networks import MLP, Linear

X = load_digits().images[:300].astype(np.float32)
QUICK = {"network": MLP((16,)), "max_epochs": 10, "random_state": 0, "early_stopping": False}


@pytest.fixture(scope="module")
def diagnosis():
    return VAE(3, **QUICK).fit(X).diagnose(X)


def test_numbers_agree_with_those_of_evaluate(diagnosis):
    record = VAE(3, **QUICK).fit(X).evaluate(X)
    assert diagnosis.rate == pytest.approx(record.rate, rel=1e-5)
    assert diagnosis.active_units == record.active_units
    np.testing.assert_allclose(diagnosis.rate_per_dimension, record.rate_per_dimension, rtol=1e-4)
    assert diagnosis.elbo == pytest.approx(record.elbo, abs=0.5)


def test_the_rate_of_the_training_rows_is_taken_apart(diagnosis):
    s = diagnosis.surgery
    assert s.rate == pytest.approx(diagnosis.rate, rel=1e-4)  # the rows given are the training rows
    assert s.mutual_information + s.marginal_kl == pytest.approx(s.rate_drawn, abs=1e-6)
    assert abs(s.rate_drawn - s.rate) < 4 * s.rate_drawn_se
    assert s.mutual_information <= math.log(300)


def test_it_prints_and_is_plain_data(diagnosis):
    assert "continuity" in str(diagnosis)
    plain = json.loads(json.dumps(diagnosis.as_dict()))
    assert plain["surgery"]["n_rows"] == 300
    assert plain["findings"] == list(diagnosis.findings)


def test_a_collapsed_model_is_told_so():
    model = VAE(4, beta=200.0, **{**QUICK, "max_epochs": 150}).fit(X)
    d = model.diagnose(X)
    assert d.collapsed == (0, 1, 2, 3)
    assert any("4 of 4 dimensions carry no information" in finding for finding in d.findings)
    assert any("codes do not help" in finding for finding in d.findings)


def test_codes_far_from_the_prior_are_told():
    d = VAE(3, beta=0.01, **{**QUICK, "max_epochs": 150}).fit(X).diagnose(X)
    assert any("told apart" in finding for finding in d.findings)
    assert d.surgery.marginal_kl > 1


def test_the_baseline_is_the_likelihood_of_independent_columns():
    rows = (X.reshape(300, -1) > 8).astype(np.float32)
    d = VAE(2, **QUICK).fit(rows).diagnose(rows)
    p = (rows.sum(0) + 0.5) / 301
    assert d.baseline == pytest.approx(
        (rows * np.log(p) + (1 - rows) * np.log(1 - p)).sum(1).mean(), rel=1e-4
    )
    d = VAE(2, likelihood="gaussian", **QUICK).fit(X).diagnose(X)
    scale = np.sqrt(X.reshape(300, -1).var(0).mean())
    residual = (X - X.mean(0)).reshape(300, -1) / scale
    by_hand = -0.5 * (residual**2).sum(1).mean() - 64 * math.log(scale * math.sqrt(2 * math.pi))
    assert d.baseline == pytest.approx(by_hand, rel=1e-3)


def test_the_baseline_has_the_scales_of_the_fit_and_the_density_of_the_likelihood():
    rows = np.random.default_rng(0).normal(size=(400, 3)) * [1, 100, 0.01]
    d = VAE(1, likelihood="gaussian", scale="column", beta=1e4, **QUICK).fit(rows).diagnose(rows)
    log_p = norm.logpdf(rows, rows.mean(0), rows.std(0)).sum(1).mean()
    assert d.baseline == pytest.approx(log_p, rel=1e-3)
    assert any("codes do not help" in finding for finding in d.findings)
    grey = np.random.default_rng(0).beta(0.5, 2, (400, 3))
    d = VAE(1, likelihood="continuous_bernoulli", **QUICK).fit(grey).diagnose(grey)

    def negative(logit, column):
        return -(logit * column - np.log(np.expm1(logit) / logit)).mean()

    best = [
        minimize_scalar(negative, bounds=(-25, -0.1), args=(column,), method="bounded") for column in grey.T
    ]
    assert d.baseline == pytest.approx(-sum(found.fun for found in best), abs=1e-3)


def test_the_effective_beta_is_the_noise_over_the_data():
    rows = torch.randn(400, 6, generator=torch.Generator().manual_seed(0)).numpy() * 2
    model = VAE(2, beta=3.0, likelihood=Gaussian(1.0), network=Linear(), max_epochs=2, random_state=0).fit(
        rows
    )
    assert model.diagnose(rows).effective_beta == pytest.approx(3 / rows.var(0).mean(), rel=1e-3)
    model = VAE(2, beta=3.0, likelihood=Bernoulli(), **QUICK).fit((rows > 0).astype(np.float32))
    assert model.diagnose((rows > 0).astype(np.float32)).effective_beta == 3.0


def test_an_auto_encoder_is_diagnosed_by_its_codes():
    ae = AutoEncoder(3, **QUICK).fit(X)
    d = ae.diagnose(X)
    assert d.constant_dimensions == ()
    assert 0 <= d.continuity.hole_share <= 1
    assert d.continuity.hole_share_prior is None
    with pytest.raises(ValueError, match="50"):
        ae.diagnose(X[:10])


def test_codes_that_a_gaussian_does_not_describe_are_named():
    """Of two heaps far apart, and of one."""
    heap = torch.randn(400, 3, generator=torch.Generator().manual_seed(0)).numpy()
    apart = heap.copy()
    apart[::2] += 30
    for rows, expected in [(heap, False), (apart, True)]:
        ae = AutoEncoder(2, network="linear", max_epochs=30, random_state=0).fit(rows)
        said = [finding for finding in ae.diagnose(rows).findings if "draws of a Gaussian" in finding]
        assert bool(said) is expected
