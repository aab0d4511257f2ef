"""A target in place of a weight: beta is the multiplier that meets it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective, read_at_once

#: Steps of ln beta for each batch: the gain times the relative error, which counts as one at most. The gain is at
#: least the first number; a short training has the second by its number of steps, up to the third.
GAIN, GAIN_STEPS, HIGHEST_GAIN = 0.05, 40.0, 0.2
#: Share of the training before beta moves: the codes must be of use before their price means something.
HOLD = 0.1
#: beta stays within these bounds.
LOWEST, HIGHEST = 1e-8, 1e8
#: Weights whose target is met within this share are compared by the other quantity.
TOLERANCE = 0.01


class Constrained(Objective):
    """distortion + beta * rate with beta steered until a target is met (GECO, Rezende & Viola 2018).

    One of two problems: the smallest rate with a reconstruction error of at most ``target_distortion``, or
    the best reconstruction with a rate of at most ``target_rate``. beta is the multiplier of the constraint:
    after each batch ln beta moves by a share of the relative error, up where the rate is above its target
    or the error below. What held-out rows show in excess of the batches is added to that error, so that
    the target is met on them. For the squared error and a Gaussian likelihood both problems have the
    solutions of the beta-VAE; for another likelihood the path is that of its own distortion.

    Parameters
    ----------
    target_distortion : float, optional
        Largest reconstruction error of codes drawn from q, in ``target_unit``.
    target_rate : float, optional
        Largest rate in nats per row, above 0; one of the two targets.
    target_unit : {"rmse", "mse", "nats"}
        Unit of ``target_distortion``: root of the mean squared error per value in units of X, the mean squared
        error per value, or -E_q log p(x|z) per row (which may be below 0 for a density).
    initial : float
        beta at the first step, above 0.
    n_draws : int
        Codes drawn for each row and step.
    """

    needs_density = True

    def __init__(
        self,
        target_distortion: float | None = None,
        target_rate: float | None = None,
        *,
        target_unit: Literal["rmse", "mse", "nats"] = "rmse",
        initial: float = 1.0,
        n_draws: int = 1,
    ) -> None:
        super().__init__()
        self.target_distortion = target_distortion
        self.target_rate = target_rate
        self.target_unit = target_unit
        self.initial = initial
        self.n_draws = n_draws
        self.beta = float(initial)
        self.excess = 0.0
        self.progress = 0.0

    def get_extra_state(self) -> dict[str, float]:
        """Return what was learned, for a training that is broken off."""
        return {"beta": self.beta, "excess": self.excess, "progress": self.progress}

    def set_extra_state(self, state: dict[str, float]) -> None:
        """Go on with what was learned."""
        self.beta, self.excess, self.progress = state["beta"], state["excess"], state["progress"]

    @property
    def target(self) -> float:
        """The target, of a rate or of a distortion."""
        return float(self.target_distortion if self.target_rate is None else self.target_rate)  # type: ignore[arg-type]

    def check(self, model: Model) -> None:
        """Refuse no target or two, targets that mean nothing, and a model without densities."""
        if (self.target_distortion is None) == (self.target_rate is None):
            raise ValueError(
                f"one of target_distortion and target_rate must be given, got target_distortion="
                f"{self.target_distortion!r} and target_rate={self.target_rate!r}: leave one of them None."
            )
        self.check_choice("target_unit", ("rmse", "mse", "nats"))
        if self.target_rate is None and self.target_unit != "nats" and not model.has_distances:
            raise ValueError(
                f"target_unit={self.target_unit!r} measures distances, which categories do not have: use "
                "target_unit='nats', or target_rate."
            )
        if self.target_rate is not None:
            self.check_number("target_rate", "a number of nats above 0", above=0)
        elif self.target_unit == "nats":
            self.check_number("target_distortion", "a finite number of nats")
        else:
            self.check_number("target_distortion", f"an error above 0 ({self.target_unit})", above=0)
        self.check_number("initial", "a number above 0", above=0)
        self.check_whole("n_draws")
        super().check(model)

    def rate_weight(self, progress: float = 1.0) -> float:
        """Return beta as it has come to be."""
        return self.beta

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion`` and ``weighted_rate``; a batch of the training moves beta."""
        if self.training:
            self._steer(evaluation, progress)
        rate = evaluation.rate.mean()
        return {"distortion": evaluation.distortion.mean(), "weighted_rate": self.beta * rate}

    def _steer(self, evaluation: Evaluation, progress: float) -> None:
        gain = min(max(GAIN, GAIN_STEPS * (progress - self.progress)), HIGHEST_GAIN)
        self.progress = progress
        if progress > HOLD:
            error = self.error(self.measured(read_at_once(self.quantities(evaluation)))) + self.excess
            self.beta *= math.exp(gain * min(1.0, max(-1.0, error)))
            self.beta = min(max(self.beta, LOWEST), HIGHEST)

    def quantities(self, evaluation: Evaluation) -> dict[str, Tensor]:
        """Return distortion and rate, and the squared error per value where the target is one."""
        shown = super().quantities(evaluation)
        if self.target_rate is None and self.target_unit != "nats":
            shown["mse"] = (evaluation.observation.mean - evaluation.x).detach().square().mean()
        return shown

    def measured(self, shown: Mapping[str, float]) -> float:
        """Return what the target is about, in its unit, from means of the quantities."""
        if self.target_rate is not None:
            return shown["rate"]
        if self.target_unit == "nats":
            return shown["distortion"]
        return shown["mse"] if self.target_unit == "mse" else math.sqrt(shown["mse"])

    def error(self, measured: float) -> float:
        """Return the relative error, above 0 where beta must rise: logarithmic, but for a distortion in nats."""
        if self.target_rate is None and self.target_unit == "nats":
            return (self.target - measured) / max(abs(self.target), 1.0)
        error = math.log(max(measured, 1e-12) / self.target)
        if self.target_rate is not None:
            return error
        return -2 * error if self.target_unit == "rmse" else -error  # of the squared error, in either unit

    def judge(self, row: dict[str, float]) -> tuple[float, ...]:
        """Return how far the target is missed, then the quantity that is made small; and learn the excess."""
        held_out = {
            name.removeprefix("val_"): value for name, value in row.items() if name.startswith("val_")
        }
        row["beta"] = self.beta
        error = self.error(self.measured(held_out or row))
        if held_out:
            self.excess += 0.5 * (error - self.error(self.measured(row)) - self.excess)
        other = (held_out or row)["rate" if self.target_rate is None else "distortion"]
        share = 0.5 if self.target_unit == "rmse" and self.target_rate is None else 1.0
        return max(0.0, share * abs(error) - TOLERANCE), other
