"""Noise by row, rates by dimension, active units, and the importance estimate where log p(x) is known."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch.distributions import MultivariateNormal

from diabolo.contracts import Sizes
from diabolo.distributions import DiagonalNormal, MixtureOfNormals
from diabolo.likelihoods import Gaussian
from diabolo.measures import active_units, importance_estimate, likelihood, rate_per_dimension, row_noise
from diabolo.models import LatentModel
from diabolo.networks import Linear
from diabolo.posteriors import DiagonalGaussian
from diabolo.priors import StandardNormal


def test_noise_of_rows_is_standard_normal_and_independent():
    rows = np.random.default_rng(0).normal(size=(50, 3))
    noise = row_noise(rows, 0, 400, 4)
    assert kstest(noise.ravel(), "norm").pvalue > 1e-3
    correlation = np.corrcoef(noise.transpose(1, 0, 2).reshape(50, -1))
    assert np.abs(correlation - np.eye(50)).max() < 5 / 1600**0.5
    assert not np.array_equal(noise, row_noise(rows, 1, 400, 4))
    np.testing.assert_array_equal(
        row_noise(rows.astype(np.float32), 0, 3, 2), row_noise(rows.astype(np.float32).astype(float), 0, 3, 2)
    )
    np.testing.assert_array_equal(
        row_noise(np.array([[0.0]]), 0, 3, 2), row_noise(np.array([[-0.0]]), 0, 3, 2)
    )


def test_rates_per_dimension_add_up_to_the_rate():
    q = DiagonalNormal(torch.randn(7, 3), torch.rand(7, 3) + 0.1)
    p = DiagonalNormal(torch.zeros(3), torch.ones(3))
    exact = torch.distributions.kl_divergence(q, p)
    torch.testing.assert_close(rate_per_dimension(q, p).sum(-1), exact)


def test_active_units_by_the_variance_of_the_means():
    means = torch.zeros(100, 3)
    means[:50, 0], means[:50, 1] = 0.202, 0.198  # variances 0.0102 and 0.0098
    assert active_units(means) == 1


@pytest.fixture
def linear():
    """A linear Gaussian model in float64, its exact marginal, and rows drawn from it."""
    torch.manual_seed(0)
    model = LatentModel(Linear(), DiagonalGaussian(), Gaussian(scale=0.75), StandardNormal())
    model = model.build(Sizes((4,), 2)).double()
    weight, bias = model.decoder[0].weight.detach(), model.decoder[0].bias.detach()
    exact = MultivariateNormal(bias, weight @ weight.T + 0.5625 * torch.eye(4, dtype=torch.double))
    return model, exact, exact.sample((20,))


def with_exact_posterior(model):
    """Give the linear model the encoder of its own posterior; W must have orthogonal columns for a diagonal one."""
    weight = torch.linalg.qr(model.decoder[0].weight.detach()).Q * torch.tensor(
        [1.5, 0.8], dtype=torch.double
    )
    bias = model.decoder[0].bias.detach()
    variance = 1 / (1 + weight.square().sum(0) / 0.5625)
    with torch.no_grad():
        model.decoder[0].weight.copy_(weight)
        model.posterior.head.weight[:2] = variance[:, None] * weight.T / 0.5625
        model.posterior.head.bias[:2] = -(variance[:, None] * weight.T / 0.5625) @ bias
        model.posterior.head.weight[2:] = 0
        model.posterior.head.bias[2:] = 0.5 * variance.log()
    return MultivariateNormal(bias, weight @ weight.T + 0.5625 * torch.eye(4, dtype=torch.double))


def test_the_estimate_tends_to_the_exact_value(linear):
    model, exact, x = linear
    few, many = (importance_estimate(model, x, k) for k in (1, 20_000))
    errors = [(e.log_likelihood - exact.log_prob(x)).abs().mean() for e in (few, many)]
    assert errors[1] < 0.05
    assert errors[1] < errors[0] / 5
    assert (-(many.distortion + many.rate) <= exact.log_prob(x) + 0.05).all()


def test_with_the_exact_posterior_one_draw_is_enough(linear):
    model, _, x = linear
    exact = with_exact_posterior(model)
    e = importance_estimate(model, x, 40)
    torch.testing.assert_close(e.log_likelihood, exact.log_prob(x), rtol=0, atol=1e-12)
    assert e.standard_error.max() < 1e-6
    torch.testing.assert_close(e.effective_sample_size, torch.full((20,), 40.0).double())
    assert e.unreliable_rows() == []
    assert e.warning() == ""


def test_the_standard_error_is_the_spread_over_other_draws(linear):
    model, _, x = linear
    exact = with_exact_posterior(model)
    with torch.no_grad():
        model.posterior.head.bias[2:] += math.log(1.5)
    x = x[:5]
    repeats = [importance_estimate(model, x, 400, seed=seed) for seed in range(200)]
    estimates = torch.stack([e.log_likelihood for e in repeats])
    claimed = torch.stack([e.standard_error for e in repeats]).square().mean(0).sqrt()
    assert (estimates.std(0) / claimed - 1).abs().max() < 0.2  # four times 1 / sqrt(400)
    assert (estimates.mean(0) - exact.log_prob(x)).abs().max() < 0.01
    one = repeats[0]
    assert one.standard_error_draws == pytest.approx(float(one.standard_error.square().sum().sqrt() / 5))
    assert one.standard_error_rows == pytest.approx(float(one.log_likelihood.std() / 5**0.5))


def test_the_bias_is_half_the_chi_square_divergence_over_the_draws(linear):
    """K (log p - E L_K) -> chi^2(p(z|x) || q) / 2, here in closed form for Gaussians with the same mean."""
    model, _, x = linear
    exact = with_exact_posterior(model)
    with torch.no_grad():
        model.posterior.head.bias[2:] += math.log(1.25)  # q is wider than the posterior
    ratio = 1.25**2
    # E_q (p/q)^2 for N(0, 1) against N(0, ratio), for each of the two dimensions
    second_moment = (ratio / (2 - 1 / ratio) ** 0.5 / ratio**0.5) ** 2
    draws = 50
    errors = []
    for seed in range(300):
        e = importance_estimate(model, x, draws, seed=seed)
        errors.append(draws * (exact.log_prob(x) - e.log_likelihood))
    errors = torch.stack(errors).flatten()
    standard_error = float(errors.std()) / len(errors) ** 0.5
    assert float(errors.mean()) == pytest.approx((second_moment - 1) / 2, abs=4 * standard_error + 0.01)


def test_blocks_do_not_change_numbers(linear, monkeypatch):
    model, _, x = linear
    whole = importance_estimate(model, x, 50)
    monkeypatch.setattr(likelihood, "BLOCK_VALUES", 4 * 7)
    parts = importance_estimate(model, x, 50)
    turned = importance_estimate(model, x.flip(0), 50)
    for name in (
        "log_likelihood",
        "standard_error",
        "effective_sample_size",
        "pareto_k",
        "distortion",
        "rate",
    ):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))
        torch.testing.assert_close(getattr(turned, name).flip(0), getattr(whole, name))


def test_rows_with_wild_weights_are_named(linear):
    model, _, x = linear
    with_exact_posterior(model)
    with torch.no_grad():
        model.posterior.head.bias[2:] -= math.log(4)  # far too narrow
    narrow = importance_estimate(model, x, 2000)
    assert len(narrow.unreliable_rows()) > 15
    assert "of 20 rows may have no finite variance" in narrow.warning()
    with torch.no_grad():
        model.posterior.head.bias[2:] += math.log(8)  # wider than the posterior
    assert importance_estimate(model, x, 2000).unreliable_rows() == []


def test_another_prior_may_stand_as_p_of_z(linear):
    model, _, x = linear
    weight, bias = model.decoder[0].weight.detach(), model.decoder[0].bias.detach()
    prior = MultivariateNormal(torch.ones(2).double(), torch.tensor([[2.0, 0.5], [0.5, 1.0]]).double())
    covariance = weight @ prior.covariance_matrix @ weight.T + 0.5625 * torch.eye(4, dtype=torch.double)
    exact = MultivariateNormal(bias + weight @ prior.mean, covariance)
    e = importance_estimate(model, x, 50_000, prior=prior)
    assert ((e.log_likelihood - exact.log_prob(x)).abs() < 5 * e.standard_error + 1e-3).all()
    assert e.kl_is_exact
    mixture = MixtureOfNormals(prior.mean[None], scale_tril=prior.scale_tril[None])
    same = importance_estimate(model, x, 2000, prior=mixture)
    assert not same.kl_is_exact
    reference = importance_estimate(model, x, 2000, prior=prior)
    torch.testing.assert_close(same.log_likelihood, reference.log_likelihood)
    assert (same.rate - reference.rate).abs().max() < 0.3
