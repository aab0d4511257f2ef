"""Parts by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sklearn.base import clone

from diabolo.contracts import Part

#: What parts are called elsewhere, with their names in one room or another.
_OTHER_NAMES = {
    "mse": ("squared_error",),
    "l2": ("squared_error",),
    "mae": ("absolute_error",),
    "l1": ("absolute_error",),
    "bce": ("cross_entropy",),
    "binary_cross_entropy": ("cross_entropy",),
    "normal": ("standard_normal", "diagonal_gaussian", "gaussian"),
}


def part_named(
    argument: str, value: Any, by_name: Mapping[str, Callable[[], Part]], base: type[Part]
) -> Part:
    """Return a fresh part for a name or an object, or refuse with the names that exist."""
    if isinstance(value, base):
        return clone(value)
    if isinstance(value, str) and value in by_name:
        return by_name[value]()
    if isinstance(value, str):
        alike = close(value, by_name)
        hint = f" Did you mean {' or '.join(map(repr, alike))}?" if alike else ""
        raise ValueError(
            f"{argument} must be one of {sorted(by_name)} or a {base.__name__}, got {value!r}.{hint}"
        )
    raise TypeError(
        f"{argument} must be a name ({', '.join(sorted(by_name))}) or a {base.__name__} object, "
        f"got {value!r} of type {type(value).__name__}."
    )


def close(value: str, names: Collection[str]) -> list[str]:
    """Return the names that a word may have meant."""
    others = [name for name in _OTHER_NAMES.get(value.lower(), ()) if name in names]
    if others:
        return others[:1]
    return [name for name in names if len(value) > 2 and value in name] or difflib.get_close_matches(
        value, names, n=1
    )
