"""Rows that a measure is asked about."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diabolo.contracts import Model


@torch.no_grad()
def check_rows(model: Model, x: Any, n_components: int) -> None:
    """Refuse what are no rows of the model: networks and densities would broadcast other shapes to wrong numbers.

    Parameters
    ----------
    model : Model
        It says by what it decodes which shape its observations have.
    x : object
        What was given.
    n_components : int
        Numbers in a code.

    Raises
    ------
    TypeError
        If x is no tensor.
    ValueError
        If there is no row, or x is not of the shape (n_rows, *event) and the type that the model decodes to.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"x must be a tensor as the model sees rows, got a {type(x).__name__}: an estimator has methods of the same "
            "name for arrays as they are given to fit."
        )
    dtype = next((p.dtype for p in model.parameters()), x.dtype)
    event = tuple(model.decode(torch.zeros(1, n_components, dtype=dtype, device=x.device)).event_shape)
    if x.dim() == 0 or not len(x) or tuple(x.shape[1:]) != event or x.dtype is not dtype:
        raise ValueError(
            f"x must be rows as the model sees them, at least one, of the shape (n_rows, {', '.join(map(str, event))}) "
            f"and in its precision, {dtype}; got {tuple(x.shape)} in {x.dtype}. An estimator has methods of the same name "
            "for arrays as they are given to fit."
        )
