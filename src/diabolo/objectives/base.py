"""What objectives share: checks, and weights that may be schedules."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from torch import Tensor

from diabolo.contracts import Schedule


def check_draws(n_draws: Any, fewest: int = 1) -> None:
    """Refuse a number of draws that is not whole, or too small."""
    if not (isinstance(n_draws, Integral) and not isinstance(n_draws, bool) and int(n_draws) >= fewest):
        raise ValueError(f"n_draws must be a whole number, {fewest} or more, got {n_draws!r}.")


def check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not among those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")


def weight_at(weight: float | Schedule, progress: float, rate: Tensor) -> float:
    """Return a weight that may be a schedule of the progress and of the measured rate."""
    return weight(progress, float(rate.detach())) if isinstance(weight, Schedule) else weight
