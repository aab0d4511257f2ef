"""A weight that changes while a model is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diabolo.contracts.part import Part


class Schedule(Part, ABC):
    """A function of the progress of training that gives the weight of a term of an objective."""

    #: Whether the weight depends on the rate of the whole batch, and not on the progress alone.
    reads_rate: bool = True

    def check(self) -> None:
        """Refuse hyper-parameters that mean nothing; called before the first step."""

    def check_share(self, name: str) -> None:
        """Refuse a share of the training that is not above 0 and at most 1."""
        needs = "a share above 0 and at most 1, the whole training (train longer for a longer schedule)"
        self.check_number(name, needs, above=0)
        if getattr(self, name) > 1:
            self.refuse(name, needs)

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
