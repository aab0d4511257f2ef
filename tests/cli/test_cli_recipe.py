import importlib.util
import sys
from pathlib import Path

import pytest

import diabolo
from diabolo.cli import models, signatures

RECIPES = '''
from diabolo.estimators import VAE
from diabolo.likelihoods import Gaussian

__all__ = ["fixed_vae"]


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
'''
CACHED = (models.models, models.model_arguments, signatures._names)


@pytest.fixture(autouse=True)
def recipes(monkeypatch, tmp_path):
    """A house whose room of recipes has one in it."""
    house = tmp_path / "diabolo"
    house.mkdir()
    for entry in Path(diabolo.__file__).parent.iterdir():
        if entry.name != "recipes.py":
            (house / entry.name).symlink_to(entry)
    (house / "recipes.py").write_text(RECIPES)
    spec = importlib.util.spec_from_file_location("diabolo.recipes", house / "recipes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "diabolo.recipes", module)
    monkeypatch.setattr(signatures, "_ROOT", house)
    for cached in CACHED:
        cached.cache_clear()
    yield
    for cached in CACHED:
        cached.cache_clear()


def test_its_help_is_read_from_its_docstring():
    found = models.model_arguments("fixed_vae")
    assert (found["floor"].default, found["floor"].help, found["floor"].kinds) == (
        0.1,
        "The scale.",
        (float,),
    )


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
