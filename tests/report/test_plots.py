"""The pictures by themselves."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse
from sklearn.datasets import load_digits

from diabolo import VAE, AutoEncoder
from diabolo.networks import MLP
from diabolo.report import (
    View,
    plot_compression,
    plot_features,
    plot_history,
    plot_interpolation,
    plot_latent,
    plot_rates,
    plot_reconstructions,
    plot_samples,
    plot_traversal,
)
from diabolo.report.latent import _apart, _plane
from diabolo.report.view import shrunk, spaced

X = load_digits().images[:60]
FAST = {"network": MLP((8,)), "max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def vae():
    return VAE(2, **FAST).fit(X)


@pytest.fixture(scope="module")
def full():
    return VAE(3, posterior="full_gaussian", **FAST).fit(X)


def test_importing_the_room_imports_no_matplotlib():
    code = "import sys, diabolo.report; assert 'matplotlib' not in sys.modules, 'matplotlib is imported'"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "draw",
    [
        lambda e: plot_history(e),
        lambda e: plot_reconstructions(e, X),
        lambda e: plot_samples(e),
        lambda e: plot_samples(e, latent="aggregate", observation="draw", X=X),
        lambda e: plot_latent(e, X),
        lambda e: plot_rates([0.5, 0.0]),
        lambda e: plot_interpolation(e, X[:2], X[2:4], 5),
        lambda e: plot_traversal(e, X),
        lambda e: plot_compression(e.evaluate(X, n_draws=2).compression),
    ],
)
def test_every_function_returns_a_figure_that_can_be_saved(tmp_path, vae, draw):
    figure = draw(vae)
    assert isinstance(figure, Figure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that the font lacks, a layout that collapses
        figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_learning_curves_show_the_history_and_the_step_that_was_kept(vae):
    distortion, rate = plot_history(vae).axes
    for axes, term in ((distortion, "distortion"), (rate, "rate")):
        train, held_out, kept = axes.lines
        np.testing.assert_allclose(train.get_ydata(), [row[term] for row in vae.history_])
        np.testing.assert_allclose(held_out.get_ydata(), [row[f"val_{term}"] for row in vae.history_])
        assert kept.get_xdata()[0] == vae.best_step_


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match="fit the estimator first"):
        plot_history([])


def test_images_keep_the_range_of_the_data(vae):
    view = View.of(vae, X)
    assert (view.low, view.high) == (0.0, 16.0)
    np.testing.assert_allclose(view.images(X[:3] / 2)[..., 0], X[:3] / 32)
    np.testing.assert_array_equal(view.images(X[:1] + 100), 1.0)


def test_channels_are_brought_last():
    images = np.random.default_rng(0).uniform(size=(30, 3, 8, 9))
    estimator = AutoEncoder(2, channel_axis=1, **FAST).fit(images)
    view = View.of(estimator, images)
    expected = (np.moveaxis(images, 1, -1) - images.min()) / (images.max() - images.min())
    np.testing.assert_allclose(view.images(images), expected)
    assert view.noun == "images of 8 × 9 pixels in 3 channels"


def test_large_images_are_averaged():
    image = np.random.default_rng(0).uniform(size=(1, 300, 200, 1))
    small = shrunk(image, 100)
    assert small.shape == (1, 100, 66, 1)
    np.testing.assert_allclose(small[0, 0, 0], image[0, :3, :3].mean())


def test_the_map_is_the_codes_themselves_in_two_dimensions(vae):
    axes = plot_latent(vae, X, thumbnails=0, ellipses=4).axes[0]
    points = next(c for c in axes.collections if isinstance(c, PathCollection)).get_offsets()
    np.testing.assert_allclose(points, vae.transform(X), rtol=1e-6)
    assert sorted(p.radius for p in axes.patches if isinstance(p, Circle)) == [1, 2]
    assert sum(type(p) is Ellipse for p in axes.patches) == 4


def test_the_map_beyond_two_dimensions_is_pca_and_says_so(full):
    from sklearn.decomposition import PCA

    codes = full.transform(X).astype(float)
    pca = PCA(2).fit(codes)
    centre, plane, share = _plane(codes)
    np.testing.assert_allclose(np.abs((codes - centre) @ plane), np.abs(pca.transform(codes)), atol=1e-10)
    np.testing.assert_allclose(share, pca.explained_variance_ratio_)
    assert "principal component 1 of the codes" in plot_latent(full, X).axes[0].get_xlabel()


def test_ellipses_are_the_posteriors_at_two_deviations(full):
    axes = plot_latent(full, X, thumbnails=0, ellipses=1).axes[0]
    (ellipse,) = (p for p in axes.patches if type(p) is Ellipse)
    codes = full.transform(X).astype(float)
    centre, plane, _ = _plane(codes)
    (row,) = _apart((codes - centre) @ plane, 1)
    spread = plane.T @ full.encode(X).covariance[row] @ plane
    turn = np.deg2rad(ellipse.angle)
    axis = np.array([np.cos(turn), np.sin(turn)])
    assert np.isclose(axis @ spread @ axis, (ellipse.width / 4) ** 2, rtol=1e-4)
    across = np.array([-axis[1], axis[0]])
    assert np.isclose(across @ spread @ across, (ellipse.height / 4) ** 2, rtol=1e-4)


def test_rates_are_sorted_and_units_in_use_stand_out():
    bars = plot_rates([0.1, 2.0, 0.0], active=[True, True, False]).axes[0].patches
    assert [bar.get_height() for bar in bars] == [2.0, 0.1, 0.0]
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[0] == colours[1] != colours[2]


def test_features_run_from_the_best_kept_to_the_worst():
    class Half:
        """Keeps the first column, halves the second, forgets the third."""

        layout_ = AutoEncoder(1, **FAST).fit(np.eye(3)).layout_

        def reconstruct(self, rows):
            return rows * [1.0, 0.5, 0.0] + rows.mean(0) * [0.0, 0.5, 1.0]

    rows = np.random.default_rng(0).normal(size=(200, 3))[:, [0, 1, 2]]
    titles = [axes.get_title(loc="left") for axes in plot_features(Half(), rows).axes]
    assert [title.split()[0] for title in titles] == ["x0", "x1", "x2"]
    assert [title.split()[-1] for title in titles] == ["1.00", "0.75", "0.00"]


@pytest.mark.parametrize(("n_rows", "n", "expected"), [(1, 5, [0]), (3, 5, [0, 1, 2]), (9, 3, [0, 4, 8])])
def test_rows_shown_are_evenly_spaced(n_rows, n, expected):
    assert spaced(n_rows, n).tolist() == expected
