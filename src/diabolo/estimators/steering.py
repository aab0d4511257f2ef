"""Targets in place of beta."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np

from diabolo.contracts import Objective, Schedule
from diabolo.estimators.diagnosing import DiagnosingEstimator
from diabolo.estimators.inputs import finite, one_of
from diabolo.estimators.saving import Saved
from diabolo.estimators.survey import Surveyed
from diabolo.estimators.telling import warn
from diabolo.measures import Target, TargetWarning
from diabolo.objectives import Constrained
from diabolo.training import Outcome, Plan


class SteeringEstimator(DiagnosingEstimator):
    """An estimator whose beta may be steered to a target."""

    objective: str | Objective
    target_distortion: float | None
    target_rate: float | None
    target_unit: Literal["rmse", "mse", "nats"]
    target_: Target

    @property
    def _has_target(self) -> bool:
        return self.target_distortion is not None or self.target_rate is not None

    def _check_parameters(self) -> None:
        super()._check_parameters()
        one_of("target_unit", self.target_unit, ("rmse", "mse", "nats"))
        if not self._has_target:
            return
        name = "target_rate" if self.target_distortion is None else "target_distortion"
        value = getattr(self, name)
        if self.target_distortion is not None and self.target_rate is not None:
            raise ValueError(
                "target_distortion and target_rate exclude one another (one follows from the other): "
                f"leave one of them None, got {self.target_distortion!r} and {self.target_rate!r}."
            )
        if not isinstance(self.objective, str):
            raise ValueError(
                f"{name} steers the beta of objective='elbo', and objective={self.objective!r} was given beside "
                f"{name}={value!r}: leave one of them out, or give objective=Constrained({name}=...)."
            )
        if isinstance(self.beta, Schedule) or self.beta != 1.0:
            raise ValueError(
                f"{name} finds beta by itself, and beta={self.beta!r} was given beside {name}={value!r}: "
                "leave one of them out."
            )
        signed = name == "target_distortion" and self.target_unit == "nats"
        if not finite(value) or (value <= 0 and not signed):
            unit = "nats" if name == "target_rate" else self.target_unit
            raise ValueError(
                f"{name} must be a {'finite number' if signed else 'number above 0'} ({unit}), got {value!r}."
            )

    def _constrained(self) -> Constrained:
        return Constrained(
            self.target_distortion,
            self.target_rate,
            target_unit=self.target_unit,
            initial=getattr(self, "beta_", 1.0),
        )

    def _build(self, array: np.ndarray | Surveyed, valid: np.ndarray | None = None) -> None:
        for name in ("beta_", "target_"):
            self.__dict__.pop(name, None)
        super()._build(array, valid)

    def _plan(self, n_rows: int) -> Plan:
        plan = super()._plan(n_rows)
        return replace(plan, patience=None) if isinstance(self._objective(), Constrained) else plan

    def _record(self, outcome: Outcome, objective: Objective, *, first: bool) -> None:
        super()._record(outcome, objective, first=first)
        self.beta_ = objective.rate_weight(outcome.progress)
        if not isinstance(objective, Constrained) or not outcome.history:
            return
        kept = [row for row in outcome.history if row["step"] == outcome.best_step] or outcome.history[-1:]
        row = kept[-1]
        held_out = {k.removeprefix("val_"): v for k, v in row.items() if k.startswith("val_")}
        is_rate = objective.target_rate is not None
        self.beta_ = row["beta"]
        self.target_ = Target(
            name="target_rate" if is_rate else "target_distortion",
            unit="nats" if is_rate else objective.target_unit,
            wanted=objective.target,
            reached=objective.measured(held_out or row),
            rows="held-out" if held_out else "training",
        )
        note = "" if held_out else "; there are no held-out rows, so the training rows steered it"
        self.choices_["target"] = (
            f"beta={self.beta_:.4g}: {self.target_.name}={self.target_.wanted:.6g} {self.target_.unit} is "
            f"{self.target_.reached:.4g} on the {self.target_.rows} rows{note}"
        )

    def _tell(self, outcome: Outcome) -> None:
        super()._tell(outcome)
        target = getattr(self, "target_", None)
        if target is not None and not target.is_met and outcome.stopped != "interrupted":
            warn(self._why_missed(target, outcome.history), TargetWarning)

    def _why_missed(self, target: Target, history: list[dict[str, float]]) -> str:
        """Return the sentence about a target that was not met, by what the checks of the training showed."""
        settings: dict[str, Any] = {target.name: target.wanted, "target_unit": target.unit}
        objective = Constrained(**settings)
        prefix = "val_" if target.rows == "held-out" else ""
        names = [name for name in ("rate", "distortion", "mse") if prefix + name in history[0]]
        shown = [objective.measured({name: row[prefix + name] for name in names}) for row in history]
        is_rate = target.name == "target_rate"
        said = (
            f"{target.name}={target.wanted:.6g} {target.unit} was not met: the {target.rows} rows show "
            f"{target.reached:.4g} at beta={self.beta_:.3g}, "
        )
        if is_rate and max(shown) < target.wanted:
            return said + (
                f"and {max(shown):.4g} at most: that is what {self.n_components_} codes came to use. Give a smaller "
                "target, more n_components or a wider network, or train longer (effort='thorough')."
            )
        if not is_rate and min(shown) > target.wanted:
            return said + (
                f"and {min(shown):.4g} at least: the floor of what noise and a decoder of {self.n_components_} codes "
                "allowed. Give a larger target, more n_components or a wider network, or train longer "
                "(effort='thorough')."
            )
        if not is_rate and max(shown) < target.wanted:
            return said + (
                f"and {max(shown):.4g} at most, which takes no codes: rows are that near to their mean. "
                "Give a smaller target."
            )
        return said + "for training ended before beta settled: train longer (max_epochs, effort='thorough')."

    # -- files ---------------------------------------------------------------------------------

    def _fitted_state(self) -> dict[str, Any]:
        state = {**super()._fitted_state(), "beta_": self.beta_}
        return {**state, "target_": asdict(self.target_)} if hasattr(self, "target_") else state

    def _restore(self, saved: Saved) -> None:
        target = saved.state.pop("target_", None)
        super()._restore(saved)
        if not hasattr(self, "beta_"):  # of a file from before beta_ was kept
            self.beta_ = self._objective().rate_weight()
        if target is not None:
            self.target_ = Target(**target)
