"""Pictures of a diagnosis, and its section of the page."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from diabolo import VAE, AutoEncoder
from diabolo.networks import MLP
from diabolo.report import plot_continuity, plot_surgery, write_report

X = load_digits().images[:200].astype(np.float32)
QUICK = {"network": MLP((16,)), "max_epochs": 5, "random_state": 0}


@pytest.fixture(scope="module")
def vae():
    return VAE(3, **QUICK).fit(X)


def test_the_bar_is_as_long_as_the_rate(vae):
    surgery = vae.diagnose(X).surgery
    axes = plot_surgery(surgery).axes[0]
    assert sum(patch.get_width() for patch in axes.patches) == pytest.approx(surgery.rate_drawn, rel=1e-6)


def test_the_curve_is_the_share_at_each_position(vae):
    continuity = vae.diagnose(X).continuity
    line = plot_continuity(continuity).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), continuity.hole_share_at)


def test_draws_are_those_of_the_prior_where_there_is_one(vae):
    of_vae, of_ae = vae.diagnose(X).continuity, AutoEncoder(3, **QUICK).fit(X).diagnose(X).continuity
    for continuity, share, name in [
        (of_vae, of_vae.hole_share_prior, "draws of the prior"),
        (of_ae, of_ae.hole_share_gaussian, "draws of a Gaussian"),
    ]:
        line = plot_continuity(continuity).axes[0].lines[2]
        assert (line.get_label(), set(line.get_ydata())) == (name, {share})


def test_the_page_says_what_was_found(vae, tmp_path):
    page = write_report(tmp_path / "vae.html", vae, X).read_text()
    assert "The rate, taken apart" in page
    assert "Holes between codes" in page
    page = write_report(tmp_path / "ae.html", AutoEncoder(3, **QUICK).fit(X), X).read_text()
    assert "The rate, taken apart" not in page
    assert "Holes between codes" in page


def test_few_rows_have_no_diagnosis(vae, tmp_path):
    page = write_report(tmp_path / "few.html", vae, X[:20]).read_text()
    assert "Holes between codes" not in page
