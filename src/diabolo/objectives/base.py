"""Weights that may be schedules."""

from __future__ import annotations

from torch import Tensor

from diabolo.contracts import Schedule


def weight_at(weight: float | Schedule, progress: float, rate: Tensor) -> float:
    """Return a weight that may be a schedule of the progress and of the measured rate."""
    return weight(progress, float(rate.detach())) if isinstance(weight, Schedule) else weight
