"""A weight that changes while a model is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diabolo.contracts.part import Part


class Schedule(Part, ABC):
    """A function of the progress of training that gives the weight of a term of an objective."""

    def check(self) -> None:
        """Refuse hyper-parameters that mean nothing; called before the first step."""

    @abstractmethod
    def forward(self, progress: float, rate: float | None = None) -> float:
        """Return the weight.

        Parameters
        ----------
        progress : float
            Share of the training that is done, from 0 to 1; 1 when a model is judged.
        rate : float, optional
            The rate of the batch in nats per row, for schedules that steer it.
        """
