"""What the estimators with one code for each row share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from diabolo.contracts import Objective, Statistics
from diabolo.estimators.base import _ONE_UNIT_RATIO, LatentEstimator
from diabolo.estimators.choices import differing_deviations
from diabolo.likelihoods import Likelihood
from diabolo.measures import ReconstructionRecord
from diabolo.objectives import Reconstruction


class ReconstructingEstimator(LatentEstimator):
    """A deterministic encoder, judged by its reconstructions."""

    def _objective(self) -> Objective:
        return Reconstruction()

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return minus the mean squared error of the reconstructions per value, in units of X squared."""
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        return -float(self._squared_errors(array, self._decode(self.transform(array))).mean())

    def evaluate(self, X: ArrayLike) -> ReconstructionRecord:
        """Measure the reconstructions of some rows.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Rows that training has not seen, preferably.

        Returns
        -------
        ReconstructionRecord
        """
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        return ReconstructionRecord(**self._measurements(array))

    def _measurements(self, array: np.ndarray) -> dict[str, Any]:
        codes = self.transform(array)
        squares = self._squared_errors(array, self._decode(codes))
        variance = array.reshape(len(array), -1).var(0, dtype=np.float64).mean()
        return {
            "n_rows": len(array),
            "n_components": self.n_components,
            "compression": self._compression(array, codes),
            "reconstruction_mse": float(squares.mean()),
            "reconstruction_mae": float(np.sqrt(squares).mean()),
            "explained_variance": float(1 - squares.mean() / variance) if variance > 0 else float("nan"),
        }

    def _warn_of_units(self, statistics: Statistics, likelihood: Likelihood) -> None:
        if statistics.per_column or self.layout_.kind != "table":
            return
        ratio = differing_deviations(statistics)
        if ratio > _ONE_UNIT_RATIO:
            warnings.warn(
                f"the deviations of the columns of X differ {ratio:.0f}-fold, so the largest columns decide the "
                "reconstruction error; if the columns have different units, use scale='column'.",
                UserWarning,
                stacklevel=5,
            )
