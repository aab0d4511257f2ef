"""The smallest latent dimension that reaches a reconstruction error."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state

from diabolo.estimators.inputs import finite
from diabolo.estimators.keeping import EVERY
from diabolo.estimators.reconstructing import ReconstructingEstimator
from diabolo.estimators.saving import Saved
from diabolo.estimators.survey import Surveyed
from diabolo.measures import ErrorCurve


class SizingEstimator(ReconstructingEstimator):
    """An auto-encoder that may find its own latent dimension."""

    target_error: float | None

    @property
    def _streams(self) -> bool:  # type: ignore[override]
        return self.target_error is None  # or else rows are gone through for each dimension

    error_curve_: ErrorCurve

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        X_val: ArrayLike | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: float = EVERY,
    ) -> Self:
        """Learn the encoder and the decoder from rows; with ``target_error``, for several dimensions.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            A table, signals or images; see the class. A torch tensor is detached and brought to the
            CPU. Of rows that lie elsewhere no more than 256 MiB (in float32) are held, and more are read in
            blocks: a mapped array (``numpy.load(path, mmap_mode="r")``), a torch ``Dataset`` of equal-shaped
            items (tensors, arrays, or tuples that begin with one), an object that gives blocks of rows each
            time that it is iterated over, or a :class:`~diabolo.contracts.BatchSource`, such as the X of
            :func:`diabolo.data.open_data`. Every method takes these.
        y : None
            Ignored, as scikit-learn's transformers do.
        X_val : array, optional
            Rows, held in memory, that choose the weights that are kept, and the dimension; by default
            ``validation_fraction`` of X.
        checkpoint_dir : path-like, optional
            Folder in which the state of the training is kept, the two newest checkpoints. Where it holds some
            of this very fit (same parameters, same rows), the fit goes on from them, to the same bits as if it
            had never been broken off; an ended one is read back. With ``target_error`` each dimension has a
            folder in it.
        checkpoint_every : float
            Seconds between two checkpoints. Ctrl-C and SIGTERM write one too, after the step.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X or X_val is empty, holds NaN, infinite, complex or text values, or values outside
            the likelihood's support, or if X has one row or only equal ones; or if ``target_error`` is not
            reached with ``n_components``; or if ``checkpoint_dir`` holds another run.
        FloatingPointError
            If the loss is not finite before any weights have proved good.
        OSError
            If ``checkpoint_dir`` cannot be written, or another process trains there.
        """
        if self.target_error is None:
            return super().fit(
                X, y, X_val=X_val, checkpoint_dir=checkpoint_dir, checkpoint_every=checkpoint_every
            )
        self._check_parameters()
        if checkpoint_dir is not None and not isinstance(self.random_state, int | np.integer):
            raise ValueError(
                "random_state must be a whole number where target_error is searched with checkpoint_dir, so that each "
                f"dimension goes on with the same seed, got {self.random_state!r}."
            )
        n_rows = len(self._check_X(X, reset=True))
        judges = "held-out" if X_val is not None or self._n_held_out(n_rows) else "training"
        trials = self._trials(X, X_val, judges, checkpoint_dir, checkpoint_every)
        found = min(d for d, (_, error) in trials.items() if error <= self.target_error)
        own = self.get_params(deep=False)
        self.__dict__.update(
            {name: value for name, value in vars(trials[found][0]).items() if name not in own}
        )
        dimensions = sorted(trials)
        self.error_curve_ = ErrorCurve(
            np.array(dimensions), np.array([trials[d][1] for d in dimensions], dtype=np.float64)
        )
        self.choices_["n_components"] = (
            f"n_components={found}: the smallest whose error on the {judges} rows, "
            f"{trials[found][1]:.4g}, is at most target_error={self.target_error:g} ({len(trials)} dimensions fitted)"
        )
        return self

    def _trials(
        self,
        X: ArrayLike,
        X_val: ArrayLike | None,
        judges: str,
        checkpoint_dir: str | os.PathLike[str] | None,
        checkpoint_every: float,
    ) -> dict[int, tuple[SizingEstimator, float]]:
        """Return what was fitted and its error, by dimension: the largest, then a bisection."""
        seed = self.random_state
        if not isinstance(seed, int | np.integer):  # every dimension holds out the same rows
            seed = int(check_random_state(seed).randint(2**31 - 1))
        limit = self.target_error or math.inf
        trials: dict[int, tuple[SizingEstimator, float]] = {}

        def reaches(d: int) -> bool:
            trial = clone(self).set_params(n_components=d, target_error=None, random_state=seed)
            place = None if checkpoint_dir is None else Path(checkpoint_dir, f"dimension-{d}")
            with warnings.catch_warnings():
                warnings.simplefilter("default" if not trials else "ignore", UserWarning)
                trial.fit(X, X_val=X_val, checkpoint_dir=place, checkpoint_every=checkpoint_every)
            if trial.stopped_ == "interrupted" and place is not None:
                raise KeyboardInterrupt(f"the search is kept in {checkpoint_dir}")
            trials[d] = trial, trial._error_of(X, X_val)
            return trials[d][1] <= limit

        below, above = 0, self.n_components
        if not reaches(above):
            raise ValueError(
                f"target_error={self.target_error!r} was not reached: with n_components={above} the root mean squared "
                f"error per value of the {judges} rows is {trials[above][1]:.4g}. Give a larger "
                "target_error or more n_components, a wider network, or train longer (effort='thorough')."
            )
        while above - below > 1:
            middle = (below + above) // 2
            below, above = (below, middle) if reaches(middle) else (middle, above)
        return trials

    def _error_of(self, X: ArrayLike, X_val: ArrayLike | None) -> float:
        """Return the root mean squared error per value of the rows that judge the fit."""
        array = self._check_X(X if X_val is None else X_val, reset=False)
        held_out = self._held_out(array) if X_val is None else ()
        x = self._tensor(array[held_out] if len(held_out) else array, self._dtype)
        decoded = self._decode(self._blockwise(lambda rows: self.model_.encode(rows).mean, x))
        squares = self._squared_errors(self.layout_.from_model(x.cpu().numpy()), decoded)
        return math.sqrt(squares.mean())

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.target_error is None:
            return
        if not (finite(self.target_error) and self.target_error > 0):
            raise ValueError(
                "target_error must be a number above 0 (root mean squared error per value, in units of X), "
                f"got {self.target_error!r}."
            )
        if self.warm_start:
            raise ValueError(
                "target_error fits several dimensions from scratch, so warm_start must be False: find the dimension "
                "first, then go on with n_components=n_components_ and target_error=None."
            )

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Go once through the rows at a constant learning rate; the optimiser is kept between calls, in pickles and files too.

        The first call builds the model and takes its shift and scale from the rows given then. Where
        ``learning_rate="auto"``, a model that ``fit`` has trained goes on at a tenth of the rate of one that it has not.
        """
        if self.target_error is not None:
            raise ValueError(
                "target_error fits several dimensions, and partial_fit goes on with one: use fit, or target_error=None."
            )
        return super().partial_fit(X, y)

    # -- files ---------------------------------------------------------------------------------

    def _build(self, array: np.ndarray | Surveyed, valid: np.ndarray | None = None) -> None:
        self.__dict__.pop("error_curve_", None)
        super()._build(array, valid)

    def _fitted_state(self) -> dict[str, Any]:
        state = super()._fitted_state()
        curve = getattr(self, "error_curve_", None)
        return state if curve is None else {**state, "error_curve_": curve.as_dict()}

    def _restore(self, saved: Saved) -> None:
        curve = saved.state.pop("error_curve_", None)
        super()._restore(saved)
        if curve is not None:
            self.error_curve_ = ErrorCurve(np.array(curve["n_components"]), np.array(curve["error"]))
