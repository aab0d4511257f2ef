"""Weights that may be schedules, and objectives that look at the rows of a batch together."""

from __future__ import annotations

from torch import Tensor

from diabolo.contracts import Evaluation, Objective, Schedule

NOT_NEGATIVE = "a number, 0 or more, or a schedule"


def weight_at(weight: float | Schedule, progress: float, rate: Tensor) -> float:
    """Return a weight that may be a schedule of the progress and of the measured rate."""
    if not isinstance(weight, Schedule):
        return weight
    return weight(progress, float(rate.detach()) if weight.reads_rate else None)  # a number is waited for


def check_weight(
    objective: Objective, name: str, needs: str = NOT_NEGATIVE, *, above: float | None = None
) -> None:
    """Refuse a weight that is neither a sound schedule nor a number, 0 or more, or above ``above``."""
    weight = getattr(objective, name)
    if isinstance(weight, Schedule):
        weight.check()
    elif above is None:
        objective.check_number(name, needs, least=0)
    else:
        objective.check_number(name, needs, above=above)


def check_batch(objective: Objective, evaluation: Evaluation) -> None:
    """Refuse to learn from one row where rows are looked at together."""
    if objective.training and evaluation.z.shape[1] < 2:
        raise ValueError(
            f"objective={objective!r} compares the rows of a batch, and got a batch of one row: use a batch_size of "
            "3 or more (hundreds, where there are as many rows)."
        )
