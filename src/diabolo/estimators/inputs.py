"""What may come in: arrays and arguments, checked before anything is made of them."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

DTYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}


def checked_array(estimator: Any, X: ArrayLike, *, reset: bool, name: str) -> np.ndarray:
    """Return rows as a real array of any shape, after scikit-learn's checks; ``reset`` learns the columns."""
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu().numpy()
    least = 2 if reset else 1
    n_dims = np.ndim(X) if isinstance(X, list | tuple) else getattr(X, "ndim", 2)
    if n_dims <= 2:
        array = validate_data(estimator, X, reset=reset, dtype="numeric", ensure_min_samples=least, order="C")
    else:
        array = check_array(
            X,
            allow_nd=True,
            dtype="numeric",
            ensure_min_samples=least,
            estimator=estimator,
            input_name=name,
            order="C",
        )
        if reset:
            estimator.n_features_in_ = math.prod(array.shape[1:])
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got the dtype {array.dtype}.")
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.kind == "f" and array.dtype not in DTYPES:
        return array.astype(np.float64)
    return array


def training_dtype(array: np.ndarray) -> torch.dtype:
    """float32, unless float64 rows would lose in it more than a thousandth of a column's deviation."""
    if array.dtype != np.float64:
        return torch.float32
    flat = array.reshape(len(array), -1)
    size = np.abs(flat).max(0)
    spread = flat.std(0)
    resolution = np.finfo(np.float32).eps * size
    large = size.max() > 1e15 or (0 < spread.max() < 1e-15)
    return torch.float64 if large or bool((resolution > 1e-3 * spread)[spread > 0].any()) else torch.float32


def positive_integer(name: str, value: Any) -> None:
    """Refuse what is not a whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number, 1 or more, got {value!r}.")


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Refuse what is not among the words."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
