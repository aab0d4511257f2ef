"""Targets in place of weights: the multiplier of a VAE, the dimension of an auto-encoder."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import diabolo
from diabolo import VAE, AutoEncoder, TargetWarning
from diabolo.likelihoods import Categorical, Gaussian
from diabolo.networks import MLP
from diabolo.objectives import ELBO, Constrained
from diabolo.schedules import Controlled, Linear

SIGMA = 0.5
DIGITS = load_digits().data[:400] / 16
SMALL = {"n_components": 4, "network": MLP((32,)), "learning_rate": 5e-3, "random_state": 0}


@pytest.fixture(scope="module")
def rows():
    """Gaussian rows whose sample covariance has the eigenvalues 8, 4, 2, 1, .2, .1 exactly."""
    rng = np.random.default_rng(0)
    white = np.linalg.qr(rng.normal(size=(1500, 7)) * [0, 1, 1, 1, 1, 1, 1] + [1, 0, 0, 0, 0, 0, 0])[0][:, 1:]
    turned = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    return white * np.sqrt(1500 * np.array([8, 4, 2, 1, 0.2, 0.1])) @ turned + 3


def water_filling(s, values=(8, 4, 2, 1, 0.2, 0.1)):
    """Return rate in nats and squared error per row at the water level s."""
    values = np.array(values)
    return 0.5 * np.log(np.maximum(values / s, 1)).sum(), np.minimum(values, s).sum()


@pytest.mark.parametrize("given", ["target_rate", "target_distortion"])
def test_the_linear_vae_ends_on_the_exact_curve(rows, given):
    """At s = .6 four dimensions are above the water; beta = s / sigma^2. The rows that steer are the training rows.

    Targets are met within 1 %, and one draw for each of the 9,000 values adds 1 %. Of the error in R (or D), a level
    of s takes dR = -2 ds/s, dD = 4 ds: 4 % of beta is 2 % of either. The other 4 % are for the noise of the gradient.
    """
    s = 0.6
    rate, squared = water_filling(s)
    wanted = {"target_rate": rate, "target_distortion": np.sqrt(squared / 6)}[given]
    vae = VAE(
        4,
        network="linear",
        likelihood=Gaussian(SIGMA),
        batch_size=300,
        max_epochs=120,
        learning_rate=5e-2,
        random_state=0,
        **{given: wanted},
    ).fit(rows, X_val=rows)
    record = vae.evaluate(rows, n_draws=20)
    assert vae.target_.is_met
    assert record.rate == pytest.approx(rate, rel=0.03)
    assert record.mse * 6 == pytest.approx(squared, rel=0.03)
    assert vae.beta_ == pytest.approx(s / SIGMA**2, rel=0.06)


@pytest.fixture(scope="module")
def steered():
    return VAE(target_rate=4.0, max_epochs=150, **SMALL).fit(DIGITS)


def test_a_target_is_met_on_held_out_rows_and_told(steered):
    target = steered.target_
    assert target.is_met
    assert target.rows == "held-out"
    assert abs(target.reached / 4 - 1) < 0.02
    kept = next(row for row in steered.history_ if row["step"] == steered.best_step_)
    assert (kept["val_rate"], kept["beta"]) == (target.reached, steered.beta_)
    assert len({row["beta"] for row in steered.history_}) > 10
    text = str(steered.evaluate(DIGITS[:50], n_draws=5))
    assert "target_rate" in text
    assert "4 nats; held-out rows" in text
    assert "these rows" in text


def test_same_bits_clone_and_file(steered, tmp_path):
    again = clone(steered).fit(DIGITS)
    np.testing.assert_array_equal(again.transform(DIGITS), steered.transform(DIGITS))
    assert (again.beta_, again.target_) == (steered.beta_, steered.target_)
    loaded = diabolo.load(steered.save(tmp_path / "vae.diabolo"))
    assert (loaded.beta_, loaded.target_, loaded.target_rate) == (steered.beta_, steered.target_, 4.0)
    record = loaded.evaluate(DIGITS[:50], n_draws=2)
    assert record.effective_beta == pytest.approx(
        steered.beta_
        * float((steered.model_.likelihood.scales() / steered.model_.likelihood.unit).detach()[0]) ** 2
    )
    assert record.as_dict()["target"]["wanted"] == 4.0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"target_distortion": 1e-4},
            "was not met: the held-out rows show .* at least: the floor of what noise and",
        ),
        ({"target_distortion": 5.0}, "at most, which takes no codes"),
        ({"target_rate": 1e5}, "at most: that is what 4 codes came to use"),
    ],
)
def test_a_target_out_of_reach_says_so(given, why):
    with pytest.warns(TargetWarning, match=why):
        vae = VAE(**given, max_epochs=20, **SMALL).fit(DIGITS)
    assert not vae.target_.is_met


def test_without_held_out_rows_the_training_rows_steer():
    vae = VAE(target_distortion=0.2, early_stopping=False, max_epochs=150, **SMALL).fit(DIGITS)
    assert vae.target_.rows == "training"
    assert vae.target_.is_met
    assert "the training rows steered it" in vae.choices_["target"]
    assert vae.evaluate(DIGITS, n_draws=20).mse ** 0.5 == pytest.approx(0.2, rel=0.03)


def test_beta_is_known_without_a_target(tmp_path):
    vae = VAE(2, beta=Linear(3.0), network=MLP((4,)), max_epochs=2, random_state=0).fit(DIGITS[:60])
    assert vae.beta_ == 3.0
    assert diabolo.load(vae.save(tmp_path / "vae.diabolo")).beta_ == 3.0
    assert not hasattr(vae, "target_")


@pytest.mark.parametrize("beta", [0, 1e-3, Linear(0.0)])
def test_a_rate_that_nothing_weighs_is_said_once(beta):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        VAE(2, beta=beta, network=MLP((4,)), max_epochs=2, random_state=0).fit(DIGITS[:60])
    assert ["beta=0 leaves the rate" in str(warning.message) for warning in said] == [True] * (beta == 0)


@pytest.mark.parametrize(
    "beta", [Linear(3.0, share=1.0), Controlled(0.01, integral=0.1)], ids=["path", "steered"]
)
def test_beta_is_that_of_the_kept_weights(beta, monkeypatch):
    """The weights of step 6 of 12 are kept."""
    weights = []
    forward = type(beta).forward

    def watched(self, progress, rate=None):
        if self.training:
            weights.append(forward(self, progress, rate))
            return weights[-1]
        return forward(self, progress, rate)

    monkeypatch.setattr(type(beta), "forward", watched)
    monkeypatch.setattr(ELBO, "judge", lambda self, row: (abs(row["step"] - 6),))
    vae = VAE(beta=beta, max_epochs=12, batch_size=200, **SMALL).fit(DIGITS[:220])
    assert (vae.best_step_, vae.n_steps_, len(weights)) == (6, 12, 12)
    assert vae.beta_ == pytest.approx(weights[5])
    assert weights[5] != weights[-1]


def test_training_goes_on_from_the_multiplier():
    vae = VAE(target_rate=4.0, max_epochs=30, warm_start=True, **SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TargetWarning)
        vae.fit(DIGITS)
        first, checks = vae.beta_, len(vae.history_)
        vae.fit(DIGITS)
    assert first != 1.0
    assert vae.history_[checks]["beta"] == first  # where it is held at the beginning
    again = vae.partial_fit(DIGITS).history_[-1]["beta"]
    assert again != vae.history_[-2]["beta"]
    assert again == vae.beta_


@pytest.mark.parametrize(
    ("target", "unit"),
    [({"target_rate": 1e-3}, "nats"), ({"target_distortion": 1e-3, "target_unit": "mse"}, "mse")],
)
def test_an_objective_with_a_target_says_that_it_was_missed(target, unit):
    """As the options of the estimator do, and to the end: no patience ends it before beta has settled."""
    settings = {"max_epochs": 2, **SMALL}
    with pytest.warns(TargetWarning) as of_objective:
        vae = VAE(objective=Constrained(**target), **settings).fit(DIGITS)
    with pytest.warns(TargetWarning) as of_options:
        same = VAE(**target, **settings).fit(DIGITS)
    assert [str(w.message) for w in of_objective] == [str(w.message) for w in of_options]
    assert f"=0.001 {unit} was not met" in str(of_objective[0].message)
    assert vae.target_ == same.target_
    assert vae._plan(300).patience is same._plan(300).patience is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"target_rate": 5, "target_distortion": 0.1},
            "target_distortion and target_rate exclude one another",
        ),
        ({"target_rate": 5, "beta": 2.0}, "target_rate finds beta by itself, and beta=2.0 was given"),
        ({"target_rate": 5, "objective": ELBO()}, "leave one of them out, or give objective=Constrained"),
        ({"target_rate": 0}, r"target_rate must be a number above 0 \(nats\), got 0"),
        ({"target_rate": float("nan")}, "target_rate must be a number above 0"),
        ({"target_distortion": -0.1}, r"target_distortion must be a number above 0 \(rmse\), got -0.1"),
        ({"target_distortion": float("inf"), "target_unit": "nats"}, r"must be a finite number \(nats\)"),
        ({"target_distortion": 0.1, "target_unit": "pixels"}, "target_unit must be one of"),
        ({"target_distortion": 0.1, "likelihood": Categorical(17)}, "which categories do not have: use"),
        (
            {"objective": Constrained(target_distortion=0.1), "likelihood": Categorical(17)},
            "which categories do not have: use",
        ),
        ({"objective": Constrained()}, "one of target_distortion and target_rate must be given"),
        ({"objective": Constrained(target_rate=-1)}, "target_rate must be a number of nats above 0, got -1"),
    ],
)
def test_targets_that_mean_nothing_are_refused(given, why):
    with pytest.raises(ValueError, match=why):
        VAE(2, max_epochs=1, **given).fit(np.round(DIGITS[:30] * 16))


def test_the_dimension_of_the_linear_auto_encoder_is_that_of_pca(rows):
    rng = np.random.default_rng(1)
    train, test = rows[rng.permutation(1500)[:1200]], rows[rng.permutation(1500)[:300]]
    exact = []
    for d in range(1, 7):
        pca = PCA(d).fit(train)
        exact.append(np.sqrt(np.square(pca.inverse_transform(pca.transform(test)) - test).mean()))
    wanted = np.sqrt(exact[1] * exact[2])  # between two and three dimensions
    ae = AutoEncoder(
        6,
        network="linear",
        target_error=wanted,
        max_epochs=100,
        batch_size=300,
        learning_rate=5e-2,
        random_state=0,
    )
    codes = ae.fit_transform(train, X_val=test)
    assert ae.n_components_ == 3 == codes.shape[1]
    assert ae.n_components == 6
    curve = ae.error_curve_
    assert curve.n_components.tolist() == [1, 2, 3, 6]
    np.testing.assert_allclose(curve.error[:3], exact[:3], rtol=0.02)
    assert curve.error[3] < 0.05  # six of six dimensions lose nothing


def test_the_dimension_found_is_everywhere(tmp_path):
    settings = {"network": MLP((16,)), "max_epochs": 20, "random_state": 3}
    ae = AutoEncoder(6, target_error=0.28, **settings).fit(DIGITS)
    d = ae.n_components_
    assert 1 <= d < 6
    assert ae.transform(DIGITS).shape == (400, d)
    assert len(ae.get_feature_names_out()) == d
    assert ae.evaluate(DIGITS).n_components == d
    assert ae.traverse(0, [0.0, 1.0]).shape == (2, 64)
    with pytest.raises(ValueError, match=f"Z must have n_components = {d} columns"):
        ae.inverse_transform(np.zeros((2, 6)))
    np.testing.assert_array_equal(
        ae.transform(DIGITS), AutoEncoder(d, **settings).fit(DIGITS).transform(DIGITS)
    )
    loaded = diabolo.load(ae.save(tmp_path / "ae.diabolo"))
    np.testing.assert_array_equal(loaded.transform(DIGITS), ae.transform(DIGITS))
    assert loaded.error_curve_.as_dict() == ae.error_curve_.as_dict()
    assert loaded.n_components_ == d
    ae.set_params(target_error=None).fit(DIGITS)
    assert ae.n_components_ == 6
    assert not hasattr(ae, "error_curve_")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"target_error": 1e-3},
            "target_error=0.001 was not reached: with n_components=2 the root mean squared",
        ),
        ({"target_error": 0}, "target_error must be a number above 0"),
        ({"target_error": 0.1, "warm_start": True}, "so warm_start must be False"),
    ],
)
def test_errors_that_cannot_be_reached_or_mean_nothing(given, why):
    with pytest.raises(ValueError, match=why):
        AutoEncoder(2, network=MLP((4,)), max_epochs=1, random_state=0, **given).fit(DIGITS[:60])


def test_partial_fit_has_one_dimension():
    with pytest.raises(ValueError, match="use fit, or target_error=None"):
        AutoEncoder(2, target_error=0.1).partial_fit(DIGITS[:60])
