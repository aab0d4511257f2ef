"""Rows to codes, and codes to rows again: what a fitted model is used for."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from diabolo.contracts import BatchSource
from diabolo.estimators.inputs import (
    DTYPES,
    checked_array,
    checked_block,
    checked_source,
    from_torch,
    usual_dtype,
)
from diabolo.estimators.layout import Layout
from diabolo.estimators.outputs import delivered
from diabolo.estimators.sources import is_small, large_source, source_of
from diabolo.estimators.survey import in_rows
from diabolo.measures import CompressionCurve, compression_curve
from diabolo.models import LatentModel
from diabolo.training import Bytes, keep_pages

#: Values of rows that go through the model at once, most of all in a processor: what a few layers make of them
#: should stay in its cache, and convolutions make several times as much; but rows enough for a matrix product.
_BLOCK_VALUES, _CACHED_VALUES, _CACHED_PIXELS, _FEWEST_ROWS = 1 << 22, 1 << 20, 1 << 18, 32
_BYTES = ("uint8", "int8")

#: A model, and the precision that it is in.
ModelAt = tuple[LatentModel, torch.dtype]


class CodingEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A model that encodes and decodes rows of the shape, the units and the precision that were fitted."""

    model_: LatentModel
    layout_: Layout
    n_components_: int
    #: Shape of one row of X as it was given, which is flat where ``input_shape`` unfolds it.
    row_shape_: tuple[int, ...]
    _dtype: torch.dtype
    _numpy_dtype: str
    #: Whether rows may be read in blocks, or are all needed at once.
    _streams: bool = True

    def transform(self, X: ArrayLike, *, out: str | os.PathLike[str] | None = None) -> np.ndarray:
        """Return the code of each row: for a VAE the mean of its posterior.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Rows of the shape that was fitted; also those of a source, which are read in blocks.
        out : path-like, optional
            A .npy file to write the codes to, block by block, whole or not at all.

        Returns
        -------
        array of shape (n_rows, n_components)
            float64 for float64 rows, else float32; with ``out`` that file, mapped.
        """
        check_is_fitted(self)
        rows = self._check_rows(X, reset=False)
        at = self._model_at(rows.dtype)
        return self._in_blocks(lambda block: self._codes(block, at), rows, out)

    def inverse_transform(self, Z: ArrayLike, *, out: str | os.PathLike[str] | None = None) -> np.ndarray:
        """Return what the codes decode to, in X's shape, units and dtype.

        Whole-number data come back rounded to whole numbers; boolean data as probabilities.

        Parameters
        ----------
        Z : array of shape (n_rows, n_components)
            Codes.
        out : path-like, optional
            A .npy file to write to, as in :meth:`transform`.
        """
        check_is_fitted(self)
        source = large_source(Z, "Z")
        if source is not None:
            at = self._model_at(source.dtype)
            return self._in_blocks(
                lambda block: self._to_user(self._decode(self._check_codes(block), at)),
                source,
                out,
                check=False,
            )
        codes = self._check_codes(Z)
        return self._in_blocks(lambda block: self._to_user(self._decode(block)), codes, out)

    def reconstruct(self, X: ArrayLike, *, out: str | os.PathLike[str] | None = None) -> np.ndarray:
        """Return H(x) = D(E(x)) for each row, in X's shape, units and dtype; ``out`` as in :meth:`transform`."""
        check_is_fitted(self)
        rows = self._check_rows(X, reset=False)
        at = self._model_at(rows.dtype)
        return self._in_blocks(
            lambda block: self._to_user(self._decode(self._codes(block, at), at)), rows, out
        )

    def interpolate(self, x0: ArrayLike, x1: ArrayLike, n: int = 10) -> np.ndarray:
        """Decode ``n`` codes on the straight line between the codes of two observations.

        Parameters
        ----------
        x0, x1 : arrays of the shape of one observation
            Both ends.
        n : int
            Number of points, the ends included; 2 or more.

        Returns
        -------
        array of shape (n, ...)
        """
        check_is_fitted(self)
        if not (isinstance(n, numbers.Integral) and n >= 2):
            raise ValueError(f"n must be 2 or more (both ends are among the points), got {n!r}.")
        first, last = (self._code_of(name, x) for name, x in (("x0", x0), ("x1", x1)))
        share = np.linspace(0, 1, n)[:, None]
        return self.inverse_transform(((1 - share) * first + share * last).astype(first.dtype))

    def traverse(self, dim: int, values: ArrayLike, x: ArrayLike | None = None) -> np.ndarray:
        """Decode a code of which one dimension takes the given values.

        Parameters
        ----------
        dim : int
            Which dimension of the code moves, from 0.
        values : array of shape (n,)
            The values it takes.
        x : array of the shape of one observation, optional
            Whose code the other dimensions are taken from; by default the origin.

        Returns
        -------
        array of shape (n, ...)
        """
        check_is_fitted(self)
        if not (isinstance(dim, numbers.Integral) and 0 <= dim < self.n_components_):
            raise ValueError(f"dim must be a whole number from 0 to {self.n_components_ - 1}, got {dim!r}.")
        dtype = np.float64 if self._numpy_dtype.endswith("f8") else np.float32
        moved = np.asarray(from_torch(values, "values"), dtype=dtype).reshape(-1)
        base = np.zeros((1, self.n_components_), dtype) if x is None else self._code_of("x", x)
        codes = np.repeat(base, len(moved), axis=0)
        codes[:, dim] = moved
        return self.inverse_transform(codes)

    # -- one model, all rows ---------------------------------------------------------------------

    def _codes(self, array: np.ndarray, at: ModelAt) -> np.ndarray:
        model, dtype = at
        return self._blockwise(lambda x: model.encode(x).mean, self._rows(array, dtype))

    def _codes_of(self, array: np.ndarray) -> np.ndarray:
        """Return the codes of rows that have been checked."""
        return self._codes(array, self._model_at(array.dtype))

    def _decode(self, codes: np.ndarray, at: ModelAt | None = None) -> np.ndarray:
        """Decode without rounding, in the model's layout; with the model in a precision that is known already."""
        model, dtype = at or self._model_for(codes.dtype)
        return self._blockwise(
            model.predict, torch.as_tensor(np.require(codes, requirements="W"), dtype=dtype)
        )

    def _in_blocks(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        rows: np.ndarray | BatchSource,
        out: str | os.PathLike[str] | None,
        *,
        check: bool = True,
    ) -> np.ndarray:
        """Return a function of rows, which gives a row for each; those of a source, and to a file, block by block."""
        if isinstance(rows, BatchSource):
            found = (function(block) for block in self._checked_blocks(rows, check=check))
        elif out is None:
            return function(rows)
        else:
            size = self._rows_in_block()
            found = (function(rows[i : i + size]) for i in range(0, len(rows), size))
        return delivered(found, len(rows), out)

    def _checked_blocks(self, source: BatchSource, *, check: bool = True) -> Iterator[np.ndarray]:
        """Yield the blocks of a source that are not empty, after the checks of the values."""
        for i, block in enumerate(source.blocks()):
            if len(block):
                with in_rows(int(source.bounds[i]), int(source.bounds[i + 1])):
                    block = checked_block(self, block, "X") if check else block
                yield block

    @torch.inference_mode()
    def _blockwise(self, function: Any, x: Tensor | Bytes) -> np.ndarray:
        end, results, most = 0, np.empty(0), self._rows_in_block()
        if len(x) > most:
            keep_pages()
        for block in x.split(most):
            start, end = end, end + len(block)
            found = function(block.to(self._device())).cpu().numpy()
            if len(found) == len(x):
                return found
            if start == 0:  # one place for all, and no second one to join the blocks in
                results = np.empty((len(x), *found.shape[1:]), found.dtype)
            results[start:end] = found
        return results

    def _rows_in_block(self) -> int:
        n_values = max(1, math.prod(self.layout_.event))
        most = _BLOCK_VALUES // n_values
        if self._device().type == "cpu":
            cached = _CACHED_VALUES if self.layout_.kind == "table" else _CACHED_PIXELS
            most = min(most, max(_FEWEST_ROWS, cached // n_values))
        return max(1, most)

    def _model_at(self, dtype: np.dtype) -> ModelAt:
        """Return the model in the precision that rows of any dtype ask for."""
        return self._model_for(usual_dtype(np.dtype(dtype)))

    def _model_for(self, dtype: np.dtype) -> ModelAt:
        """Return the model in the precision that rows of this dtype ask for."""
        wanted = DTYPES.get(np.dtype(dtype), torch.float32)
        if wanted is torch.float32 and self._dtype is torch.float64:
            wanted = torch.float64
        if wanted is self._dtype:
            return self.model_, wanted
        return deepcopy(self.model_).to(wanted), wanted

    def _device(self) -> torch.device:
        if hasattr(self, "model_"):
            return next(self.model_.parameters()).device
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError, TypeError) as error:
            raise ValueError(
                f"device must be 'auto' or a device that torch has on this machine ('cpu', 'cuda', 'cuda:1', ...), "
                f"got {self.device!r}: {str(error).splitlines()[0]}."
            ) from error
        return device

    # -- arrays --------------------------------------------------------------------------------

    def _check_X(self, X: ArrayLike | BatchSource, *, reset: bool, name: str = "X") -> np.ndarray:
        array = checked_array(self, X, reset=reset, name=name)
        self._check_row_shape(array.shape[1:], reset=reset, name=name)
        return array

    def _check_row_shape(self, shape: tuple[int, ...], *, reset: bool, name: str) -> None:
        if not reset and tuple(shape) != self.row_shape_:
            raise ValueError(
                f"{name} must have rows of the shape {self.row_shape_} that {type(self).__name__} was fitted with, "
                f"got {tuple(shape)}."
            )
        if reset:
            self.row_shape_ = tuple(shape)

    def _check_rows(self, X: ArrayLike, *, reset: bool) -> np.ndarray | BatchSource:
        """Return X as an array, or as a source where it is one with more rows than are held in memory."""
        source = source_of(X, "X")
        if source is None:
            return self._check_X(X, reset=reset)
        if is_small(source) or not self._streams:
            return self._check_X(source, reset=reset)
        checked_source(self, source, reset=reset, name="X")
        self._check_row_shape(source.shape[1:], reset=reset, name="X")
        return source

    def _check_codes(self, Z: ArrayLike) -> np.ndarray:
        given = from_torch(Z, "Z")
        if np.ndim(given) > 2:
            raise ValueError(
                f"Z must have the shape (n_codes, {self.n_components_}), got {np.shape(given)}: give "
                f"Z.reshape(-1, {self.n_components_}), one row for each code."
            )
        codes = check_array(given, dtype=[np.float32, np.float64], input_name="Z", estimator=self)
        if codes.shape[1] != self.n_components_:
            raise ValueError(
                f"Z must have n_components = {self.n_components_} columns, got {codes.shape[1]}."
            )
        return codes

    def _code_of(self, name: str, x: ArrayLike) -> np.ndarray:
        array = np.asarray(from_torch(x, name))
        if array.shape != self.row_shape_:
            raise ValueError(
                f"{name} must be one observation of the shape {self.row_shape_}, got {array.shape}."
            )
        return self._codes_of(checked_block(self, array[None], name))

    def _rows(self, array: np.ndarray, dtype: torch.dtype) -> Tensor | Bytes:
        """Return rows for the model; bytes stay bytes until they are taken."""
        if array.dtype.name in _BYTES:
            return Bytes(self._tensor(array, getattr(torch, array.dtype.name)), dtype)
        return self._tensor(array, dtype)

    def _tensor(self, array: np.ndarray, dtype: torch.dtype) -> Tensor:
        laid = self.layout_.to_model(array) if hasattr(self, "layout_") else array
        if not laid.flags.writeable:
            laid = laid.copy()
        return torch.from_numpy(laid).to(device=self._device(), dtype=dtype)

    def _to_user(self, decoded: np.ndarray) -> np.ndarray:
        array = self.layout_.from_model(decoded)
        dtype = np.dtype(self._numpy_dtype)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            return np.clip(np.rint(array), limits.min, limits.max).astype(dtype)
        return array

    def _compression(self, x: np.ndarray, codes: np.ndarray) -> CompressionCurve:
        unit, likelihood = self.model_.unit.numpy(force=True), self.model_.likelihood
        scale = np.where(likelihood.are_numbers(unit.shape), unit, 1) if np.ptp(unit) > 0 else None
        error = None if likelihood.has_distances else likelihood.error
        return compression_curve(self.layout_.to_model(x), codes, self._decode, scale=scale, error=error)

    def _squared_errors(self, x: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        error = self.model_.likelihood.error(self.layout_.to_model(x), decoded.astype(np.float64))
        return np.square(error).reshape(len(x), -1)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.non_deterministic = False
        return tags
