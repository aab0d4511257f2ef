"""From a file back to an estimator."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from diabolo import estimators
from diabolo.contracts import Part
from diabolo.estimators.base import LatentEstimator
from diabolo.estimators.saving import Saved
from diabolo.estimators.specs import from_spec
from diabolo.storage import ModelFileError, read_model

_IN_A_RUN = "model.diabolo"


def load(path: str | os.PathLike[str], parts: Iterable[type[Part]] = ()) -> LatentEstimator:
    """Load a model that an estimator's ``save`` wrote.

    Parameters
    ----------
    path : str or path-like
        A ``.diabolo`` file, or the folder of a run that holds ``model.diabolo``.
    parts : iterable of classes
        The classes of your own that the model was built with; a file holds no code.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file is damaged, foreign, of a newer version, or needs a class that was not given.

    Warns
    -----
    UserWarning
        If the model was kept on a device that this machine lacks.
    """
    in_run = Path(path) / _IN_A_RUN
    tensors, spec = read_model(in_run if in_run.is_file() else path)
    name = spec.get("estimator")
    if name not in estimators.__all__:
        raise ModelFileError(
            f"{path}: holds an estimator {name!r} that this version of diabolo lacks: upgrade diabolo."
        )
    parts = tuple(parts)
    params = {key: from_spec(value, parts) for key, value in spec["params"].items()}
    estimator: LatentEstimator = getattr(estimators, name)(**params)
    try:
        estimator._device()
    except ValueError:
        warnings.warn(
            f"{path} was saved with device={estimator.device!r}, which this machine lacks: device='auto' stands in for it.",
            UserWarning,
            stacklevel=2,
        )
        estimator.set_params(device="auto")
    model = from_spec(spec["model"], parts)
    estimator._restore(Saved(tensors, model, spec["layout"], spec["fitted"], parts))
    return estimator
