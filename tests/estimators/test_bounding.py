"""log p(x) from several sides, for rows in the layout of the user; samples beside real rows."""

import copy
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from diabolo import VAE, AutoEncoder, MultiRateVAE
from diabolo.measures import annealed_importance, importance_estimate, inference_gap, local_features
from diabolo.networks import MLP
from diabolo.objectives import TotalCorrelation

DIGITS = load_digits()
X = DIGITS.images[:600].astype(np.float32)
QUICK = {"network": MLP((16,)), "max_epochs": 20, "random_state": 0}


@pytest.fixture(scope="module")
def vae():
    return VAE(2, **QUICK).fit(X[:500])


def test_annealing_agrees_with_importance_sampling(vae):
    rows = X[500:510]
    annealed = vae.annealed_importance(rows, n_chains=8, n_temperatures=60, n_leapfrog=4)
    drawn = vae.estimate_likelihood(rows, 5000)
    distance = (annealed.log_likelihood - drawn.log_likelihood).abs()
    assert (distance < 6 * (annealed.standard_error**2 + drawn.standard_error**2).sqrt() + 0.1).all()
    again = vae.annealed_importance(rows, n_chains=8, n_temperatures=60, n_leapfrog=4)
    assert torch.equal(again.log_likelihood, annealed.log_likelihood)
    assert "8 for each of 10 rows, from the posterior" in str(annealed)


def test_both_bounds_meet_on_rows_of_the_model(vae):
    found = vae.bidirectional(20, n_chains=8, n_temperatures=60, n_leapfrog=4)
    assert abs(found.gap) < 0.1
    assert f"gap         {found.gap:.4f}" in str(found)


def test_who_watches_is_told_how_far_a_measurement_is(vae, monkeypatch):
    titles, told = [], []

    @contextmanager
    def bar(title, verbose):
        titles.append((title, verbose))
        yield (lambda *done: told.append(done)) if verbose else None

    monkeypatch.setattr("diabolo.estimators.bounding.progress_bar", bar)
    watched = copy.deepcopy(vae).set_params(verbose=1)
    settings = {"n_chains": 2, "n_temperatures": 3, "n_leapfrog": 1}
    watched.annealed_importance(X[:4], **settings)
    assert told == [(done, 6, {}) for done in range(1, 7)]
    told.clear()
    watched.bidirectional(4, **settings)
    assert told == [(done, 9, {}) for done in range(1, 10)]
    vae.annealed_importance(X[:4], **settings)
    assert titles == [("VAE: annealing", 1), ("VAE: both bounds", 1), ("VAE: annealing", 0)]
    assert len(told) == 9


def test_the_gap_is_what_lies_between_log_p_and_the_elbo(vae):
    rows = X[500:520]
    gap = vae.inference_gap(rows, n_steps=100, n_draws=2000)
    record = vae.evaluate(rows, n_draws=2000)
    assert gap.means()["total"][0] == pytest.approx(record.log_likelihood - record.elbo, abs=0.1)
    with pytest.raises(ValueError, match="n_draws must be 2 or more, .* got 1"):
        vae.inference_gap(rows, n_draws=1)
    assert (gap.amortisation > -4 * gap.amortisation_error).all()


def test_rows_in_another_layout_are_refused_where_they_would_be_broadcast(vae):
    """An image without its axis of channels would give other numbers than the same image with it."""
    x, log_p = torch.from_numpy(X[:4]), vae.score_samples(X[:4], 50)
    for measure in (
        lambda x: importance_estimate(vae.model_, x, 50),
        lambda x: annealed_importance(vae.model_, x, n_chains=2, n_temperatures=2),
        lambda x: inference_gap(vae.model_, x, log_p, n_steps=1, n_test_draws=2),
    ):
        for given in (x, x.flatten(1)):
            with pytest.raises(ValueError, match=r"of the shape \(n_rows, 1, 8, 8\)"):
                measure(given)
        with pytest.raises(TypeError, match="got a ndarray: an estimator has methods of the same name"):
            measure(X[:4])
        measure(x[:, None])


def test_few_draws_do_not_pretend_to_know_the_tails(vae):
    few, more = vae.evaluate(X[:40], n_draws=20), vae.evaluate(X[:40], n_draws=30)
    assert few.n_unreliable is None
    assert "20 draws cannot tell" in str(few)
    assert more.n_unreliable is not None
    assert "cannot tell" not in str(more)
    assert more.elbo_se == pytest.approx(
        float(np.std(_elbos(vae, X[:40], 30), ddof=1) / np.sqrt(40)), rel=1e-5
    )


def _elbos(vae, rows, n_draws):
    estimate = vae.estimate_likelihood(rows, n_draws)
    return -(estimate.distortion + estimate.rate).numpy()


def test_samples_are_judged_beside_real_rows(vae):
    quality = vae.judge_samples(X[:401])
    assert (quality.n_real, quality.n_fake) == (200, 200)
    assert quality.floor_frechet < quality.frechet
    assert vae.judge_samples(X[:401]) == quality
    assert vae.judge_samples(X[:401], latent="aggregate") != quality
    with pytest.raises(
        ValueError, match="X must have at least 12 rows, so that each half holds k . 1 with k=5, got 11"
    ):
        vae.judge_samples(X[:11])
    features = local_features(DIGITS.images[600:], DIGITS.target[600:])
    assert "local classifier" in vae.judge_samples(X[:400], features=features).features


def test_the_samples_of_an_auto_encoder_need_a_density():
    ae = AutoEncoder(2, **QUICK).fit(X)
    with pytest.raises(ValueError, match="call fit_prior"):
        ae.judge_samples(X)
    ae.fit_prior(X, "gaussian")
    assert ae.judge_samples(X).precision > 0
    np.testing.assert_array_equal(ae.sample(2, latent="ex_post"), ae.sample(2))
    for latent, message in [("prior", "is for a VAE.*call fit_prior"), ("latent", "latent must be one of")]:
        with pytest.raises(ValueError, match=message):
            ae.sample(2, latent=latent)


def test_a_flow_has_rates_against_the_aggregated_posterior():
    pytest.importorskip("zuko")
    found = VAE(2, prior="flow", **QUICK).fit(X).diagnose(X)
    assert len(found.rate_per_dimension) == 2
    assert found.surgery.total_correlation is not None
    assert found.surgery.dimension_wise_kl is None


def test_the_weight_of_the_rate_is_no_weight_of_a_part_of_it():
    assert VAE(2, objective=TotalCorrelation(6.0), **QUICK).fit(X).beta_ == 1.0
    assert VAE(2, beta=6.0, **QUICK).fit(X).beta_ == 6.0


def test_every_beta_has_its_bounds():
    vae = MultiRateVAE(2, **{**QUICK, "max_epochs": 2}).fit(X)
    few = {"n_chains": 2, "n_temperatures": 3, "n_leapfrog": 1}
    low, high = (vae.annealed_importance(X[:5], beta=beta, **few).mean for beta in (0.1, 5))
    assert low != high
    assert vae.judge_samples(X, beta=2).n_real == 300
