"""What a user does with a fitted model, on tables, images and signals."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from diabolo import VAE, AutoEncoder, DenoisingAutoEncoder, MultiRateVAE, load
from diabolo.corruptions import SaltAndPepper
from diabolo.likelihoods import Gaussian
from diabolo.measures import likelihood
from diabolo.networks import MLP, Conv1d, Conv2d
from diabolo.priors import VampPrior
from diabolo.training import Bytes, Subset, train

RNG = np.random.default_rng(0)
DIGITS = load_digits().images
QUICK = {"max_epochs": 2, "random_state": 0, "batch_size": 32}

SHAPES = {
    "table": (RNG.normal(size=(50, 5)), {}, (5,)),
    "grey": (RNG.random((50, 9, 11)), {"network": Conv2d((4,))}, (1, 9, 11)),
    "colour, last": (RNG.random((50, 8, 10, 3)), {"network": Conv2d((4,))}, (3, 8, 10)),
    "colour, first": (RNG.random((50, 3, 8, 10)), {"network": Conv2d((4,)), "channel_axis": 1}, (3, 8, 10)),
    "flat images": (RNG.random((50, 64)), {"network": Conv2d((4,)), "input_shape": (8, 8)}, (1, 8, 8)),
    "signals by network": (RNG.normal(size=(50, 40)), {"network": Conv1d((4, 4))}, (1, 40)),
    "signals by axis": (RNG.normal(size=(50, 40)), {"channel_axis": None}, (1, 40)),
    "signals, channels last": (RNG.normal(size=(50, 40, 2)), {"channel_axis": -1}, (2, 40)),
    "bytes": (RNG.integers(0, 255, (50, 8, 8), dtype=np.uint8), {}, (1, 8, 8)),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("cls", [AutoEncoder, VAE])
def test_any_shape_goes_in_and_comes_out(name, cls):
    X, params, event = SHAPES[name]
    model = cls(3, **QUICK, **params).fit(X)
    assert model.layout_.event == event
    Z = model.transform(X)
    assert Z.shape == (50, 3)
    for out in (model.inverse_transform(Z), model.reconstruct(X)):
        assert out.shape == X.shape
        assert out.dtype == X.dtype
    assert model.interpolate(X[0], X[1], 4).shape == (4, *X.shape[1:])
    assert model.traverse(1, [-1, 0, 1]).shape == (3, *X.shape[1:])
    if cls is VAE:
        assert model.sample(7, latent="aggregate").shape == (7, *X.shape[1:])
        assert model.sample(7, observation="mean").dtype == X.dtype
        assert model.sample_codes(X, 4).shape == (4, 50, 3)


def test_layout_is_the_same_image_however_it_is_given():
    X = RNG.random((40, 8, 10, 3))
    last = AutoEncoder(2, network=Conv2d((4,)), **QUICK).fit(X)
    first = AutoEncoder(2, network=Conv2d((4,)), channel_axis=1, **QUICK).fit(np.moveaxis(X, -1, 1))
    np.testing.assert_array_equal(last.transform(X), first.transform(np.moveaxis(X, -1, 1)))
    np.testing.assert_array_equal(
        np.moveaxis(last.reconstruct(X), -1, 1), first.reconstruct(np.moveaxis(X, -1, 1))
    )


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((3, 8, 10), 0),
        ((1, 8, 8), 0),
        ((8, 10, 3), 2),
        ((8, 10, 1), 2),
        ((3, 8, 3), 2),
        ((1, 8, 3), 2),
        ((8, 10, 4), 2),
        ((4, 8, 10), 2),
    ],
)
def test_channels_are_first_where_only_that_axis_can_be_grey_or_colour(shape, axis):
    X = RNG.random((12, *shape))
    model = AutoEncoder(2, network=MLP((4,)), **QUICK).fit(X)
    assert model.layout_.channel_axis == axis
    assert ("channel_axis" in model.choices_) == (axis == 0)
    assert model.reconstruct(X).shape == X.shape
    flat = AutoEncoder(2, network=MLP((4,)), input_shape=shape, **QUICK).fit(X.reshape(12, -1))
    np.testing.assert_array_equal(flat.transform(X.reshape(12, -1)), model.transform(X))


@pytest.fixture(scope="module")
def vae():
    return VAE(4, max_epochs=20, random_state=0).fit(DIGITS[:500])


def test_score_samples_keeps_rows_independent(vae):
    X = DIGITS[:40]
    whole = vae.score_samples(X, n_draws=20)
    order = RNG.permutation(40)
    np.testing.assert_allclose(vae.score_samples(X[order], n_draws=20), whole[order], rtol=1e-10)
    np.testing.assert_allclose(vae.score_samples(X[7:9], n_draws=20), whole[7:9], rtol=1e-10)
    assert whole.dtype == np.float64
    np.testing.assert_array_equal(whole, vae.score_samples(X, n_draws=20))


def test_the_score_of_a_reconstruction_is_that_of_its_rows():
    rows = np.concatenate([DIGITS[:200], DIGITS[:1] + 30])
    ae = AutoEncoder(4, max_epochs=20, random_state=0).fit(DIGITS[:200])
    scores = ae.score_samples(rows)
    np.testing.assert_allclose(scores, -np.square(ae.reconstruct(rows) - rows).mean((1, 2)), rtol=1e-5)
    assert ae.score(rows) == pytest.approx(scores.mean())
    assert scores.argmin() == 200
    counts = rows.astype(int)  # whose reconstructions are rounded
    assert ae.fit(counts).score_samples(counts)[:9].max() < 0


def test_score_samples_does_not_depend_on_blocks(vae, monkeypatch):
    whole = vae.score_samples(DIGITS[:30], n_draws=10)
    values = max(64, likelihood._FEWEST_VALUES)
    monkeypatch.setattr(likelihood, "_BLOCK_CPU", 7 * values)  # 7 of the 10 codes of one row at a time
    np.testing.assert_allclose(vae.score_samples(DIGITS[:30], n_draws=10), whole, rtol=1e-10)


def test_score_is_in_units_of_x():
    """Data in other units move log p(x) by the Jacobian, and nothing else."""
    X = DIGITS[:300].reshape(300, -1)
    a = VAE(3, network=MLP((16,)), likelihood="gaussian", max_epochs=10, random_state=0).fit(X)
    b = VAE(3, network=MLP((16,)), likelihood="gaussian", max_epochs=10, random_state=0).fit(X * 8)
    difference = a.score_samples(X, 20) - b.score_samples(X * 8, 20)
    # rows of other values have other draws: what is left is the noise of the estimates
    assert difference.mean() == pytest.approx(64 * np.log(8), abs=5 * difference.std() / 300**0.5)
    assert difference.std() < 1


def test_the_likelihood_of_one_gaussian_column_is_right():
    """With a weight of the rate so large that codes carry nothing, p(x) is N(mean, scale)."""
    X = 3 + 2 * RNG.normal(size=(4000, 1))
    vae = VAE(1, beta=100.0, likelihood="gaussian", network=MLP((4,)), random_state=0).fit(X)
    expected = norm(X.mean(), X.std()).logpdf(X[:, 0]).mean()
    assert vae.score(X) == pytest.approx(expected, abs=0.02)


def test_linear_vae_approaches_probabilistic_pca():
    basis = RNG.normal(size=(2, 8)) * [[2.0], [1.0]]
    X = RNG.normal(size=(2000, 2)) @ basis + 0.5 * RNG.normal(size=(2000, 8))
    vae = VAE(
        2, network="linear", likelihood="gaussian", early_stopping=False, learning_rate=1e-2, random_state=0
    ).fit(X)
    assert vae.score(X) == pytest.approx(PCA(2).fit(X).score(X), abs=0.03)
    assert vae.model_.likelihood.scales()[0].item() == pytest.approx(0.5, rel=0.05)


def test_encode_gives_mean_and_scale(vae):
    q = vae.encode(DIGITS[:20])
    np.testing.assert_array_equal(q.mean, vae.transform(DIGITS[:20]))
    assert q.scale.shape == (20, 4)
    assert q.covariance is None
    codes = vae.sample_codes(DIGITS[:20], 4000, random_state=1)
    np.testing.assert_allclose(codes.mean(0), q.mean, atol=5 * q.scale.max() / 4000**0.5)
    np.testing.assert_allclose(codes.std(0), q.scale, rtol=0.1)
    assert not np.array_equal(codes[0], codes[1])


def test_full_covariance_codes_have_the_covariance_that_encode_says():
    model = VAE(3, posterior="full_gaussian", max_epochs=20, random_state=0).fit(DIGITS[:300])
    q = model.encode(DIGITS[:2])
    codes = model.sample_codes(DIGITS[:2], 20000, random_state=0)
    empirical = np.cov(codes[:, 0].T)
    scale = np.sqrt(np.diag(q.covariance[0]))
    np.testing.assert_allclose(
        empirical / np.outer(scale, scale), q.covariance[0] / np.outer(scale, scale), atol=0.04
    )


def test_option_1_draws_from_the_mixture_of_training_posteriors(vae):
    q = vae.encode(DIGITS[:500].astype(np.float32))
    z = vae.aggregate_posterior_.sample((40000,)).numpy()
    mean, variance = q.mean.mean(0), (q.scale**2 + q.mean**2).mean(0) - q.mean.mean(0) ** 2
    np.testing.assert_allclose(z.mean(0), mean, atol=5 * np.sqrt(variance.max() / 40000))
    np.testing.assert_allclose(z.var(0), variance, rtol=0.05)


def test_aggregate_keeps_a_seeded_subset_and_says_so():
    model = VAE(2, aggregate_rows=50, **QUICK).fit(DIGITS[:200])
    assert model._aggregate.shape[0] == 50
    assert "50 of the training rows" in model.choices_["aggregate"]


def test_sampling_repeats_and_varies_with_the_seed(vae):
    np.testing.assert_array_equal(vae.sample(5, random_state=1), vae.sample(5, random_state=1))
    assert not np.array_equal(vae.sample(5, random_state=1), vae.sample(5, random_state=2))
    assert not np.array_equal(vae.sample(5, observation="mean"), vae.sample(5, observation="draw"))


def test_evaluate_adds_up(vae):
    record = vae.evaluate(DIGITS[500:600], n_draws=50)
    assert record.elbo == pytest.approx(-(record.rate + record.distortion))
    assert sum(record.rate_per_dimension) == pytest.approx(record.rate, rel=1e-6)
    assert record.log_likelihood >= record.elbo
    assert record.mse > record.reconstruction_mse
    assert record.kl_is_exact
    assert record.is_density
    X = DIGITS[500:600]
    assert record.reconstruction_mse == pytest.approx(np.square(vae.reconstruct(X) - X).mean())
    assert set(record.as_dict()) > {
        "elbo",
        "rate",
        "distortion",
        "log_likelihood",
        "log_likelihood_se",
        "compression",
    }
    assert "nats per row" in str(record)


def test_grey_cross_entropy_is_called_no_density():
    model = VAE(2, likelihood="bernoulli", **QUICK).fit(DIGITS[:100] / 16)
    assert not model.evaluate(DIGITS[:50] / 16).is_density
    assert "no density" in str(model.evaluate(DIGITS[:50] / 16))
    binary = (DIGITS[:100] > 8).astype(float)
    automatic = VAE(2, **QUICK).fit(binary)
    assert "every value is 0 or 1" in automatic.choices_["likelihood"]
    assert automatic.evaluate(binary).is_density


@pytest.mark.parametrize("keep", ["save", "pickle"])
@pytest.mark.parametrize(
    "model",
    [
        AutoEncoder(3, likelihood="absolute_error", **QUICK),
        DenoisingAutoEncoder(3, corruption=SaltAndPepper(0.2), **QUICK),
        VAE(3, posterior="full_gaussian", likelihood=Gaussian("per_feature"), network=MLP((7,)), **QUICK),
        VAE(3, likelihood="categorical", **QUICK),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_model_comes_back_the_same(model, keep, tmp_path):
    X = DIGITS[:80]
    model.fit(X)
    again = load(model.save(tmp_path / "m.diabolo")) if keep == "save" else pickle.loads(pickle.dumps(model))
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    assert again.history_ == model.history_
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), model.reconstruct(X))
    if isinstance(model, VAE):
        np.testing.assert_array_equal(again.score_samples(X, 5), model.score_samples(X, 5))
        np.testing.assert_array_equal(
            again.sample(4, latent="aggregate"), model.sample(4, latent="aggregate")
        )
    if isinstance(model, DenoisingAutoEncoder):
        np.testing.assert_array_equal(again.denoise(X), model.denoise(X))


def test_denoising_beats_doing_nothing_and_learns_from_real_pairs():
    X = DIGITS[:600]
    noisy = X + 4 * RNG.normal(size=X.shape)
    model = DenoisingAutoEncoder(12, network=MLP((64,)), max_epochs=60, random_state=0).fit(X, X_noisy=noisy)
    unseen = DIGITS[600:700] + 4 * RNG.normal(size=(100, 8, 8))
    restored = model.denoise(unseen)
    assert np.square(restored - DIGITS[600:700]).mean() < 0.6 * np.square(unseen - DIGITS[600:700]).mean()
    assert restored.min() >= X.min()
    assert restored.max() <= X.max()


def test_default_noise_is_a_quarter_of_the_deviation():
    model = DenoisingAutoEncoder(2, **QUICK).fit(DIGITS[:300])
    deviation = np.sqrt(DIGITS[:300].var(0).mean())
    noise = model.corrupt(DIGITS[:300], random_state=0) - DIGITS[:300]
    assert noise.std() == pytest.approx(deviation / 4, rel=0.02)


def test_held_out_rows_choose_the_weights():
    model = AutoEncoder(4, max_epochs=30, random_state=0).fit(DIGITS[:300])
    best = min(model.history_, key=lambda row: row["val_loss"])
    assert model.best_step_ == best["step"]
    given = AutoEncoder(4, max_epochs=3, random_state=0).fit(DIGITS[:300], X_val=DIGITS[300:400])
    assert "val_loss" in given.history_[0]
    assert "val_loss" not in AutoEncoder(4, early_stopping=False, **QUICK).fit(DIGITS[:300]).history_[0]


@pytest.mark.parametrize(
    "model",
    [
        AutoEncoder(3, **QUICK),
        DenoisingAutoEncoder(3, **QUICK),
        VAE(3, prior=VampPrior(5), early_stopping=False, **QUICK),
    ],
    ids=["held out", "range", "examples and aggregate"],
)
@pytest.mark.parametrize("n_channels", [None, 3], ids=["table", "images"])
def test_bytes_stay_bytes_and_train_to_the_same_bits(model, n_channels, monkeypatch):
    X = np.random.default_rng(0).integers(0, 200, (120, 6), dtype=np.uint8)
    if n_channels:
        X = X.reshape(120, 2, 1, 3)
    taken = []
    monkeypatch.setattr(
        "diabolo.estimators.base.train", lambda m, o, x, **rest: taken.append(x) or train(m, o, x, **rest)
    )
    of_bytes, of_floats = (clone(model).fit(rows) for rows in (X, X.astype(np.float32)))
    stored = [rows.x if isinstance(rows, Subset) else rows for rows in taken]
    assert [type(rows) for rows in stored] == [Bytes, torch.Tensor]
    assert stored[0].stored.nbytes == X.size
    np.testing.assert_array_equal(of_bytes.transform(X), of_floats.transform(X.astype(np.float32)))
    for name in ("_range", "_aggregate"):
        if hasattr(of_bytes, name):
            assert torch.equal(*(torch.as_tensor(getattr(m, name)) for m in (of_bytes, of_floats)))


def test_transform_makes_floats_of_bytes_a_block_at_a_time(monkeypatch):
    X = RNG.integers(0, 200, (50, 6), dtype=np.uint8)
    model = AutoEncoder(3, **QUICK).fit(X)
    expected = model.transform(X.astype(np.float32))
    made, encode = [], model.model_.encode
    monkeypatch.setattr(AutoEncoder, "_rows_in_block", lambda self: 16)
    monkeypatch.setattr(model.model_, "encode", lambda x: made.append((len(x), x.dtype)) or encode(x))
    whole = AutoEncoder._tensor
    monkeypatch.setattr(AutoEncoder, "_tensor", lambda *args: made.append(args[2]) or whole(*args))
    np.testing.assert_allclose(model.transform(X), expected, rtol=1e-5, atol=1e-6)
    assert made == [torch.uint8, *[(n, torch.float32) for n in (16, 16, 16, 2)]]


def test_warm_start_goes_on_and_refit_forgets():
    model = AutoEncoder(4, warm_start=True, early_stopping=False, **QUICK).fit(DIGITS[:200])
    steps, score = model.n_steps_, model.score(DIGITS[:200])
    model.fit(DIGITS[:200])
    assert model.n_steps_ == 2 * steps
    assert model.score(DIGITS[:200]) > score
    fresh = AutoEncoder(4, early_stopping=False, **QUICK).fit(DIGITS[:200]).fit(DIGITS[:200])
    assert fresh.n_steps_ == steps


def test_partial_fit_learns_in_pieces():
    model = AutoEncoder(4, random_state=0)
    for _ in range(5):
        model.partial_fit(DIGITS[:200])
    first = model.score(DIGITS[:200])
    for _ in range(20):
        model.partial_fit(DIGITS[:200])
    assert model.score(DIGITS[:200]) > first


@pytest.mark.parametrize("estimator", [AutoEncoder(4, random_state=0), VAE(4, random_state=0)])
def test_partial_fit_goes_on_in_another_process(estimator, tmp_path):
    """To the bits: also what the optimiser remembers goes along."""
    ways = {
        "here": lambda model: model,
        "pickle": lambda model: pickle.loads(pickle.dumps(model)),
        "file": lambda model: load(model.save(tmp_path / "m.diabolo")),
        "copy": deepcopy,
    }
    found = {}
    for name, way in ways.items():
        model = clone(estimator)
        for start in (0, 100, 0):
            model = way(model.partial_fit(DIGITS[start : start + 100]))
        found[name] = model.transform(DIGITS[:20])
    for name in ways:
        np.testing.assert_array_equal(found[name], found["here"], err_msg=name)


def test_fits_in_threads_have_the_bits_of_fits_in_turn():
    """torch has one generator for all threads, which is as it was afterwards."""
    X = DIGITS[:200]
    models = [cls(2, random_state=seed, max_epochs=20) for cls in (AutoEncoder, VAE) for seed in range(3)]
    in_turn = [clone(model).fit(X).transform(X) for model in models]
    before = torch.get_rng_state()
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda model: model.fit(X).transform(X), models))
    assert torch.equal(torch.get_rng_state(), before)
    for codes, expected in zip(found, in_turn, strict=True):
        np.testing.assert_array_equal(codes, expected)


def test_moments_of_other_parameters_are_left_behind(tmp_path):
    """Frozen ones have none, and what is loaded trains them all."""
    model = AutoEncoder(2, network=MLP((8,)), random_state=0).partial_fit(DIGITS[:100])
    model.model_.encoder.requires_grad_(False)
    model._optimiser = None
    model.partial_fit(DIGITS[:100])
    again = load(model.save(tmp_path / "m.diabolo"))
    assert np.isfinite(again.partial_fit(DIGITS[:100]).transform(DIGITS[:5])).all()


def test_a_file_without_the_moments_of_one_parameter_starts_the_optimiser_afresh(tmp_path):
    """Of the shape (2,) too, which is that of the two rates beside them."""
    X = DIGITS[:100, 2, 2:4]
    model = AutoEncoder(1, network="linear", random_state=0).partial_fit(X)
    bias = model.model_.decoder[0].bias
    assert bias.shape == (2,)
    del model._optimiser.state[bias]
    again = load(model.save(tmp_path / "m.diabolo"))
    assert again._optimiser is None
    assert np.isfinite(again.partial_fit(X).transform(X)).all()


def test_partial_fit_does_not_undo_a_fit():
    """A fit ends with a rate of 0 and without an optimiser; the steps of a new one at the rate of a beginning go anywhere."""
    model = AutoEncoder(4, max_epochs=60, random_state=0).fit(DIGITS[:400])
    before = model.score(DIGITS[:400])
    for start in (0, 100, 200, 300):
        after = model.partial_fit(DIGITS[start : start + 100]).score(DIGITS[:400])
        assert after > 1.05 * before  # minus the squared error
    assert model.learning_rate_ == 2e-4
    assert AutoEncoder(4, random_state=0).partial_fit(DIGITS[:100]).learning_rate_ == 2e-3


def test_data_far_from_zero_keep_their_precision():
    X = 1e8 + RNG.normal(size=(300, 4)) @ RNG.normal(size=(4, 4))
    ae = AutoEncoder(4, network="linear", early_stopping=False, random_state=0).fit(X)
    assert ae.evaluate(X).explained_variance > 0.99


def test_many_rows_hold_out_no_more_than_1000():
    model = AutoEncoder(1, network="linear", max_epochs=1, batch_size=4000, random_state=0)
    for n_rows, held_out in [(40, 4), (10_000, 1000), (30_000, 1000)]:
        assert model.plan(np.arange(n_rows, dtype=np.float32)[:, None]).n_held_out == held_out
    X = np.arange(30_000, dtype=np.float32)[:, None]
    assert model.set_params(validation_fraction=0.1).plan(X).n_held_out == 3000


def test_the_learning_rate_follows_from_rows_and_steps():
    model = AutoEncoder(2, network=MLP((4,)), early_stopping=False, random_state=0)
    ramp = np.arange(80_000, dtype=np.float32)[:, None]
    for n_rows, max_epochs, shown in [
        (100, 3, "0.002: 3"),
        (8000, 1, "0.0024: 63"),
        (80_000, 8, "0.0048: 5000"),
    ]:
        choices = model.set_params(max_epochs=max_epochs).plan(ramp[:n_rows]).choices
        assert choices["learning_rate"] == f"learning_rate={shown} steps on {n_rows} rows"
    assert model.set_params(max_epochs=1).fit(DIGITS[:100]).learning_rate_ == 2e-3
    model.set_params(learning_rate=3e-3, max_epochs=1).fit(DIGITS[:100])
    assert model.learning_rate_ == 3e-3
    assert "learning_rate" not in model.choices_
    assert model.partial_fit(DIGITS[:100]).learning_rate_ == 3e-3


def test_effort_is_a_budget_of_steps():
    model = AutoEncoder(2, network=MLP((4,)), early_stopping=False, random_state=0).fit(DIGITS[:150])
    assert model.n_steps_ == 2000
    assert model.stopped_ == "budget"


@pytest.mark.parametrize(
    ("estimator", "few", "many"), [(AutoEncoder, 2000, 2000), (VAE, 2000, 1600), (MultiRateVAE, 2000, 2000)]
)
def test_a_vae_of_many_rows_needs_fewer_steps(estimator, few, many):
    X = np.random.default_rng(0).normal(size=(50_000, 2)).astype(np.float32)
    model = estimator(1, early_stopping=False)
    assert model.plan(X[:-1]).n_steps == few
    assert model.plan(X).n_steps == many
    assert model.set_params(effort="thorough").plan(X).n_steps == 10 * many


@pytest.mark.parametrize(
    ("shape", "params", "network"),
    [
        ((30, 16, 16), {}, "mlp"),
        ((30, 32, 40), {}, "conv2d"),
        ((30, 36, 32, 3), {}, "conv2d"),
        ((30, 64), {}, "mlp"),
        ((30, 64), {"channel_axis": None}, "conv1d"),
        ((30, 8), {"channel_axis": None}, "mlp"),
    ],
)
def test_the_network_is_chosen_by_the_shape_and_said(shape, params, network):
    model = AutoEncoder(2, max_epochs=1, random_state=0, **params).fit(RNG.normal(size=shape))
    assert model.choices_["network"].startswith(f"network='{network}'")


def test_a_refit_takes_held_out_rows_of_its_own_shape():
    model = AutoEncoder(2, **QUICK).fit(RNG.normal(size=(40, 5)))
    model.fit(DIGITS[:60], X_val=DIGITS[60:90])
    assert model.transform(DIGITS[:3]).shape == (3, 2)


def test_the_plan_is_what_the_fit_does():
    X = DIGITS[:130]
    for params, held_out in [({}, 13), ({"early_stopping": False}, 0), ({"validation_fraction": 0.5}, 65)]:
        model = AutoEncoder(3, network=MLP((4,)), **{**QUICK, **params})
        plan = model.plan(X)
        assert not hasattr(model, "model_")
        assert (plan.n_rows, plan.n_held_out) == (130 - held_out, held_out)
        model.fit(X)
        assert plan.n_steps == model.n_steps_
        assert plan.choices == model.choices_
        encoder, decoder = 64 * 4 + 4 + 4 * 3 + 3, 3 * 4 + 4 + 4 * 64 + 64
        assert plan.n_parameters == encoder + decoder


def test_planning_leaves_a_fitted_model_as_it_is():
    model = VAE(3, **QUICK).fit(DIGITS[:60])
    codes = model.transform(DIGITS[:60])
    assert "network='mlp': X is a table" in model.plan(RNG.normal(size=(50, 5))).choices["network"]
    np.testing.assert_array_equal(model.transform(DIGITS[:60]), codes)


@pytest.mark.parametrize("name", SHAPES)
def test_row_shape_is_that_of_x_and_survives_saving(name, tmp_path):
    X, params, _ = SHAPES[name]
    model = AutoEncoder(2, **{**QUICK, "max_epochs": 1}, **params).fit(X)
    assert model.row_shape_ == X.shape[1:]
    assert load(model.save(tmp_path / "m.diabolo")).row_shape_ == X.shape[1:]


def test_denoised_rows_stay_within_all_rows_that_were_learned_from():
    wide, narrow = DIGITS[:60], DIGITS[60:120] / 4 + 3
    model = DenoisingAutoEncoder(2, **QUICK).partial_fit(wide).partial_fit(narrow)
    assert model.denoise(100 * (wide - 8)).min() < narrow.min()
    model.set_params(warm_start=True).fit(narrow)
    assert model.denoise(100 * (wide - 8)).min() < narrow.min()
    model.set_params(warm_start=False).fit(narrow)
    restored = model.denoise(100 * (wide - 8))
    assert restored.min() >= narrow.min()
    assert restored.max() <= narrow.max()


def test_another_fit_of_a_denoising_model_forgets_the_density_of_its_codes():
    model = DenoisingAutoEncoder(2, **QUICK).fit(DIGITS[:60]).fit_prior(DIGITS[:60], "gaussian")
    assert model.sample(3).shape == (3, 8, 8)
    model.fit(DIGITS[:60])
    with pytest.raises(ValueError, match="call fit_prior"):
        model.sample(3)
