"""One fit, every beta: the estimator, against the exact curve of linear models and its own ordinary VAEs."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import diabolo
from diabolo import VAE, MultiRateVAE
from diabolo.likelihoods import Gaussian
from diabolo.networks import MLP
from diabolo.objectives import ELBO
from diabolo.training import mean_terms

X = load_digits().data[:300] / 16


@pytest.fixture(scope="module")
def vae():
    return MultiRateVAE(6, network=MLP((16,)), max_epochs=20, random_state=0).fit(X)


def test_a_linear_fit_comes_near_the_exact_curve():
    """Mean excess of distortion at equal rate over reverse water-filling, in nats; beta from .1 to 10."""
    rng = np.random.default_rng(0)
    data = (rng.normal(size=(1000, 8)) * np.geomspace(4, 0.3, 8)) @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    values = np.linalg.eigvalsh(np.cov(data.T, bias=True))
    fit = MultiRateVAE(
        8,
        beta_range=(0.1, 10.0),
        network="linear",
        likelihood=Gaussian(1.0),
        early_stopping=False,
        max_epochs=50,
        learning_rate=0.03,
        random_state=0,
    ).fit(data)
    levels = np.geomspace(0.01, values.max(), 500)
    rates = [0.5 * np.log(values[values > s] / s).sum() for s in levels]
    distortions = [0.5 * np.minimum(values, s).sum() for s in levels]
    points = []
    for beta in np.geomspace(0.1, 10, 9):
        terms = mean_terms(fit.at(beta).model_, ELBO(n_draws=5), torch.from_numpy(data).float(), {})
        points.append((terms["rate"], terms["distortion"] - 4 * np.log(2 * np.pi)))
    excess = [d - np.interp(r, rates[::-1], distortions[::-1]) for r, d in points]
    assert -0.02 < np.mean(excess) < 0.2
    assert (np.diff([r for r, _ in points]) < 0).all()


def test_every_method_takes_beta_and_is_that_of_the_vae_at_this_beta(vae):
    at = vae.at(0.2)
    assert type(at) is VAE
    assert at.beta == 0.2
    Z = at.transform(X)
    calls = {
        "transform": (X,),
        "inverse_transform": (Z,),
        "reconstruct": (X,),
        "interpolate": (X[0], X[1]),
        "traverse": (0, [1.0]),
        "sample_codes": (X,),
        "sample": (3,),
        "score_samples": (X, 5),
        "score": (X,),
    }
    for name, args in calls.items():
        np.testing.assert_array_equal(getattr(vae, name)(*args, beta=0.2), getattr(at, name)(*args))
    np.testing.assert_array_equal(vae.encode(X, beta=0.2).scale, at.encode(X).scale)
    assert vae.estimate_likelihood(X, 5, beta=0.2).mean == at.estimate_likelihood(X, 5).mean
    assert vae.evaluate(X, n_draws=3, beta=0.2) == at.evaluate(X, n_draws=3)
    own = {name for name in dir(VAE) if name[0] != "_" and not name.startswith(("set_", "get_"))}
    plain = {name for name in own if not hasattr(vars(MultiRateVAE).get(name), "__wrapped__")}
    assert plain == {
        "aggregate_posterior_",
        "fit",
        "fit_prior",
        "fit_transform",
        "partial_fit",
        "plan",
        "save",
    }
    assert "``beta`` is chosen here" in vae.evaluate.__doc__
    assert "beta" in inspect.signature(MultiRateVAE.evaluate).parameters


def test_beta_moves_along_the_curve(vae):
    records = [vae.evaluate(X, n_draws=5, beta=beta) for beta in (0.01, 0.1, 1, 10)]
    assert (np.diff([record.rate for record in records]) < 0).all()
    assert (np.diff([record.distortion for record in records]) > 0).all()
    assert vae.evaluate(X, n_draws=5).rate == records[2].rate


def test_save_and_load(vae, tmp_path):
    twin = diabolo.load(vae.save(tmp_path / "m.diabolo"))
    np.testing.assert_array_equal(twin.sample(4, beta=3), vae.sample(4, beta=3))
    np.testing.assert_array_equal(twin.sample(4, latent="aggregate"), vae.sample(4, latent="aggregate"))
    one = diabolo.load(vae.at(3).save(tmp_path / "one.diabolo"))
    np.testing.assert_array_equal(one.transform(X), vae.transform(X, beta=3))


def test_what_belongs_to_one_beta_is_had_there(vae):
    assert vae.aggregate_posterior_.sample((2,)).shape == (2, 6)
    with pytest.raises(ValueError, match=r"needs the training rows.*beta=0.2 .*vae.at\(beta, X\)"):
        vae.sample(3, latent="aggregate", beta=0.2)
    at = vae.at(0.2, X)
    np.testing.assert_array_equal(at.aggregate_posterior_.sample((2,)).shape, (2, 6))
    with pytest.raises(ValueError, match="needs the training rows"):
        vae.diagnose(X[:60], beta=0.2)
    with pytest.raises(
        TypeError, match=r"differ with beta: choose one first, as in vae.at\(beta\).fit_prior"
    ):
        vae.fit_prior(X)
    assert at.fit_prior(X, "gaussian").sample(2, latent="ex_post").shape == (2, 64)
    assert vae.diagnose(X[:60]).n_components == 6


def test_the_default_is_1_or_the_middle():
    fit = MultiRateVAE(2, beta_range=(2.0, 8.0), network=MLP((4,)), max_epochs=1, random_state=0).fit(X)
    assert fit.at().beta == pytest.approx(4.0)
    assert fit.sample(2, latent="aggregate").shape == (2, 64)
    with pytest.raises(ValueError, match=r"beta must be a number within beta_range = \(2, 8\)"):
        fit.transform(X, beta=1)


def test_training_goes_on(vae):
    more = MultiRateVAE(2, network=MLP((4,)), max_epochs=1, warm_start=True, random_state=0).fit(X)
    before = more.transform(X)
    assert not np.array_equal(more.fit(X).transform(X), before)
    assert more.partial_fit(X).sample(2, beta=2).shape == (2, 64)
    alone = more.at(2.0).set_params(learning_rate="auto").partial_fit(X)  # with an optimiser of its own
    assert alone.learning_rate_ == 2e-4
