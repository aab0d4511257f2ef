"""Where codes come from: the prior, the posteriors of the training rows, a density fitted afterwards."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.mixture import GaussianMixture

from diabolo import VAE, AutoEncoder, load, priors
from diabolo.networks import MLP

X = load_digits().images[:300].astype(np.float32)
QUICK = {"network": MLP((16,)), "max_epochs": 5, "random_state": 0}


@pytest.fixture(scope="module")
def vae():
    return VAE(3, **QUICK).fit(X)


def test_the_aggregated_posterior_is_the_mixture_of_encodings(vae):
    q, z = vae.encode(X), vae.sample_codes(X[:20])[0]
    by_hand = [
        torch.distributions.Normal(torch.from_numpy(q.mean), torch.from_numpy(q.scale))
        .log_prob(torch.from_numpy(row))
        .sum(-1)
        .logsumexp(0)
        - np.log(len(X))
        for row in z
    ]
    found = vae.aggregate_posterior_.log_prob(torch.from_numpy(z))
    torch.testing.assert_close(found, torch.stack(by_hand).to(found), atol=1e-4, rtol=1e-5)


def test_an_auto_encoder_generates_after_a_density_was_fitted(tmp_path):
    ae = AutoEncoder(3, **QUICK).fit(X)
    with pytest.raises(ValueError, match=r"call fit_prior\(X\) first"):
        ae.sample(2)
    assert ae.fit_prior(X, "gaussian_mixture") is ae
    drawn = ae.sample(400, random_state=1)
    assert drawn.shape == (400, 8, 8)
    assert drawn.dtype == X.dtype
    np.testing.assert_allclose(drawn.mean(0), ae.reconstruct(X).mean(0), atol=0.8)
    path = ae.save(tmp_path / "ae.diabolo")
    np.testing.assert_array_equal(load(path).sample(5), ae.sample(5))


def test_the_density_is_that_of_the_codes():
    ae = AutoEncoder(2, **QUICK).fit(X)
    codes = ae.transform(X)
    ae.fit_prior(X, priors.GaussianMixture(2, seed=0))
    ours = ae.ex_post_prior_(None).log_prob(torch.from_numpy(codes)).numpy()
    theirs = GaussianMixture(2, random_state=0, n_init=5).fit(codes).score_samples(codes)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.05)


@pytest.mark.parametrize("prior", ["gaussian", "gaussian_mixture", "flow", "second_stage"])
def test_a_fitted_density_raises_the_likelihood_of_the_rows_it_was_fitted_to(vae, prior, tmp_path):
    vae.fit_prior(X, prior)
    before, after = (vae.score_samples(X, 50, latent=latent).mean() for latent in ("prior", "ex_post"))
    assert after > before - 0.05
    record = vae.evaluate(X[:50], latent="ex_post", n_draws=20)
    assert record.latent == "ex_post"
    assert "ex_post" in str(record)
    again = load(vae.save(tmp_path / "vae.diabolo"))
    np.testing.assert_array_equal(
        again.sample(3, latent="ex_post", random_state=0), vae.sample(3, latent="ex_post", random_state=0)
    )


def test_another_fit_forgets_the_density(vae):
    model = VAE(2, **QUICK).fit(X).fit_prior(X, "gaussian")
    model.fit(X)
    with pytest.raises(ValueError, match="call fit_prior"):
        model.sample(2, latent="ex_post")


def test_a_density_that_cannot_be_fitted_is_refused(vae):
    with pytest.raises(ValueError, match="cannot be fitted to codes"):
        vae.fit_prior(X, "standard_normal")
    with pytest.raises(ValueError, match="prior must be one of"):
        vae.fit_prior(X, "gausian")


def test_estimates_carry_their_uncertainty(vae):
    estimate = vae.estimate_likelihood(X[:40], 300)
    np.testing.assert_array_equal(estimate.log_likelihood, vae.score_samples(X[:40], 300))
    other = vae.set_params().estimate_likelihood(X[:40], 3000)
    distance = (estimate.log_likelihood - other.log_likelihood).abs()
    error = (estimate.standard_error**2 + other.standard_error**2).sqrt()
    assert (distance < 6 * error + 0.05).double().mean() > 0.9
    record = vae.evaluate(X[:40], n_draws=300)
    assert record.monte_carlo_se == pytest.approx(estimate.standard_error_draws)
    assert record.log_likelihood_se == pytest.approx(estimate.standard_error_rows)


@pytest.mark.parametrize("prior", ["vamp", "flow", "learned_mixture", "standard_normal"])
def test_trained_priors_are_saved(prior, tmp_path):
    model = VAE(2, prior=prior, **QUICK).fit(X)
    again = load(model.save(tmp_path / "m.diabolo"))
    np.testing.assert_allclose(again.score_samples(X[:10], 20), model.score_samples(X[:10], 20), rtol=1e-6)
    np.testing.assert_array_equal(again.sample(3, random_state=0), model.sample(3, random_state=0))


def test_a_density_that_is_estimated_gives_the_same_numbers_again(vae):
    model = VAE(3, **QUICK).fit(X).fit_prior(X, "second_stage")
    state = torch.get_rng_state()
    first, again = (model.score_samples(X[:10], 20, latent="ex_post") for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)


def test_bits_of_grey_values_whose_density_ends_at_black_and_white():
    """Against the probabilities of the bins that share out [0, 1], in a model that ignores its codes."""
    levels = np.random.default_rng(0).integers(0, 4, (1000, 5)) / 3
    vae = VAE(1, likelihood="continuous_bernoulli", beta=1e4, **QUICK).fit(levels)
    logits = float(vae.model_.likelihood.shift.mean())
    assert abs(logits) < 0.2  # all but uniform, where every bin has a probability of 1/4
    assert float(vae.bits_per_dimension(levels, 50, bin_width=1 / 3)) == pytest.approx(2, abs=0.02)


def test_bits_of_whole_numbers_and_of_binary_rows():
    """Against the entropy of a fair coin, and bin probabilities of a normal."""
    rng = np.random.default_rng(0)
    coins = rng.integers(0, 2, (2000, 6)).astype(np.float32)
    fair = VAE(1, network=MLP((4,)), max_epochs=5, random_state=0).fit(coins)
    bits, nats = fair.bits_per_dimension(coins[:500], 50), fair.estimate_likelihood(coins[:500], 50)
    assert float(bits) == pytest.approx(1, abs=0.02)
    assert bits.standard_error_rows == pytest.approx(nats.standard_error_rows / (6 * np.log(2)))
    assert not bits.dequantised
    assert "50 importance draws" in str(bits)
    rows = np.rint(rng.normal(0, 12, (2000, 3))).astype(np.float32)
    model = VAE(1, network=MLP((4,)), max_epochs=20, likelihood="gaussian", random_state=0).fit(rows)
    entropy = 0.5 * np.log2(
        2 * np.pi * np.e * 144
    )  # of a normal in bins of 1, far narrower than its deviation
    noisy = model.bits_per_dimension(rows, 50)
    assert float(noisy) == pytest.approx(entropy, abs=0.03)
    assert noisy.dequantised
    assert "at most" in str(noisy)
    scaled = VAE(1, network=MLP((4,)), max_epochs=20, likelihood="gaussian", random_state=0).fit(rows / 16)
    assert float(scaled.bits_per_dimension(rows / 16, 50, bin_width=1 / 16)) == pytest.approx(
        entropy, abs=0.03
    )
    grey = VAE(1, network=MLP((4,)), max_epochs=1, likelihood="bernoulli", random_state=0).fit(
        rng.random((50, 3))
    )
    with pytest.raises(ValueError, match="the cross-entropy is none"):
        grey.bits_per_dimension(rng.random((5, 3)))
