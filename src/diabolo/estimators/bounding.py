"""Bounds of log p(x) beside importance sampling, and what lies between log p(x) and the ELBO."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from diabolo.contracts import seeded
from diabolo.estimators.generating import Latent
from diabolo.estimators.inputs import positive_integer
from diabolo.estimators.scoring import ScoringEstimator
from diabolo.measures import (
    AnnealedEstimate,
    BidirectionalEstimate,
    InferenceGap,
    annealed_importance,
    bidirectional,
    inference_gap,
)
from diabolo.training import progress_bar

_Start = Literal["prior", "posterior"]


class BoundingEstimator(ScoringEstimator):
    """An estimator whose log p(x) can be looked at from several sides."""

    def annealed_importance(
        self,
        X: ArrayLike,
        *,
        n_chains: int = 16,
        n_temperatures: int = 500,
        n_leapfrog: int = 10,
        start: _Start = "posterior",
        latent: Latent = "prior",
        random_state: int | None = None,
    ) -> AnnealedEstimate:
        """Estimate log p(x) of each row by annealed importance sampling with HMC (Neal 2001; Wu et al. 2017).

        For rows whose importance weights are too wild for :meth:`estimate_likelihood`, and much dearer: each chain
        decodes one code, and takes its gradient, for every leapfrog step at every temperature, 80,000 of a row with the
        numbers by default and 20,000 in a pilot run: 20 rows of 64 values take 40 seconds of one core with the default network. ``verbose=1`` of the
        estimator shows a bar with the time left, on a terminal. See :func:`diabolo.measures.annealed_importance`.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
        n_chains : int
            Chains for each row.
        n_temperatures : int
            Steps from the start to the posterior.
        n_leapfrog : int
            Leapfrog steps in each transition.
        start : {"posterior", "prior"}
            Where chains start: q(z|x), or p(z), which owes nothing to the encoder.
        latent : {"prior", "aggregate", "ex_post"}
            What stands as p(z).
        random_state : int, optional
            Seed of the chains; the seed of the fit by default.

        Returns
        -------
        AnnealedEstimate
            For each row a lower bound in expectation in nats, its standard error and effective sample size.

        Raises
        ------
        ValueError
            If X does not fit the model, a number is below 1, a word is unknown, or the density was not fitted yet.
        """
        array = self._rows_to_score(X)
        model, dtype = self._model_for(array.dtype)
        with seeded(self._draw_seed(random_state)), self._told("annealing") as progress:
            return annealed_importance(
                model,
                self._tensor(array, dtype),
                n_chains=n_chains,
                n_temperatures=n_temperatures,
                n_leapfrog=n_leapfrog,
                prior=self._latent(model, latent),
                start=start,
                progress=progress,
            )

    def bidirectional(
        self,
        n_rows: int = 100,
        *,
        n_chains: int = 16,
        n_temperatures: int = 500,
        n_leapfrog: int = 10,
        start: _Start = "posterior",
        latent: Latent = "prior",
        random_state: int | None = None,
    ) -> BidirectionalEstimate:
        """Bound log p(x) from both sides on rows drawn from the model (Grosse et al. 2015).

        A small gap says that :meth:`annealed_importance` with the same numbers is right for such rows. A row costs
        little more than there, so the 100 rows by default take minutes. See :func:`diabolo.measures.bidirectional`.

        Parameters
        ----------
        n_rows : int
            Rows to draw.
        n_chains, n_temperatures, n_leapfrog, start, latent, random_state
            As for :meth:`annealed_importance`.

        Returns
        -------
        BidirectionalEstimate
            Both bounds for each row in nats, and ``gap``; its ``x`` are rows as the model sees them.

        Raises
        ------
        ValueError
            If a number is below 1, a word is unknown, or the density was not fitted yet.
        """
        check_is_fitted(self)
        with seeded(self._draw_seed(random_state)), self._told("both bounds") as progress:
            return bidirectional(
                self.model_,
                n_rows,
                n_chains=n_chains,
                n_temperatures=n_temperatures,
                n_leapfrog=n_leapfrog,
                prior=self._latent(self.model_, latent),
                start=start,
                progress=progress,
            )

    def inference_gap(
        self,
        X: ArrayLike,
        log_likelihood: np.ndarray | None = None,
        *,
        n_steps: int = 500,
        n_draws: int = 500,
        latent: Latent = "prior",
        random_state: int | None = None,
    ) -> InferenceGap:
        """Split log p(x) - ELBO of each row into approximation and amortisation gap (Cremer et al. 2018).

        What the family of q(z|x) cannot do, and what the encoder does not do for a row: q is optimised for each row by
        itself. See :func:`diabolo.measures.inference_gap`.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
        log_likelihood : array of shape (n_rows,), optional
            Estimates of log p(x) in nats; by default :meth:`score_samples` with ``n_draws``.
        n_steps : int
            Steps of the optimisation.
        n_draws : int
            Importance draws, and draws that the two ELBOs of each row are measured with.
        latent : {"prior", "aggregate", "ex_post"}
            What stands as p(z).
        random_state : int, optional
            Seed of the noise; the seed of the fit by default.

        Returns
        -------
        InferenceGap
            Total, approximation and amortisation for each row in nats; prints their means.

        Raises
        ------
        ValueError
            If X does not fit the model, a number is too small, ``log_likelihood`` is not one number for each row, or the
            density was not fitted yet.
        """
        positive_integer("n_draws", n_draws)
        if n_draws < 2:
            raise ValueError(f"n_draws must be 2 or more, for the errors of the two ELBOs, got {n_draws!r}.")
        array = self._rows_to_score(X)
        model, dtype = self._model_for(array.dtype)
        if log_likelihood is None:
            log_likelihood = self._estimated(array, n_draws, latent).log_likelihood.numpy(force=True)
        with seeded(self._draw_seed(random_state)):
            return inference_gap(
                model,
                self._tensor(array, dtype),
                log_likelihood,
                n_steps=n_steps,
                n_test_draws=n_draws,
                prior=self._latent(model, latent),
            )

    @contextmanager
    def _told(self, what: str) -> Iterator[Callable[[int, int], None] | None]:
        """Give what shows how far a measurement is, or None where nobody would see it."""
        with progress_bar(f"{type(self).__name__}: {what}", self.verbose) as update:
            yield None if update is None else lambda done, n: update(done, n, {})

    def _rows_to_score(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        self._check_support(array, "X")
        return array
