"""Warnings, in the name of the line of the user's that led to them."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

from diabolo.training import DivergenceWarning, InterruptedWarning, Outcome, joined

#: Packages whose lines a warning does not name.
_INSIDE = {"diabolo", "sklearn"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the last line that was called from outside of the library."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def tell(outcome: Outcome) -> None:
    """Warn of divergences and of an interruption; of several processes the first one does."""
    if not joined().is_first:
        return
    n = len(outcome.retries)
    again = "once, with half the learning rate" if n == 1 else f"{n} times, each with half the learning rate"
    lost = "the loss was no finite number, or a hundred times what it had been"
    advice = f"Try a smaller learning_rate (it was {outcome.learning_rate:g})."
    if outcome.retries and outcome.stopped != "diverged":
        warn(
            f"{lost}, at step {', '.join(map(str, outcome.retries))}; training went on from the last good weights, "
            f"{again}. {advice}",
            DivergenceWarning,
        )
    if outcome.stopped == "diverged":
        tried = f", and again {again}" if outcome.retries else ""
        warn(
            f"training diverged after step {outcome.n_steps} ({lost}{tried}); the weights of step "
            f"{outcome.best_step} were kept. {advice}",
            DivergenceWarning,
        )
    if outcome.stopped == "interrupted":
        more = f"; the same fit goes on from the checkpoints in {outcome.kept_in}" if outcome.kept_in else ""
        warn(
            f"interrupted at step {outcome.n_steps}; the model is usable as it stands (weights of step "
            f"{outcome.best_step}){more}.",
            InterruptedWarning,
        )
