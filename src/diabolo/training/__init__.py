"""The loop that moves the weights, and what it keeps of its way."""

from diabolo.training.loop import (
    DivergenceWarning,
    InterruptedWarning,
    Outcome,
    Plan,
    mean_terms,
    steps_per_epoch,
    train,
)
from diabolo.training.progress import progress_bar
from diabolo.training.schedules import warm_up_cosine
from diabolo.training.seeding import seeded

__all__ = [
    "DivergenceWarning",
    "InterruptedWarning",
    "Outcome",
    "Plan",
    "mean_terms",
    "progress_bar",
    "seeded",
    "steps_per_epoch",
    "train",
    "warm_up_cosine",
]
