"""Checkpoints of a fit: where they are, and which run they belong to."""

from __future__ import annotations

import hashlib
import numbers
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from torch import nn

from diabolo.estimators.inputs import finite
from diabolo.estimators.specs import to_spec
from diabolo.estimators.survey import Surveyed
from diabolo.training import Checkpoints

#: Seconds between two checkpoints.
EVERY = 60.0
_WITHOUT_EFFECT = ("verbose", "warm_start")


def checkpoints_in(
    folder: str | os.PathLike[str] | None, every: float
) -> AbstractContextManager[Checkpoints | None]:
    """Return the checkpoints of a folder, to open for a fit; None where none are wanted."""
    if not (finite(every) and every >= 0):
        raise ValueError(
            f"checkpoint_every must be a number of seconds, 0 or more (0: after each step), got {every!r}."
        )
    if folder is None:
        return nullcontext()
    if not isinstance(folder, str | os.PathLike):
        raise ValueError(f"checkpoint_dir must be the path of a folder, or None, got {folder!r}.")
    return Checkpoints(folder, every=every)


def kept_seed(estimator: Any, checkpoints: Checkpoints | None) -> int | None:
    """Return the seed of the run in the folder, for an estimator that would draw one; None to draw it."""
    run = None if checkpoints is None else checkpoints.run
    if run is None or isinstance(estimator.random_state, numbers.Integral):
        return None
    return run.get("seed")


def run_of(
    estimator: Any, rows: Mapping[str, np.ndarray | Surveyed | None], *, going_on: bool
) -> dict[str, Any]:
    """Return what makes a fit the same fit: parameters, seed, rows, and the weights that it goes on from.

    Parameters
    ----------
    estimator : estimator
        With its seed drawn.
    rows : mapping
        Arrays, or sources after their survey, by the name of the argument of ``fit``.
    going_on : bool
        Whether the fit goes on from the weights of the one before.
    """
    params = {n: v for n, v in estimator.get_params(deep=False).items() if n not in _WITHOUT_EFFECT}
    if not isinstance(params["random_state"], numbers.Integral):
        params["random_state"] = None
    run = {
        "estimator": type(estimator).__name__,
        "params": {name: to_spec(value) for name, value in params.items()},
        "seed": estimator.seed_,
        "rows": {name: None if array is None else _digest(array) for name, array in rows.items()},
        "start": None,
    }
    if going_on:
        run["start"] = {"weights": _weights(estimator.model_), "objective": to_spec(estimator._objective())}
    return run


def _digest(array: np.ndarray | Surveyed) -> str:
    if isinstance(array, Surveyed):
        return array.digest
    digest = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return f"{'x'.join(map(str, array.shape))} {digest.hexdigest()}"


def _weights(model: nn.Module) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {_digest(tensor.numpy(force=True))}".encode())
    return digest.hexdigest()
