"""A weight that is steered towards a rate."""

from __future__ import annotations

import math

from diabolo.contracts import Schedule


class Controlled(Schedule):
    """beta by a proportional-integral controller that holds the rate at a target (ControlVAE, Shao et al. 2020).

    beta(t) = K_p / (1 + exp(e(t))) - K_i sum_j e(j) + beta_min with e = target - rate: a rate above the
    target raises beta, one below lowers it. The sum does not grow while beta is at a bound. When a
    model is judged, beta stays where training left it.

    Parameters
    ----------
    target_rate : float
        Nats per row.
    proportional, integral : float
        K_p and K_i.
    lowest, highest : float
        Bounds of beta.
    """

    def __init__(
        self,
        target_rate: float,
        *,
        proportional: float = 0.01,
        integral: float = 0.001,
        lowest: float = 0.0,
        highest: float = 100.0,
    ) -> None:
        super().__init__()
        self.target_rate = target_rate
        self.proportional = proportional
        self.integral = integral
        self.lowest = lowest
        self.highest = highest
        self.total = 0.0
        self.weight = lowest

    def check(self) -> None:
        """Refuse a target of 0 or less, gains below 0 and bounds in the wrong order."""
        self.check_number("target_rate", "a number of nats above 0", above=0)
        for name in ("proportional", "integral", "lowest"):
            self.check_number(name, "a number, 0 or more", least=0)
        self.check_number("highest", "a number above lowest", above=self.lowest)

    def get_extra_state(self) -> dict[str, float]:
        """Return where the controller is, for a training that is broken off."""
        return {"total": self.total, "weight": self.weight}

    def set_extra_state(self, state: dict[str, float]) -> None:
        """Go on from there."""
        self.total, self.weight = state["total"], state["weight"]

    def forward(self, progress: float, rate: float | None = None) -> float:
        """Return the weight, after a step of the controller while training."""
        if self.training and rate is not None:
            error = self.target_rate - rate
            total = self.total - self.integral * error
            wanted = self.proportional / (1 + math.exp(min(error, 700.0))) + total + self.lowest
            self.weight = min(max(wanted, self.lowest), self.highest)
            if wanted == self.weight:
                self.total = total
        return self.weight
