"""The models that ``--model`` names, and an estimator from options.

The options of a model are the arguments of its constructor; those of its parts are the arguments of the
parts' constructors. Nothing here lists them.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Mapping
from typing import Any

from .errors import UsageError
from .signatures import Argument, Declaration, arguments, find, named, value

#: Arguments that have no meaning for one command: it shows progress by itself and starts from nothing.
NOT_OPTIONS = ("verbose", "warm_start")
_ESTIMATORS = {
    "vae": "VAE",
    "ae": "AutoEncoder",
    "denoising": "DenoisingAutoEncoder",
    "multi_rate_vae": "MultiRateVAE",
    "clustering": "DeepClustering",
    "mixture_vae": "MixtureVAE",
}
_CLUSTERING = {"DeepClustering", "MixtureVAE"}


@functools.cache
def models() -> dict[str, Declaration]:
    """Return what ``--model`` can be: the estimators, and the recipes by name."""
    found = {model: find("diabolo.estimators", name) for model, name in _ESTIMATORS.items()}
    for name in value("diabolo.recipes", "__all__") or ():
        found.setdefault(name, find("diabolo.recipes", name))
    return {model: declaration for model, declaration in found.items() if declaration is not None}


@functools.cache
def models_of(command: str) -> tuple[str, ...]:
    """Return what ``--model`` can be for one command: ``cluster`` has those that cluster, the others the rest."""
    return tuple(
        model for model, declaration in models().items() if _clusters(declaration) == (command == "cluster")
    )


def _clusters(declaration: Declaration) -> bool:
    """Whether a model is the estimator that clusters, or a recipe that returns it."""
    returned = getattr(declaration.node, "returns", None)
    return not _CLUSTERING.isdisjoint((declaration.name, getattr(returned, "id", None)))


@functools.cache
def model_arguments(model: str) -> dict[str, Argument]:
    """Return the arguments of a model that are options."""
    return {name: a for name, a in arguments(models()[model]).items() if name not in NOT_OPTIONS}


def arguments_of(estimator: Any) -> dict[str, Argument]:
    """Return the arguments of an estimator's constructor."""
    declaration = find("diabolo.estimators", type(estimator).__name__)
    return {} if declaration is None else arguments(declaration)


@functools.cache
def part_arguments(room: str | None) -> dict[str, dict[str, Argument]]:
    """Return, for each argument that some part of a room has, the parts that have it."""
    found: dict[str, dict[str, Argument]] = {}
    for part, own in named(room).items() if room else ():
        for name, argument in own.items():
            found.setdefault(name, {})[part] = argument
    return found


def factories(room: str) -> Mapping[str, Any]:
    """Return what makes the parts of a room, by name."""
    return importlib.import_module(f"diabolo.{room}").BY_NAME


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
    declaration = models()[model]
    given = {name: by_column(value) if name == "likelihood" else value for name, value in given.items()}
    own = {name: value for name, value in given.items() if name in arguments(declaration)}
    estimator = getattr(importlib.import_module(declaration.module), declaration.name)(**own)
    has = estimator.get_params(deep=False)
    for name in given:
        if name.partition(".")[0] not in has and name not in own:
            raise UsageError(_other_model(name, model))
    estimator.set_params(**{n: v for n, v in given.items() if n not in own and "." not in n})
    notes: list[str] = []
    for argument in arguments_of(estimator).values():
        inner = {n.partition(".")[2]: v for n, v in given.items() if n.startswith(f"{argument.name}.")}
        if inner:
            part, note = _part(argument, getattr(estimator, argument.name), inner)
            estimator.set_params(**{argument.name: part})
            notes += note
    return estimator, notes


def by_column(text: Any) -> Any:
    """Return kinds of columns, ``city=categorical,3=poisson`` or a table in JSON, as a mapping; a name stays a name.

    Examples
    --------
    >>> by_column("city=categorical, 3=poisson"), by_column("gaussian")
    ({'city': 'categorical', '3': 'poisson'}, 'gaussian')
    """
    if not isinstance(text, str) or not ("=" in text or text.startswith("{")):
        return text
    pairs = [pair.rpartition("=")[::2] for pair in text.split(",")]
    if text.startswith("{"):
        try:
            pairs = json.loads(text, object_pairs_hook=list)
        except ValueError as error:
            raise UsageError(f"--likelihood {text} is no table in JSON: {error}") from None
    if not all(column.strip() and isinstance(kind, str) and kind.strip() for column, kind in pairs):
        raise UsageError(
            f"--likelihood must be a name, or kinds of columns such as city=categorical,visits=poisson, got {text!r}"
        )
    kinds: dict[str, str] = {}
    for column, kind in pairs:
        if column.strip() in kinds:
            raise UsageError(f"--likelihood must have each column once, got {column.strip()!r} twice")
        kinds[column.strip()] = kind.strip()
    return kinds


def _part(argument: Argument, value: Any, inner: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Return the part with its own options set."""
    options = " and ".join(f"--{argument.name}.{name}".replace("_", "-") for name in inner)
    parts = factories(argument.room or "")
    fitting = [name for name, own in named(argument.room or "").items() if set(inner) <= set(own)]
    alone = value == "auto" and len({class_of(parts[name]) for name in fitting}) == 1
    if value in (None, "auto") and not alone:
        if not fitting:
            raise UsageError(f"{options}: no {argument.name} has all of these, drop some")
        need = "needs" if len(inner) == 1 else "need"
        raise UsageError(
            f"{options} {need} a chosen {argument.name}: add --{argument.name} {' or '.join(fitting)}"
        )
    if isinstance(value, Mapping):
        raise UsageError(f"{options} is for one {argument.name}, and kinds of columns are several: drop it")
    if not isinstance(value, str):  # a recipe's part
        unknown = set(inner) - set(value.get_params(deep=False))
        if unknown:
            raise UsageError(f"{options}: the {type(value).__name__} of this recipe has no {sorted(unknown)}")
        return value.set_params(**inner), []
    if value in fitting:
        return parts[value](**inner), []
    if alone:
        note = f"{argument.name}={fitting[0]!r}: {options} belongs to it alone"
        return parts[fitting[0]](**inner), [note]
    if value in parts:
        way_out = f"drop it or use --{argument.name} {' or '.join(fitting)}"
        raise UsageError(f"{options} does not exist for --{argument.name} {value}: {way_out}")
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
