"""Linear-Gaussian models against scikit-learn's PCA and FactorAnalysis, scipy and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA, FactorAnalysis
from torch.distributions import MultivariateNormal, kl_divergence

from diabolo.likelihoods import Gaussian
from diabolo.likelihoods.location_scale import SCALE_FLOOR
from diabolo.networks import Linear
from diabolo.objectives import ELBO
from diabolo.posteriors import Deterministic, DiagonalGaussian, FullGaussian

P, D = 7, 3


def t(array):
    return torch.as_tensor(np.array(array, dtype=np.float64))


@pytest.fixture
def x():
    r = np.random.default_rng(5)
    loadings = r.normal(size=(D, P)) * np.array([[3.0], [2.0], [1.0]])
    return t(r.normal(size=(200, D)) @ loadings + r.normal(size=(200, P)) * np.linspace(0.3, 1.2, P) + 4)


@pytest.fixture
def linear(compose):
    """Return a function that builds the model p(x|z) = N(W z + mean, diag(noise)) with a given q(z|x)."""

    def linear(x, mean, loadings, noise, gain, tril, *, posterior):
        scale = "learned" if np.ndim(noise) == 0 else "per_feature"
        model = compose(x, network=Linear(), posterior=posterior, likelihood=Gaussian(scale), n_components=D)
        with torch.no_grad():
            # start() has put the model in units of the data; the weights are set in units of X
            model.shift.copy_(t(mean))
            model.likelihood.shift.copy_(t(mean))
            unit = model.unit
            model.likelihood.log_scale.copy_((t(np.sqrt(noise)) / unit.mean() - SCALE_FLOOR).log())
            model.decoder[0].weight.copy_(t(loadings) / unit[:, None])
            model.decoder[0].bias.zero_()
            head = model.posterior.head
            head.weight.zero_()
            head.weight[:D] = t(gain) * unit
            if tril is not None:
                tril = t(tril)
                head.bias[D : 2 * D] = tril.diagonal().log()
                if isinstance(posterior, FullGaussian):
                    rows, columns = np.tril_indices(D, -1)
                    head.bias[2 * D :] = tril[rows, columns]
        return model

    return linear


def exact_posterior(loadings, noise):
    """Return the gain K and covariance C of p(z|x) = N(K (x - mean), C)."""
    covariance = np.linalg.inv(np.eye(D) + (loadings.T / noise) @ loadings)
    return covariance @ (loadings.T / noise), covariance


def arbitrary(x, linear, posterior, seed=0):
    """Return a model far from any optimum, with its loadings and noise."""
    r = np.random.default_rng(seed)
    loadings, noise = r.normal(size=(P, D)), r.uniform(0.5, 2, size=P)
    tril = np.tril(r.normal(size=(D, D)), -1) * isinstance(posterior, FullGaussian) + np.diag(
        r.uniform(0.2, 2, D)
    )
    model = linear(
        x, np.full(P, 3.0), loadings, noise, 0.1 * r.normal(size=(D, P)), tril, posterior=posterior
    )
    return model, loadings, noise


def expected_elbo(model, x, hermite):
    """Return the ELBO of each row; Gauss-Hermite is exact because log p(x|z) is quadratic in z."""
    noise, log_weights = hermite(3, D)
    e = model.evaluate(x, noise=noise.expand(-1, len(x), -1))
    return (log_weights.exp()[:, None] * e.log_px).sum(0) - e.rate


def test_every_draw_has_the_log_likelihood_of_pca(x, linear):
    pca = PCA(D).fit(x.numpy())
    noise = pca.noise_variance_
    loadings = pca.components_.T * np.sqrt(pca.explained_variance_ - noise)
    gain, covariance = exact_posterior(loadings, noise)
    tril = np.diag(np.sqrt(np.diag(covariance)))
    model = linear(x, pca.mean_, loadings, noise, gain, tril, posterior=DiagonalGaussian())
    log_weight = model.evaluate(x, n_draws=6).log_weight.detach().numpy()
    np.testing.assert_allclose(log_weight, np.tile(pca.score_samples(x.numpy()), (6, 1)), atol=1e-10, rtol=0)


def test_every_draw_has_the_log_likelihood_of_factor_analysis(x, linear):
    fa = FactorAnalysis(D, svd_method="lapack", tol=1e-8).fit(x.numpy())
    loadings = fa.components_.T @ np.linalg.qr(np.random.default_rng(1).normal(size=(D, D)))[0]
    gain, covariance = exact_posterior(loadings, fa.noise_variance_)
    assert abs(covariance[0, 1]) > 1e-3  # the rotation has given the posterior correlations
    tril = np.linalg.cholesky(covariance)
    model = linear(x, fa.mean_, loadings, fa.noise_variance_, gain, tril, posterior=FullGaussian())
    log_weight = model.evaluate(x, n_draws=6).log_weight.detach().numpy()
    np.testing.assert_allclose(log_weight, np.tile(fa.score_samples(x.numpy()), (6, 1)), atol=1e-10, rtol=0)


@pytest.mark.parametrize("make", [DiagonalGaussian, FullGaussian])
def test_elbo_plus_divergence_from_the_exact_posterior_is_the_log_likelihood(x, linear, hermite, make):
    model, loadings, noise = arbitrary(x, linear, make())
    log_p = multivariate_normal(np.full(P, 3.0), loadings @ loadings.T + np.diag(noise)).logpdf(x.numpy())
    gain, covariance = exact_posterior(loadings, noise)
    exact = MultivariateNormal((x - 3) @ t(gain).T, t(covariance))
    q = model.encode(x)
    tril = q.scale_tril if make is FullGaussian else torch.diag_embed(q.scale)
    gap = kl_divergence(MultivariateNormal(q.mean, scale_tril=tril), exact)
    assert gap.min() > 0.1
    elbo = expected_elbo(model, x, hermite)
    np.testing.assert_allclose((elbo + gap).detach().numpy(), log_p, rtol=1e-11)


def test_the_best_diagonal_posterior_leaves_the_known_gap(x, linear, hermite):
    r = np.random.default_rng(3)
    loadings, noise = r.normal(size=(P, D)), 0.7
    m = loadings.T @ loadings + noise * np.eye(D)
    gain, _ = exact_posterior(loadings, noise)
    tril = np.diag(np.sqrt(noise / np.diag(m)))
    model = linear(x, np.full(P, 3.0), loadings, noise, gain, tril, posterior=DiagonalGaussian())
    log_p = multivariate_normal(np.full(P, 3.0), loadings @ loadings.T + noise * np.eye(P)).logpdf(x.numpy())
    gap = 0.5 * (np.log(np.diag(m)).sum() - np.linalg.slogdet(m)[1])
    assert gap > 0.05
    np.testing.assert_allclose(log_p - expected_elbo(model, x, hermite).detach().numpy(), gap, rtol=1e-10)


@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0])
def test_the_linear_beta_vae_is_reverse_water_filling(x, linear, hermite, beta):
    """With s = beta * noise, R = sum ln(lambda_i / s)+ / 2 and D = sum min(lambda_i, s)."""
    centred = x.numpy() - x.numpy().mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    values, vectors = values[::-1], vectors[:, ::-1]
    s = 0.5 * (values[D] + values[D - 1])  # exactly D dimensions are above the water
    noise = s / beta
    loadings = vectors[:, :D] * np.sqrt(values[:D] - s)
    gain = (loadings / values[:D]).T
    tril = np.diag(np.sqrt(s / values[:D]))
    model = linear(x, x.numpy().mean(0), loadings, noise, gain, tril, posterior=DiagonalGaussian())
    nodes, log_weights = hermite(3, D)
    e = model.evaluate(x, noise=nodes.expand(-1, len(x), -1))
    squared = (e.observation.mean - x).square().sum(-1)
    distortion = float((log_weights.exp()[:, None] * squared).sum(0).mean().detach())
    assert float(e.rate.mean().detach()) == pytest.approx(0.5 * np.log(values[:D] / s).sum(), rel=1e-11)
    assert distortion == pytest.approx(np.minimum(values, s).sum(), rel=1e-11)
    # a stationary point of the objective in everything but the scale of the likelihood, which is given here
    loss = (
        -(log_weights.exp()[:, None] * e.log_px).sum(0).mean()
        + ELBO(beta, gradient="reparametrised")(e)["weighted_rate"]
    )
    loss.backward()
    for name, parameter in model.named_parameters():
        if name != "likelihood.log_scale":
            assert parameter.grad.abs().max() < 1e-9, name


def test_at_the_pca_solution_the_linear_vae_is_stationary(x, linear, hermite):
    centred = x.numpy() - x.numpy().mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = values[D:].mean()
    loadings = vectors[:, :D] * np.sqrt(values[:D] - noise)
    gain, covariance = exact_posterior(loadings, noise)
    tril = np.sqrt(np.diag(np.diag(covariance)))
    model = linear(x, x.numpy().mean(0), loadings, noise, gain, tril, posterior=DiagonalGaussian())
    expected_elbo(model, x, hermite).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() < 1e-9, name


def test_the_linear_auto_encoder_reconstructs_like_pca(x, compose):
    pca = PCA(D).fit(x.numpy())
    model = compose(
        x, network=Linear(), posterior=Deterministic(), likelihood=Gaussian("data"), n_components=D
    )
    with torch.no_grad():
        model.posterior.head.weight.copy_(t(pca.components_))
        model.decoder[0].weight.copy_(t(pca.components_.T))
        model.decoder[0].bias.zero_()
    e = model.evaluate(x)
    expected = pca.inverse_transform(pca.transform(x.numpy()))
    np.testing.assert_allclose(model.point(e.observation)[0].detach().numpy(), expected, atol=1e-12)
    # "data" makes the objective the squared error in units of the overall deviation, and a constant
    unit = math.sqrt(x.numpy().var(0).mean())
    squared = ((x.numpy() - expected) ** 2).sum(-1) / (2 * unit**2)
    constant = P * (math.log(unit) + 0.5 * math.log(2 * math.pi))
    np.testing.assert_allclose(e.distortion.detach().numpy(), squared + constant, rtol=1e-12)
