"""The page: whole, self-contained, safe, for every kind of data and estimator."""

import re
import warnings
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import load_digits

from diabolo import VAE, AutoEncoder, DenoisingAutoEncoder, MultiRateVAE
from diabolo.networks import MLP
from diabolo.report import plot_rates, write_report
from diabolo.report.numbers import key_numbers
from diabolo.report.style import to_svg

RNG = np.random.default_rng(0)
T = np.linspace(0, 6, 24)
DATA = {
    "table": RNG.normal(size=(40, 5)) @ RNG.normal(size=(5, 5)),
    "one_column": RNG.normal(size=(40, 1)),
    "grey": load_digits().images[:40],
    "colour": RNG.integers(0, 255, (40, 8, 9, 3), dtype=np.uint8),
    "two_channels": RNG.normal(size=(40, 8, 8, 2)),
    "signal": np.sin(T + RNG.uniform(0, 6, (40, 1))),
    "boolean": RNG.integers(0, 2, (40, 6)).astype(bool),
}
FAST = {"network": MLP((8,)), "max_epochs": 2, "random_state": 0}
FAMILIES = {"Learning", "Reconstruction", "Codes", "Ways through the codes"}


class Reader(HTMLParser):
    """Collects headings, text and links, and notices tags that are not closed."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self, html):
        super().__init__()
        self.open, self.headings, self.links, self.ids, self.texts = [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "action"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


def fitted(make, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make().fit(X)


def page(path, *args, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert write_report(path, *args, **more) == path
    html = path.read_text("utf-8")
    reader = Reader(html)
    assert not reader.open
    return html, reader


@pytest.fixture(scope="module")
def vae():
    return fitted(lambda: VAE(3, **FAST), DATA["grey"])


@pytest.fixture(scope="module")
def whole(vae, tmp_path_factory):
    return page(tmp_path_factory.mktemp("page") / "report.html", vae, DATA["grey"])


# Every kind of data, every estimator, and every pair that is drawn by code of its own.
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (AutoEncoder, "table"),
        (AutoEncoder, "colour"),
        (DenoisingAutoEncoder, "signal"),
        (DenoisingAutoEncoder, "one_column"),
        (VAE, "table"),
        (VAE, "one_column"),
        (VAE, "two_channels"),
        (VAE, "signal"),
        (VAE, "boolean"),
    ],
)
def test_every_kind_of_data_and_estimator_has_its_page(tmp_path, make, kind):
    X = DATA[kind]
    axis = None if kind == "signal" else "auto"
    estimator = fitted(lambda: make(1 if kind == "one_column" else 3, channel_axis=axis, **FAST), X[:32])
    _, reader = page(tmp_path / "report.html", estimator, X[:32], X[32:])
    assert set(reader.headings) >= FAMILIES
    assert ("Samples" in reader.headings) == (make is VAE)
    assert ("Denoising" in reader.headings) == (make is DenoisingAutoEncoder)


@pytest.mark.parametrize(("make", "kind"), [(AutoEncoder, "table"), (VAE, "grey")])
def test_a_single_test_row_is_enough(tmp_path, make, kind):
    X = DATA[kind]
    estimator = fitted(lambda: make(1, **FAST), X)
    html, reader = page(tmp_path / "report.html", estimator, X, X[:1])
    assert "one row that it has not seen" in html
    assert "Interpolations" not in reader.headings
    assert "nan" not in " ".join(reader.texts).lower().split()


def test_the_page_needs_nothing_from_outside(whole):
    html, reader = whole
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in reader.links)
    assert not re.search(r"https?://|@import|<script|<link|url\((?!#)", html)
    assert "prefers-color-scheme: dark" in html
    assert "viewport" in html


def test_identifiers_on_the_page_are_unique_and_all_found(whole):
    html, reader = whole
    assert len(reader.ids) == len(set(reader.ids))
    used = re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", html)
    assert {a or b for a, b in used} == set(reader.ids)


def test_the_same_model_gives_the_same_page(tmp_path, vae, whole):
    assert page(tmp_path / "b.html", vae, DATA["grey"])[0] == whole[0]


def test_numbers_are_given_with_units_and_a_real_minus_sign():
    metrics = {
        "elbo": -123.44, "rate": 3.0, "distortion": 120.44, "log_likelihood": -120.0, "log_likelihood_se": 0.5,
        "active_units": 2, "n_components": 3, "is_density": True, "reconstruction_mse": 0.25,
    }  # fmt: skip
    numbers = {number.name: number for number in key_numbers(metrics)}
    assert numbers["ELBO"] == ("ELBO", "−123.4", "nats per row")
    assert numbers["log p(x)"].unit == "nats per row, ± 0.5 (standard error)"
    assert numbers["reconstruction error"][1:] == ("0.5", "root mean square per value, units of X")
    assert "log p(x)" not in {n.name for n in key_numbers({**metrics, "is_density": False})}


def test_text_of_the_user_is_escaped(tmp_path):
    pd = pytest.importorskip("pandas")
    bad = "<script>alert('$x$')</script>&"
    X = pd.DataFrame(DATA["table"], columns=[f"{bad}{i}" for i in range(5)])
    estimator = fitted(lambda: AutoEncoder(2, **FAST), X)
    html, reader = page(tmp_path / "report.html", estimator, X, X, title=bad, source=bad)
    assert "<script" not in html
    assert bad in reader.headings
    assert any(text.startswith("<script>alert") for text in reader.texts)


def test_a_cross_entropy_that_is_no_density_is_said(tmp_path):
    X = DATA["grey"] / 16
    estimator = fitted(lambda: VAE(2, likelihood="bernoulli", **FAST), X)
    html, _ = page(tmp_path / "report.html", estimator, X)
    assert "no density" in html


@pytest.mark.parametrize(("kinds", "has_pca"), [({0: "categorical"}, False), ({0: "poisson"}, True)])
def test_pca_is_spoken_of_where_it_is_drawn(tmp_path, kinds, has_pca):
    X = np.column_stack([RNG.integers(0, 3, 40), DATA["table"]])
    html, _ = page(tmp_path / "page.html", VAE(2, likelihood=kinds, **FAST).fit(X), X)
    assert "Bits against error" in html
    assert ("PCA has as many components" in html) == has_pca


def test_labels_and_real_noisy_rows(tmp_path):
    X = DATA["grey"]
    noisy = X + RNG.normal(size=X.shape)
    estimator = fitted(lambda: DenoisingAutoEncoder(3, **FAST), X)
    html, reader = page(
        tmp_path / "r.html", estimator, X, X, X_test_noisy=noisy, labels=load_digits().target[:40]
    )
    assert "the real noisy rows" in html
    assert {str(i) for i in range(10)} <= set(reader.texts)


def test_a_wrong_number_of_rows_is_refused_and_nothing_is_written(tmp_path, vae):
    X = DATA["grey"]
    with pytest.raises(ValueError, match="labels must have a row for each of the 40 test rows, got 3"):
        write_report(tmp_path / "r.html", vae, X, X, labels=[1, 2, 3])
    with pytest.raises(ValueError, match="X_test must hold at least one row, got none"):
        write_report(tmp_path / "r.html", vae, X, X[:0])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named_before_anything_is_drawn(tmp_path, vae):
    with pytest.raises(FileNotFoundError, match="create it first"):
        write_report(tmp_path / "none" / "r.html", vae, DATA["grey"], metrics={})


def test_matplotlibs_settings_stay_as_they_were():
    before, backend = dict(matplotlib.rcParams), matplotlib.get_backend(auto_select=False)
    drawn = to_svg(plot_rates([1.0, 0.5]), "rates")
    assert drawn.startswith("<svg")
    assert ">rate, nats per row</text>" in drawn  # text stays text
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend(auto_select=False) == backend


def test_a_multi_rate_model_shows_its_whole_trade_off_with_a_beta_to_choose(tmp_path):
    estimator = fitted(lambda: MultiRateVAE(3, beta_range=(0.1, 4), **FAST), DATA["grey"])
    html, reader = page(tmp_path / "r.html", estimator, DATA["grey"])
    assert "The whole trade-off" in reader.headings
    labels = re.findall(r"<label><input type='radio' name='[^']*'( checked)?><span>([^<]+)</span>", html)
    assert [float(text) for _, text in labels][0::8] == [0.1, 4]
    assert [text for mark, text in labels if mark] == ["1"]
    assert len(set(re.findall(r'aria-label="The model at each β[^"]*"', html))) == 2 * len(labels) == 18
    assert len(reader.ids) == len(set(reader.ids))


def test_only_a_multi_rate_model_has_a_beta_to_choose(whole):
    assert "<input" not in whole[0]
