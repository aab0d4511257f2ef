"""scikit-learn's own checks, and its tools around our estimators."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import diabolo
from diabolo import VAE, AutoEncoder, DeepClustering, DenoisingAutoEncoder, MixtureVAE, MultiRateVAE
from diabolo.likelihoods import Gaussian
from diabolo.networks import MLP

ALL = [AutoEncoder, DenoisingAutoEncoder, MultiRateVAE, VAE]


def small(cls, **params):
    return cls(**{"n_components": 2, "network": MLP((8,)), "max_epochs": 3, "random_state": 0, **params})


@parametrize_with_checks(
    [
        *(small(cls) for cls in ALL),
        small(DeepClustering, n_clusters=3, max_iter=5),
        small(MixtureVAE, n_clusters=3),
    ],
    expected_failed_checks=lambda e: diabolo.EXPECTED_FAILED_CHECKS.get(type(e).__name__, {}),
    xfail_strict=True,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_at_most_two_expected_failures_each():
    assert set(diabolo.EXPECTED_FAILED_CHECKS) <= {cls.__name__ for cls in [*ALL, DeepClustering, MixtureVAE]}
    assert all(len(checks) <= 2 for checks in diabolo.EXPECTED_FAILED_CHECKS.values())


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


def test_pipeline_and_cross_validation(digits):
    X, y = digits[0][:300], digits[1][:300]
    pipeline = make_pipeline(
        StandardScaler(), small(AutoEncoder, n_components=8, max_epochs=5), LogisticRegression()
    )
    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.3


def test_grid_search_reaches_nested_parameters(digits):
    X = digits[0][:200]
    estimator = small(VAE, likelihood=Gaussian(scale=1.0))
    search = GridSearchCV(
        estimator, {"likelihood__scale": [4.0, 0.01], "network__hidden": [(8,), (4,)]}, cv=2, n_jobs=2
    )
    search.fit(X)
    assert search.best_params_["likelihood__scale"] == 4.0


def test_a_parameter_of_a_part_that_is_a_name_says_what_to_give():
    with pytest.raises(ValueError, match=r"likelihood='auto': give an object of diabolo\.likelihoods"):
        VAE(2).set_params(likelihood__scale=1.0)
    with pytest.raises(ValueError, match=r"objective='elbo': give an object of diabolo\.objectives"):
        VAE(2).set_params(objective__beta=1.0)
    with pytest.raises(ValueError, match="Invalid parameter 'priors'"):
        VAE(2).set_params(priors__n_modes=1)
    both = VAE(2).set_params(likelihood__scale=0.5, likelihood=Gaussian())
    assert both.likelihood.scale == 0.5


def test_clone_copies_parts_and_their_parameters():
    estimator = VAE(3, likelihood=Gaussian(scale=2.0), network=MLP((5, 4)))
    copy = clone(estimator)
    assert copy.likelihood is not estimator.likelihood
    assert copy.get_params()["likelihood__scale"] == 2.0
    assert copy.get_params()["network__hidden"] == (5, 4)


def test_pandas_in_and_out(digits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(digits[0][:60], columns=[f"pixel{i}" for i in range(64)])
    vae = small(VAE).set_output(transform="pandas").fit(frame)
    codes = vae.transform(frame)
    assert list(codes.columns) == ["vae0", "vae1"]
    assert list(vae.get_feature_names_out()) == ["vae0", "vae1"]
    assert list(vae.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        vae.transform(frame.rename(columns={"pixel0": "other"}))


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(digits, cls, dtype):
    X = digits[0][:60].astype(dtype)
    estimator = small(cls).fit(X)
    assert estimator.transform(X).dtype == dtype
    assert estimator.reconstruct(X).dtype == dtype


@pytest.mark.parametrize("cls", ALL)
def test_same_seed_same_bits(digits, cls):
    X = digits[0][:100]
    first, second = (small(cls).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    other = small(cls, random_state=1).fit(X)
    assert not np.array_equal(first.transform(X), other.transform(X))


def test_the_linear_auto_encoder_is_pca(digits):
    X = digits[0]
    ae = AutoEncoder(5, network="linear", effort="normal", early_stopping=False, random_state=0).fit(X)
    pca = PCA(5).fit(X)
    error = np.square(pca.inverse_transform(pca.transform(X)) - X).mean()
    assert -ae.score(X) == pytest.approx(error, rel=5e-3)
