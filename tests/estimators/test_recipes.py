"""Every recipe fits, and its docstring cites where it comes from."""

import inspect
import re

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import FactorAnalysis

from diabolo import recipes
from diabolo.networks import MLP

X = load_digits().images[:120] / 16
CLUSTERING = {"dcec", "dec", "dec_conv", "dec_conv_da", "idec"}
MIXTURES = {"vade"}


@pytest.mark.parametrize("name", sorted({*recipes.__all__} - CLUSTERING - MIXTURES))
def test_recipe(name):
    recipe = getattr(recipes, name)
    assert re.search(r"\d{4}|factor analysis", recipe.__doc__)
    assert len(inspect.getsource(recipe).splitlines()) <= 10
    model = recipe(3, max_epochs=2, random_state=0).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert model.transform(X).shape == (120, 3)


@pytest.mark.parametrize("name", sorted(CLUSTERING))
def test_recipe_of_clusters(name):
    recipe = getattr(recipes, name)
    assert re.search(r"\d{4}", recipe.__doc__)
    assert len(inspect.getsource(recipe).splitlines()) <= 10
    model = recipe(3, n_components=2, max_epochs=1, max_iter=1, random_state=0).fit(X)
    assert model.predict_proba(X).shape == (120, 3)
    assert model.preset == ("fast" if name == "dec_conv_da" else "paper")
    assert model.reconstruction == (name in ("dcec", "idec"))
    assert ("DCEC" in repr(model.network)) == (name in ("dcec", "dec_conv", "dec_conv_da"))


def test_recipe_of_a_mixture():
    assert re.search(r"\d{4}", recipes.vade.__doc__)
    assert len(inspect.getsource(recipes.vade).splitlines()) <= 10
    model = recipes.vade(3, n_components=2, network=MLP((8,)), max_epochs=1, random_state=0).fit(X)
    assert model.predict_proba(X).shape == (120, 3)
    assert "500, 500, 2000" in repr(recipes.vade().network)


def test_factor_analysis_approaches_its_oracle():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(1500, 2)) @ (2 * rng.normal(size=(2, 6))) + rng.normal(
        size=(1500, 6)
    ) * np.linspace(0.3, 1.5, 6)
    model = recipes.factor_analysis(2, learning_rate=1e-2, random_state=0).fit(data)
    assert model.score(data) == pytest.approx(FactorAnalysis(2, tol=1e-6).fit(data).score(data), abs=0.05)
