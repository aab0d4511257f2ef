"""What training makes small."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from diabolo.contracts.evaluation import Evaluation
from diabolo.contracts.part import Part


class Objective(Part, ABC):
    """A function of an :class:`Evaluation` that gives named terms; their sum is minimised."""

    n_draws: int = 1
    needs_density: bool = False

    @abstractmethod
    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return the terms, each a scalar in nats per row, averaged over the batch.

        Parameters
        ----------
        evaluation : Evaluation
            The model at a batch.
        progress : float
            Share of the training that is done, from 0 to 1; for schedules.
        """
