"""What is said of a training that did not end as it was planned."""

from __future__ import annotations

import warnings

from diabolo.training import DivergenceWarning, InterruptedWarning, Outcome, joined


def tell(outcome: Outcome, *, stacklevel: int) -> None:
    """Warn of divergences and of an interruption; of several processes the first one does."""
    if not joined().is_first:
        return
    n = len(outcome.retries)
    again = "once, with half the learning rate" if n == 1 else f"{n} times, each with half the learning rate"
    lost = "the loss was no finite number, or a hundred times what it had been"
    advice = f"Try a smaller learning_rate (it was {outcome.learning_rate:g})."
    if outcome.retries and outcome.stopped != "diverged":
        warnings.warn(
            f"{lost}, at step {', '.join(map(str, outcome.retries))}; training went on from the last good weights, "
            f"{again}. {advice}",
            DivergenceWarning,
            stacklevel=stacklevel,
        )
    if outcome.stopped == "diverged":
        tried = f", and again {again}" if outcome.retries else ""
        warnings.warn(
            f"training diverged after step {outcome.n_steps} ({lost}{tried}); the weights of step "
            f"{outcome.best_step} were kept. {advice}",
            DivergenceWarning,
            stacklevel=stacklevel,
        )
    if outcome.stopped == "interrupted":
        more = f"; the same fit goes on from the checkpoints in {outcome.kept_in}" if outcome.kept_in else ""
        warnings.warn(
            f"interrupted at step {outcome.n_steps}; the model is usable as it stands (weights of step "
            f"{outcome.best_step}){more}.",
            InterruptedWarning,
            stacklevel=stacklevel,
        )
