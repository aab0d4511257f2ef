import importlib.machinery
import sys
import types

import pytest

from diabolo import VAE
from diabolo.cli import models
from diabolo.likelihoods import Gaussian


def fixed_vae(n_components: int = 5, *, floor: float = 0.1) -> VAE:
    """Make a VAE with a fixed scale.

    Parameters
    ----------
    n_components : int
        Dimension.
    floor : float
        The scale.
    """
    return VAE(n_components, likelihood=Gaussian(scale=floor))


@pytest.fixture(autouse=True)
def recipes(monkeypatch):
    """A room of recipes with one in it."""
    module = types.ModuleType("diabolo.recipes")
    module.__spec__ = importlib.machinery.ModuleSpec("diabolo.recipes", None)
    module.__all__ = ["fixed_vae"]
    module.fixed_vae = fixed_vae
    monkeypatch.setattr(fixed_vae, "__module__", "diabolo.recipes", raising=False)
    monkeypatch.setitem(sys.modules, "diabolo.recipes", module)
    for cached in (models.models, models.model_arguments):
        cached.cache_clear()
    yield
    for cached in (models.models, models.model_arguments):
        cached.cache_clear()


def test_a_recipe_takes_its_own_arguments_and_those_of_its_estimator():
    vae, _ = models.make("fixed_vae", {"floor": 0.3, "max_epochs": 2})
    assert (vae.likelihood.scale, vae.max_epochs, vae.n_components) == (0.3, 2, 5)
    vae, _ = models.make("fixed_vae", {"likelihood.scale": 2.0})
    assert vae.likelihood.scale == 2.0


def test_the_options_of_a_recipe_are_its_own():
    with pytest.raises(ValueError, match="--floor is an option of --model fixed_vae, not of vae"):
        models.make("vae", {"floor": 3.0})
    with pytest.raises(ValueError, match="--corruption is an option of --model denoising, not of fixed_vae"):
        models.make("fixed_vae", {"corruption": "masking"})


def test_the_configuration_repeats_the_recipe(places, tmp_path):
    from diabolo.cli.source import Reading, gather
    from diabolo.cli.training import effective

    options = {"floor": 0.3, "random_state": 0}
    vae, _ = models.make("fixed_vae", options)
    source = str(places / "images.npy")
    rows = gather(source, Reading())
    setting = {"source": source, "model": "fixed_vae"}
    found = effective(vae, options, setting, rows, Reading(), seed=0)["options"]
    assert (found["floor"], found["n-components"]) == (0.3, 5)
    assert "likelihood" not in found
