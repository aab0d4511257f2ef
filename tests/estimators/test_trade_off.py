"""The curve against reverse water-filling, its record, and what is refused."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import diabolo
from diabolo import VAE, AutoEncoder, rate_distortion
from diabolo.likelihoods import Gaussian
from diabolo.measures import RateDistortionCurve
from diabolo.networks import MLP, Linear
from diabolo.objectives import ELBO
from diabolo.schedules import Linear as LinearSchedule

VARIANCES = np.array([4.0, 1.5, 0.5, 0.05])
NOISE = 0.25
SMALL = {"network": MLP((8,)), "max_epochs": 1, "random_state": 0}


def exact_rows(n=256):
    """Return rows whose covariance has exactly the eigenvalues VARIANCES."""
    r = np.random.default_rng(3)
    x = r.normal(size=(n, 4))
    x -= x.mean(0)
    basis = np.linalg.qr(r.normal(size=(4, 4)))[0]
    return np.linalg.svd(x, full_matrices=False)[0] * np.sqrt(n * VARIANCES) @ basis + 2


def test_the_linear_curve_is_reverse_water_filling():
    """s = beta * noise: R = sum ln(lambda_i / s)+ / 2, squared error = sum min(lambda_i, s)."""
    X, betas = exact_rows(), np.array([0.5, 1.0, 3.0])
    vae = VAE(
        4,
        network=Linear(),
        likelihood=Gaussian(math.sqrt(NOISE)),
        early_stopping=False,
        max_epochs=150,
        batch_size=256,
        learning_rate=0.1,
        random_state=0,
    )
    curve = rate_distortion(vae, X, betas, X_test=X, n_draws=100)
    level = (betas * NOISE)[:, None]
    rate = 0.5 * np.log(np.maximum(VARIANCES / level, 1)).sum(1)
    squared = np.minimum(VARIANCES, level).sum(1)
    distortion = squared / (2 * NOISE) + 2 * math.log(2 * math.pi * NOISE)  # with the density's constant
    # 150 steps on single draws leave the loss up to .03 nat above its minimum; along the curve, where the loss is flat,
    # R and D move by more; the squared error of 256 rows and 100 draws is known to about 1 %
    np.testing.assert_allclose(curve.rate, rate, atol=0.08)
    np.testing.assert_allclose(curve.distortion, distortion, atol=0.08)
    np.testing.assert_allclose(curve.distortion + betas * curve.rate, distortion + betas * rate, atol=0.05)
    np.testing.assert_allclose(curve.mse, squared / 4, rtol=0.04)
    assert curve.elbo.argmax() == 1


def test_the_record_is_frozen_float64_and_prints_a_table():
    curve = rate_distortion(VAE(2, **SMALL), exact_rows(64).astype(np.float32), [0, 1, 4], n_draws=2)
    names = [field.name for field in dataclasses.fields(curve)]
    assert names == ["beta", "rate", "distortion", "mse", "elbo"]
    for name in names:
        column = getattr(curve, name)
        assert (column.shape, column.dtype) == ((3,), np.float64)
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        curve.rate = curve.distortion
    assert curve.as_dict() == {name: getattr(curve, name).tolist() for name in names}
    np.testing.assert_allclose(curve.elbo, -(curve.rate + curve.distortion), rtol=1e-12)
    assert curve.entropy_bound == -max(curve.elbo)
    head, *lines = str(curve).splitlines()
    assert head.split() == ["beta", "rate", "distortion", "elbo", "mse"]
    assert [float(line.split()[0]) for line in lines] == [0, 1, 4]
    assert [float(line.split()[1]) for line in lines] == pytest.approx(curve.rate, abs=5e-4)
    with pytest.raises(ValueError, match="rate must be one number for each of the 2"):
        RateDistortionCurve([1, 2], [1], [1, 2], [1, 2], [1, 2])


def test_the_estimator_stays_as_it_is_and_the_seed_repeats():
    X = exact_rows(60)
    vae = VAE(2, beta=3.0, **SMALL).fit(X)
    before = {name: tensor.clone() for name, tensor in vae.model_.state_dict().items()}
    curves = [rate_distortion(vae, X, [0.5, 2], n_draws=3) for _ in range(2)]
    assert curves[0].as_dict() == curves[1].as_dict()
    assert (vae.beta, vae.warm_start) == (3.0, False)
    assert all(before[name].equal(tensor) for name, tensor in vae.model_.state_dict().items())
    tensor = rate_distortion(vae, torch.from_numpy(X), [0.5, 2], n_draws=3)
    assert tensor.as_dict() == curves[0].as_dict()


def test_each_fit_goes_on_from_its_neighbour_below(monkeypatch):
    fits, whole = [], VAE.fit

    def fit(self, X):
        start = self.model_.state_dict()["decoder.0.weight"].clone() if hasattr(self, "model_") else None
        whole(self, X)
        fits.append((self.beta, len(X), start, self.model_.state_dict()["decoder.0.weight"].clone()))
        assert [row["step"] for row in self.history_] == sorted(row["step"] for row in self.history_)
        return self

    monkeypatch.setattr(VAE, "fit", fit)
    rate_distortion(VAE(2, **SMALL), exact_rows(60), [0.5, 1, 2], n_draws=2)
    assert [beta for beta, *_ in fits] == [0.5, 1, 2]
    assert {n for _, n, *_ in fits} == {54}  # a tenth is held out
    assert fits[0][2] is None
    assert fits[1][2].equal(fits[0][3])
    assert fits[2][2].equal(fits[1][3])


class Multirate:
    """What a multi-rate estimator is to the curve."""

    beta_range = (0.1, 10)

    def __init__(self):
        self.asked = []

    def evaluate(self, X, *, beta, n_draws):
        self.asked.append((len(X), beta, n_draws))
        return {"rate": 1 / beta, "distortion": beta, "mse": beta, "elbo": -beta - 1 / beta}


def test_a_multi_rate_estimator_is_judged_on_x_and_not_fitted():
    multirate = Multirate()
    curve = rate_distortion(multirate, np.zeros((5, 2)), [0.1, 1, 10], n_draws=7)
    assert multirate.asked == [(5, 0.1, 7), (5, 1.0, 7), (5, 10.0, 7)]
    np.testing.assert_allclose(curve.rate, [10, 1, 0.1])
    with pytest.raises(ValueError, match="beta_range from 0.1 to 10.*0.01 to 1.*wider"):
        rate_distortion(multirate, np.zeros((5, 2)), [0.01, 1])


@pytest.mark.parametrize(
    ("betas", "message"),
    [
        ([], "one number or more.*0.1, 1, 10"),
        ([[1, 2]], r"shape \(1, 2\)"),
        ("abc", "must be numbers"),
        ([2, 1], r"must rise.*sorted\(set\(betas\)\)"),
        ([1, 1], r"must rise, each number once.*sorted\(set\(betas\)\)"),
        ([-1, 1], "0 or more, got -1"),
        ([1, float("nan")], "finite number.*nan: leave it out"),
        ([1, float("inf")], "finite number.*inf"),
    ],
)
def test_a_bad_grid_is_refused_with_the_way_out(betas, message):
    with pytest.raises(ValueError, match=message):
        rate_distortion(VAE(2), exact_rows(40), betas)


@pytest.mark.parametrize(
    ("vae", "error", "message"),
    [
        (AutoEncoder(2), TypeError, "must be a VAE.*AutoEncoder.*diabolo.VAE"),
        (VAE(2, beta=LinearSchedule()), ValueError, r"schedule.*set_params\(beta=1.0\)"),
        (VAE(2, objective=ELBO(2)), TypeError, r"set_params\(objective='elbo'\)"),
    ],
)
def test_an_estimator_whose_beta_cannot_be_set_is_refused(vae, error, message):
    with pytest.raises(error, match=message):
        rate_distortion(vae, exact_rows(40), [1])


def test_a_target_that_steers_beta_is_refused():
    vae = VAE(2)
    vae.target_rate = 3.0
    with pytest.raises(ValueError, match=r"no target_rate.*set_params\(target_rate=None\)"):
        rate_distortion(vae, exact_rows(40), [1])


def test_few_rows_need_rows_to_judge_on():
    with pytest.raises(ValueError, match="20 rows or more.*X_test"):
        rate_distortion(VAE(2, **SMALL), exact_rows(19), [1])


def test_the_public_name_is_there():
    assert "rate_distortion" in dir(diabolo)
