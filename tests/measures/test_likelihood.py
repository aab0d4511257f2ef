"""Noise by row, rates by dimension, active units, and the importance estimate where log p(x) is known."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal

from diabolo.contracts import Sizes
from diabolo.distributions import DiagonalNormal, MixtureOfNormals
from diabolo.likelihoods import Bernoulli, Gaussian
from diabolo.measures import RowNoise, active_units, importance_estimate, rate_per_dimension, row_noise
from diabolo.models import LatentModel
from diabolo.networks import MLP, Linear
from diabolo.posteriors import Deterministic, DiagonalGaussian
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


def test_first_draws_of_a_row_do_not_depend_on_their_number():
    rows = np.random.default_rng(0).normal(size=(4, 3))
    many = row_noise(rows, 0, 1000, 5)
    np.testing.assert_array_equal(row_noise(rows, 0, 7, 5), many[:7])
    stream = RowNoise(rows[2:], 0, 5)
    pieces = np.concatenate([stream.draw(n) for n in (1, 6, 400, 593)])
    np.testing.assert_array_equal(pieces, many[:, 2:])


def test_rates_per_dimension_add_up_to_the_rate():
    q = DiagonalNormal(torch.randn(7, 3), torch.rand(7, 3) + 0.1)
    p = DiagonalNormal(torch.zeros(3), torch.ones(3))
    exact = torch.distributions.kl_divergence(q, p)
    torch.testing.assert_close(rate_per_dimension(q, p).sum(-1), exact)


def test_active_units_by_the_variance_of_the_means():
    means = torch.zeros(100, 3)
    means[:50, 0], means[:50, 1] = 0.202, 0.198  # variances 0.0102 and 0.0098
    assert active_units(means) == 1


FIELDS = (
    "log_likelihood",
    "standard_error",
    "effective_sample_size",
    "pareto_k",
    "distortion",
    "rate",
    "squared_error",
)


@pytest.fixture
def linear():
    """Return the model of a PCA with its exact posterior, in float64; log p(x) of each row, by PCA; and the rows."""
    r = np.random.default_rng(0)
    data = r.normal(size=(300, 2)) @ r.normal(size=(2, 4)) + 0.7 * r.normal(size=(300, 4)) + 3
    pca = PCA(2).fit(data)
    noise = pca.noise_variance_
    loadings = pca.components_.T * np.sqrt(pca.explained_variance_ - noise)
    variance = noise / pca.explained_variance_  # of p(z|x)
    gain = torch.from_numpy(variance[:, None] * loadings.T / noise)
    model = LatentModel(Linear(), DiagonalGaussian(), Gaussian(scale=float(noise**0.5)), StandardNormal())
    model = model.build(Sizes((4,), 2)).double()
    with torch.no_grad():
        model.likelihood.fixed.fill_(float(noise**0.5))
        model.decoder[0].weight.copy_(torch.from_numpy(loadings))
        model.decoder[0].bias.copy_(torch.from_numpy(pca.mean_))
        model.posterior.head.weight[:2] = gain
        model.posterior.head.bias[:2] = -gain @ torch.from_numpy(pca.mean_)
        model.posterior.head.weight[2:] = 0
        model.posterior.head.bias[2:] = 0.5 * torch.from_numpy(variance).log()
    return model, torch.from_numpy(pca.score_samples(data[:20])), torch.from_numpy(data[:20])


def widened(model, factor):
    """Multiply the scale of q(z|x)."""
    with torch.no_grad():
        model.posterior.head.bias[2:] += math.log(factor)
    return model


def shifted(model, by):
    """Move the mean of q(z|x) by some of its standard deviations."""
    with torch.no_grad():
        model.posterior.head.bias[:2] += by * model.posterior.head.bias[2:].exp()
    return model


def test_with_the_exact_posterior_one_draw_is_enough(linear):
    model, log_p, x = linear
    e = importance_estimate(model, x, 40)
    torch.testing.assert_close(e.log_likelihood, log_p, rtol=0, atol=1e-12)
    assert e.standard_error.max() < 1e-13
    torch.testing.assert_close(e.effective_sample_size, torch.full((20,), 40.0).double())
    assert (e.pareto_k == -math.inf).all()
    assert e.unreliable_rows() == []
    assert e.warning() == ""
    single = importance_estimate(model, x, 1)
    torch.testing.assert_close(single.log_likelihood, log_p, rtol=0, atol=1e-12)
    assert single.standard_error.isnan().all()
    assert single.pareto_k.isnan().all()


def test_the_estimate_tends_to_the_exact_value(linear):
    model, log_p, x = linear
    shifted(widened(model, 1.6), 1.0)
    few, many = (importance_estimate(model, x, k) for k in (1, 20_000))
    ratio = (many.log_likelihood - log_p) / many.standard_error
    assert 0.22 < ratio.square().mean() < 2.62  # chi-square of 20 rows over 20, 1 in 5,000 lies outside
    assert many.standard_error.max() < 0.02
    assert (few.log_likelihood - log_p).abs().mean() > 0.3
    assert (-(many.distortion + many.rate) <= log_p).all()


def test_the_standard_error_is_the_spread_over_other_draws(linear):
    model, log_p, x = linear
    widened(model, 1.5)
    x, log_p = x[:5], log_p[:5]
    repeats = [importance_estimate(model, x, 400, seed=seed) for seed in range(200)]
    estimates = torch.stack([e.log_likelihood for e in repeats])
    claimed = torch.stack([e.standard_error for e in repeats]).square().mean(0).sqrt()
    assert (estimates.std(0) / claimed - 1).abs().max() < 0.2  # four times 1 / sqrt(400)
    assert ((estimates.mean(0) - log_p).abs() < 4 * claimed / 200**0.5 + claimed**2).all()
    means = torch.tensor([e.mean for e in repeats])
    claimed_of_means = torch.tensor([e.standard_error_draws for e in repeats]).square().mean().sqrt()
    assert abs(float(means.std() / claimed_of_means) - 1) < 0.2
    one = repeats[0]
    assert one.mean == pytest.approx(float(one.log_likelihood.mean()))
    assert one.standard_error_rows == pytest.approx(float(one.log_likelihood.std() / 5**0.5))
    assert math.isnan(importance_estimate(model, x[:1], 10).standard_error_rows)


@pytest.mark.parametrize(("factor", "by"), [(1.25, 0.0), (1.25, 0.2), (1.0, 0.3)])
def test_the_shortfall_is_half_the_chi_square_divergence_over_the_draws(linear, factor, by):
    """K (log p - E L_K) -> chi^2(p(z|x) || q) / 2 = (E_q r^2 - 1) / 2 for r = p(z|x) / q(z|x).

    In one dimension p = N(0, 1), q = N(b f, f^2): E_q r^2 by scipy's quadrature. log mean r minus
    (mean r - 1) has the expectation of log mean r, with little of its noise.
    """
    from scipy.integrate import quad
    from scipy.stats import norm

    model, log_p, x = linear
    shifted(widened(model, factor), by)
    p, q = norm(0, 1), norm(by * factor, factor)
    second = quad(lambda z: p.pdf(z) ** 2 / q.pdf(z), -12, 12)[0] ** 2
    draws = 200
    gaps = torch.stack(
        [log_p - importance_estimate(model, x, draws, seed=seed).log_likelihood for seed in range(100)]
    ).flatten()
    shortfall = draws * (gaps + (-gaps).expm1())
    standard_error = float(shortfall.std()) / len(shortfall) ** 0.5
    expected = (second - 1) / 2
    # the next order is smaller by a few times 1 / K
    assert float(shortfall.mean()) == pytest.approx(expected, abs=4 * standard_error + 5 * expected / draws)
    assert 4 * standard_error + 5 * expected / draws < 0.3 * expected


def test_blocks_and_order_do_not_change_numbers(linear):
    model, _, x = linear
    widened(model, 1.5)
    x = x[:6]
    whole = importance_estimate(model, x, 50)
    for codes in (1, 7, 120):
        parts = importance_estimate(model, x, 50, block_values=256 * codes)
        turned = importance_estimate(model, x.flip(0), 50, block_values=256 * codes)
        for name in FIELDS:
            torch.testing.assert_close(getattr(parts, name), getattr(whole, name), rtol=1e-11, atol=1e-11)
            torch.testing.assert_close(
                getattr(turned, name).flip(0), getattr(whole, name), rtol=1e-11, atol=1e-11
            )


def test_draws_are_those_of_the_rows_that_key_them(linear):
    model, _, x = linear
    shifted(widened(model, 1.5), 0.5)
    keys = np.arange(20.0)[:, None]
    e = importance_estimate(model, x, 30, seed=4, rows=keys)
    noise = torch.from_numpy(row_noise(keys, 4, 30, 2))
    with torch.no_grad():
        whole = model.evaluate(x, noise=noise)
        log_weight = whole.log_weight.numpy()
        squared = (model.decode(whole.z[:10]).mean - x).square().sum(-1).mean(0)
    w = np.exp(log_weight - log_weight.max(0))
    np.testing.assert_allclose(e.log_likelihood, np.log(w.mean(0)) + log_weight.max(0), rtol=1e-12)
    np.testing.assert_allclose(e.standard_error, w.std(0, ddof=1) / w.mean(0) / 30**0.5, rtol=1e-10)
    np.testing.assert_allclose(e.effective_sample_size, w.sum(0) ** 2 / (w**2).sum(0), rtol=1e-10)
    np.testing.assert_allclose(e.distortion, whole.distortion.detach(), rtol=1e-12)
    np.testing.assert_allclose(e.rate, whole.rate.detach(), rtol=1e-12)
    np.testing.assert_allclose(e.squared_error, squared, rtol=1e-12)
    few = importance_estimate(model, x, 3, seed=4, rows=keys)
    np.testing.assert_allclose(few.log_likelihood, np.log(np.exp(log_weight[:3]).mean(0)), rtol=1e-11)


def test_one_row_with_very_many_draws(linear):
    model, log_p, x = linear
    shifted(widened(model, 1.6), 1.0)
    e = importance_estimate(model, x[:1], 100_000)
    assert abs(float(e.log_likelihood - log_p[0])) < 4 * float(e.standard_error)
    assert float(e.standard_error) < 0.01


def test_float32_and_images():
    torch.manual_seed(0)
    model = LatentModel(MLP((6,)), DiagonalGaussian(), Bernoulli(), StandardNormal())
    model = model.build(Sizes((1, 3, 4), 2)).eval()
    x = torch.rand(5, 1, 3, 4).round()
    e = importance_estimate(model, x, 200)
    exact = importance_estimate(model.double(), x.double(), 200)
    for name in FIELDS:
        assert getattr(e, name).shape == (5,)
        torch.testing.assert_close(
            getattr(e, name).double(), getattr(exact, name).double(), rtol=1e-4, atol=1e-4
        )
    assert (e.n_draws, e.kl_is_exact) == (200, True)


def test_rows_with_wild_weights_are_named(linear):
    model, _, x = linear
    narrow = importance_estimate(widened(model, 0.25), x, 2000)
    # with z = eps / 4 the weight is exp(15/16 eps'eps / 2), and eps'eps / 2 is exponential: k = 15/16
    n_tail = int(3 * 2000**0.5)
    expected = (15 / 16 * n_tail + 5) / (n_tail + 10)
    standard_error = float(narrow.pareto_k.std()) / 20**0.5
    assert float(narrow.pareto_k.mean()) == pytest.approx(expected, abs=4 * standard_error)
    assert len(narrow.unreliable_rows()) > 15
    text = narrow.warning()
    named = [int(word) for word in text.split("rows ")[-1].split(" and ")[0].split(", ")]
    assert named == narrow.unreliable_rows()[:10]
    assert f"{len(narrow.unreliable_rows())} of 20 rows seem to have no finite variance" in text
    assert text in str(narrow)
    assert "(Pareto-k above 0.5)" in text
    wide = importance_estimate(widened(model, 8), x, 2000)  # twice as wide as p(z|x)
    assert wide.unreliable_rows() == []
    assert wide.pareto_k.max() < 0.4


def test_few_draws_say_what_they_know_of_the_tails(linear):
    model, _, x = linear
    few = importance_estimate(widened(model, 0.25), x, 20)
    assert few.unreliable_rows() == []
    assert not few.tails_are_known
    assert "nothing is known of the tails" in str(few)
    more = importance_estimate(widened(model, 0.25), x, 50)
    assert more.tails_are_known
    assert "tails too heavy for 50 draws (Pareto-k above 0.41)" in more.warning()


def test_an_estimate_that_is_not_finite_is_named(linear):
    model, _, x = linear
    x[3] = math.nan
    assert importance_estimate(model, x, 100).unreliable_rows() == [3]


def test_another_prior_may_stand_as_p_of_z(linear):
    model, _, x = linear
    weight, bias = model.decoder[0].weight.detach(), model.decoder[0].bias.detach()
    prior = MultivariateNormal(torch.ones(2).double(), torch.tensor([[1.5, 0.3], [0.3, 0.8]]).double())
    noise = float(model.likelihood.scales()[0]) ** 2
    covariance = weight @ prior.covariance_matrix @ weight.T + noise * torch.eye(4, dtype=torch.double)
    exact = MultivariateNormal(bias + weight @ prior.mean, covariance)
    widened(model, 1.5)
    e = importance_estimate(model, x, 20_000, prior=prior)
    assert ((e.log_likelihood - exact.log_prob(x)).abs() < 4 * e.standard_error).all()
    assert e.standard_error.max() < 0.03
    assert e.kl_is_exact
    mixture = MixtureOfNormals(prior.mean[None], scale_tril=prior.scale_tril[None])
    same = importance_estimate(model, x, 20_000, prior=mixture)
    assert not same.kl_is_exact
    torch.testing.assert_close(same.log_likelihood, e.log_likelihood)
    # log q - log p under q is quadratic in z: its deviation is below 3 nats here
    assert (same.rate - e.rate).abs().max() < 4 * 3 / 20_000**0.5


def test_refusals(linear):
    model, _, x = linear
    for rows in (x[:0], x.long(), x.float(), x[:, None], x[:, :3]):
        with pytest.raises(
            ValueError, match=r"the shape \(n_rows, 4\) and in its precision, torch.float64; got"
        ):
            importance_estimate(model, rows, 3)
    with pytest.raises(TypeError, match="x must be a tensor as the model sees rows, got a ndarray"):
        importance_estimate(model, x.numpy(), 3)
    with pytest.raises(ValueError, match="n_draws must be the number of importance draws .* got 0"):
        importance_estimate(model, x, 0)
    with pytest.raises(ValueError, match="x has 20 rows, rows has 3"):
        importance_estimate(model, x, 5, rows=np.zeros((3, 1)))
    plain = LatentModel(Linear(), Deterministic(), Gaussian()).build(Sizes((4,), 2)).double()
    with pytest.raises(ValueError, match="has no prior"):
        importance_estimate(plain, x, 5)
