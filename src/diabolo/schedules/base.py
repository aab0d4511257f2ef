"""Checks that schedules share."""

from __future__ import annotations

from numbers import Real
from typing import Any

from diabolo.contracts import Schedule


def check_ramp(schedule: Schedule, share: Any, *weights: Any) -> None:
    """Refuse weights that are no numbers of 0 or more, and a share outside (0, 1]."""
    sound = all(isinstance(w, Real) and float(w) >= 0 for w in weights)
    if not (sound and isinstance(share, Real) and 0 < float(share) <= 1):
        raise ValueError(
            f"a schedule needs weights of 0 or more and a share of the training above 0 and at most 1, got {schedule!r}."
        )
