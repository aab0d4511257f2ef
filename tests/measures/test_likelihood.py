"""Noise by row, rates by dimension, active units, and the importance estimate where log p(x) is known."""

import numpy as np
import torch
from scipy.stats import kstest
from torch.distributions import MultivariateNormal

from diabolo.contracts import Sizes
from diabolo.distributions import DiagonalNormal
from diabolo.likelihoods import Gaussian
from diabolo.measures import active_units, importance_estimate, rate_per_dimension, row_noise
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


def test_importance_estimate_tends_to_the_exact_value():
    torch.manual_seed(0)
    model = LatentModel(Linear(), DiagonalGaussian(), Gaussian(scale=0.7), StandardNormal())
    model = model.build(Sizes((4,), 2)).double()
    weight, bias = model.decoder[0].weight.detach(), model.decoder[0].bias.detach()
    exact = MultivariateNormal(bias, weight @ weight.T + 0.49 * torch.eye(4, dtype=torch.double))
    x = exact.sample((20,))
    estimates = [importance_estimate(model, x, torch.randn(k, 20, 2, dtype=torch.double)) for k in (1, 20000)]
    few, many = ((e.log_likelihood - exact.log_prob(x)).abs().mean() for e in estimates)
    assert many < 0.05
    assert many < few / 5
    elbo = -(estimates[1].distortion + estimates[1].rate)
    assert (elbo <= exact.log_prob(x) + 0.05).all()
