"""Is the file the model? Rows to compare on, what the estimator says of them, and how far the file is from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from diabolo.estimators.base import LatentEstimator
from diabolo.estimators.inputs import finite
from diabolo.export.graph import Graph
from diabolo.likelihoods import Categorical, Mixed

#: A file may differ from its model by this share of the size of the values.
TOLERANCE = 1e-5
_N_ROWS = 64
_FEWEST_ROWS = 2

Run = Callable[[np.ndarray], Sequence[np.ndarray]]


class Comparison:
    """The rows of a check, and what the estimator says of them.

    Parameters
    ----------
    estimator : LatentEstimator
        The estimator that is exported.
    graph : Graph
        Which map of it.
    X : array of shape (n_rows, ...), optional
        Rows to compare on; by default 64 that scatter around the mean of the training rows as these did.
    """

    def __init__(self, estimator: LatentEstimator, graph: Graph, X: ArrayLike | None = None) -> None:
        self.estimator, self.graph = estimator, graph
        rows = _scattered(estimator) if X is None else estimator._check_X(X, reset=False)
        if len(rows) < _FEWEST_ROWS:
            raise ValueError(f"X must have {_FEWEST_ROWS} rows or more to compare on, got {len(rows)}.")
        dtype = graph.input.dtype if graph.what != "decoder" else str(graph.dtype)
        if graph.dtype.kind == "f":
            dtype = str(graph.precision).removeprefix("torch.")
        rows = rows.astype(dtype)
        codes = estimator._codes_of(rows)
        self.codes = codes
        self.rows = codes if graph.what == "decoder" else rows
        self.want = self._expected(rows, codes)

    def passed(self, run: Run, name: str, way_out: str = "") -> float:
        """Return the error of what is about to be written, or refuse to write it.

        Raises
        ------
        ValueError
            If the error is above ``TOLERANCE`` or no number.
        """
        error = self.error(run)
        if not error <= TOLERANCE:
            raise ValueError(
                f"{name} differs by {error:.1e} of the size of the values from the estimator, more than {TOLERANCE:g}, "
                f"and was not written{way_out}."
            )
        return error

    def error(self, run: Run) -> float:
        """Return the largest difference over the size of the values, for all rows at once and for one alone.

        Values of X are measured against their column's largest value or unit, whichever is more, codes and
        scales against the largest of all. A whole number may be the next one where the estimator's value lies
        half-way, a category another where its probability is the same.
        """
        together = self.errors(run(self.rows))
        alone = self.errors(run(self.rows[:1]))
        return max(*together, *alone)

    def errors(self, got: Sequence[np.ndarray]) -> list[float]:
        """Return the largest difference of each output for the first rows."""
        ports, sizes = self.graph.outputs, self._sizes()
        found = []
        for port, values, want, size in zip(ports, got, self.want, sizes, strict=True):
            want = want[: len(values)]
            if values.shape != want.shape or str(values.dtype) != port.dtype:
                return [np.inf]
            gap = np.abs(values.astype(np.float64) - want)
            if np.dtype(port.dtype).kind in "iu":
                gap = np.maximum(gap - 0.5, 0)
            share = gap / size
            if port.name == "X_hat" and not self.estimator.model_.likelihood.has_distances:
                share = self._lost(values, share)
            worst = float(share.max())
            found.append(worst if finite(worst) else np.inf)
        return found

    def _expected(self, rows: np.ndarray, codes: np.ndarray) -> list[np.ndarray]:
        estimator, graph = self.estimator, self.graph
        if graph.what == "encoder":
            if len(graph.outputs) == 1:
                return [codes]
            wide: Any = estimator
            if graph.clusters is not None:
                return [codes, wide.predict_proba(rows)]
            model, at = wide._model_for(rows.dtype)
            return [codes, wide._posterior(model, wide._tensor(rows, at)).variance.sqrt().numpy(force=True)]
        decoded = estimator.layout_.from_model(estimator._decode(codes)).astype(np.float64)
        if graph.dtype.kind in "iu":
            limits = np.iinfo(graph.dtype)
            decoded = decoded.clip(limits.min, limits.max)
        return [decoded]

    def _sizes(self) -> list[np.ndarray]:
        if self.graph.what == "encoder":
            return [np.maximum(np.abs(want).max(), np.finfo(np.float32).tiny) for want in self.want]
        layout, unit = self.estimator.layout_, self.graph.model.unit
        return [np.maximum(np.abs(self.want[0]).max(0), layout.from_model(unit.unsqueeze(0).numpy())[0])]

    def _lost(self, values: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Put in the place of categories how much less probable they are than the most probable ones, over the size of logits."""
        estimator = self.estimator
        model, dtype = estimator._model_for(self.codes.dtype)
        likelihood: Any = model.likelihood
        with torch.inference_mode():
            p: Any = model.decode(
                torch.as_tensor(self.codes[: len(values)], dtype=dtype, device=estimator._device())
            )
            taken = torch.as_tensor(estimator.layout_.to_model(values), device=model.shift.device)
            if isinstance(likelihood, Mixed):
                for part, own, columns in zip(likelihood.groups, p.groups, p.columns, strict=True):
                    if isinstance(part, Categorical):
                        share[:, columns.tolist()] = _lost_of(own, taken[:, columns])
            elif isinstance(likelihood, Categorical):
                share = _lost_of(p, taken)
        return share


def _lost_of(p: Any, taken: Tensor) -> np.ndarray:
    logits = p.base_dist.logits
    if bool(((taken < 0) | (taken >= logits.shape[-1]) | (taken != taken.round())).any()):
        return np.full(1, np.inf)
    lost = p.base_dist.log_prob(logits.argmax(-1)) - p.base_dist.log_prob(taken)
    return (lost / logits.abs().max().clamp(min=1)).cpu().numpy()


def _scattered(estimator: LatentEstimator) -> np.ndarray:
    """Return rows with the mean and the deviations that the model was started with, in X's dtype."""
    model, layout = estimator.model_, estimator.layout_
    mean, unit = (t.cpu().double().numpy() for t in (model.shift, model.unit))
    noise = np.random.default_rng(estimator.seed_).standard_normal((_N_ROWS, *layout.event))
    rows = layout.from_model(mean + unit * noise)
    dtype = np.dtype(estimator._numpy_dtype)
    if dtype.kind == "b":
        return rows > 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        rows = np.rint(rows).clip(limits.min, limits.max)
    return model.likelihood.nearest(rows).astype(dtype)
