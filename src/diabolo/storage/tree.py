"""A tree of plain values and tensors as named tensors beside JSON, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def pack(tree: Any) -> tuple[dict[str, Tensor], Any]:
    """Take a tree apart: what a model file can hold, of which :func:`unpack` makes the same tree.

    Parameters
    ----------
    tree : object
        Mappings with keys of any plain kind, lists, tuples, tensors, strings, numbers (nan and inf too),
        booleans and None: the ``state_dict`` of a module or of an optimiser, say.

    Returns
    -------
    tensors : dict of str to Tensor
        The tensors, each by its path in the tree.
    spec : object
        The rest, as strict JSON has it; ``{"$tensor": path}`` stands for a tensor.

    Examples
    --------
    >>> pack({"betas": (0.9, 0.99), "best": float("inf"), "state": {0: "new"}})[1]
    {'betas': {'$tuple': [0.9, 0.99]}, 'best': {'$float': 'inf'}, 'state': {'$items': [[0, 'new']]}}
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _packed(tree, "", tensors)


def unpack(tensors: Mapping[str, Tensor], spec: Any) -> Any:
    """Return the tree that :func:`pack` took apart, with tensors of its own.

    Examples
    --------
    >>> unpack(*pack({0: (1, None), 1: [float("-inf")]}))
    {0: (1, None), 1: [-inf]}
    """
    if isinstance(spec, list):
        return [unpack(tensors, value) for value in spec]
    if not isinstance(spec, Mapping):
        return spec
    match spec:
        case {"$tensor": str(name)}:
            return tensors[name].clone()
        case {"$float": str(number)}:
            return float(number)
        case {"$tuple": list(values)}:
            return tuple(unpack(tensors, value) for value in values)
        case {"$items": list(pairs)}:
            return {unpack(tensors, key): unpack(tensors, value) for key, value in pairs}
    return {key: unpack(tensors, value) for key, value in spec.items()}


def _packed(tree: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    def inner(key: Any, value: Any) -> Any:
        return _packed(value, f"{path}/{key}" if path else str(key), tensors)

    if isinstance(tree, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in tree):
            return {key: inner(key, value) for key, value in tree.items()}
        return {"$items": [[_packed(key, path, tensors), inner(key, value)] for key, value in tree.items()]}
    if isinstance(tree, tuple):
        return {"$tuple": [inner(index, value) for index, value in enumerate(tree)]}
    if isinstance(tree, list):
        return [inner(index, value) for index, value in enumerate(tree)]
    if hasattr(tree, "requires_grad"):
        name = path
        while name in tensors:  # 1 and "1" in one mapping
            name += "'"
        tensors[name] = tree
        return {"$tensor": name}
    if isinstance(tree, float) and not math.isfinite(tree):
        return {"$float": str(float(tree))}
    return tree
