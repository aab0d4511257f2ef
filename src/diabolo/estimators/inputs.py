"""What may come in: arrays, tensors, data sets and arguments, checked before anything is made of them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data
from torch.utils.data import Dataset, IterableDataset

DTYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}


def checked_array(estimator: Any, X: ArrayLike, *, reset: bool, name: str) -> np.ndarray:
    """Return rows as a real array of any shape, after scikit-learn's checks; ``reset`` learns the columns."""
    X = from_torch(X, name)
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


def from_torch(X: Any, name: str) -> Any:
    """Return a tensor or a map-style data set of torch as an array, anything else untouched.

    A tensor of any device comes to the CPU, and out of the graph that it belongs to: estimators have no
    gradients with respect to X. A data set is read once, from its first item to its last, into one array
    in memory; an item is an array or a tensor, or a tuple that begins with one (labels are dropped).

    Raises
    ------
    TypeError
        If a tensor is sparse, or a data set has no length or items without an array.
    ValueError
        If the items differ in shape.
    """
    if isinstance(X, Dataset):
        return _stacked(X, name)
    if not isinstance(X, torch.Tensor):
        return X
    if X.layout is not torch.strided:
        raise TypeError(f"{name} must be a dense tensor, got the layout {X.layout}: use {name}.to_dense().")
    return (X.float() if X.dtype is torch.bfloat16 else X).numpy(force=True)


def _stacked(dataset: Any, name: str) -> np.ndarray:
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        raise TypeError(
            f"{name} must be a Dataset with a length and numbered items, or an array, got a "
            f"{type(dataset).__name__}: gather its items first, as in numpy.stack(list(dataset))."
        )
    rows = [_row(dataset[i], name) for i in range(len(dataset))]
    odd = next((i for i, row in enumerate(rows) if row.shape != rows[0].shape), None)
    if odd is not None:
        raise ValueError(
            f"{name} must have items of one shape, but item 0 has {rows[0].shape} and item {odd} has "
            f"{rows[odd].shape}: crop or pad them to one shape."
        )
    return np.stack(rows) if rows else np.empty((0, 1))


def _row(item: Any, name: str) -> np.ndarray:
    if isinstance(item, tuple | list) and item:
        item = item[0]
    if isinstance(item, Mapping):
        raise TypeError(
            f"{name} must have items that are arrays or tensors, or tuples that begin with one, got a "
            f"{type(item).__name__}: give a data set of the arrays alone."
        )
    return np.asarray(from_torch(item, name))


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
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")


def flag(name: str, value: Any) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r}.")


def finite(value: Any) -> bool:
    """Whether a value is a real number, neither infinite nor NaN; True and False are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
