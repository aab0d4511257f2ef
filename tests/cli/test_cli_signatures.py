"""What the command line reads from the source is what Python says of the imported code."""

import collections.abc
import functools
import inspect
import re
import types
import typing

import pytest

from diabolo import estimators, recipes
from diabolo.cli import models, signatures
from diabolo.contracts import Part
from diabolo.estimators.parameters import COMMON

ROOMS = ("networks", "posteriors", "likelihoods", "priors", "corruptions")


def kinds_of(hint):
    """Return the types of a hint as the command line has them: no None, no objects and mappings, tuples of any length."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    kinds = [kind for kind in (typing.get_args(hint) if union else (hint,)) if kind is not type(None)]
    kinds = [kind for kind in kinds if typing.get_origin(kind) is not collections.abc.Mapping]
    plain = [kind for kind in kinds if not (inspect.isclass(kind) and issubclass(kind, Part))]
    return tuple(
        tuple[typing.get_args(kind)[0], ...] if typing.get_origin(kind) is tuple else kind for kind in plain
    )


def assert_same(read, factory):
    """Compare what was read with inspect and typing."""
    fixed = set()
    if isinstance(factory, functools.partial):
        fixed, factory = set(factory.keywords), factory.func
    hints = typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    named = [
        p
        for p in inspect.signature(factory).parameters.values()
        if p.kind is not p.VAR_KEYWORD and p.name not in fixed
    ]
    assert list(read) == [p.name for p in named]
    for parameter in named:
        argument = read[parameter.name]
        assert argument.default == parameter.default
        assert argument.kinds == kinds_of(hints[parameter.name]), parameter.name
        documented = signatures.parameter_help(factory.__doc__ or "")
        assert argument.help == documented.get(parameter.name, "")


@pytest.mark.parametrize("model", models.models())
def test_models(model):
    declaration = models.models()[model]
    factory = getattr(estimators if declaration.is_class else recipes, declaration.name)
    assert_same(signatures.arguments(declaration), factory)


def test_every_estimator_and_every_recipe_is_a_model():
    names = {declaration.name for declaration in models.models().values()}
    assert names == {*estimators.__all__, *recipes.__all__} - {
        "vae",
        "multi_rate_vae",
    }  # the estimator's name wins


@pytest.mark.parametrize("room", ROOMS)
def test_parts(room):
    read, there = signatures.named(room), models.factories(room)
    assert list(read) == list(there)
    for name, factory in there.items():
        assert_same(read[name], factory)


def test_arguments_know_the_room_of_their_parts():
    found = signatures.arguments(models.models()["vae"])
    rooms = {name: argument.room for name, argument in found.items() if argument.room}
    assert rooms == {name: f"{name}s" for name in ("posterior", "prior", "network")} | {
        "likelihood": "likelihoods"
    }
    assert found["beta"].kinds == (float,)  # or a schedule, which has no name on a command line


def test_the_shared_help_is_read_too():
    found = signatures.arguments(models.models()["ae"])
    for name in re.findall(r"^    (\w+) :", COMMON, re.M):
        assert found[name].help, name


def test_names_from_elsewhere_are_not_followed():
    assert signatures.find("diabolo.estimators.vae", "clone") is None
    assert signatures.find("diabolo.estimators.vae", "nothing") is None
    assert signatures.find("diabolo.no_such_room", "nothing") is None
