"""Tables of columns of several kinds, as a user has them."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.model_selection import GridSearchCV

from diabolo import VAE, AutoEncoder, DenoisingAutoEncoder, MixtureVAE, MultiRateVAE, load
from diabolo.data import ArraySource
from diabolo.likelihoods import Bernoulli, Categorical, Gaussian, LogNormal, Mixed, Poisson
from diabolo.training import streamed

RNG = np.random.default_rng(0)
N = 300
Z = RNG.normal(size=(N, 2))
NAMES = ["age", "married", "city", "visits", "income"]
X = np.column_stack(
    [
        40 + 10 * Z[:, 0] + RNG.normal(size=N),
        RNG.random(N) < 1 / (1 + np.exp(-4 * Z[:, 0])),
        np.digitize(Z[:, 1] + 0.3 * RNG.normal(size=N), [-0.5, 0.5]),
        RNG.poisson(np.exp(1 + 0.8 * Z[:, 1])),
        3000 * np.exp(0.5 * Z.sum(1)),
    ]
)
KINDS = {"city": "categorical", "visits": "poisson"}
NUMBERED = {2: "categorical", 3: "poisson"}
QUICK = {"random_state": 0, "max_epochs": 30}


@pytest.fixture(scope="module", name="frame")
def _frame():
    return pytest.importorskip("pandas").DataFrame(X, columns=NAMES)


@pytest.fixture(scope="module", name="vae")
def _vae():
    return VAE(2, likelihood=NUMBERED, **QUICK).fit(X)


def parts_of(model):
    return [(type(part), columns) for part, columns in model.model_.likelihood.parts]


def test_columns_are_what_is_asked_for_and_else_what_their_values_are(vae, frame):
    expected = [(Categorical, (2,)), (Poisson, (3,)), (Bernoulli, (1,)), (Gaussian, (0, 4))]
    assert parts_of(vae) == expected
    assert vae.choices_["likelihood"] == (
        "likelihood='mixed': categorical for column 2, as asked for; poisson for column 3, as asked for; bernoulli for "
        "column 1, of 0 and 1; gaussian_per_feature for 2 columns (0, 4)"
    )
    named = VAE(2, likelihood=KINDS, **QUICK).fit(frame)
    assert parts_of(named) == expected
    assert "categorical for column city, as asked for" in named.choices_["likelihood"]
    np.testing.assert_array_equal(named.transform(frame), vae.transform(X))
    both = VAE(2, likelihood={"city": "categorical", 3: Poisson()}, **QUICK).fit(frame)
    np.testing.assert_array_equal(both.transform(frame), vae.transform(X))


def test_by_their_values_alone(frame):
    mixed = VAE(2, likelihood="mixed", **QUICK).fit(frame)
    assert parts_of(mixed) == [(Bernoulli, (1,)), (Gaussian, (0, 2, 3, 4))]
    auto = VAE(2, **QUICK).fit(frame)
    assert auto.choices_["likelihood"] == mixed.choices_["likelihood"]
    np.testing.assert_array_equal(auto.transform(frame), mixed.transform(frame))


@pytest.mark.parametrize(
    ("columns", "kind"),
    [([1], "bernoulli"), ([1, 1], "bernoulli"), ([0, 0], "gaussian"), ([0, 4], "gaussian_per_feature")],
)
def test_columns_of_one_kind_are_no_mixture(columns, kind):
    assert VAE(1).plan(X[:, columns]).choices["likelihood"].startswith(f"likelihood='{kind}': ")


def digits():
    return load_digits().data


def census(n):
    """Age, weight of a row, years at school, sex, gains, losses, hours at work, and one of 30 countries, as whole numbers."""
    gains = RNG.integers(0, 99_999, n) * (RNG.random(n) < 0.1)
    numbers = [RNG.integers(17, 90, n), RNG.integers(12_285, 1_484_705, n), RNG.integers(1, 16, n)]
    rest = [RNG.random(n) < 0.6, gains, RNG.integers(0, 4356, n) * (gains == 0), RNG.integers(1, 99, n)]
    return np.column_stack([*numbers, *rest, np.eye(30)[RNG.integers(0, 30, n)]])


@pytest.mark.parametrize(
    ("rows", "is_mixed"),
    [
        (digits, False),  # some pixels along the border are 0 and 1 in all rows
        (lambda: digits() / 16, False),
        (lambda: np.column_stack([digits() / 16, np.arange(1797) == 5]), False),  # a pixel that one row has
        (lambda: load_breast_cancer().data, False),
        (lambda: load_wine().data, False),
        (lambda: load_diabetes().data, False),
        (lambda: np.column_stack([load_wine().data, load_wine().target == 1]), True),
        (lambda: np.column_stack([load_diabetes(scaled=True).data * 20, np.arange(442) % 2]), True),
        (
            lambda: np.column_stack(
                [RNG.integers(18, 90, 99), 1000 * RNG.integers(1, 9, 99), np.arange(99) % 2]
            ),
            True,
        ),
        (lambda: np.column_stack([RNG.integers(17, 90, 99), np.arange(99) % 2]), True),  # age and sex
        (lambda: census(500), True),
        (lambda: np.column_stack([RNG.integers(0, 5, (99, 12)), np.arange(99) % 2]), True),  # a questionnaire
        (lambda: np.column_stack([RNG.integers(1, 6, (99, 40)), np.arange(99) % 2]), True),
        (lambda: np.column_stack([RNG.normal(90, 9, (99, 50)), np.arange(99) % 2]), True),  # 50 readings
        (lambda: RNG.poisson(RNG.gamma(0.3, 1, 200), (500, 200)), False),  # words
        (lambda: (digits() * 255 / 16).round() + 0.25 * (digits() > 8), False),
        (lambda: np.clip(digits() - 15 * (np.arange(64) % 7 == 1), 0, 16), False),  # more binary pixels
    ],
)
def test_auto_tells_tables_of_mixed_columns_from_pixels(rows, is_mixed):
    chosen = VAE(2).plan(rows()).choices["likelihood"]
    assert ("'mixed'" in chosen) == is_mixed, chosen


def test_real_columns_of_few_values_are_pointed_out(frame):
    chosen = VAE(2).plan(frame).choices["likelihood"]
    assert (
        "gaussian_per_feature for 4 columns (age, city, visits, income), of which column city may be"
        in chosen
    )
    assert "may be" not in VAE(2, likelihood=KINDS).plan(frame).choices["likelihood"]
    assert "of which column 1 may be" in VAE(2).plan(X[:, [0, 2, 4]]).choices["likelihood"]
    assert "may be" not in VAE(2).plan(load_breast_cancer().data).choices["likelihood"]


def test_amounts_with_a_long_tail_stay_above_0():
    """Where a Gaussian on the same column does not."""
    income = {"random_state": 0, "max_epochs": 100}
    gaussian = VAE(2, likelihood=NUMBERED, **income).fit(X)
    amounts = VAE(2, likelihood={**NUMBERED, 4: "log_normal"}, **income).fit(X)
    assert parts_of(amounts)[2] == (LogNormal, (4,))
    assert (gaussian.sample(2000, observation="draw")[:, 4] < 0).any()
    drawn = amounts.sample(2000, observation="draw")[:, 4]
    assert (drawn > 0).all()
    assert 0.8 < np.median(drawn) / np.median(X[:, 4]) < 1.25
    assert amounts.score(X) > gaussian.score(X)


def test_the_numbers_of_a_frame_are_no_names():
    pd = pytest.importorskip("pandas")
    cities = X[:, [2, 2, 2]]
    with pytest.raises(ValueError, match="counts columns from 0.* with columns named 2, 1, 0: name them"):
        VAE(1, likelihood={2: "categorical"}, **QUICK).fit(pd.DataFrame(cities, columns=[2, 1, 0]))
    for columns in ([0, 1, 2], ["2", "1", "0"]):
        found = VAE(1, likelihood={2: "categorical"}).plan(pd.DataFrame(cities, columns=columns))
        assert f"categorical for column {columns[2]}, as asked for" in found.choices["likelihood"]


def test_equal_objects_share_a_group_where_they_share_nothing_that_is_learned():
    one = VAE(1, likelihood={0: Poisson(), 1: Poisson(), 2: Gaussian(), 3: Gaussian()}, **QUICK)
    counts = RNG.poisson(3, (60, 4)).astype(float)
    assert [columns for _, columns in parts_of(one.fit(counts))] == [(0, 1), (2,), (3,)]


def test_bits_of_amounts_need_a_width_that_fits_them():
    amounts = np.exp(RNG.normal(size=(60, 2)))
    vae = VAE(1, likelihood="log_normal", **QUICK).fit(amounts)
    with pytest.raises(ValueError, match="bin_width=1, and here that reaches values which p.x.z. excludes"):
        vae.bits_per_dimension(amounts)
    assert np.isfinite(float(vae.bits_per_dimension(amounts, bin_width=1e-3, n_draws=20)))


def test_a_masked_amount_is_read_as_one_in_the_middle():
    z = RNG.normal(size=(300, 2))
    amounts = np.exp(8 + z @ RNG.normal(size=(2, 4)) + 0.1 * RNG.normal(size=(300, 4)))
    settings = {"corruption": "masking", "random_state": 0, "max_epochs": 100}
    amount = DenoisingAutoEncoder(2, likelihood="log_normal", **settings).fit(amounts)
    gone = amounts.copy()
    gone[:, 0] = 0
    off = np.log(amount.denoise(gone)[:, 1:] / amounts[:, 1:]).std()
    assert off < 0.5 * np.log(amounts[:, 1:]).std(0).mean()


def test_values_that_the_fit_has_not_seen_are_refused_with_what_it_chose(vae):
    unseen = X[:5].copy()
    unseen[2, 2] = 3
    with pytest.raises(
        ValueError, match=r"the 3 that were given or seen at fit.*\(At fit: .*column 2, as asked"
    ):
        vae.score_samples(unseen)
    unseen = X[:5].copy()
    unseen[2, 1] = 2
    with pytest.raises(
        ValueError, match=r"needs values in .0, 1.*\(At fit: .*bernoulli for column 1, of 0 and 1"
    ):
        vae.score_samples(unseen)


def test_nearly_binary_is_not_binary():
    almost = X[:, :2].copy()
    almost[5, 1] = 0.999
    assert "bernoulli" not in VAE(2).plan(almost).choices["likelihood"]
    assert "bernoulli for column 1" in VAE(2).plan(X[:, :2]).choices["likelihood"]


def test_what_it_learns_and_generates(vae):
    """Better than each column by itself; draws are of the kinds of the columns, with their shares."""
    model = VAE(2, likelihood=NUMBERED, random_state=0).fit(X)
    found = model.diagnose(X)
    assert found.elbo > found.baseline + 1
    reconstructed = model.reconstruct(X)
    assert (reconstructed[:, 2] == X[:, 2]).mean() > 0.75  # of the three
    assert ((reconstructed[:, 1] > 0.5) == X[:, 1]).mean() > 0.8
    assert np.corrcoef(reconstructed[:, 3], X[:, 3])[0, 1] > 0.7
    drawn = model.sample(2000, random_state=1)
    vae.model_.likelihood.check(drawn)
    assert set(drawn[:, 1]) == {0, 1}
    assert set(drawn[:, 2]) == {0, 1, 2}
    np.testing.assert_allclose(drawn.mean(0), X.mean(0), rtol=0.2)
    assert abs((drawn[:, 2] == 1).mean() - (X[:, 2] == 1).mean()) < 0.1


def test_without_codes_is_each_column_by_itself(vae):
    """The baseline of a diagnosis, against shares and moments."""
    rows = X[:200]
    n, k = len(rows), 3
    scale = rows[:, [0, 4]].std(0) * (1 + 1e-4)
    expected = norm(rows[:, [0, 4]].mean(0), scale).logpdf(rows[:, [0, 4]]).sum()
    share = (rows[:, 1].sum() + 0.5) / (n + 1)
    expected += np.log(np.where(rows[:, 1] == 1, share, 1 - share)).sum()
    shares = (np.bincount(rows[:, 2].astype(int), minlength=k) + 1 / k) / (n + 1)
    expected += np.log(shares)[rows[:, 2].astype(int)].sum()
    mean = (rows[:, 3].sum() + 0.5) / (n + 1)
    expected += (
        rows[:, 3] * np.log(mean) - mean - [np.log(np.arange(1, c + 1)).sum() for c in rows[:, 3]]
    ).sum()
    assert vae.diagnose(rows).baseline == pytest.approx(expected / n, rel=1e-5)


def test_it_outlives_its_process(vae, tmp_path):
    for again in (load(vae.save(tmp_path / "m.diabolo")), pickle.loads(pickle.dumps(vae))):
        assert again.likelihood == NUMBERED
        np.testing.assert_array_equal(again.transform(X), vae.transform(X))
        np.testing.assert_array_equal(again.sample(5), vae.sample(5))
    assert clone(vae).get_params()["likelihood"] == NUMBERED
    objects = VAE(2, likelihood={3: Poisson(), "x": "bernoulli"}, **QUICK)
    objects.set_params(likelihood={3: Poisson()}).fit(X)
    assert repr(load(objects.save(tmp_path / "o.diabolo")).likelihood) == "{3: Poisson()}"


def test_rows_that_are_read_in_blocks(vae, monkeypatch):
    other = VAE(2, likelihood=NUMBERED, **QUICK).fit(ArraySource(X, block_bytes=2000))
    np.testing.assert_array_equal(other.transform(X), vae.transform(X))  # few rows come into memory
    monkeypatch.setattr(streamed, "POOL_BYTES", 4000)
    other = VAE(2, likelihood=NUMBERED, **QUICK).fit(ArraySource(X, block_bytes=2000))
    assert "are read in" in other.choices_["rows"]
    assert parts_of(other) == parts_of(vae)
    assert abs(other.score(X) - vae.score(X)) < 1
    with pytest.raises(ValueError, match=r"likelihood='poisson' needs counts.*first: column 0"):
        VAE(2, likelihood={0: "poisson"}, **QUICK).fit(ArraySource(X, block_bytes=2000))


@pytest.mark.parametrize(
    "estimator",
    [
        AutoEncoder(2),
        DenoisingAutoEncoder(2),
        DenoisingAutoEncoder(2, corruption="masking"),
        MixtureVAE(2),
        MultiRateVAE(2),
        VAE(2, posterior="full_gaussian"),
        VAE(2, prior="vamp"),
        VAE(2, network="linear"),
        VAE(2, target_rate=1.0),
    ],
    ids=repr,
)
def test_every_estimator_takes_it(estimator):
    params = {"max_epochs": 5, "random_state": 0, "likelihood": NUMBERED}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*target_rate")
        model = clone(estimator).set_params(**params).fit(X)
    assert parts_of(model)[0] == (Categorical, (2,))
    assert np.isfinite(model.score(X[:50]))
    assert model.evaluate(X[:50]).n_rows == 50
    assert set(model.reconstruct(X)[:, 2]) <= {0, 1, 2}


def test_a_grid_search_goes_over_kinds():
    grid = {"likelihood": [NUMBERED, {2: "categorical", 3: "negative_binomial"}]}
    search = GridSearchCV(VAE(2, max_epochs=3, random_state=0), grid, cv=2).fit(X)
    assert search.best_params_["likelihood"] in grid["likelihood"]


@pytest.mark.parametrize(
    ("likelihood", "said"),
    [
        (
            {"town": "categorical"},
            "a column 'town' that X does not have: there are the numbers 0 to 4, and the names age",
        ),
        ({"citty": "categorical"}, "a column 'citty' that X does not have. Did you mean 'city'"),
        ({5: "poisson"}, "a column 5 that X does not have: there are the numbers 0 to 4"),
        ({True: "poisson"}, "a column True that X does not have"),
        ({"city": "categorical", 2: "poisson"}, r"each column once, got column 2 \(number 2\) twice"),
        ({"city": "catgorical"}, "likelihood of a column must be one of .*Did you mean 'categorical'"),
        ({"city": None}, "likelihood of a column must be a name"),
        ({"age": "poisson"}, "likelihood='poisson' needs counts.*column 'age'"),
        ({"income": "bernoulli"}, "likelihood='bernoulli' needs values in .0, 1.*column 'income'"),
        ("mix", "likelihood must be one of .*'mixed'.*Did you mean 'mixed'"),
        (Mixed(((Gaussian(), (0, 1)),)), "must have each column of X once"),
    ],
)
def test_what_is_wrong_is_said(frame, likelihood, said):
    with pytest.raises((ValueError, TypeError), match=said):
        VAE(2, likelihood=likelihood, **QUICK).fit(frame)


def test_names_need_names_and_tables():
    with pytest.raises(
        ValueError, match="X has no names of columns: say their numbers, 0 to 4, or give a data frame"
    ):
        VAE(2, likelihood=KINDS).fit(X)
    for likelihood in ("mixed", {0: "poisson"}):
        with pytest.raises(ValueError, match="is for the columns of a table, and X holds images"):
            VAE(2, likelihood=likelihood).fit(RNG.poisson(3.0, (40, 8, 8)))
    with pytest.raises(ValueError, match="likelihood__scale is a parameter of an object, but likelihood={0:"):
        VAE(2, likelihood={0: "gaussian"}).set_params(likelihood__scale=1.0)


def test_rows_with_another_category_are_refused_by_name(frame):
    model = VAE(2, likelihood=KINDS, **QUICK).fit(frame)
    other = frame.assign(city=3)
    with pytest.raises(ValueError, match="categories from 0 to 2.*column 'city', e.g. 3"):
        model.score(other)


def test_the_error_of_categories_is_the_share_of_wrong_ones():
    cities = X[:, [2, 2]]
    for model in (AutoEncoder(1, likelihood="categorical", **QUICK).fit(cities),
                  VAE(1, likelihood="categorical", **QUICK).fit(cities)):  # fmt: skip
        wrong = model.inverse_transform(model.transform(cities)) != cities
        found = model.evaluate(cities)
        assert found.reconstruction_mse == pytest.approx(wrong.mean(), abs=1e-12)
        assert max(found.compression.mse) <= 1
        assert np.isnan(found.compression.pca_mse).all()
    other = np.where(cities == 0, 2, cities)
    ae = AutoEncoder(1, likelihood="categorical", **QUICK).fit(cities)
    assert np.isnan(ae.evaluate(cities).explained_variance)
    wrong = ae.inverse_transform(ae.transform(other)) != other
    np.testing.assert_allclose(ae.score_samples(other), -wrong.mean(1))


def test_distances_where_there_are_some(vae):
    with pytest.raises(ValueError, match="bits per value need columns of one kind"):
        vae.bits_per_dimension(X)
    discrete = VAE(1, likelihood={1: "poisson"}, **QUICK).fit(X[:, [1, 3]])
    assert discrete.model_.likelihood.is_discrete
    assert float(discrete.bits_per_dimension(X[:, [1, 3]], n_draws=20)) > 0
    with pytest.raises(ValueError, match="target"):
        VAE(2, likelihood=NUMBERED, target_distortion=0.5, target_unit="rmse", **QUICK).fit(X)
