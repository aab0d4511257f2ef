"""The models that ``--model`` names, and an estimator from options.

The options of a model are the arguments of its constructor; those of its parts are the arguments of the
parts' constructors. Nothing here lists them.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .errors import UsageError
from .signatures import Argument, arguments

#: Arguments that have no meaning for one command: it shows progress by itself and starts from nothing.
NOT_OPTIONS = ("verbose", "warm_start")


@functools.cache
def models() -> dict[str, Callable[..., Any]]:
    """Return what ``--model`` can be: the three estimators, and the recipes by name."""
    from diabolo import VAE, AutoEncoder, DenoisingAutoEncoder

    found: dict[str, Callable[..., Any]] = {"vae": VAE, "ae": AutoEncoder, "denoising": DenoisingAutoEncoder}
    if importlib.util.find_spec("diabolo.recipes") is not None:
        recipes = importlib.import_module("diabolo.recipes")
        names = getattr(recipes, "__all__", [name for name in vars(recipes) if not name.startswith("_")])
        for name in names:
            recipe = getattr(recipes, name)
            if inspect.isfunction(recipe) and recipe.__module__.startswith("diabolo.recipes"):
                found.setdefault(name, recipe)
    return found


@functools.cache
def model_arguments(model: str) -> dict[str, Argument]:
    """Return the arguments of a model that are options."""
    return {name: a for name, a in arguments(models()[model]).items() if name not in NOT_OPTIONS}


def parts_of(argument: Argument) -> Mapping[str, Callable[..., Any]] | None:
    """Return the parts by name that an argument may be; None if it is no part."""
    from diabolo.contracts import Part

    for kind in argument.kinds:
        if inspect.isclass(kind) and issubclass(kind, Part):
            room = importlib.import_module(".".join(kind.__module__.split(".")[:2]))
            return room.BY_NAME
    return None


@functools.cache
def part_arguments(argument: Argument) -> dict[str, dict[str, Argument]]:
    """Return, for each argument that some part has, the parts that have it."""
    found: dict[str, dict[str, Argument]] = {}
    for part, factory in (parts_of(argument) or {}).items():
        for name, own in arguments(factory).items():
            found.setdefault(name, {})[part] = own
    return found


def make(model: str, given: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Return an unfitted estimator, and what was concluded from the options, in words.

    Parameters
    ----------
    model : str
        One of `models`.
    given : mapping
        Values of options by the name of the argument; of a part's own options by ``part.argument``.

    Raises
    ------
    UsageError
        If an option belongs to other models or parts; the message names them.
    """
    factory = models()[model]
    own = {name: value for name, value in given.items() if name in arguments(factory)}
    estimator = factory(**own)
    has = estimator.get_params(deep=False)
    for name in given:
        if name.partition(".")[0] not in has and name not in own:
            raise UsageError(_other_model(name, model))
    estimator.set_params(**{n: v for n, v in given.items() if n not in own and "." not in n})
    notes: list[str] = []
    for argument in arguments(type(estimator)).values():
        inner = {n.partition(".")[2]: v for n, v in given.items() if n.startswith(f"{argument.name}.")}
        if inner:
            part, note = _part(argument, getattr(estimator, argument.name), inner)
            estimator.set_params(**{argument.name: part})
            notes += note
    return estimator, notes


def _part(argument: Argument, value: Any, inner: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Return the part with its own options set."""
    by_name = parts_of(argument) or {}
    options = " and ".join(f"--{argument.name}.{name}".replace("_", "-") for name in inner)
    if not isinstance(value, str):  # a recipe's part
        unknown = set(inner) - set(value.get_params(deep=False))
        if unknown:
            raise UsageError(f"{options}: the {type(value).__name__} of this recipe has no {sorted(unknown)}")
        return value.set_params(**inner), []
    fitting = [name for name, factory in by_name.items() if set(inner) <= set(arguments(factory))]
    if value in fitting:
        return by_name[value](**inner), []
    if value == "auto" and len({class_of(by_name[name]) for name in fitting}) == 1:
        note = f"{argument.name}={fitting[0]!r}: {options} belongs to it alone"
        return by_name[fitting[0]](**inner), [note]
    if value in by_name:
        way_out = f"drop it or use --{argument.name} {' or '.join(fitting)}"
        raise UsageError(f"{options} does not exist for --{argument.name} {value}: {way_out}")
    if value == "auto":
        raise UsageError(
            f"{options} needs a chosen {argument.name}: add --{argument.name} {' or '.join(fitting)}"
        )
    return value, []  # an unknown name: the estimator refuses it and knows the names


def class_of(factory: Any) -> Any:
    """Return the class that a part's name stands for."""
    return factory.func if isinstance(factory, functools.partial) else factory


def _other_model(name: str, model: str) -> str:
    first = name.partition(".")[0]
    having = [m for m in models() if first in arguments(models()[m])]
    option = f"--{name}".replace("_", "-")
    return (
        f"{option} is an option of --model {' or '.join(having)}, not of {model}: drop it or change --model"
    )
