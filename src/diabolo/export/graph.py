"""The maps of an estimator as one module from tensors in the user's layout to tensors in the user's layout."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from diabolo.estimators.base import LatentEstimator
from diabolo.estimators.inputs import one_of
from diabolo.estimators.layout import Layout
from diabolo.export.record import Port

What = Literal["encoder", "decoder", "whole"]
WHATS: tuple[What, ...] = ("encoder", "decoder", "whole")


class Graph(nn.Module):
    """``transform``, ``inverse_transform`` or ``reconstruct`` of a fitted estimator, with tensors in and out.

    It computes in the precision that the model was trained in. Rows go in with the dtype of X where these are whole
    numbers or booleans, otherwise with the model's; rounded whole numbers come out as they went in.

    Parameters
    ----------
    estimator : LatentEstimator
        A fitted estimator; a multi-rate one at one beta.
    what : {"encoder", "decoder", "whole"}
        Which map.
    """

    def __init__(self, estimator: LatentEstimator, what: What) -> None:
        super().__init__()
        whole_model: Any = deepcopy(estimator.model_).cpu().eval()
        has_clusters = getattr(whole_model, "has_clusters", False)
        self.model = whole_model.model if has_clusters else whole_model
        self.clusters = whole_model if has_clusters and what == "encoder" else None
        self.model.prior = None
        if what != "whole":
            delattr(self.model, "decoder" if what == "encoder" else "encoder")
        self.what, self.layout = what, estimator.layout_
        self.precision = self.model.shift.dtype
        self.dtype = np.dtype(estimator._numpy_dtype).newbyteorder("=")
        float_name = str(self.precision).removeprefix("torch.")
        whole = self.dtype.kind in "iu"
        rows = Port(
            "X",
            estimator.row_shape_,
            str(self.dtype) if whole or self.dtype.kind == "b" else float_name,
            "those of X",
        )
        codes = Port("codes", (estimator.n_components_,), float_name, "codes")
        restored = Port("X_hat", rows.shape, rows.dtype if whole else float_name, rows.units)
        spread = Port(
            "scale", codes.shape, float_name, "standard deviation of the posterior, in units of the codes"
        )
        self.input = codes if what == "decoder" else rows
        self.outputs: tuple[Port, ...] = (restored,)
        if what == "encoder":
            self.outputs = (codes, spread) if self.model.has_density else (codes,)
            if self.clusters is not None:
                n_clusters = len(self.clusters.centres)
                self.outputs += (Port("probabilities", (n_clusters,), float_name, "share of each cluster"),)

    def forward(self, rows: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map rows or codes, shape (n, ...), to codes (and scales, or shares of clusters) or rows, shape (n, ...)."""
        if self.what == "decoder":
            return self.restored(rows)
        q = self.model.encode(to_model(self.layout, rows.to(self.precision)))
        if self.what == "whole":
            return self.restored(q.mean)
        if self.clusters is not None:
            return q.mean, self.clusters.log_assignment(q.mean).exp()
        return (q.mean, q.variance.sqrt()) if self.model.has_density else q.mean

    def restored(self, codes: Tensor) -> Tensor:
        """Return what the codes decode to, rounded where X holds whole numbers."""
        x = from_model(self.layout, self.model.point(self.model.decode(codes)))
        if self.dtype.kind not in "iu":
            return x
        limits = np.iinfo(self.dtype)
        return x.round().clamp(limits.min, limits.max).to(getattr(torch, self.dtype.name))

    def trace(self, rows: np.ndarray) -> Any:
        """Return the ``torch.export`` program for any number of rows like these.

        Raises
        ------
        ValueError
            If torch cannot follow a part of the model.
        """
        example = torch.from_numpy(rows[:2])
        try:
            with torch.no_grad():
                program = torch.export.export(
                    self, (example,), dynamic_shapes=({0: torch.export.Dim("rows")},)
                )
        except Exception as error:
            parts = ", ".join(
                type(p).__name__ for p in (self.model.network, self.model.posterior, self.model.likelihood)
            )
            raise ValueError(
                f"estimator must be made of parts that torch.export can follow, but it stops in one of {parts} "
                f"({str(error).strip().splitlines()[0]}): a part of your own may not branch on values of tensors."
            ) from error
        for node in program.graph.nodes:  # source lines of this machine
            node.meta.pop("stack_trace", None)
        return program


def graph_of(estimator: Any, what: str, beta: float | None) -> tuple[LatentEstimator, Graph]:
    """Return the estimator that is exported, a multi-rate one at ``beta``, and its graph."""
    if not isinstance(estimator, LatentEstimator):
        raise TypeError(f"estimator must be one of diabolo's, fitted, got a {type(estimator).__name__}.")
    one_of("what", what, WHATS)
    check_is_fitted(estimator)
    at: Any = getattr(estimator, "at", None)
    if at is not None:
        estimator = at(beta)
    elif beta is not None:
        raise ValueError(
            f"beta must be None for a {type(estimator).__name__}, which has one already, got {beta!r}: "
            "only a MultiRateVAE is exported at a beta."
        )
    return estimator, Graph(estimator, what)  # type: ignore[arg-type]


def to_model(layout: Layout, x: Tensor) -> Tensor:
    """Bring rows from the user's layout to the model's, as ``Layout.to_model`` does with arrays."""
    x = x.reshape(-1, *layout.shape)
    if layout.kind == "table":
        return x
    return x.unsqueeze(1) if layout.channel_axis is None else x.movedim(layout.channel_axis + 1, 1)


def from_model(layout: Layout, x: Tensor) -> Tensor:
    """Bring rows from the model's layout to the user's, as ``Layout.from_model`` does with arrays."""
    if layout.kind != "table":
        x = x.squeeze(1) if layout.channel_axis is None else x.movedim(1, layout.channel_axis + 1)
    return x.flatten(1) if layout.flat else x
