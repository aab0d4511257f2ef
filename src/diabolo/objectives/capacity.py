"""A rate that is held at a capacity."""

from __future__ import annotations

from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective, Schedule
from diabolo.objectives.base import check_weight, weight_at


class Capacity(Objective):
    """distortion + gamma * |rate - C|: C nats for the codes, usually raised during training (Burgess et al. 2018).

    Parameters
    ----------
    capacity : float or Schedule
        C in nats per row, 0 or more, or a schedule of it such as ``Linear(25.0, share=1.0)``.
    gamma : float or Schedule
        How hard the rate is held, above 0, or a schedule of it.
    n_draws : int
        Codes drawn for each row and step.
    """

    needs_density = True

    def __init__(
        self, capacity: float | Schedule, *, gamma: float | Schedule = 100.0, n_draws: int = 1
    ) -> None:
        super().__init__()
        self.capacity = capacity
        self.gamma = gamma
        self.n_draws = n_draws

    def check(self, model: Model) -> None:
        """Refuse a capacity or a gamma below 0, and a model without densities."""
        check_weight(self, "capacity", "a number of nats, 0 or more, or a schedule")
        check_weight(self, "gamma", "a number above 0, or a schedule", above=0)
        self.check_whole("n_draws")
        super().check(model)

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion`` and ``capacity_error``."""
        rate = evaluation.rate.mean()
        capacity = weight_at(self.capacity, progress, rate)
        return {
            "distortion": evaluation.distortion.mean(),
            "capacity_error": weight_at(self.gamma, progress, rate) * (rate - capacity).abs(),
        }
