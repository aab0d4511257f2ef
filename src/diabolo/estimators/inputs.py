"""What may come in: arrays, tensors, data sets and arguments, checked before anything is made of them."""

from __future__ import annotations

import math
import numbers
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data
from torch.utils.data import Dataset

from diabolo.contracts import BatchSource
from diabolo.estimators.sources import from_tensor, source_of, whole

DTYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}


def checked_array(estimator: Any, X: ArrayLike | BatchSource, *, reset: bool, name: str) -> np.ndarray:
    """Return rows as a real array of any shape, after scikit-learn's checks; ``reset`` learns the columns."""
    source = source_of(X, name)
    if source is None:
        _refuse_masks(X, name)
        try:
            return _checked_array(estimator, from_torch(X, name), reset=reset, name=name)
        except (TypeError, ValueError) as error:
            columns = _columns_of_words(X)
            if not columns:
                raise
            raise ValueError(
                f"{name} must hold real numbers, but some of its columns do not: {', '.join(columns)}. Leave them out, or "
                "encode words as 0, 1, 2, ... (sklearn.preprocessing.OrdinalEncoder) and call these columns "
                "'categorical' in likelihood={column: kind}."
            ) from error
    with warnings.catch_warnings():
        if source.feature_names is not None:  # they are compared here
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
        array = _checked_array(estimator, whole(source, name), reset=reset, name=name)
    checked_source(estimator, source, reset=reset, name=name)
    return array


def _refuse_masks(X: Any, name: str) -> None:
    if isinstance(X, np.ma.MaskedArray) and (n_masked := np.ma.count_masked(X)):
        raise ValueError(
            f"{name} is a masked array, {n_masked} of its values are masked, and every value is needed: fill them "
            f"({name}.filled(...), or sklearn.impute on {name}.filled(numpy.nan))."
        )


def _columns_of_words(X: Any) -> list[str]:
    """Return the columns of a data frame that hold dates, or values that are not read as numbers, with their dtypes."""
    if not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        return []
    dtypes = zip(X.columns, X.dtypes, strict=True)
    return [
        f"{column} ({dtype})"
        for column, dtype in dtypes
        if not _is_numeric(X[column], getattr(dtype, "kind", "O"))
    ]


def _is_numeric(column: Any, kind: str) -> bool:
    if kind != "O":
        return kind in "fiub"
    try:
        np.asarray(column).astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _checked_array(estimator: Any, X: Any, *, reset: bool, name: str) -> np.ndarray:
    least = 2 if reset else 1
    n_dims = np.ndim(X) if isinstance(X, list | tuple) else getattr(X, "ndim", 2)
    one = () if reset else getattr(estimator, "row_shape_", ())
    if len(one) > 1 and getattr(X, "shape", None) == tuple(one):
        raise ValueError(
            f"{name} has the shape of one observation, {tuple(one)}: of one alone give {name}[None]."
        )
    if n_dims == 1:
        raise ValueError(
            f"Expected 2D array or more, got 1D array instead, {name} of {len(X)} values. Reshape your data: "
            f"np.reshape({name}, (-1, 1)) are rows of one value, np.reshape({name}, (1, -1)) is one row."
        )
    with _said_of(name):
        if n_dims <= 2:
            array = validate_data(
                estimator, X, reset=reset, dtype="numeric", ensure_min_samples=least, order="C"
            )
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
                estimator.__dict__.pop("feature_names_in_", None)
    return _real(array, name)


@contextmanager
def _said_of(name: str) -> Iterator[None]:
    """Let scikit-learn's errors speak of the argument, which it calls X, and say what helps where values are missing."""
    try:
        yield
    except ValueError as error:
        said = re.sub(r"^(Input |)(X |)(?=contains|has)", rf"\g<1>{name} ", str(error))
        if said.startswith("Complex data"):
            said = f"{said.splitlines()[0]}: {name} must hold real numbers."
        if "contains NaN" in said:  # what scikit-learn says further is about other models
            said = (
                f"{said.splitlines()[0].rstrip('.')}. Fill what is missing first (sklearn.impute.SimpleImputer, in a Pipeline), or leave "
                "these rows out."
            )
        raise ValueError(said) from error


def checked_source(estimator: Any, source: BatchSource, *, reset: bool, name: str) -> BatchSource:
    """Return a source after the checks that need no row of it; ``reset`` learns the columns."""
    if np.dtype(source.dtype).kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got the dtype {source.dtype}.")
    names = source.feature_names
    if reset:
        estimator.n_features_in_ = math.prod(source.shape[1:])
        estimator.__dict__.pop("feature_names_in_", None)
        if names is not None:
            estimator.feature_names_in_ = np.asarray(names, dtype=object)
        return source
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and names is not None and list(known) != list(names):
        raise ValueError(
            f"The feature names should match those that were passed during fit, in their order: {list(known)}, got "
            f"{list(names)} for {name}."
        )
    return source


def checked_block(estimator: Any, block: np.ndarray, name: str) -> np.ndarray:
    """Return a block of the rows of a source, after the same checks of its values as :func:`checked_array`."""
    with _said_of(name):
        array = check_array(
            block, allow_nd=True, dtype="numeric", estimator=estimator, input_name=name, order="C"
        )
    return _real(array, name)


def _real(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype.kind == "O":  # such as categories of a data frame that are numbers in words
        numbers: np.ndarray | None = None
        with suppress(TypeError, ValueError):
            numbers = array.astype(np.float64)
        if numbers is not None:
            with _said_of(name):
                array = check_array(numbers, allow_nd=True, input_name=name)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got the dtype {array.dtype}.")
    return array.astype(usual_dtype(array.dtype), copy=False)


def from_torch(X: Any, name: str) -> Any:
    """Return a tensor, a data set of torch or a source of rows as an array, anything else untouched.

    A tensor of any device comes to the CPU, and out of the graph that it belongs to: estimators have no
    gradients with respect to X. A source is read once, from its first row to its last, into one array in memory;
    an item of a data set is an array or a tensor, or a tuple that begins with one (labels are dropped).

    Raises
    ------
    TypeError
        If a tensor is sparse, or a data set has no length or items without an array.
    ValueError
        If the items differ in shape.
    """
    source = source_of(X, name)
    if source is not None:
        return whole(source, name)
    if isinstance(X, Dataset):
        return np.empty((0, 1))
    return from_tensor(X, name)


def training_dtype(array: np.ndarray) -> torch.dtype:
    """float32, unless float64 rows would lose in it more than a thousandth of a column's deviation."""
    if array.dtype != np.float64:
        return torch.float32
    flat = array.reshape(len(array), -1)
    return precision(np.abs(flat).max(0), flat.std(0))


def precision(size: np.ndarray, spread: np.ndarray) -> torch.dtype:
    """Return what float64 columns of this largest absolute value and deviation are trained in."""
    resolution = np.finfo(np.float32).eps * size
    large = size.max() > 1e15 or (0 < spread.max() < 1e-15)
    return torch.float64 if large or bool((resolution > 1e-3 * spread)[spread > 0].any()) else torch.float32


def usual_dtype(dtype: np.dtype) -> np.dtype:
    """Return what values of a dtype are kept in: half precision in float32, more than double in float64, natively."""
    native = dtype.newbyteorder("=")
    if native == np.float16:
        return np.dtype(np.float32)
    return np.dtype(np.float64) if native.kind == "f" and native not in DTYPES else native


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
