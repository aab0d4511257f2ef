"""MixtureVAE: the clusters are the Gaussians of its prior."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from diabolo import MixtureVAE, load
from diabolo.likelihoods import Gaussian
from diabolo.networks import MLP, Linear
from diabolo.training import train

TABLE, GROUPS = make_blobs(120, n_features=5, centers=3, cluster_std=0.7, random_state=0)
SMALL = {"n_components": 2, "network": MLP((16,)), "max_epochs": 40, "batch_size": 32, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    return MixtureVAE(3, **SMALL).fit(TABLE)


def test_blobs(fitted):
    assert adjusted_rand_score(GROUPS, fitted.labels_) > 0.95


def test_shares_are_those_of_a_mixture_at_the_codes(fitted):
    """Computed by scikit-learn from the weights, means and variances of the prior."""
    prior = fitted.model_.prior
    oracle = GaussianMixture(3, covariance_type="diag")
    oracle.weights_ = prior.log_weights.softmax(0).detach().double().numpy()
    oracle.means_ = fitted.cluster_centers_.astype(float)
    variances = prior.log_scale.detach().double().exp().square().numpy()
    oracle.precisions_cholesky_ = 1 / np.sqrt(variances)
    np.testing.assert_allclose(
        fitted.predict_proba(TABLE), oracle.predict_proba(fitted.transform(TABLE)), atol=1e-5
    )
    np.testing.assert_array_equal(fitted.predict(TABLE), fitted.labels_)


def test_with_one_cluster_it_is_a_linear_gaussian_model():
    """One Gaussian for a prior adds nothing to a linear model: its log-likelihood is that of probabilistic PCA."""
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(300, 5))
    settings = {
        **SMALL,
        "network": Linear(),
        "likelihood": Gaussian("learned"),
        "max_epochs": 150,
        "batch_size": 100,
    }
    found = MixtureVAE(1, **{**settings, "learning_rate": 2e-2}).fit(X)
    assert found.score(X) == pytest.approx(PCA(2).fit(X).score(X), abs=0.05)


def test_files_and_seeds(fitted, tmp_path):
    copy = load(fitted.save(tmp_path / "m.diabolo"))
    np.testing.assert_array_equal(copy.labels_, fitted.labels_)
    np.testing.assert_array_equal(copy.predict_proba(TABLE), fitted.predict_proba(TABLE))
    again = MixtureVAE(3, **SMALL).fit(TABLE)
    np.testing.assert_array_equal(again.cluster_centers_, fitted.cluster_centers_)


def test_draws_come_from_the_mixture(fitted):
    codes = fitted.transform(fitted.sample(300, observation="mean"))
    from_centre = np.linalg.norm(codes[:, None] - fitted.cluster_centers_, axis=-1).min(1)
    assert np.median(from_centre) < 0.5 * np.linalg.norm(codes - codes.mean(0), axis=1).mean()


def test_refusals(fitted):
    assert not hasattr(fitted, "partial_fit")
    with pytest.raises(
        ValueError, match="n_clusters must be at most the number of rows, n_samples = 5, got 6"
    ):
        MixtureVAE(6, **SMALL).fit(TABLE[:5])
    with pytest.raises(ValueError, match="n_clusters must be .*got 0"):
        MixtureVAE(0, **SMALL).fit(TABLE)


def test_both_stages_learn_from_the_same_rows(monkeypatch):
    seen = []

    def spy(model, objective, x, **rest):
        seen.append(len(x))
        return train(model, objective, x, **rest)

    for room in ("mixture_vae", "base"):
        monkeypatch.setattr(f"diabolo.estimators.{room}.train", spy)
    MixtureVAE(3, **{**SMALL, "max_epochs": 2}, early_stopping=True, validation_fraction=0.25).fit(TABLE)
    assert seen == [90, 90]
