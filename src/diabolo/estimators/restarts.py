"""Several trainings from different seeds, of which one is chosen without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import adjusted_rand_score


@dataclass(frozen=True)
class Restart:
    """One training of a clustering, judged without labels.

    Parameters
    ----------
    seed : int
        Its ``random_state``, or for one without a number what was drawn in its place.
    score : float
        Minus the loss over all rows, in nats per row: squared error and divergence as they were trained, from a P that is
        made of Q alone. Of the restarts with the fewest empty clusters the one with the largest is kept.
    divergence : float
        KL(P || Q) over all rows, in nats per row: how far the assignments are from certain and even ones.
    n_steps : int
        Steps of the stage with clusters.
    stopped : str
        Why that stage ended: "settled", "budget", "interrupted" or "diverged".
    agreement : float or None
        Mean adjusted Rand index of its labels with those of the other restarts; None for the only one. Clusters
        that are there come back, so a low agreement of all says that some are not. Restarts from the graph of rows
        share that of the first, and agree more.
    n_empty : int
        Clusters that hold no row. Where there are some, a high agreement only says that rows fell together.
    """

    seed: int
    score: float
    divergence: float
    n_steps: int
    stopped: str
    agreement: float | None = None
    n_empty: int = 0

    @property
    def rank(self) -> tuple[int, float]:
        """What is largest for the restart that is kept: codes that fall together have a divergence of 0."""
        return -self.n_empty, self.score


def compared(restarts: Sequence[Restart], labels: Sequence[np.ndarray]) -> list[Restart]:
    """Return the restarts with their agreement filled in, from the labels of each."""
    if len(restarts) < 2:
        return list(restarts)
    pairs = np.array([[adjusted_rand_score(a, b) for b in labels] for a in labels])
    others = (pairs.sum(1) - pairs.diagonal()) / (len(labels) - 1)
    return [replace(each, agreement=float(value)) for each, value in zip(restarts, others, strict=True)]
