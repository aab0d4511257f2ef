"""Every mistake gets a sentence: what, what it must be, what it got, the way out."""

import pickle
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from diabolo import (
    VAE,
    AutoEncoder,
    DenoisingAutoEncoder,
    DivergenceWarning,
    InterruptedWarning,
    ModelFileError,
    load,
)
from diabolo.corruptions import Gaussian as GaussianNoise
from diabolo.corruptions import Masking
from diabolo.likelihoods import Categorical, Gaussian
from diabolo.networks import MLP, Conv2d
from diabolo.networks import Linear as LinearNetwork
from diabolo.objectives import ELBO
from diabolo.schedules import Linear
from diabolo.training import loop

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6))
SMALL = {"network": MLP((8,)), "max_epochs": 2, "random_state": 0}


def vae(**params):
    return VAE(**{"n_components": 2, **SMALL, **params})


@pytest.fixture(scope="module")
def fitted():
    return vae().fit(X)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.where(np.arange(240).reshape(40, 6) == 7, np.nan, X), "NaN.*SimpleImputer"),
        (np.ma.masked_greater(X, X.max() - 1e-9), r"masked array, 1 of its values .*X\.filled"),
        (np.where(np.arange(240).reshape(40, 6) == 7, np.inf, X), "infinity"),
        (np.empty((0, 6)), "0 sample"),
        (X[:1], "1 sample.*minimum of 2"),
        (X[0], "Reshape your data"),
        (np.array([["a", "b"], ["c", "d"]]), "bytes/strings"),
        (X + 1j, "Complex data not supported"),
        (sparse.csr_matrix(X), "[Ss]parse"),
        (np.ones((40, 6)), "all its 40 rows are equal"),
        (np.zeros((5, 4, 4, 4, 4)), "channel_axis"),
        ("rows.npy", r"X must be rows, got the name of a file.*open_data\('rows.npy'\).X"),
        (Path("rows.npy"), "X must be rows, got the name of a file"),
    ],
)
def test_data_that_cannot_be_fitted(bad, message):
    with pytest.raises((ValueError, TypeError), match=message):
        vae().fit(bad)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_components": 0}, "n_components must be a whole number, 1 or more, got 0"),
        ({"n_components": 2.5}, "n_components must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"max_epochs": 0}, "max_epochs must be a whole number"),
        ({"learning_rate": -1}, "learning_rate must be a number above 0, or 'auto', got -1"),
        ({"validation_fraction": 1.0}, "validation_fraction.*early_stopping=False"),
        ({"learning_rate": np.inf}, "learning_rate must be a number above 0, or 'auto', got inf"),
        ({"learning_rate": "fast"}, "learning_rate must be a number above 0, or 'auto', got 'fast'"),
        (
            {"validation_fraction": "a tenth"},
            "validation_fraction must lie strictly between 0 and 1, or be 'auto'",
        ),
        ({"early_stopping": "no"}, "early_stopping must be True or False, got 'no'"),
        ({"warm_start": 2}, "warm_start must be True or False, got 2"),
        ({"verbose": -1}, "verbose must be 0, or 1 for a progress bar, got -1"),
        ({"n_iter_no_change": None}, "n_iter_no_change must be a whole number"),
        ({"max_epochs": True}, "max_epochs must be a whole number"),
        ({"beta": -1}, "beta must be a number, 0 or more"),
        ({"beta": "4"}, "beta must be a number, 0 or more"),
        ({"beta": Linear(-1.0)}, "final must be a number, 0 or more, got -1"),
        ({"beta": Linear(share=2.0)}, "share must be .* at most 1, the whole training .*train longer.*got 2"),
        ({"effort": ["normal"]}, "effort must be one of"),
        ({"effort": "much"}, "effort must be one of .*'thorough'.*got 'much'"),
        ({"scale": "row"}, "scale must be one of .*'column'"),
        ({"likelihood": "gausian"}, "likelihood must be one of .* Did you mean 'gaussian'"),
        ({"network": "conv3d"}, "network must be one of .* Did you mean 'conv"),
        ({"likelihood": "MSE"}, "Did you mean 'squared_error'"),
        ({"likelihood": "normal"}, r"Did you mean 'gaussian'\?"),
        ({"prior": "normal"}, r"Did you mean 'standard_normal'\?"),
        ({"posterior": "normal"}, r"Did you mean 'diagonal_gaussian'\?"),
        ({"posterior": "gaussian"}, "posterior must be one of .* 'diagonal_gaussian' or 'full_gaussian'"),
        ({"prior": 3}, "prior must be a name .* or a Prior object, got 3 of type int"),
        ({"posterior": "deterministic"}, "no density.*DiagonalGaussian"),
        ({"likelihood": Gaussian(scale=-1.0)}, "scale .* must be a number above 0 in units of X"),
        ({"network": Conv2d()}, "reads images.*network='mlp'"),
        ({"network": MLP((8,), activation="rely")}, "activation must be one of"),
        ({"network": LinearNetwork(), "n_components": 7}, "n_components must be at most .* n_features = 6"),
        ({"network": MLP(5)}, r"hidden must be a tuple of whole numbers above 0, got 5"),
        ({"network": MLP((8, 0))}, r"hidden must be .* got \(8, 0\)"),
        ({"network": Conv2d(()), "input_shape": (2, 3)}, "channels must be .* 1 or more of them, got \\(\\)"),
        ({"objective": ELBO(n_draws=0)}, "n_draws must be a whole number, 1 or more, got 0"),
        ({"input_shape": (2, 2)}, "input_shape must hold as many values as X has columns"),
        ({"input_shape": 6}, "input_shape must be a tuple, such as .* got 6"),
        ({"input_shape": (2.0, 3)}, "each side of input_shape must be a whole number, 1 or more, got 2.0"),
        ({"channel_axis": 5}, "channel_axis must name an axis of X"),
        ({"channel_axis": "last"}, "channel_axis must be 'auto', None or the number .* got 'last'"),
        ({"device": None}, "device must be 'auto' or a device"),
        ({"random_state": "a"}, "cannot be used to seed"),
        ({"device": "cudaa"}, "device must be 'auto' or a device that torch has.*got 'cudaa'"),
        ({"device": "cuda:99"}, "device must be 'auto' or a device"),
        ({"aggregate_rows": 0}, "aggregate_rows must be a whole number"),
    ],
)
def test_arguments_that_mean_nothing(params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        vae(**params).fit(X)


@pytest.mark.parametrize(
    ("likelihood", "data", "message"),
    [
        ("bernoulli", X, r"needs values in \[0, 1\].*values outside.*column.*likelihood='gaussian'"),
        ("continuous_bernoulli", X * 9, r"needs values in \[0, 1\].*bring X to \[0, 1\]"),
        ("categorical", X, "needs whole numbers.*OrdinalEncoder"),
        (Categorical(2), RNG.integers(0, 4, (40, 6)), "categories from 0 to 1, the 2 that.*4 or more"),
    ],
)
def test_values_outside_the_support_name_the_column(likelihood, data, message):
    with pytest.raises(ValueError, match=message):
        vae(likelihood=likelihood).fit(data)


def test_columns_of_a_data_frame_that_hold_no_numbers_are_named():
    pd = pytest.importorskip("pandas")
    numbers = {"size": X[:, 0], "code": pd.Series([1, 2] * 20, dtype=object), "flag": [True, False] * 20}
    dates, words = pd.date_range("2026-01-01", periods=40), pd.Categorical(["x", "y"] * 20)
    for others in ({"day": dates}, {"kind": words}, {"day": dates, "kind": words}):
        named = ", ".join(rf"{name} \([^()]+\)" for name in others)
        with pytest.raises(ValueError, match=rf"columns do not: {named}\. .*OrdinalEncoder"):
            vae().fit(pd.DataFrame({**numbers, **others}))
    assert vae().fit(pd.DataFrame(numbers)).n_features_in_ == 3
    missing = pd.DataFrame({**numbers, "count": pd.array([1, None] * 20, dtype="Int64")})
    with pytest.raises(ValueError, match="X contains NaN.*SimpleImputer"):
        vae().fit(missing)


def test_a_mask_that_hides_nothing_is_no_mistake(fitted):
    rows = np.ma.masked_greater(X, X.max())
    assert (fitted.transform(rows) == fitted.transform(X)).all()
    with pytest.raises(ValueError, match="masked array"):
        fitted.transform(np.ma.masked_greater(X, 0.0))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_no_numbers_are_named_by_their_argument(value):
    bad = X.copy()
    bad[3, 2] = value
    for name, fit in {
        "X": lambda: vae().fit(bad),
        "X_val": lambda: vae().fit(X, X_val=bad),
        "X_noisy": lambda: DenoisingAutoEncoder(2, **SMALL).fit(X, X_noisy=bad),
    }.items():
        with pytest.raises(ValueError, match=f"^Input {name} contains (NaN|infinity)"):
            fit()
    with pytest.raises(ValueError, match="^X_val has 5 features, but VAE is expecting 6"):
        vae().fit(X, X_val=X[:, :5])


INSIDE = RNG.random((40, 6))
OUTSIDE = INSIDE * 3


@pytest.mark.parametrize("cls", [VAE, AutoEncoder, DenoisingAutoEncoder])
@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous_bernoulli"])
def test_the_support_is_checked_wherever_rows_are_learned_from(cls, likelihood):
    """The first fit, a refit, a fit that goes on, training in pieces, and the rows that choose the weights."""
    made = cls(2, likelihood=likelihood, **SMALL)
    going_on = cls(2, likelihood=likelihood, warm_start=True, **SMALL).fit(INSIDE)
    pieces = cls(2, likelihood=likelihood, **SMALL).partial_fit(INSIDE)
    sentence = r"likelihood='{}' needs values in \[0, 1\], but {} has \d+ values outside, in 6 columns"
    before = going_on.transform(INSIDE), pieces.transform(INSIDE)
    for call, name in [
        (lambda: made.fit(OUTSIDE), "X"),
        (lambda: made.fit(INSIDE, X_val=OUTSIDE), "X_val"),
        (lambda: made.partial_fit(OUTSIDE), "X"),
        (lambda: going_on.fit(OUTSIDE), "X"),
        (lambda: going_on.fit(INSIDE, X_val=OUTSIDE), "X_val"),
        (lambda: pieces.partial_fit(OUTSIDE), "X"),
    ]:
        with pytest.raises(ValueError, match=sentence.format(likelihood, name)):
            call()
    assert not hasattr(made, "model_")
    np.testing.assert_array_equal(going_on.transform(INSIDE), before[0])
    np.testing.assert_array_equal(pieces.transform(INSIDE), before[1])


def test_clean_rows_of_pairs_are_in_the_support_and_noisy_ones_need_not_be():
    model = DenoisingAutoEncoder(2, likelihood="cross_entropy", warm_start=True, **SMALL)
    for _ in range(2):  # the first fit, and one that goes on
        with pytest.raises(ValueError, match=r"likelihood='bernoulli' needs .* X has .* column 0"):
            model.fit(OUTSIDE, X_noisy=INSIDE)
        with pytest.raises(ValueError, match=r"likelihood='bernoulli' needs .* X_val has .* column 0"):
            model.fit(INSIDE, X_noisy=OUTSIDE, X_val=OUTSIDE)
        model.fit(INSIDE, X_noisy=OUTSIDE, X_val=INSIDE)
    assert model.denoise(OUTSIDE).shape == (40, 6)


def test_categories_that_the_first_rows_lack_are_refused_later():
    X = RNG.integers(0, 3, (40, 6))
    later = np.where(np.arange(240).reshape(40, 6) == 5, 3, X)
    model = vae(likelihood="categorical").partial_fit(X)
    sentence = r"categories from 0 to 2, the 3 that were given or seen at fit, but {} has 1 values outside, in 1 columns \(first: column 5, e.g. 3\)"
    with pytest.raises(ValueError, match=sentence.format("X")):
        model.partial_fit(later)
    with pytest.raises(ValueError, match=sentence.format("X_val")):
        vae(likelihood="categorical").fit(X, X_val=later)
    model._check_support(X, "X")


@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous_bernoulli"])
def test_rows_to_score_are_in_the_support(likelihood):
    model = vae(likelihood=likelihood).fit(INSIDE)
    sentence = (
        rf"likelihood='{likelihood}' needs values in \[0, 1\], but X has \d+ values outside, in 6 columns"
    )
    for call in (model.score_samples, model.estimate_likelihood, model.evaluate, model.score):
        with pytest.raises(ValueError, match=sentence):
            call(OUTSIDE)


def test_a_parameter_that_means_nothing_is_refused_when_a_fit_goes_on():
    model = vae(warm_start=True).fit(X)
    codes = model.transform(X)
    for params, message in [
        ({"batch_size": 0}, "batch_size must be"),
        ({"beta": -1}, "beta must be a number, 0 or more"),
        ({"learning_rate": 0}, "learning_rate must be"),
    ]:
        wrong = pickle.loads(pickle.dumps(model)).set_params(**params)
        for call in (wrong.fit, wrong.partial_fit):
            with pytest.raises(ValueError, match=message):
                call(X)
        np.testing.assert_array_equal(wrong.transform(X), codes)


def test_a_fit_that_is_refused_leaves_no_model():
    model = vae(beta=-1)
    for call in (model.fit, model.partial_fit, model.plan):
        with pytest.raises(ValueError, match="beta must be"):
            call(X)
        assert not hasattr(model, "model_")
    model.set_params(beta=1.0).fit(X)
    with pytest.raises(ValueError, match="beta must be"):
        model.set_params(beta=-1).fit(X)
    with pytest.raises(ValueError, match="not fitted"):
        model.transform(X)


def test_some_rows_are_left_to_learn_from():
    model = vae(validation_fraction=0.99).fit(X[:20])
    assert model.plan(X[:20]).n_rows == 1
    assert np.isfinite(model.history_[-1]["val_loss"])


def test_support_message_counts_and_uses_column_names():
    pd = pytest.importorskip("pandas")
    data = np.full((10, 2), 0.5)
    data[:3, 1] = 2.0
    data[0, 0] = 0.25
    with pytest.raises(
        ValueError, match="3 values outside, in 1 columns \\(first: column 'age', e.g. 2.0\\)"
    ):
        vae(likelihood="bernoulli").fit(pd.DataFrame(data, columns=["size", "age"]))


@pytest.mark.parametrize(
    ("corruption", "message"),
    [
        (GaussianNoise(0), "scale .*must be above 0"),
        (Masking(1.5), "fraction must lie strictly between 0 and 1"),
        ("gauss", "corruption must be one of .* Did you mean 'gaussian'"),
    ],
)
def test_corruptions_that_mean_nothing(corruption, message):
    with pytest.raises(ValueError, match=message):
        DenoisingAutoEncoder(2, corruption=corruption, **SMALL).fit(X)


def test_noisy_rows_must_match_the_clean_ones():
    with pytest.raises(ValueError, match="X_noisy must have the shape of X"):
        DenoisingAutoEncoder(2, **SMALL).fit(X, X_noisy=X[:-1])


def test_use_of_a_fitted_model_with_wrong_arguments(fitted):
    for call, message in [
        (lambda: fitted.transform(X[:, :5]), "5 features.*expecting 6"),
        (lambda: fitted.transform(X.reshape(40, 3, 2)), r"rows of the shape \(6,\)"),
        (lambda: fitted.inverse_transform(np.zeros((3, 5))), "n_components = 2 columns, got 5"),
        (lambda: fitted.inverse_transform(np.zeros((5, 3, 2))), r"give Z.reshape\(-1, 2\)"),
        (lambda: fitted.sample(0), "n must be a whole number, 1 or more"),
        (
            lambda: fitted.sample(3, latent="posterior"),
            r"latent must be one of \('prior', 'aggregate', 'ex_post'\)",
        ),
        (lambda: fitted.sample(3, observation="mode"), "observation must be one of"),
        (lambda: fitted.score_samples(X, n_draws=0), "n_draws must be a whole number"),
        (lambda: fitted.sample_codes(X, n_draws=0), "n_draws must be a whole number"),
        (lambda: fitted.interpolate(X[0], X[1], 1), "n must be 2 or more"),
        (lambda: fitted.interpolate(X[0], X[1], "3"), "n must be 2 or more"),
        (lambda: fitted.interpolate(X[:2], X[1]), "x0 must be one observation"),
        (lambda: fitted.traverse(2, [0.0]), "dim must be a whole number from 0 to 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_one_image_is_no_array_of_images():
    images = RNG.random((20, 4, 5))
    model = vae().fit(images)
    with pytest.raises(ValueError, match=r"X has the shape of one observation, \(4, 5\).*give X\[None\]"):
        model.transform(images[0])
    assert model.transform(images[:1]).shape == (1, 2)


def test_not_fitted_comes_first():
    from sklearn.exceptions import NotFittedError

    model = vae()
    for call in (
        model.transform,
        model.inverse_transform,
        model.score_samples,
        model.evaluate,
        model.reconstruct,
    ):
        with pytest.raises(NotFittedError):
            call(np.full((2, 2), np.nan))
    with pytest.raises(NotFittedError):
        model.sample(2)
    with pytest.raises(NotFittedError):
        model.save("nowhere.diabolo")


def test_constant_columns_train_and_are_named():
    data = X.copy()
    data[:, 3] = 7.0
    for likelihood in ("gaussian", "gaussian_per_feature", "laplace"):
        model = vae(likelihood=likelihood).fit(data)
        assert "1 of 6 columns are constant" in model.choices_["constant_columns"]
        assert model.choices_["constant_columns"].endswith(": 3")
        assert np.isfinite(model.score_samples(data, n_draws=5)).all()
    scales = vae(likelihood="gaussian_per_feature").fit(data).model_.likelihood.scales()
    assert scales[3] == 1.0


def test_columns_of_different_unit_warn_once_and_name_the_way_out():
    data = X * np.array([1, 1, 1, 1, 1, 1000.0])
    with pytest.warns(UserWarning, match="differ .*-fold.*scale='column'") as record:
        AutoEncoder(2, **SMALL).fit(data)
    assert len(record) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AutoEncoder(2, scale="column", **SMALL).fit(data)
        assert "per_feature" in vae(likelihood="auto").fit(data).choices_["likelihood"]


def test_pixels_that_hardly_vary_have_no_unit_of_their_own():
    from sklearn.datasets import load_digits

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AutoEncoder(2, **SMALL).fit(load_digits().data[:200])


class Explodes(MLP):
    """As it should be for some calls, not at those that follow: no number, or far off."""

    def encoder(self, event):
        encoder, n_features = super().encoder(event)
        calls = [0]

        def hook(module, args, output):
            calls[0] += 1
            return output * self.by if 0 < calls[0] - self.after <= self.calls else output

        encoder.register_forward_hook(hook)
        return encoder, n_features

    def __init__(self, after=30, calls=4, by=float("nan")):
        super().__init__((4,))
        self.after = after
        self.calls = calls
        self.by = by


def test_divergence_keeps_the_last_good_weights():
    model = vae(network=Explodes(30), max_epochs=40, batch_size=20, early_stopping=False)
    with pytest.warns(
        DivergenceWarning,
        match="diverged after step 30 .*again 3 times, each with half .*the weights of step 30 .*learning_rate",
    ):
        model.fit(X)
    assert model.stopped_ == "diverged"
    assert np.isfinite(model.transform(X)).all()


def test_a_loss_that_is_no_number_is_met_with_a_lower_rate():
    model = vae(network=Explodes(33, calls=2), max_epochs=40, batch_size=20, early_stopping=False)
    with pytest.warns(DivergenceWarning, match="at step 34, 35; .*2 times, each with half the learning rate"):
        model.fit(X)
    assert model.stopped_ == "budget"
    assert "halved after each of the steps 34, 35" in model.choices_["learning_rate"]
    whole = vae(network=Explodes(10_000), max_epochs=40, batch_size=20, early_stopping=False).fit(X)
    rates = [{row["step"]: row["learning_rate"] for row in m.history_} for m in (model, whole)]
    assert all(rates[0][step] == rates[1][step] * (1 if step < 34 else 0.25) for step in rates[0])
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]


def test_a_loss_far_above_what_it_was_is_met_with_a_lower_rate_too():
    model = vae(network=Explodes(40, calls=2, by=1e4), max_epochs=40, batch_size=20, early_stopping=False)
    with pytest.warns(
        DivergenceWarning, match="a hundred times what it had been, at step 42; .*half the learning"
    ):
        model.fit(X)
    assert model.stopped_ == "budget"
    assert max(row["rate"] for row in model.history_) < 1e3
    assert [row["step"] for row in model.history_[19:22]] == [40, 44, 46]


@pytest.mark.parametrize(
    "rows",
    [
        [{"loss": 300.0, "distortion": 300.0, "rate": 1.0}] * 3
        + [{"loss": 3e6, "distortion": 2.0, "rate": 500.0}],
        [{"loss": 300.0, "distortion": 300.0, "rate": 1.0}] * 3
        + [{"loss": 10.0, "distortion": 2.0, "rate": 1e6}],
        [{"loss": 3e-9, "distortion": 0.0}, {"loss": 1.0, "distortion": 1.0}],
        [{"loss": 1.0}] * 9 + [{"loss": 1e9}],
    ],
    ids=["a growing multiplier", "a rate that costs nothing", "a first check near zero", "unknown terms"],
)
def test_what_only_looks_like_a_divergence_is_let_go(rows):
    run = SimpleNamespace(outcome=SimpleNamespace(history=rows))
    assert not loop._Run._lost(run, rows[-1])
    worse = [*rows[:1] * 3, {"loss": 1e9, "distortion": 1e9, "rate": 0.0}]
    run.outcome.history = worse
    assert loop._Run._lost(run, worse[-1])


def test_divergence_goes_back_to_the_weights_of_the_last_check():
    model = vae(network=Explodes(79, calls=1), max_epochs=40, batch_size=20, early_stopping=False)
    short = vae(network=Explodes(10_000), max_epochs=40, batch_size=20, early_stopping=False)
    with pytest.warns(DivergenceWarning):
        model.fit(X)  # the last of 80 steps
    rows = []

    def stop(objective, row):
        rows.append({name: value.clone() for name, value in short.model_.state_dict().items()})
        return (row["loss"],)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ELBO, "judge", stop)
        short.fit(X)
    assert model.best_step_ == 78
    assert all(value.equal(rows[38][name]) for name, value in model.model_.state_dict().items())


def test_divergence_at_the_first_step_is_an_error():
    with pytest.raises(FloatingPointError, match="not a finite number at step 1.*learning_rate"):
        vae(network=Explodes(0), early_stopping=False).fit(X)


class Interrupts(MLP):
    """The user presses Ctrl-C at the 25th batch."""

    def encoder(self, event):
        encoder, n_features = super().encoder(event)
        calls = [0]

        def hook(module, args):
            calls[0] += 1
            if calls[0] == 25:
                raise KeyboardInterrupt

        encoder.register_forward_pre_hook(hook)
        return encoder, n_features

    def __init__(self):
        super().__init__((4,))


def test_an_interrupted_fit_leaves_a_usable_model(tmp_path):
    model = vae(network=Interrupts(), max_epochs=50, batch_size=20, early_stopping=False)
    with pytest.warns(InterruptedWarning, match="interrupted at step 24; the model is usable"):
        model.fit(X)
    assert model.stopped_ == "interrupted"
    assert model.n_steps_ == 24
    assert np.isfinite(model.score_samples(X, n_draws=3)).all()
    assert model.sample(3, latent="aggregate").shape == (3, 6)


def test_a_class_of_the_users_own_must_be_given_to_load(tmp_path):
    path = vae(network=Interrupts(), max_epochs=1).fit(X).save(tmp_path / "own.diabolo")
    with pytest.raises(ModelFileError, match=r"class of yours, 'Interrupts'.*parts=\[Interrupts\]"):
        load(path)
    assert load(path, parts=[Interrupts]).transform(X).shape == (40, 2)


def test_damaged_and_foreign_files_are_refused(fitted, tmp_path):
    path = fitted.save(tmp_path / "model.diabolo")
    content = path.read_bytes()
    for name, damaged in {
        "cut": content[: len(content) // 2],
        "flipped": content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
        "foreign": b"\x89PNG" + content,
    }.items():
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(ModelFileError, match=name):
            load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nothing.diabolo"):
        load(tmp_path / "nothing.diabolo")
    with pytest.raises(OSError, match="missing"):
        fitted.save(tmp_path / "missing" / "model.diabolo")


def test_an_argument_that_no_file_can_hold_is_refused_when_saved(tmp_path):
    model = vae().fit(X)
    model.set_params(input_shape=object())
    with pytest.raises(ValueError, match="cannot be saved"):
        model.save(tmp_path / "model.diabolo")


def test_global_state_is_left_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    before = (
        torch.get_rng_state(),
        np.random.get_state()[1].copy(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
    )
    model = vae().fit(X)
    model.sample(3)
    model.score_samples(X, n_draws=3)
    model.sample_codes(X)
    after = (
        torch.get_rng_state(),
        np.random.get_state()[1],
        torch.get_num_threads(),
        torch.get_default_dtype(),
    )
    assert (before[0] == after[0]).all()
    assert (before[1] == after[1]).all()
    assert before[2:] == after[2:]


def test_a_training_that_cannot_begin_leaves_what_was_there():
    model = vae(warm_start=True).fit(X)
    before = model.transform(X)
    with pytest.raises(FloatingPointError, match="before any weights have proved good"):
        model.set_params(learning_rate=1e30, max_epochs=100).fit(X)
    np.testing.assert_array_equal(model.transform(X), before)
    model.set_params(learning_rate=1e-3, max_epochs=1).fit(X)
    new = vae(learning_rate=1e30, max_epochs=100)
    with pytest.raises(FloatingPointError):
        new.fit(X)
    with pytest.raises(NotFittedError):
        new.transform(X)
    with pytest.raises(FloatingPointError):
        vae(learning_rate=1e30, batch_size=4).partial_fit(X)


@pytest.mark.parametrize(
    ("name", "value"), [("n_components", 5), ("likelihood", "laplace"), ("network", "linear")]
)
def test_training_does_not_go_on_with_another_model(name, value):
    model = vae(warm_start=True).fit(X)
    was = getattr(model, name)
    with pytest.raises(ValueError, match=f"made with {name}=.*, and {name} is now {value!r}: set it back"):
        model.set_params(**{name: value}).fit(X)
    with pytest.raises(ValueError, match="set it back, or fit a new model"):
        model.partial_fit(X)
    model.set_params(**{name: was}).fit(X).set_params(max_epochs=1, beta=2.0).fit(X)


def test_pieces_obey_a_new_learning_rate():
    model = AutoEncoder(2, network="linear", learning_rate=1e-3, random_state=0).partial_fit(X)
    assert model._optimiser.param_groups[0]["lr"] == 1e-3
    model.set_params(learning_rate=0.0 + 1e-9).partial_fit(X)
    before = model.transform(X)
    model.partial_fit(X)
    np.testing.assert_allclose(model.transform(X), before, atol=1e-6)


def test_a_model_of_a_device_that_is_not_here_is_loaded_where_we_are(fitted, tmp_path):
    path = pickle.loads(pickle.dumps(fitted)).set_params(device="mars").save(tmp_path / "m.diabolo")
    with pytest.warns(UserWarning, match="saved with device='mars', which this machine lacks"):
        model = load(path)
    np.testing.assert_array_equal(model.transform(X), fitted.transform(X))


def test_rows_of_any_order_of_bytes_and_codes_that_cannot_be_written(fitted, tmp_path):
    whole = (X * 100).astype(np.int32)
    np.testing.assert_array_equal(fitted.transform(whole.astype(">i4")), fitted.transform(whole))
    assert vae().fit(whole.astype(">i4")).transform(whole).shape == (40, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.inverse_transform(fitted.transform(X, out=tmp_path / "codes.npy"))
    with pytest.raises(ValueError, match=r"out must be the name of a .npy file, got array"):
        fitted.transform(X, out=np.empty((40, 2)))


def test_a_table_with_names_is_no_stranger_to_itself():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = vae().fit(frame)
        model.evaluate(frame)
        model.score(frame)
        model.interpolate(frame.iloc[0], frame.iloc[1], 3)
        model.bits_per_dimension(frame, 5)
        AutoEncoder(2, **SMALL).fit(frame).evaluate(frame)
    images = np.random.default_rng(0).random((30, 4, 4))
    model.fit(images)
    assert not hasattr(model, "feature_names_in_")


def test_numbers_that_are_no_categories_are_not_given_an_output_each():
    rows = np.column_stack([np.arange(40), 1000 * np.arange(40)])
    with pytest.raises(ValueError, match="found 39001 categories .* in 40 rows, .*OrdinalEncoder"):
        vae(likelihood="categorical").fit(rows)


@pytest.mark.parametrize(
    "fit",
    [
        lambda model, rows: model.fit(rows),
        lambda model, rows: model.fit_transform(rows),
        lambda model, rows: make_pipeline(FunctionTransformer(), model).fit(rows),
    ],
)
def test_a_warning_names_the_line_of_the_user(fit):
    rows = np.column_stack([X[:, 0], 1e4 * X[:, 1]])
    with pytest.warns(UserWarning, match="deviations of the columns of X differ") as told:
        fit(AutoEncoder(1, **SMALL), rows)
    assert [warning.filename for warning in told] == [__file__] * len(told)


def test_numbers_of_other_machines_and_in_words():
    model = vae(max_epochs=1).fit(X.astype(np.float32))
    swapped = X.astype(">f4")
    assert model.transform(swapped).dtype == np.float32
    np.testing.assert_array_equal(model.transform(swapped), model.transform(X.astype(np.float32)))
    pd = pytest.importorskip("pandas")
    whole = np.round(3 * X)
    frame = pd.DataFrame(whole).assign(words=pd.Categorical(np.round(X[:, 0]).astype(int).astype(str)))
    plain = np.column_stack([whole, np.round(X[:, 0])])
    frame.columns = frame.columns.astype(str)
    np.testing.assert_array_equal(
        vae(max_epochs=1).fit(frame).transform(frame), vae(max_epochs=1).fit(plain).transform(plain)
    )


def test_numbers_in_words_may_be_missing_too():
    pd = pytest.importorskip("pandas")
    words = pd.Series([str(i % 3) for i in range(39)] + [None])
    for column in (words, words.astype("category")):
        with pytest.raises(ValueError, match=r"Input X contains NaN\. Fill what is missing first"):
            vae().fit(pd.DataFrame({"a": X[:40, 0], "words": column}))


def test_one_axis_is_said_in_a_line():
    for rows in (np.arange(300.0), np.arange(300.0).tolist(), X + 1j):
        with pytest.raises(ValueError, match="Expected 2D array|Complex data not supported") as raised:
            vae().fit(rows)
        assert len(str(raised.value)) < 300


@pytest.mark.parametrize("X_val", [X, np.full((9, 4), np.nan)], ids=["of other columns", "NaN"])
def test_a_refit_that_is_refused_late_leaves_no_model(X_val):
    model = vae(max_epochs=1).fit(X)
    with pytest.raises(ValueError, match="X_val"):
        model.fit(X[:, :4], X_val=X_val)
    with pytest.raises(NotFittedError):
        model.transform(X[:, :4])
