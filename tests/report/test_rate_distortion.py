"""The picture of the curve: what its lines are, for any number of points."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits

from diabolo import VAE
from diabolo.measures import RateDistortionCurve
from diabolo.networks import MLP
from diabolo.report import View, plot_rate_distortion, plot_sweep


def curve(beta, rate, distortion):
    rate, distortion = np.asarray(rate, float), np.asarray(distortion, float)
    return RateDistortionCurve(beta, rate, distortion, distortion, -(rate + distortion))


CURVES = {
    "five": curve([0.1, 0.5, 1, 2, 10], [30, 22, 17, 12, 2], [-60, -55, -51, -43, 0]),
    "one": curve([1], [3], [5]),
    "one, not at 1": curve([0], [3], [5]),
    "two": curve([0.3, 3], [9, 2], [70, 78]),
    "constant": curve([1, 2, 4], [0, 0, 0], [5, 5, 5]),
}


@pytest.mark.parametrize("name", CURVES)
def test_it_can_be_drawn_with_few_points(tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_rate_distortion(CURVES[name], entropy=4.0, discrete=True).savefig(tmp_path / "a.png")
        plot_rate_distortion(CURVES[name], bound=False).savefig(tmp_path / "b.png")


def test_the_lines_have_slope_minus_one_and_the_totals_that_their_labels_say():
    figure = plot_rate_distortion(CURVES["five"], entropy=-40.0)
    lines = {line.get_label(): line for line in figure.axes[0].lines if not line.get_label().startswith("_")}
    totals = {}
    for label, line in lines.items():
        x, y = line.get_data()
        np.testing.assert_allclose(np.diff(y) / np.diff(x), -1)
        totals[label.split()[0]] = x[0] + y[0]
    assert totals["slope"] == pytest.approx(17 - 51)
    assert totals["H"] == pytest.approx(-40)
    least = plot_rate_distortion(CURVES["two"])
    labels = [line.get_label() for line in least.axes[0].lines]
    assert any(label.startswith("H is at most 79,") for label in labels)
    assert any("between two points" in label for label in labels)


def test_beta_1_between_two_points_is_halfway_in_its_logarithm():
    figure = plot_rate_distortion(curve([0.25, 4], [8, 2], [70, 78]))
    marker = next(line for line in figure.axes[0].lines if line.get_markersize() == 8)
    np.testing.assert_allclose(marker.get_data(), [[5], [74]])
    assert marker.get_markerfacecolor() == "none"


def test_points_that_crowd_are_labelled_once():
    crowd = curve(np.arange(1, 21), np.linspace(10, 9, 20), np.linspace(50, 51, 20))
    wide = curve([1, 2], [10, 1], [50, 60])
    n_labels = [len(plot_rate_distortion(c).axes[0].texts) for c in (wide, crowd)]
    assert n_labels[0] == 2
    assert 2 < n_labels[1] <= 20


@pytest.mark.parametrize("kind", ["image", "table"])
def test_a_row_for_each_beta(tmp_path, kind):
    X = load_digits().images[:30]
    X = X if kind == "image" else X.reshape(30, -1)[:, 2:8]
    vae = VAE(2, network=MLP((4,)), max_epochs=1, random_state=0).fit(X)
    both = [vae.reconstruct(X[:6])] * 3, [vae.sample(6)] * 3
    figure = plot_sweep(X[:6], [0.1, 1, 10], *both, view=View.of(vae, X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(tmp_path / "a.png")
    words = [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.yaxis.label)]
    for beta in ("0.1", "1", "10"):
        assert f"β = {beta}" in words
