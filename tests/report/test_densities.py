"""What a page says and draws of the densities that codes come from, and the figures beside their samples."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.contour import QuadContourSet
from matplotlib.patches import Circle
from sklearn.datasets import load_digits

from diabolo import VAE, AutoEncoder
from diabolo.networks import MLP
from diabolo.priors import Flow, LearnedMixture, StandardNormal, VampPrior
from diabolo.report import plot_latent, plot_samples, plot_surgery
from diabolo.report.densities import Prior, in_words, is_standard_normal
from diabolo.report.judgement import judgement
from diabolo.report.latent import _regions
from diabolo.report.numbers import plain
from diabolo.report.observations import shown_by_default
from diabolo.report.sections import Material, _diagnosis, _latent, _samples
from diabolo.report.style import new_figure

X = load_digits().images[:120]
FAST = {"network": MLP((16,)), "max_epochs": 2, "random_state": 0}


def fitted(estimator, rows=X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(rows)


def material(estimator, test=X[:20], **metrics):
    return Material(estimator, X, test, held_out=True, metrics=metrics)


def panels(section):
    return {panel.title: panel.caption for panel in section.panels}


@pytest.fixture(scope="module")
def vae():
    return fitted(VAE(2, **FAST)).fit_prior(X, "gaussian")


@pytest.fixture(scope="module")
def vamp():
    return fitted(VAE(2, prior=VampPrior(8), **FAST))


@pytest.fixture(scope="module")
def ae():
    return fitted(AutoEncoder(2, **FAST)).fit_prior(X, "gaussian_mixture")


class Other(StandardNormal):
    """A prior of somebody else's."""


# -- in words --------------------------------------------------------------------------------------


def test_the_standard_normal_alone_is_called_n_0_i(vae, vamp):
    section = _samples(material(vae))
    assert "Codes drawn from N(0, I), without any data." in panels(section)["Option 2: prior"]
    assert "p(z) = N(0, I)" in section.formula
    section = _samples(material(vamp))
    caption = panels(section)["Option 2: prior"]
    assert "the mixture of the posteriors of 8 learned pseudo-inputs, trained with the model" in caption
    assert "N(0, I)" not in caption + section.formula
    assert "p(z) = (1/K) Σₖ q(z|uₖ)" in section.formula


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (LearnedMixture(3), "a mixture of 3 Gaussians"),
        (Flow(), "a normalising flow"),
        (Other(), "a density of the class <code>Other</code>"),
    ],
)
def test_each_prior_has_its_words(prior, words):
    assert in_words(prior)[0] == words


def test_what_is_the_standard_normal_is_read_off_the_distribution(vamp):
    normal = torch.distributions.Normal
    of = torch.distributions.Independent
    assert is_standard_normal(of(normal(torch.zeros(3), torch.ones(3)), 1))
    assert not is_standard_normal(of(normal(torch.zeros(3), torch.full((3,), 1.1)), 1))
    assert not Prior(vamp).is_standard_normal


# -- drawn -----------------------------------------------------------------------------------------


def test_the_regions_of_another_prior_hold_the_shares_that_are_said(vamp):
    axes = plot_latent(vamp, X, thumbnails=0, ellipses=0).axes[0]
    assert not [patch for patch in axes.patches if isinstance(patch, Circle)]
    (lines,) = (c for c in axes.collections if isinstance(c, QuadContourSet))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(5)
        p = vamp.model_.latent_prior()
        log_density = p.log_prob(p.sample((4000,))).numpy()
    # two samples of 4,000: the standard error of the difference of shares is below .011
    shares = [(log_density >= level).mean() for level in lines.levels]
    np.testing.assert_allclose(shares, [1 - np.exp(-2), 1 - np.exp(-0.5)], atol=0.04)
    assert "regions that hold 39 and 86 % of the prior" in _latent(material(vamp)).panels[0].caption


def test_the_regions_of_a_standard_normal_are_its_rings(vae):
    prior = Prior(vae)
    as_any = SimpleNamespace(is_standard_normal=False, draws=prior.draws, log_density=prior.log_density)
    axes = new_figure().subplots()
    _regions(axes, as_any)
    radii = [np.linalg.norm(path.vertices, axis=1) for path in axes.collections[0].get_paths()]
    np.testing.assert_allclose(radii[0], 2, rtol=0.04)
    np.testing.assert_allclose(radii[1], 1, rtol=0.06)
    assert "Dashed rings: one and two standard deviations" in _latent(material(vae)).panels[0].caption


def test_the_curve_in_one_dimension_is_the_density_of_the_prior():
    vamp = fitted(VAE(1, prior=VampPrior(4), **FAST))
    (line,) = (c for c in plot_latent(vamp, X).axes[0].lines if c.get_label().startswith("prior"))
    assert line.get_label() == "prior p(z)"
    at, density = line.get_data()
    assert np.trapezoid(density, at) == pytest.approx(1, abs=0.01)
    with torch.no_grad():
        z = torch.as_tensor(at[:, None], dtype=torch.float32)
        expected = vamp.model_.latent_prior().log_prob(z).exp().numpy()
    np.testing.assert_allclose(density, expected, rtol=1e-4)


def test_rates_beside_a_prior_that_is_no_gaussian_say_so_and_none_are_left_out(vae, vamp):
    for estimator, said in ((vae, "equals the prior"), (vamp, "need not add up to the rate")):
        assert (
            said in panels(_latent(material(estimator, rate_per_dimension=[0.5, 0.1])))["Rate per dimension"]
        )
    assert "Rate per dimension" not in panels(_latent(material(vamp, rate_per_dimension=[])))


# -- a density fitted afterwards -------------------------------------------------------------------


def test_a_fitted_density_has_its_panel_for_an_auto_encoder_too(ae, vae, vamp):
    (title,) = panels(_samples(material(ae)))
    caption = panels(_samples(material(ae)))[title]
    assert title == "Density fitted afterwards"
    assert "The decoder as a generative model: codes drawn from a mixture of 10 Gaussians" in caption
    assert list(panels(_samples(material(vae))))[2:] == [title]
    assert title not in panels(_samples(material(vamp)))
    assert _samples(material(fitted(AutoEncoder(2, **FAST)))) is None
    assert plot_samples(ae, 8).axes


# -- figures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("latent", ["prior", "aggregate", "ex_post"])
def test_samples_are_judged_on_the_rows_shown(vae, latent):
    title = {"prior": "Option 2: prior", "aggregate": "Option 1: aggregated posterior"}
    caption = panels(_samples(material(vae, X[:60])))[title.get(latent, "Density fitted afterwards")]
    quality = vae.judge_samples(X[:60], latent=latent)
    assert "30 of these against 30 of the test rows" in caption
    for name in ("precision", "recall", "density", "coverage"):
        assert f"{name} {getattr(quality, name):.2f} ({getattr(quality, f'floor_{name}'):.2f})" in caption
    assert f"Fréchet distance {plain(quality.frechet)} ({plain(quality.floor_frechet)}), squared" in caption
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimate = vae.estimate_likelihood(X[:60], n_draws=100, latent=latent)
    assert f"log p(x) of 60 of the test rows with these codes as p(z): {plain(estimate.mean)} ±" in caption
    assert f"{estimate.standard_error_rows:.2g} nats per row (K = 100 importance draws" in caption


def test_an_auto_encoder_has_no_likelihood(ae):
    (caption,) = panels(_samples(material(ae, X[:60]))).values()
    assert "30 of these against 30 of the test rows" in caption
    assert "log p(x)" not in caption


def test_tables_of_an_auto_encoder_are_shown_and_judged_without_scatter(vae):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    ae = fitted(AutoEncoder(2, **FAST), rows).fit_prior(rows, "gaussian")
    (caption,) = panels(_samples(Material(ae, rows, rows, held_out=True, metrics={}))).values()
    quality = ae.judge_samples(rows, observation="mean")
    assert "Shown is what they decode to." in caption
    assert f"Fréchet distance {plain(quality.frechet)} (" in caption
    assert quality != ae.judge_samples(rows, observation="draw")
    assert (shown_by_default(ae), shown_by_default(vae)) == ("mean", "mean")
    assert shown_by_default(fitted(VAE(2, **FAST), rows)) == "draw"


def test_few_rows_judge_nothing_and_heavy_tails_warn_nobody(vae):
    assert judgement(vae, X[:49], "prior", "test rows") == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert judgement(vae, X[:50], "prior", "test rows")


def test_a_cross_entropy_is_no_density(vae):
    said = judgement(vae, X[:50], "prior", "test rows", is_density=False)
    assert "− cross-entropy bound, no density, of 50" in said
    assert "log p(x)" not in said


# -- the diagnosis ---------------------------------------------------------------------------------


def test_the_numbers_of_a_diagnosis_stand_in_its_first_caption(vae, vamp):
    for estimator in (vae, vamp):
        found = estimator.diagnose(X[:60])
        section = _diagnosis(material(estimator, X[:60]))
        caption = section.panels[0].caption
        assert f"{plain(found.baseline)} by the same likelihood without codes" in caption
        assert f"Effective β {plain(found.effective_beta)}:" in caption
        assert f"−log q(z) = {plain(found.aggregate_cross_entropy.value)} ±" in caption
        assert ("dependence between dimensions" in caption) == (estimator is vae)


def test_the_bar_of_a_prior_without_factors_is_as_long_as_the_rate(vamp):
    surgery = vamp.diagnose(X).surgery
    patches = plot_surgery(surgery).axes[0].patches
    assert len(patches) == 2
    assert sum(patch.get_width() for patch in patches) == pytest.approx(surgery.rate_drawn, rel=1e-6)


def test_another_density_on_the_same_page_changes_no_other_chance(vamp):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        drawn = Prior(vamp).draws(5)
        np.testing.assert_array_equal(torch.rand(2), expected)
    np.testing.assert_array_equal(Prior(vamp).draws(5), drawn)
