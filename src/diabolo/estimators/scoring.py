"""Likelihoods of rows, and what stands beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import seeded
from diabolo.distributions import MixtureOfNormals
from diabolo.estimators.generating import GeneratingEstimator, Latent
from diabolo.estimators.inputs import one_of, positive_integer
from diabolo.estimators.telling import warn
from diabolo.likelihoods import Gaussian
from diabolo.measures import (
    BitsEstimate,
    GenerativeRecord,
    LikelihoodEstimate,
    active_units,
    bits_per_dimension,
    dequantise,
    importance_estimate,
    mean_and_error,
    rate_per_dimension,
)
from diabolo.models import LatentModel


class ScoringEstimator(GeneratingEstimator):
    """An estimator with q(z|x), p(z) and p(x|z): it has log p(x)."""

    beta_: float
    _aggregate: Tensor

    @property
    def aggregate_posterior_(self) -> MixtureOfNormals:
        """The aggregated posterior (1/n) sum_i q(z|x_i) over the training rows, a distribution of codes.

        Its ``sample`` and ``log_prob`` are exact over all rows that were kept (``aggregate_rows``).
        """
        check_is_fitted(self)
        return self._mixture(self.model_)

    def _mixture(self, model: LatentModel) -> MixtureOfNormals:
        if not hasattr(self, "_aggregate"):
            raise ValueError(
                f"the aggregated posterior needs the training rows, and the VAE at beta={self.beta:g} of a MultiRateVAE "
                "keeps none: give them, as in vae.at(beta, X)."
            )
        parameters = self._aggregate.to(next(model.parameters()).dtype)
        with torch.no_grad():
            return MixtureOfNormals.of(model.posterior.distribution(parameters))

    def _latent(self, model: LatentModel, latent: Latent) -> Distribution:
        """Return the distribution of codes that a word stands for."""
        one_of("latent", latent, ("prior", "aggregate", "ex_post"))
        if latent == "aggregate":
            return self._mixture(model)
        if latent == "ex_post":
            return self._ex_post(model)
        prior = model.latent_prior()
        if prior is None:
            raise TypeError(f"a {type(self).__name__} has a prior, and this model has none")
        return prior

    def estimate_likelihood(
        self, X: ArrayLike, n_draws: int = 500, *, latent: Latent = "prior"
    ) -> LikelihoodEstimate:
        """Estimate log p(x) of each row by importance sampling, with its uncertainty.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
        n_draws : int
            Importance draws for each row.
        latent : {"prior", "aggregate", "ex_post"}
            What stands as p(z): the prior of the training, the aggregated posterior, or the density
            that ``fit_prior`` fitted.

        Returns
        -------
        LikelihoodEstimate
            For each row the estimate in nats, its standard error, effective sample size and Pareto-k,
            distortion and rate; and means over rows with both standard errors.

        Warns
        -----
        UserWarning
            Names the rows whose weights seem to have no finite variance.

        Raises
        ------
        ValueError
            If X does not fit the model, n_draws is below 1, or ``latent`` is no such word or was not fitted yet.
        """
        check_is_fitted(self)
        estimate = self._estimated(self._check_X(X, reset=False), n_draws, latent)
        text = estimate.warning()
        if text:
            warn(text)
        return estimate

    def _estimated(self, array: np.ndarray, n_draws: int, latent: Latent = "prior") -> LikelihoodEstimate:
        """Return the estimate for rows whose shape has been checked."""
        positive_integer("n_draws", n_draws)
        self._check_support(array, "X")
        model, dtype = self._model_for(array.dtype)
        with seeded(self.seed_):  # for a p(z) that is estimated itself
            return importance_estimate(
                model,
                self._tensor(array, dtype),
                n_draws,
                rows=array,
                seed=self.seed_,
                prior=self._latent(model, latent),
            )

    def score_samples(self, X: ArrayLike, n_draws: int = 500, *, latent: Latent = "prior") -> np.ndarray:
        """Return an importance-weighted estimate of log p(x) of each row, in nats, in the units of X.

        A lower bound in expectation that tightens with ``n_draws`` (Burda et al. 2016). The draws of a
        row come from a stream keyed by the seed of the fit and the row's own values: the result
        is the same in any order and any subset, unless p(z) is itself an estimate (``fit_prior(X, "second_stage")``);
        the same call gives the same numbers with it too. :meth:`estimate_likelihood` gives its standard error.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Also the rows of a source, which are read in blocks.
        n_draws : int
            Importance draws for each row.
        latent : {"prior", "aggregate", "ex_post"}
            What stands as p(z).

        Returns
        -------
        array of shape (n_rows,), float64

        Raises
        ------
        ValueError
            As for :meth:`estimate_likelihood`.
        """
        check_is_fitted(self)
        rows = self._check_rows(X, reset=False)
        blocks = [rows] if isinstance(rows, np.ndarray) else self._checked_blocks(rows)
        estimates = (self._estimated(block, n_draws, latent) for block in blocks)
        return np.concatenate([estimate.log_likelihood.double().cpu().numpy() for estimate in estimates])

    def bits_per_dimension(
        self, X: ArrayLike, n_draws: int = 500, *, bin_width: float = 1.0, latent: Latent = "prior"
    ) -> BitsEstimate:
        """Return the bits per value that an ideal coder needs for the rows, -log2 P(x) / D, averaged over rows.

        For a discrete likelihood P(x) is the model's probability. For a density on data that come in
        steps of ``bin_width`` the rows are dequantised, x + u with u uniform in the bin around x (for a density on
        [0, 1] alone in one of the bins that share it out, :func:`diabolo.measures.dequantise`), which makes the
        result an upper bound (Theis et al. 2016; :func:`diabolo.measures.bits_per_dimension`).

        Parameters
        ----------
        X : array of shape (n_rows, ...)
        n_draws : int
            Importance draws for each row.
        bin_width : float
            Step of the data in units of X: 1 for whole numbers, 1/255 for bytes over 255. Ignored
            for a discrete likelihood.
        latent : {"prior", "aggregate", "ex_post"}
            What stands as p(z).

        Returns
        -------
        BitsEstimate
            ``float(...)`` of it is the mean; with its standard errors and what it was measured with.

        Raises
        ------
        ValueError
            For the cross-entropy of grey values, which is no density, and for columns of which some have a density and
            others a probability.
        """
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        n_values = math.prod(self.layout_.event)
        if not self.model_.likelihood.is_density(array):
            raise ValueError(
                "bits of grey values need a likelihood that is a density of them, and the cross-entropy is none: "
                "use likelihood='continuous_bernoulli' or 'gaussian', or binary rows."
            )
        if self.model_.likelihood.is_discrete is None:
            raise ValueError(
                "bits per value need columns of one kind, and here some have a probability and others a density: use "
                "score_samples, or a model of the columns of one kind."
            )
        if self.model_.likelihood.is_discrete:
            return _bits(self._estimated(array, n_draws, latent), n_values)
        inside = self.model_.likelihood.in_unit_interval
        noisy = dequantise(array, self.seed_, bin_width, in_unit_interval=inside)
        if not np.array_equal(self.model_.likelihood.nearest(noisy), noisy):
            raise ValueError(
                f"bits per value spread each value over bin_width={bin_width:g}, and here that reaches values which "
                "p(x|z) excludes: give the width to which the values are known, below twice the smallest of them."
            )
        bin_width = bin_width / (1 + bin_width) if inside else bin_width
        return _bits(self._estimated(noisy, n_draws, latent), n_values, bin_width)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean of :meth:`score_samples` over rows, in nats per row."""
        return float(self.score_samples(X).mean())

    def evaluate(self, X: ArrayLike, *, n_draws: int = 100, latent: Latent = "prior") -> GenerativeRecord:
        """Measure the model on some rows.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Rows that training has not seen, preferably.
        n_draws : int
            Importance draws for each row.
        latent : {"prior", "aggregate", "ex_post"}
            What stands as p(z).

        Returns
        -------
        GenerativeRecord
            ELBO, rate, distortion, log-likelihood and its standard errors, rate per dimension,
            active units, errors, and what the codes cost as a compressor.

        Raises
        ------
        ValueError
            As for :meth:`estimate_likelihood`.
        """
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        estimate = self._estimated(array, n_draws, latent)
        model, dtype = self._model_for(array.dtype)
        q = self._posterior(model, self._tensor(array, dtype))
        p = self._latent(model, latent)
        codes = q.mean.cpu().numpy()
        elbo, elbo_se = mean_and_error(-(estimate.distortion + estimate.rate))
        distortion, distortion_se = mean_and_error(estimate.distortion)
        rate, rate_se = mean_and_error(estimate.rate)
        return GenerativeRecord(
            n_rows=len(array),
            n_components=self.n_components_,
            compression=self._compression(array, codes),
            elbo=elbo,
            elbo_se=elbo_se,
            rate=rate,
            rate_se=rate_se,
            distortion=distortion,
            distortion_se=distortion_se,
            log_likelihood=estimate.mean,
            log_likelihood_se=estimate.standard_error_rows,
            monte_carlo_se=estimate.standard_error_draws,
            n_draws=n_draws,
            n_unreliable=len(estimate.unreliable_rows()) if estimate.tails_are_known else None,
            latent=latent,
            rate_per_dimension=tuple(rate_per_dimension(q, p).double().mean(0).tolist()),
            active_units=active_units(q.mean),
            mse=float(estimate.squared_error.double().mean()) / math.prod(self.layout_.event),
            reconstruction_mse=float(self._squared_errors(array, self._decode(codes)).mean()),
            is_density=model.likelihood.is_density(array),
            kl_is_exact=estimate.kl_is_exact,
            effective_beta=self._effective_beta(model) if _learns_its_scale(model.likelihood) else None,
            target=getattr(self, "target_", None),
        )

    def _effective_beta(self, model: LatentModel) -> float:
        likelihood: Any = model.likelihood
        if not isinstance(likelihood, Gaussian):
            return self.beta_
        return self.beta_ * float((likelihood.scales() / likelihood.unit).detach().square().mean())

    @torch.inference_mode()
    def _posterior(self, model: LatentModel, x: Tensor) -> Any:
        """Return q(z|x) of all rows from one pass of the encoder."""
        return model.posterior.distribution(self._parameters(model, x))

    @torch.inference_mode()
    def _parameters(self, model: LatentModel, x: Tensor) -> Tensor:
        """Return the flat row of parameters of each q(z|x)."""
        return self._parameters_of(model, x.split(self._rows_in_block()), len(x))

    @torch.no_grad()
    def _parameters_of(self, model: LatentModel, blocks: Iterable[Tensor], n_rows: int) -> Tensor:
        found, end = torch.empty(0), 0
        for block in blocks:
            rows = model.posterior.head(model.features(block))
            if not end:  # one place for all: pieces of it between the blocks would keep their memory from being used again
                found = rows.new_empty(n_rows, *rows.shape[1:])
            start, end = end, end + len(rows)
            found[start:end] = rows
        return found


def _bits(estimate: LikelihoodEstimate, n_values: int, bin_width: float | None = None) -> BitsEstimate:
    """Return the bits of rows; ``bin_width`` is None for a discrete likelihood."""
    per_nat = 1 / (n_values * math.log(2))
    return BitsEstimate(
        bits_per_dimension(estimate.mean, n_values, bin_width=bin_width or 1.0),
        estimate.standard_error_rows * per_nat,
        estimate.standard_error_draws * per_nat,
        len(estimate.log_likelihood),
        n_values,
        estimate.n_draws,
        bin_width is not None,
    )


def _learns_its_scale(likelihood: Any) -> bool:
    return isinstance(likelihood, Gaussian) and likelihood.scale in ("learned", "per_feature", "optimal")
