"""``--beta`` of a sweep: several weights of the rate."""

from __future__ import annotations

import math
from typing import Any

from .errors import UsageError

_DIGITS = 6


def betas_of(text: str) -> list[float]:
    """Return the rising numbers that ``FROM:TO:NUMBER`` or a list with commas stands for.

    Numbers at equal ratios are rounded to six digits, so that names and files show them whole.

    Examples
    --------
    >>> betas_of("0.1:10:5"), betas_of("4,0.5,1")
    ([0.1, 0.316228, 1.0, 3.16228, 10.0], [0.5, 1.0, 4.0])
    """
    wrong = UsageError(
        "--beta must be FROM:TO:NUMBER with 0 < FROM < TO and a NUMBER of 2 or more, such as 0.1:10:9, or numbers with "
        f"commas between, such as 0.5,1,4, got {text!r}"
    )
    try:
        if ":" not in text:
            return sorted({float(word) for word in text.split(",")})
        low, high, number = (
            kind(word) for kind, word in zip((float, float, int), text.split(":"), strict=True)
        )
    except ValueError:
        raise wrong from None
    if not (0 < low < high < math.inf and number >= 2):
        raise wrong
    ratio = (high / low) ** (1 / (number - 1))
    return [float(f"{low * ratio**i:.{_DIGITS}g}") for i in range(number)]


def check_grid(betas: list[float], estimator: Any) -> None:
    """Refuse weights, or an estimator, that a sweep can do nothing with."""
    from diabolo.estimators.trade_off import check_betas, check_sweepable

    try:
        check_betas(betas, getattr(estimator, "beta_range", None))
    except ValueError as error:
        raise UsageError(f"--beta: {error}") from None
    if not hasattr(estimator, "beta_range"):
        if "beta" not in estimator.get_params(deep=False):
            raise UsageError(
                f"--model must be one with a rate to weigh, got {type(estimator).__name__}: use --model vae"
            )
        check_sweepable(estimator)


def name_of(beta: float) -> str:
    """Return the name of a point's folder.

    Examples
    --------
    >>> name_of(1.0), name_of(0.316228)
    ('beta-1', 'beta-0.316228')
    """
    return f"beta-{beta!r}".removesuffix(".0")
