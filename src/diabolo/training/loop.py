"""Stochastic gradient descent on an objective."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from diabolo.contracts import Model, Objective
from diabolo.training.schedules import warm_up_cosine
from diabolo.training.seeding import seeded

_VALIDATION_ROWS = 4096


class DivergenceWarning(RuntimeWarning):
    """The loss stopped being a finite number; the last good weights were kept."""


class InterruptedWarning(RuntimeWarning):
    """Training was interrupted from the keyboard; the model is usable as it stands."""


@dataclass(frozen=True)
class Plan:
    """How long to train, and how.

    Parameters
    ----------
    n_steps : int
        Steps of the optimiser; the learning rate is planned over them.
    batch_size : int
        Rows in a step.
    learning_rate : float
        Largest learning rate of Adam (Kingma & Ba 2015).
    check_every : int
        Steps between two rows of the history.
    patience : int, optional
        Checks without improvement on the held-out rows after which training stops.
    constant_rate : bool
        Keep the learning rate where it is, for training in pieces.
    """

    n_steps: int
    batch_size: int
    learning_rate: float
    check_every: int
    patience: int | None = None
    constant_rate: bool = False


@dataclass
class Outcome:
    """What came of a training.

    ``stopped`` is "budget", "early", "settled" (by the objective's survey), "interrupted" or "diverged";
    ``best_step`` is the step whose weights were kept.
    """

    stopped: str = "budget"
    n_steps: int = 0
    n_epochs: float = 0.0
    best_step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    optimiser: torch.optim.Optimizer | None = None


def train(
    model: Model,
    objective: Objective,
    x: Tensor,
    *,
    plan: Plan,
    context: Mapping[str, Tensor] | None = None,
    x_valid: Tensor | None = None,
    context_valid: Mapping[str, Tensor] | None = None,
    optimiser: torch.optim.Optimizer | None = None,
    progress: Callable[[int, int, Mapping[str, float]], None] | None = None,
) -> Outcome:
    """Train the model in place, with torch's generator as the source of chance.

    Each epoch visits the rows in a new order, in batches of equal size; a rest that would make a
    batch smaller than half waits for another epoch. Held-out rows, when given, choose the weights
    that are kept; their noise is the same at every check.

    Parameters
    ----------
    model, objective : Model, Objective
        What moves, and what is minimised (the sum of its terms). The objective's own players, if it has
        any, move after each step of the model.
    x : Tensor of shape (n_rows, *event)
        Training rows, in units of X.
    plan : Plan
        Length, batch, rate.
    context, context_valid : mapping of str to Tensor, optional
        More tensors with a row for each row of x, handed to ``model.evaluate``.
    x_valid : Tensor, optional
        Held-out rows.
    optimiser : torch.optim.Optimizer, optional
        One to go on with; a new Adam by default.
    progress : callable, optional
        Called after every step with the step, the number of steps and the last terms.

    Raises
    ------
    FloatingPointError
        If the loss is not finite before any weights have proved good.
    """
    objective.check(model)
    run = _Run(model, objective, plan, x_valid, context_valid or {})
    optimiser = optimiser or adam(model, plan.learning_rate)
    outcome = run.outcome
    outcome.optimiser = optimiser
    objective.begin(model, len(x))
    players = objective.players()
    beside = dict(context or {})
    model.train()
    objective.train()
    try:
        for step, rows in enumerate(_batches(len(x), plan), start=1):
            if not plan.constant_rate:
                rate = plan.learning_rate * warm_up_cosine((step - 0.5) / plan.n_steps)
                for group in optimiser.param_groups:
                    group["lr"] = rate
            if objective.survey(model, x, beside, step):
                outcome.stopped = "settled"
                break
            batch = model.observe(x[rows])
            seen = {name: tensor[rows] for name, tensor in beside.items()}
            evaluation = model.evaluate(batch, seen, objective.n_draws)
            terms = objective(evaluation, step / plan.n_steps)
            loss: Tensor = sum(terms.values())
            value = loss.item()
            if not math.isfinite(value):
                run.diverge(step)
                break
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            for player in players:
                player.move(evaluation)
            outcome.n_steps = step
            outcome.n_epochs = step / steps_per_epoch(len(x), plan.batch_size)
            run.gather(value, evaluation)
            if progress is not None:
                progress(step, plan.n_steps, run.last)
            if (step % plan.check_every == 0 or step == plan.n_steps) and run.check(step, optimiser):
                break
    except KeyboardInterrupt:
        outcome.stopped = "interrupted"
    finally:
        model.eval()
        objective.eval()
    run.restore()
    return outcome


def adam(model: Model, learning_rate: float) -> torch.optim.Optimizer:
    """Return the optimiser of the house: fused Adam with a second moment that forgets in 100 steps."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.9, 0.99), fused=True)


@torch.inference_mode()
def mean_terms(
    model: Model, objective: Objective, x: Tensor, context: Mapping[str, Tensor], seed: int = 0
) -> dict[str, float]:
    """Return loss, distortion and rate (nats per row) over rows, with noise from a fixed seed."""
    totals: dict[str, float] = {}
    with seeded(seed):
        for rows in torch.arange(len(x)).split(_VALIDATION_ROWS):
            seen = {name: tensor[rows] for name, tensor in context.items()}
            evaluation = model.evaluate(model.observe(x[rows]), seen, objective.n_draws)
            loss: Tensor = sum(objective(evaluation).values())
            terms = {"loss": loss.item(), **_quantities(objective, evaluation)}
            for name, value in terms.items():
                totals[name] = totals.get(name, 0.0) + value * len(rows) / len(x)
    return totals


def _quantities(objective: Objective, evaluation: Any) -> dict[str, float]:
    return {name: value.item() for name, value in objective.quantities(evaluation).items()}


def steps_per_epoch(n_rows: int, batch_size: int) -> int:
    """Return the number of batches in one pass: whole ones, and a last one of at least half the size.

    Examples
    --------
    >>> steps_per_epoch(300, 128), steps_per_epoch(330, 128)
    (2, 3)
    """
    size = min(batch_size, n_rows)
    whole, rest = divmod(n_rows, size)
    return whole + (2 * rest >= size)


def _batches(n_rows: int, plan: Plan) -> Any:
    size = min(plan.batch_size, n_rows)
    step = 0
    while step < plan.n_steps:
        for rows in torch.randperm(n_rows).split(size):
            if step < plan.n_steps and 2 * len(rows) >= size:
                step += 1
                yield rows


class _Run:
    """The bookkeeping of one training: averages, held-out rows, weights worth keeping."""

    def __init__(
        self,
        model: Model,
        objective: Objective,
        plan: Plan,
        x_valid: Tensor | None,
        context_valid: Mapping[str, Tensor],
    ) -> None:
        self.model, self.objective, self.plan = model, objective, plan
        self.x_valid, self.context_valid = x_valid, context_valid
        self.outcome = Outcome()
        self.last: dict[str, float] = {}
        self.sums: dict[str, float] = {}
        self.count = 0
        self.best: tuple[float, ...] = (math.inf,)
        self.stale = 0
        self.kept: dict[str, Tensor] | None = None
        self.started = time.perf_counter()

    def gather(self, loss: float, evaluation: Any) -> None:
        """Add one step to the averages of the coming row of the history."""
        self.last = {"loss": loss, **_quantities(self.objective, evaluation)}
        for name, value in self.last.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def check(self, step: int, optimiser: torch.optim.Optimizer) -> bool:
        """Write a row of the history; return whether to stop."""
        row: dict[str, float] = {
            "step": step,
            "epoch": self.outcome.n_epochs,
            "seconds": time.perf_counter() - self.started,
            "learning_rate": optimiser.param_groups[0]["lr"],
            **{name: value / self.count for name, value in self.sums.items()},
        }
        self.sums, self.count = {}, 0
        self.outcome.history.append(row)
        if self.x_valid is not None:
            self.model.eval()
            self.objective.eval()
            valid = mean_terms(self.model, self.objective, self.x_valid, self.context_valid)
            self.model.train()
            self.objective.train()
            row.update({f"val_{name}": value for name, value in valid.items()})
        score = self.objective.judge(row)
        if not all(map(math.isfinite, score)):
            self.diverge(step)
            return True
        if self.x_valid is None:
            self._keep(step)
            return False
        if score < self.best:
            self.best, self.stale = score, 0
            self._keep(step)
        else:
            self.stale += 1
        if self.plan.patience is not None and self.stale >= self.plan.patience:
            self.outcome.stopped = "early"
            return True
        return False

    def diverge(self, step: int) -> None:
        """Stop at a loss that is no number; refuse if there is nothing to keep."""
        self.outcome.stopped = "diverged"
        if self.kept is None:
            raise FloatingPointError(
                f"the loss is not a finite number at step {step}, before any weights have proved good: "
                f"try a smaller learning_rate (it was {self.plan.learning_rate:g}), or scale X so that its values are "
                "of ordinary size."
            )

    def restore(self) -> None:
        """Put back the weights worth keeping."""
        whole = self.x_valid is None and self.outcome.stopped != "diverged"
        if self.kept is None or whole:
            self.outcome.best_step = self.outcome.n_steps
            return
        self.model.load_state_dict(self.kept)

    def _keep(self, step: int) -> None:
        self.outcome.best_step = step
        if self.kept is None:
            self.kept = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
            return
        for name, tensor in self.model.state_dict().items():
            self.kept[name].copy_(tensor)
