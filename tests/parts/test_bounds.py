"""The bounds on log p(x) against Gauss-Hermite quadrature, for every likelihood."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from diabolo.contracts import Evaluation
from diabolo.distributions import DiagonalNormal
from diabolo.likelihoods import Bernoulli, Laplace
from diabolo.objectives import ELBO
from diabolo.posteriors import DiagonalGaussian, FullGaussian


def log_likelihood(model, x, hermite, n=80):
    """Return log p(x) of each row: the integral of p(z) p(x|z) over one or two latents."""
    d = model.sizes.n_components
    z, log_weights = hermite(n, d)
    if isinstance(model.likelihood, Laplace):  # no polynomial rule bends round its kinks: a fine even grid
        side = torch.linspace(-7, 7, 50 * n if d == 1 else 5 * n, dtype=torch.float64)
        z = torch.cartesian_prod(*[side] * d).reshape(-1, 1, d)
        log_weights = scipy.stats.norm.logpdf(z[:, 0].numpy()).sum(-1) + d * math.log(side[1] - side[0])
        log_weights = torch.as_tensor(log_weights)
    return torch.logsumexp(log_weights[:, None] + model.decode(z).log_prob(x), 0)


@pytest.mark.parametrize("d", [1, 2])
def test_importance_estimate_is_within_its_standard_error(make_likelihood, rows, compose, hermite, d):
    x = rows(make_likelihood(), (5,), n_rows=4, dtype=torch.float64)
    posterior = FullGaussian() if d == 2 else DiagonalGaussian()
    model = compose(x, likelihood=make_likelihood(), posterior=posterior, n_components=d)
    with torch.no_grad():
        log_p = log_likelihood(model, x, hermite)
        converged = 1e-3 if isinstance(model.likelihood, Laplace) else 1e-6
        assert (log_p - log_likelihood(model, x, hermite, n=70)).abs().max() < converged
        ratio = (model.evaluate(x, n_draws=40_000).log_weight - log_p).exp()
    standard_error = ratio.std(0) / 200
    assert standard_error.max() < 0.05
    assert ((ratio.mean(0) - 1).abs() < 4 * standard_error).all()


@pytest.fixture
def poor(rows, compose):
    """A model with a poor posterior, where the bounds lie apart."""
    x = rows(Bernoulli(), (6,), n_rows=5, dtype=torch.float64)
    model = compose(x, likelihood=Bernoulli())
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(4)
    return model, x


def test_bounds_rise_with_the_draws_and_stay_below_log_p(poor, hermite):
    model, x = poor
    with torch.no_grad():
        log_p = log_likelihood(model, x, hermite)
        log_weight = model.evaluate(x, n_draws=60_000).log_weight

    def bound(k):
        values = torch.logsumexp(log_weight.reshape(-1, k, len(x)), 1) - math.log(k)
        return values.mean(0), values.std(0) / len(values) ** 0.5

    (elbo, error_1), (five, error_5), (fifty, error_50) = bound(1), bound(5), bound(50)
    assert (five - elbo > 4 * (error_1 + error_5)).all()
    assert (fifty - five > 4 * (error_5 + error_50)).all()
    assert (log_p - fifty > -4 * error_50).all()
    assert (log_p - elbo > 0.1).all()


def test_elbo_is_log_p_minus_the_divergence_from_the_posterior(poor, hermite):
    """KL(q || p(z|x)) by quadrature, with p(z|x) = p(z) p(x|z) / p(x)."""
    model, x = poor
    with torch.no_grad():
        log_p = log_likelihood(model, x, hermite)
        noise, log_weights = hermite(60, 2)
        e = model.evaluate(x, noise=noise.expand(-1, len(x), -1))
        weights = log_weights.exp()[:, None]
        gap = (weights * (e.log_qz - e.log_pz - e.log_px + log_p)).sum(0)
        elbo = (weights * e.log_px).sum(0) - e.rate
    torch.testing.assert_close(elbo + gap, log_p, rtol=1e-10, atol=1e-10)


def test_objective_is_minus_the_elbo_within_its_standard_error(poor):
    model, x = poor
    with torch.no_grad():
        e = model.evaluate(x, n_draws=40_000)
        terms = ELBO(beta=3.0)(e)
        sampled = e.log_weight.mean(1)
    elbo = -(terms["distortion"] + terms["weighted_rate"] / 3)
    assert abs(float(sampled.mean() - elbo)) < 4 * float(sampled.std()) / 200
    torch.testing.assert_close(terms["weighted_rate"], 3 * e.rate.mean(), rtol=1e-14, atol=0)


class TestEvaluation:
    @pytest.fixture
    def mixed(self):
        """An evaluation whose prior has no closed divergence: a mixture of two Gaussians."""
        weights = torch.distributions.Categorical(torch.tensor([0.3, 0.7]))
        components = torch.distributions.Independent(
            torch.distributions.Normal(torch.tensor([[-1.0], [2.0]]), torch.tensor([[0.5], [1.0]])), 1
        )
        prior = torch.distributions.MixtureSameFamily(weights, components)
        q = DiagonalNormal(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.7], [0.4]]))
        z = q.sample((40_000,))
        return Evaluation(torch.zeros(2, 1), z, q, prior, DiagonalNormal(z, torch.ones(1)))

    def test_rate_falls_back_to_the_draws_and_says_so(self, mixed):
        assert not mixed.kl_is_exact
        grid = np.linspace(-8, 8, 16_001)
        z = torch.as_tensor(grid)[:, None]
        log_q = mixed.posterior.log_prob(z.unsqueeze(1)).numpy()
        log_p = mixed.prior.log_prob(z).numpy()[:, None]
        expected = np.trapezoid(np.exp(log_q) * (log_q - log_p), grid, axis=0)
        spread = (mixed.log_qz - mixed.log_pz).std(0).numpy() / 200
        assert (np.abs(mixed.rate.numpy() - expected) < 4 * spread).all()

    def test_closed_rate_does_not_depend_on_the_draws(self, poor):
        model, x = poor
        first, second = model.evaluate(x), model.evaluate(x)
        assert first.kl_is_exact
        assert torch.equal(first.rate, second.rate)
        assert not torch.equal(first.log_px, second.log_px)

    def test_distortion_is_a_mean_over_draws_and_a_sum_over_values(self, poor):
        model, x = poor
        e = model.evaluate(x, n_draws=3)
        p = torch.sigmoid(e.observation.base_dist.logits)
        by_hand = -(x * p.log() + (1 - x) * (1 - p).log()).sum(-1).mean(0)
        torch.testing.assert_close(e.distortion, by_hand, rtol=1e-10, atol=0)

    @pytest.mark.parametrize("word", ["rate", "kl", "log_pz", "log_weight"])
    def test_no_prior_no_rate(self, poor, word):
        model, x = poor
        e = model.evaluate(x)
        bare = Evaluation(e.x, e.z, e.posterior, None, e.observation)
        with pytest.raises(
            ValueError, match=r"needs a posterior with a density and a prior.*has no prior.*a VAE"
        ):
            getattr(bare, word)

    def test_same_noise_same_evaluation(self, poor):
        model, x = poor
        noise = torch.randn(2, len(x), 2, dtype=x.dtype)
        assert torch.equal(
            model.evaluate(x, noise=noise).log_weight, model.evaluate(x, noise=noise).log_weight
        )


@pytest.mark.parametrize("beta", [0, 4, np.float32(0.5), np.int64(2)])
def test_any_number_is_a_beta(beta):
    assert ELBO(beta).beta is beta
