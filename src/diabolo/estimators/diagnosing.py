"""What the latent space of a VAE holds."""

from __future__ import annotations

from typing import Any, Literal

import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from diabolo.contracts import Schedule, Sizes, Statistics, seeded
from diabolo.estimators.bounding import BoundingEstimator
from diabolo.measures import (
    COLLAPSE_NATS,
    COLLAPSE_SHARE,
    GenerativeDiagnosis,
    active_units,
    aggregate_cross_entropy,
    classifier_two_sample,
    elbo_surgery,
    importance_estimate,
    latent_continuity,
    mean_and_error,
    rate_per_dimension,
)
from diabolo.models import LatentModel

_PRIOR_DRAWS = 2_000
_ELBO_DRAWS = 10  # evaluate has more: here it is only held against the baseline


class DiagnosingEstimator(BoundingEstimator):
    """An estimator that says what its codes carry, and where they lie."""

    beta: float | Schedule

    def diagnose(
        self, X: ArrayLike, *, path: Literal["straight", "spherical"] = "straight", max_rows: int = 10_000
    ) -> GenerativeDiagnosis:
        """Say what the latent space holds: rates, collapse, the rate taken apart, holes; in numbers and words.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Rows, 50 or more, preferably such as training has not seen.
        path : {"straight", "spherical"}
            The paths between codes on which holes are looked for.
        max_rows : int
            Training rows that the rate is taken apart for; all kept ones stand in the mixture.

        Returns
        -------
        GenerativeDiagnosis
            Prints as text, ``.findings`` are its sentences, ``.as_dict()`` its numbers.

        Raises
        ------
        ValueError
            If there are fewer than 50 rows.
        """
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        model, dtype = self._model_for(array.dtype)
        x = self._tensor(array, dtype)
        q, p = self._posterior(model, x), self._latent(model, "prior")
        aggregate = self._mixture(model)
        estimate = importance_estimate(model, x, _ELBO_DRAWS, seed=self.seed_, rows=array)
        rates = rate_per_dimension(q, p).double()
        if not rates.shape[1]:  # of a prior that cannot tell its moments
            rates = rate_per_dimension(q, aggregate).double()
        elbo, elbo_se = mean_and_error(-(estimate.distortion + estimate.rate))
        rate, rate_se = mean_and_error(estimate.rate)
        with torch.inference_mode(), seeded(self._draw_seed(None)):
            codes = model.draw(q, torch.randn_like(q.mean))
            from_prior, from_aggregate = p.sample((_PRIOR_DRAWS,)), aggregate.sample((_PRIOR_DRAWS,))
        below = (rates < COLLAPSE_NATS).double().mean(0) >= 1 - COLLAPSE_SHARE
        return GenerativeDiagnosis(
            n_rows=len(array),
            n_components=self.n_components_,
            constant_dimensions=(),
            continuity=latent_continuity(codes, path=path, prior_codes=from_prior, seed=self.seed_),
            elbo=elbo,
            elbo_se=elbo_se,
            n_draws=_ELBO_DRAWS,
            rate=rate,
            rate_se=rate_se,
            rate_per_dimension=tuple(rates.mean(0).tolist()),
            active_units=active_units(q.mean),
            collapsed=tuple(torch.nonzero(below).flatten().tolist()),
            effective_beta=self._effective_beta(model),
            baseline=_baseline(model, x),
            surgery=elbo_surgery(aggregate, p, max_rows=max_rows, seed=self.seed_),
            aggregate_cross_entropy=aggregate_cross_entropy(aggregate, q, seed=self.seed_),
            prior_test=classifier_two_sample(
                from_aggregate.cpu().numpy(), from_prior.cpu().numpy(), seed=self.seed_
            ),
        )


@torch.inference_mode()
def _baseline(model: LatentModel, x: Tensor) -> float:
    """Return the mean log p(x) of the model's likelihood when the decoder says nothing, about the rows' own means."""
    likelihood: Any = clone(model.likelihood)
    by_column = likelihood.per_feature or bool((model.unit != model.unit.flatten()[0]).any())
    statistics = Statistics.of(x, scale="column" if by_column else "global")
    likelihood = likelihood.resolve(statistics).build(Sizes(tuple(x.shape[1:]), 1)).to(x.device, x.dtype)
    likelihood.start(statistics)
    silent = x.new_zeros((1, likelihood.n_outputs, *likelihood.output_event(tuple(x.shape[1:]))))
    return float(likelihood(silent).log_prob(x).double().mean())
