"""The trade-off of rate and distortion over beta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from diabolo.contracts import Schedule
from diabolo.data import draw_rows
from diabolo.estimators.inputs import from_torch
from diabolo.estimators.sources import large_source
from diabolo.estimators.vae import VAE
from diabolo.measures import RateDistortionCurve

_HELD_OUT = 0.1
#: Most rows of a source to judge on.
_MOST_TO_JUDGE = 10_000
_FEWEST_ROWS_TO_HOLD_OUT = 20


def rate_distortion(
    vae: Any,
    X: ArrayLike,
    betas: Sequence[float] | np.ndarray,
    *,
    X_test: ArrayLike | None = None,
    n_draws: int = 20,
) -> RateDistortionCurve:
    """Return rate and distortion over beta, judged on rows that training has not seen.

    An ordinary VAE is cloned and fitted once for each beta, from the smallest up: each fit goes on from
    the weights of its neighbour below. In that direction dimensions are switched off as beta rises, which
    follows the gradient; downwards they would have to be switched on, from weights that have collapsed to
    zero, where the gradient vanishes. A multi-rate estimator (one with a ``beta_range``) is judged as it is.

    Parameters
    ----------
    vae : VAE or multi-rate estimator
        A VAE, fitted or not, of which only the parameters are used; or a fitted multi-rate estimator.
    X : array of shape (n_rows, ...)
        Rows to learn from, and for a multi-rate estimator those it is judged on.
    betas : sequence of float
        Weights of the rate, rising, each 0 or more.
    X_test : array of shape (n_rows, ...), optional
        Rows to judge on; by default a tenth of X, held out of training by the seed ``random_state``, and
        all of X for a multi-rate estimator.
    n_draws : int
        Codes drawn for each row that is judged.

    Returns
    -------
    RateDistortionCurve
        Prints as a table; ``.as_dict()`` are its columns.

    Raises
    ------
    ValueError
        If betas are none, not rising, negative or not finite, or outside a multi-rate estimator's
        range; if beta is a schedule or a target steers it; or if X is too short to hold rows out.
    TypeError
        If ``vae`` has no beta, or an objective of its own.

    References
    ----------
    Alemi et al., Fixing a Broken ELBO, 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> import diabolo
    >>> vae = diabolo.VAE(4, max_epochs=2, random_state=0)
    >>> curve = diabolo.rate_distortion(vae, load_digits().images, [0.1, 1, 10])
    >>> bool(curve.rate[0] > curve.rate[2]), curve.elbo.shape
    (True, (3,))
    """
    values = check_betas(betas, getattr(vae, "beta_range", None))
    if hasattr(vae, "beta_range"):
        rows = X if X_test is None else X_test
        return RateDistortionCurve.of(
            values, [vae.evaluate(rows, beta=beta, n_draws=n_draws) for beta in values]
        )
    check_sweepable(vae)
    train, test = (X, X_test) if X_test is not None else _split(X, vae.random_state)
    point, records = clone(vae), []
    for beta in values:
        refit(point, beta, train)
        records.append(point.evaluate(test, n_draws=n_draws))
    return RateDistortionCurve.of(values, records)


def refit(vae: VAE, beta: float, X: ArrayLike, **keeping: Any) -> VAE:
    """Fit a VAE in place with this beta, going on from the weights that it has; its history begins anew.

    ``keeping`` says where its checkpoints go, as for ``fit``.
    """
    warm = vae.warm_start
    vae.set_params(beta=beta, warm_start=True)
    if hasattr(vae, "history_"):
        vae.history_, vae.n_iter_, vae.n_steps_ = [], 0, 0
    try:
        return vae.fit(X, **keeping)
    finally:
        vae.set_params(warm_start=warm)


def check_betas(
    betas: Sequence[float] | np.ndarray, beta_range: tuple[float, float] | None = None
) -> list[float]:
    """Return the grid as floats, or refuse it with the way out."""
    try:
        values = np.asarray(betas, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"betas must be numbers, such as [0.1, 1, 10], got {betas!r}.") from None
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(
            f"betas must be a list of one number or more, such as [0.1, 1, 10], got {betas!r} of the shape {values.shape}."
        )
    wrong = values[~(np.isfinite(values) & (values >= 0))]
    if len(wrong):
        raise ValueError(f"each of betas must be a finite number, 0 or more, got {wrong[0]:g}: leave it out.")
    if (np.diff(values) <= 0).any():
        raise ValueError(
            f"betas must rise, each number once, got {values.tolist()}: sort them, as in sorted(set(betas))."
        )
    if beta_range is not None and (values[0] < beta_range[0] or values[-1] > beta_range[1]):
        low, high = beta_range
        raise ValueError(
            f"betas must lie in the beta_range from {low:g} to {high:g} of this estimator, got {values[0]:g} to "
            f"{values[-1]:g}: leave the others out, or fit it with a wider beta_range."
        )
    return values.tolist()


def check_sweepable(vae: Any) -> None:
    """Refuse an estimator whose beta cannot be set to a number."""
    name = type(vae).__name__
    if "beta" not in getattr(vae, "get_params", dict)():
        raise TypeError(f"vae must be a VAE, whose beta weighs the rate, got a {name}: use diabolo.VAE(...).")
    if isinstance(vae.beta, Schedule):
        raise ValueError(
            f"vae must have a number as its beta, which each fit sets to one of betas, got the schedule {vae.beta!r}: "
            "use vae.set_params(beta=1.0)."
        )
    if vae.objective != "elbo":
        raise TypeError(
            f"vae must have objective='elbo', whose beta each fit sets, got {vae.objective!r}: "
            "use vae.set_params(objective='elbo')."
        )
    for target in ("target_distortion", "target_rate"):
        if getattr(vae, target, None) is not None:
            raise ValueError(
                f"vae must have no {target}, which steers beta, where each fit sets it to one of betas: "
                f"use vae.set_params({target}=None)."
            )


def _split(X: ArrayLike, random_state: Any) -> tuple[Any, Any]:
    """Return rows to learn from and a tenth to judge on, drawn by the seed."""
    source = large_source(X, "X")
    if source is not None:
        seed = int(check_random_state(random_state).randint(2**31 - 1))
        n_test = min(round(_HELD_OUT * len(source)), _MOST_TO_JUDGE)
        held_out = draw_rows(len(source), n_test, seed, sparingly=True)
        return source.without(held_out), source.take(held_out)
    rows = from_torch(X, "X")
    n = len(rows)
    if n < _FEWEST_ROWS_TO_HOLD_OUT:
        raise ValueError(
            f"X must have {_FEWEST_ROWS_TO_HOLD_OUT} rows or more to hold some out, got {n}: give rows to judge on "
            "as X_test."
        )
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    train, test = train_test_split(rows, test_size=_HELD_OUT, random_state=seed)
    return train, test
