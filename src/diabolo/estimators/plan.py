"""What a fit would do."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FitPlan:
    """What ``fit`` would do with some rows, known before any training.

    Parameters
    ----------
    n_rows : int
        Rows to learn from.
    n_held_out : int
        Rows that would choose the weights that are kept.
    n_steps : int
        Steps of the optimiser, at most.
    n_parameters : int
        Trained numbers of the model.
    choices : dict
        What ``"auto"`` would choose and why, in words, as ``choices_`` after a fit.
    """

    n_rows: int
    n_held_out: int
    n_steps: int
    n_parameters: int
    choices: dict[str, str] = field(default_factory=dict)
