"""A fitted estimator in one file, and back."""

from __future__ import annotations

import math
import numbers
import os
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from diabolo.contracts import Objective, Part, Sizes
from diabolo.estimators.coding import CodingEstimator
from diabolo.estimators.layout import Layout
from diabolo.estimators.specs import to_spec
from diabolo.models import LatentModel
from diabolo.storage import write_model
from diabolo.training.loop import adam

#: Of the optimiser in a file: the learning rate that was asked for, and what divergences made of it.
_RATES = "learning_rates"
#: Arguments that make the model, where the others say how it is trained.
_SHAPING = {
    "beta_range",
    "channel_axis",
    "corruption",
    "input_shape",
    "likelihood",
    "n_components",
    "network",
    "posterior",
    "prior",
    "scale",
}
_FITTED = (
    "n_components_",
    "seed_",
    "choices_",
    "history_",
    "n_iter_",
    "n_steps_",
    "stopped_",
    "best_step_",
    "learning_rate_",
    "n_features_in_",
    "_numpy_dtype",
)


@dataclass(frozen=True)
class Saved:
    """What a file says of a fitted estimator.

    Parameters
    ----------
    tensors : dict
        Its weights, and other arrays, by name.
    model : LatentModel
        Of the parts that the file names, not yet built.
    layout : dict
        The fields of the :class:`Layout`.
    state : dict
        What else ``fit`` left, by attribute; each class takes its own out.
    parts : tuple of classes
        The classes of the user's own.
    """

    tensors: dict[str, Tensor]
    model: LatentModel
    layout: dict[str, Any]
    state: dict[str, Any]
    parts: tuple[type[Part], ...] = ()


class SavedEstimator(CodingEstimator):
    """A model that outlives its process."""

    _rate: float
    #: Of the last ``partial_fit``, with its moments.
    _optimiser: torch.optim.Optimizer | None = None
    _made_with: dict[str, str]
    #: The objective of the last ``partial_fit``, with its state.
    _minimised: Objective | None = None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the fitted model to one file that :func:`diabolo.load` reads.

        The file holds the weights (safetensors), after a ``partial_fit`` the optimiser's moments, and a JSON
        specification, nothing pickled; it is written whole or not at all.
        """
        check_is_fitted(self)
        params = self.get_params(deep=False)
        params["random_state"] = (
            self.random_state if isinstance(self.random_state, numbers.Integral) else None
        )
        spec = {
            "estimator": type(self).__name__,
            "params": {name: to_spec(value) for name, value in params.items()},
            "model": to_spec(self.model_),
            "layout": self.layout_.as_dict(),
            "fitted": self._fitted_state(),
        }
        return write_model(path, self._tensors(), spec)

    def _fitted_state(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in _FITTED}
        state["feature_names_in_"] = [str(n) for n in getattr(self, "feature_names_in_", [])]
        state["dtype"] = str(self._dtype).removeprefix("torch.")
        return state

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"model.{name}": tensor for name, tensor in self.model_.state_dict().items()}
        optimiser = self._optimiser
        if optimiser is None:
            return tensors
        tensors[_RATES] = torch.tensor([self._rate, optimiser.param_groups[0]["lr"]], dtype=torch.float64)
        for name, parameter in self.model_.named_parameters():
            for own, tensor in optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser.{name}.{own}"] = tensor
        return tensors

    def _restore(self, saved: Saved) -> None:
        """Become the fitted estimator that a file describes."""
        names = saved.state.pop("feature_names_in_")
        self._dtype = getattr(torch, saved.state.pop("dtype"))
        self.n_components_ = self.n_components  # where a file from before it was kept does not say
        for name, value in saved.state.items():
            setattr(self, name, value)
        if names:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        self.layout_ = Layout(**{**saved.layout, "shape": tuple(saved.layout["shape"])})
        self.event_shape_ = self.layout_.shape
        self.row_shape_ = (math.prod(self.event_shape_),) if self.layout_.flat else self.event_shape_
        self._n_features_out = self.n_components_
        self._minimised = None
        self._made_with = self._shaping()
        self.model_ = self._place(saved.model, Sizes(self.layout_.event, self.n_components_))
        weights = {
            name.removeprefix("model."): t for name, t in saved.tensors.items() if name.startswith("model.")
        }
        self.model_.load_state_dict(weights)
        self.model_.eval()
        rate, lowered = saved.tensors.get(_RATES, torch.full((2,), math.nan)).tolist()
        self._optimiser = _optimiser_of(self.model_, saved.tensors, lowered)
        self._rate = math.nan if self._optimiser is None else rate

    def _shaping(self) -> dict[str, str]:
        """Return the arguments that the model is made of, in words."""
        return {name: repr(value) for name, value in self.get_params(deep=False).items() if name in _SHAPING}

    def _place(self, model: LatentModel, sizes: Sizes) -> LatentModel:
        return model.build(sizes).to(device=self._device(), dtype=self._dtype)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "model_" in state:
            model, optimiser = deepcopy((state["model_"], state.get("_optimiser")))
            state["model_"] = model.cpu()
            if optimiser is not None:
                optimiser.load_state_dict(optimiser.state_dict())  # where the parameters are
            state["_optimiser"] = optimiser
            state["_minimised"] = None
        return state


def _optimiser_of(
    model: LatentModel, tensors: dict[str, Tensor], learning_rate: float
) -> torch.optim.Optimizer | None:
    """Return the optimiser with the moments of a file, if it has those of every parameter that is trained."""
    moments: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            parameter, _, own = name.removeprefix("optimiser.").rpartition(".")
            moments.setdefault(parameter, {})[own] = tensor
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if not moments or any(_shape_of(moments.get(name)) != p.shape for name, p in trained):
        return None
    optimiser = adam(model, learning_rate)
    state = {i: moments[name] for i, (name, _) in enumerate(trained)}
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return optimiser


def _shape_of(moments: dict[str, Tensor] | None) -> torch.Size | None:
    return None if moments is None or "exp_avg" not in moments else moments["exp_avg"].shape
