"""What the estimators with one code for each row share."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from diabolo.contracts import Objective, Statistics
from diabolo.estimators.base import _ONE_UNIT_RATIO
from diabolo.estimators.choices import differing_deviations
from diabolo.estimators.generating import GeneratingEstimator, Observation
from diabolo.estimators.inputs import one_of
from diabolo.estimators.telling import warn
from diabolo.likelihoods import Likelihood
from diabolo.measures import Diagnosis, ReconstructionRecord, latent_continuity
from diabolo.objectives import Reconstruction


class ReconstructingEstimator(GeneratingEstimator):
    """A deterministic encoder, judged by its reconstructions."""

    def _objective(self) -> Objective:
        return Reconstruction()

    def sample(
        self,
        n: int = 1,
        *,
        latent: Literal["ex_post"] = "ex_post",
        observation: Observation = "mean",
        random_state: int | None = None,
    ) -> np.ndarray:
        """Generate observations from the density that ``fit_prior`` fitted to the codes.

        An auto-encoder has no prior: nothing in its training says where codes lie, so the density
        is fitted after the fact, and how good the samples are depends on it.

        Parameters
        ----------
        n : int
            How many.
        latent : {"ex_post"}
            Where codes come from: there is nothing else to draw them from.
        observation : {"mean", "draw"}
            What a code decodes to, or a draw from the likelihood around it.
        random_state : int, optional
            Seed; the seed of the fit by default, so that calls repeat.

        Returns
        -------
        array of shape (n, ...), in X's units

        Raises
        ------
        ValueError
            If ``fit_prior`` was not called yet, n is below 1, or a word is unknown.
        """
        if latent in ("prior", "aggregate"):
            raise ValueError(
                f"latent={latent!r} is for a VAE, and {type(self).__name__} defines no distribution of codes: call "
                "fit_prior(X), and sample with latent='ex_post'."
            )
        one_of("latent", latent, ("ex_post",))
        return self._ex_post_samples(n, observation, random_state)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the mean squared error per value of each row's reconstruction, in units of X squared.

        The error of a wrong category is 1.

        The lower, the less a row is like those of the fit: what is far below the scores of these is an anomaly.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Also the rows of a source, which are read in blocks.

        Returns
        -------
        array of shape (n_rows,), float64
        """
        check_is_fitted(self)
        rows = self._check_rows(X, reset=False)
        blocks = [rows] if isinstance(rows, np.ndarray) else self._checked_blocks(rows)
        return np.concatenate(
            [-self._squared_errors(block, self._decode(self._codes_of(block))).mean(1) for block in blocks]
        )

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean of :meth:`score_samples`."""
        return float(self.score_samples(X).mean())

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

    def diagnose(self, X: ArrayLike, *, path: Literal["straight", "spherical"] = "straight") -> Diagnosis:
        """Say what the latent space is like: constant dimensions, and holes between codes; in numbers and words.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Rows, 50 or more.
        path : {"straight", "spherical"}
            The paths between codes on which holes are looked for.

        Returns
        -------
        Diagnosis
            Prints as text, ``.findings`` are its sentences, ``.as_dict()`` its numbers.
        """
        codes = self.transform(X)
        constant = tuple(np.flatnonzero(np.ptp(codes, axis=0) == 0).tolist())
        continuity = latent_continuity(codes, path=path, seed=self.seed_)
        return Diagnosis(len(codes), self.n_components_, constant, continuity)

    def _measurements(self, array: np.ndarray) -> dict[str, Any]:
        codes = self._codes_of(array)
        squares = self._squared_errors(array, self._decode(codes))
        variance = array.reshape(len(array), -1).var(0, dtype=np.float64).mean()
        has_variance = variance > 0 and self.model_.likelihood.has_distances
        return {
            "n_rows": len(array),
            "n_components": self.n_components_,
            "compression": self._compression(array, codes),
            "reconstruction_mse": float(squares.mean()),
            "reconstruction_mae": float(np.sqrt(squares).mean()),
            "explained_variance": float(1 - squares.mean() / variance) if has_variance else float("nan"),
        }

    def _advise(self, statistics: Statistics, likelihood: Likelihood) -> None:
        if statistics.per_column or self.layout_.kind != "table":
            return
        ratio = differing_deviations(statistics)
        if ratio > _ONE_UNIT_RATIO:
            warn(
                f"the deviations of the columns of X differ {ratio:.0f}-fold, so the largest columns decide the "
                "reconstruction error and the codes; if the columns have different units, use scale='column'.",
            )
