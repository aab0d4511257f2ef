"""The loop that moves the weights, and what it keeps of its way."""

from diabolo.training.allocator import keep_pages
from diabolo.training.batches import Bytes, Subset, steps_per_epoch
from diabolo.training.checkpoint import Checkpoints, CheckpointWarning
from diabolo.training.gradient import Gradient
from diabolo.training.loop import DivergenceWarning, Outcome, Plan, mean_terms, train
from diabolo.training.processes import LostProcessError, Processes, joined
from diabolo.training.progress import progress_bar
from diabolo.training.schedules import warm_up_cosine
from diabolo.training.signals import InterruptedWarning
from diabolo.training.streamed import Rows, Streamed

__all__ = [
    "Bytes",
    "CheckpointWarning",
    "Checkpoints",
    "DivergenceWarning",
    "Gradient",
    "InterruptedWarning",
    "LostProcessError",
    "Outcome",
    "Plan",
    "Processes",
    "Rows",
    "Streamed",
    "Subset",
    "joined",
    "keep_pages",
    "mean_terms",
    "progress_bar",
    "steps_per_epoch",
    "train",
    "warm_up_cosine",
]
