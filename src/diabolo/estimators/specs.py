"""Parts as JSON: a qualified name and the constructor's arguments."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from diabolo.contracts import Part
from diabolo.storage import ModelFileError

_ROOMS = (
    "networks",
    "posteriors",
    "likelihoods",
    "priors",
    "corruptions",
    "models",
    "objectives",
    "schedules",
)


def to_spec(value: Any) -> Any:
    """Return a constructor argument as what JSON can hold."""
    if isinstance(value, Part):
        params = {name: to_spec(v) for name, v in Part.get_params(value, deep=False).items()}
        return {"part": _qualified(type(value)), "params": params}
    if isinstance(value, tuple | list):
        return [to_spec(v) for v in value]
    if isinstance(value, Mapping):
        return {"mapping": [[to_spec(key), to_spec(v)] for key, v in value.items()]}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(
        f"a model file holds numbers, strings, tuples, mappings and parts, so an argument {value!r} of type "
        f"{type(value).__name__} cannot be saved: use one of these, or keep the estimator with joblib."
    )


def from_spec(spec: Any, parts: Iterable[type[Part]] = ()) -> Any:
    """Return the argument that :func:`to_spec` wrote; lists come back as tuples."""
    if isinstance(spec, list):
        return tuple(from_spec(v, parts) for v in spec)
    if isinstance(spec, dict) and "mapping" in spec:
        return {from_spec(key, parts): from_spec(v, parts) for key, v in spec["mapping"]}
    if isinstance(spec, dict):
        cls = _class(spec["part"], {cls.__qualname__: cls for cls in parts})
        return cls(**{name: from_spec(v, parts) for name, v in spec["params"].items()})
    return spec


def _qualified(cls: type[Part]) -> str:
    room = cls.__module__.split(".")
    if room[0] == "diabolo" and len(room) > 1 and room[1] in _ROOMS:
        return f"{room[1]}.{cls.__name__}"
    return f"user.{cls.__qualname__}"


def _class(name: str, given: dict[str, type[Part]]) -> type[Part]:
    room, _, own = name.partition(".")
    if room in _ROOMS:
        module = importlib.import_module(f"diabolo.{room}")
        if own in module.__all__:
            return getattr(module, own)
        raise ModelFileError(
            f"the model needs the part {name!r}, which this version of diabolo lacks: upgrade diabolo."
        )
    if own not in given:
        raise ModelFileError(
            f"the model was built with a class of yours, {own!r}, and a file holds no code: "
            f"give it, as in diabolo.load(path, parts=[{own}])."
        )
    return given[own]
