"""Figures beside pictures of samples, in sentences."""

from __future__ import annotations

import warnings
from html import escape
from typing import Any

import numpy as np

from diabolo.measures import LikelihoodEstimate, SampleQuality
from diabolo.report.densities import single
from diabolo.report.numbers import plain
from diabolo.report.observations import shown_by_default
from diabolo.report.view import spaced

#: Fewer rows say too little; of more, this many evenly spaced ones are used.
FEWEST_ROWS, MOST_ROWS = 50, 1000
_MOST_ROWS_OF_LIKELIHOOD, _DRAWS = 200, 100


def judgement(estimator: Any, rows: np.ndarray, latent: str, what: str, *, is_density: bool = True) -> str:
    """Return what samples are worth beside real rows, and the log-likelihood of the rows where there is one.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    rows : array of shape (n_rows, ...)
        Real rows; with fewer than 50 nothing is said.
    latent : {"prior", "aggregate", "ex_post"}
        Where codes are drawn from.
    what : str
        What the rows are called, such as ``test rows``.
    is_density : bool
        Whether the likelihood is a density of them.
    """
    if len(rows) < FEWEST_ROWS:
        return ""
    estimator = single(estimator)
    shown = shown_by_default(estimator)
    quality = estimator.judge_samples(rows[spaced(len(rows), MOST_ROWS)], latent=latent, observation=shown)
    said = [sentence_of_quality(quality, what)]
    if hasattr(estimator, "estimate_likelihood"):
        few = rows[spaced(len(rows), _MOST_ROWS_OF_LIKELIHOOD)]
        with warnings.catch_warnings():  # how many rows cannot be trusted is said on the page
            warnings.simplefilter("ignore", UserWarning)
            estimate = estimator.estimate_likelihood(few, n_draws=_DRAWS, latent=latent)
        said.append(sentence_of_likelihood(estimate, what, is_density=is_density))
    return " ".join(said)


def sentence_of_quality(quality: SampleQuality, what: str) -> str:
    """Return the figures of samples, each with what real rows get in their place.

    Parameters
    ----------
    quality : SampleQuality
        As ``judge_samples`` gives it.
    what : str
        What the real rows are called.
    """
    names = ("precision", "recall", "density", "coverage")
    figures = [f"{n} {getattr(quality, n):.2f} ({getattr(quality, f'floor_{n}'):.2f})" for n in names]
    return (
        f"{quality.n_fake:,} of these against {quality.n_real:,} of the {what}, in brackets what as many other real rows "
        f"get: {', '.join(figures)}, Fréchet distance {plain(quality.frechet)} ({plain(quality.floor_frechet)}), squared; "
        f"distances are between {escape(quality.features)}."
    )


def sentence_of_likelihood(estimate: LikelihoodEstimate, what: str, *, is_density: bool) -> str:
    """Return the estimate of log p(x) with its number of draws and its error.

    Parameters
    ----------
    estimate : LikelihoodEstimate
        As ``estimate_likelihood`` gives it.
    what : str
        What the rows are called.
    is_density : bool
        Whether the likelihood is a density of them; otherwise a bound of the cross-entropy is given.
    """
    n, n_wild = len(estimate.log_likelihood), len(estimate.unreliable_rows())
    name = "log p(x)" if is_density else "− cross-entropy bound, no density,"
    wild = f"; for {n_wild} of them it may be too low by more than that" if n_wild else ""
    return (
        f"{name} of {n:,} of the {what} with these codes as p(z): {plain(estimate.mean)} ± "
        f"{estimate.standard_error_rows:.2g} nats per row (K = {estimate.n_draws} importance draws, standard error over "
        f"rows{wild})."
    )
