"""Stochastic gradient descent on an objective."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor

from diabolo.contracts import Model, Objective, seeded
from diabolo.training.allocator import keep_pages
from diabolo.training.batches import Batches, Bytes, Subset, steps_per_epoch, taken
from diabolo.training.checkpoint import Checkpoints
from diabolo.training.generators import generator_states, set_generators
from diabolo.training.gradient import Autograd, Gradient
from diabolo.training.processes import LostProcessError, joined
from diabolo.training.schedules import WARM_UP, warm_up_cosine
from diabolo.training.sharing import Alone, Shared
from diabolo.training.streamed import Rows, Streamed

_VALIDATION_ROWS = 256
#: How often a training that diverges goes on from its last good weights, and the share of the rate that it keeps.
_RETRIES, _LOWER = 3, 0.5
#: A loss this many times the median of the checks before, of which there are some, is lost, though it is a number.
_LOST, _FEWEST_CHECKS = 100.0, 3
#: Steps that the second moment of Adam remembers, at least and at most.
_MEMORY = 100, 1000


class DivergenceWarning(RuntimeWarning):
    """The loss was no finite number, or many times all before; training went on from good weights, or ended with them."""


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
        Checks without improvement on the held-out rows after which training stops; those while the learning rate
        still rises do not count, since a training that goes on from good weights first loses some of what it had.
    constant_rate : bool
        Keep the learning rate where it is, for training in pieces.
    """

    n_steps: int
    batch_size: int
    learning_rate: float
    check_every: int
    patience: int | None = None
    constant_rate: bool = False

    def rises(self, step: int) -> bool:
        """Return whether the learning rate is still on its way up at a step."""
        return not self.constant_rate and step < WARM_UP * self.n_steps


@dataclass
class Outcome:
    """What came of a training.

    ``stopped`` is "budget", "early", "settled" (by the objective's survey), "interrupted" or "diverged";
    ``best_step`` is the step whose weights were kept, ``progress`` its share of the planned steps. ``retries`` are
    the steps at which the loss had diverged and training went on; ``learning_rate`` is the largest one;
    ``kept_in`` is the folder of its checkpoints.
    """

    stopped: str = "budget"
    n_steps: int = 0
    n_epochs: float = 0.0
    best_step: int = 0
    progress: float = 1.0
    retries: list[int] = field(default_factory=list)
    learning_rate: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    optimiser: torch.optim.Optimizer | None = None
    kept_in: str = ""


def train(
    model: Model,
    objective: Objective,
    x: Rows | Subset,
    *,
    plan: Plan,
    context: Mapping[str, Tensor | Subset] | None = None,
    x_valid: Tensor | None = None,
    context_valid: Mapping[str, Tensor] | None = None,
    optimiser: torch.optim.Optimizer | None = None,
    progress: Callable[[int, int, Mapping[str, float]], None] | None = None,
    checkpoints: Checkpoints | None = None,
    gradient: Gradient | None = None,
) -> Outcome:
    """Train the model in place, with torch's generator as the source of chance.

    Each epoch visits the rows in a new order, in batches of equal size; a rest that would make a
    batch smaller than half waits for another epoch. Held-out rows, when given, choose the weights
    that are kept; their noise is the same at every check. Where the loss is no finite number, or at a check a hundred
    times what it was (and distortion and rate are so too, whatever their weights), training goes on
    from the last good weights with half the learning rate and new moments of the optimiser, three times at most.

    Parameters
    ----------
    model, objective : Model, Objective
        What moves, and what is minimised (the sum of its terms). The objective's own players, if it has
        any, move after each step of the model.
    x : Tensor of shape (n_rows, *event), or Bytes, Subset, Streamed
        Training rows, in units of X. Nothing is asked of them but their number, an order of them and ``x[rows]``.
    plan : Plan
        Length, batch, rate.
    context, context_valid : mapping of str to Tensor or Subset, optional
        More tensors with a row for each row of x, handed to ``model.evaluate``.
    x_valid : Tensor, optional
        Held-out rows.
    optimiser : torch.optim.Optimizer, optional
        One to go on with; a new Adam by default.
    progress : callable, optional
        Called after every step with the step, the number of steps and the last terms.
    checkpoints : Checkpoints, optional
        Where the state is kept meanwhile, opened and claimed; a state that is there is gone on from.
    gradient : Gradient, optional
        The gradients of this objective of this model, where they are written out; autograd's by default, which an
        objective with players needs.

    Raises
    ------
    FloatingPointError
        If the loss is not finite before any weights have proved good.
    """
    objective.check(model)
    if isinstance(x, Streamed) and type(objective).survey is not Objective.survey:
        raise TypeError(
            f"objective={objective!r} looks at all rows before a step, so it needs them in memory and not in a source "
            "that is read in blocks: give an array, as in numpy.asarray(X)."
        )
    beside: dict[str, Any] = dict(context or {})
    if type(objective).survey is not Objective.survey:  # it reads, and may write, what lies in memory
        x, *others = (
            rows[torch.arange(len(rows))] if isinstance(rows, Subset | Bytes) else rows
            for rows in (x, *beside.values())
        )
        beside = dict(zip(beside, others, strict=True))
    optimiser = optimiser or adam(model, plan.learning_rate, plan.n_steps)
    objective.begin(model, len(x))
    processes = joined()
    share = Alone(model, objective) if processes.size == 1 else Shared(model, objective, processes)
    run = _Run(share, plan, optimiser, x, x_valid, context_valid or {})
    outcome, players = run.outcome, run.players
    if checkpoints is not None:
        outcome.kept_in = str(checkpoints.folder)
        if run.resume(checkpoints.take()):
            run.restore()
            return outcome
    share.begin({"plan": plan}, {"X": x, "X_val": x_valid, **beside})
    autograd = Autograd(share, optimiser)
    learn = gradient if gradient is not None and processes.size == 1 else autograd
    model.train()
    objective.train()
    keep_pages()
    try:
        for step, rows in run.batches:
            run.set_rate(step)
            if isinstance(x, Tensor) and share.survey(x, beside, step):
                outcome.stopped = "settled"
                break
            batch = model.observe(taken(x, rows))
            seen = {name: taken(tensor, rows) for name, tensor in beside.items()}
            learn(batch, seen, step / plan.n_steps)
            optimiser.step()
            numbers = learn.numbers()
            if not math.isfinite(numbers["loss"]):  # the weights that this step has spoilt are not kept
                if run.diverge(step):
                    break
                continue
            for player in players:
                player.move(autograd.evaluation)
            outcome.n_steps = step
            outcome.n_epochs = step / steps_per_epoch(len(x), plan.batch_size)
            run.gather(numbers)
            if progress is not None:
                progress(step, plan.n_steps, run.last)
            if (step % plan.check_every == 0 or step == plan.n_steps) and run.check(step):
                break
            if checkpoints is not None:
                checkpoints.after_step(run.state)
        if checkpoints is not None:
            checkpoints.finish(run.state)
    except KeyboardInterrupt:
        outcome.stopped = "interrupted"
    except LostProcessError:
        if checkpoints is not None:
            checkpoints.signals.asked = None  # the launcher ends all when one is lost: the error says more
        raise
    finally:
        model.eval()
        objective.eval()
    run.restore()
    return outcome


def adam(model: Model, learning_rate: float, n_steps: int = 0) -> torch.optim.Optimizer:
    """Return the optimiser of the house: fused Adam whose second moment remembers a twentieth of the training.

    That is 100 steps at least, with which a short training is the quicker, and 1,000 at most, as Kingma & Ba 2015 have
    it: at high rates a short memory lets products of layers blow up.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    memory = min(max(n_steps / 20, _MEMORY[0]), _MEMORY[1])
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.9, 1 - 1 / memory), fused=True)


@torch.inference_mode()
def mean_terms(
    model: Model,
    objective: Objective,
    x: Tensor,
    context: Mapping[str, Tensor],
    seed: int = 0,
    share: Alone | None = None,
) -> dict[str, float]:
    """Return loss, distortion and rate (nats per row) over rows, with noise from a fixed seed.

    ``share`` says who evaluates them where it is not this process alone.
    """
    share = share or Alone(model, objective)
    totals: dict[str, float] = {}
    with seeded(seed):
        for rows in torch.arange(len(x), device=x.device).split(_VALIDATION_ROWS):
            seen = {name: tensor[rows] for name, tensor in context.items()}
            evaluation, loss = share.evaluate(model.observe(x[rows]), seen)
            for name, value in share.numbers(evaluation, loss).items():
                totals[name] = totals.get(name, 0.0) + value * len(rows) / len(x)
    return totals


class _Run:
    """The bookkeeping of one training: averages, held-out rows, weights worth keeping."""

    def __init__(
        self,
        share: Alone,
        plan: Plan,
        optimiser: torch.optim.Optimizer,
        x: Rows | Subset,
        x_valid: Tensor | None,
        context_valid: Mapping[str, Tensor],
    ) -> None:
        self.share, self.plan, self.optimiser = share, plan, optimiser
        model, objective = self.model, self.objective = share.model, share.objective
        self.players = objective.players()
        draw = x.order if isinstance(x, Streamed) else None
        where = None if isinstance(x, Streamed) else x.device
        self.batches = Batches(len(x), plan.batch_size, plan.n_steps, draw, where)
        self.x_valid, self.context_valid = x_valid, context_valid
        self.outcome = Outcome(learning_rate=plan.learning_rate, optimiser=optimiser)
        self.last: dict[str, float] = {}
        self.sums: dict[str, float] = {}
        self.count = 0
        self.best: tuple[float, ...] = (math.inf,)
        self.stale = 0
        self.proved = False  # whether the kept weights are more than those of the beginning
        self.kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.kept_objective = deepcopy(objective.state_dict())
        self.started = time.perf_counter()

    def set_rate(self, step: int) -> None:
        """Set the learning rate of a step: as it is planned, less for each time that training diverged."""
        if self.plan.constant_rate:
            return
        planned = self.plan.learning_rate * warm_up_cosine((step - 0.5) / self.plan.n_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = planned * _LOWER ** len(self.outcome.retries)

    def gather(self, numbers: dict[str, float]) -> None:
        """Add one step to the averages of the coming row of the history."""
        self.last = numbers
        for name, value in self.last.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def check(self, step: int) -> bool:
        """Write a row of the history; return whether to stop."""
        row: dict[str, float] = {
            "step": step,
            "epoch": self.outcome.n_epochs,
            "seconds": time.perf_counter() - self.started,
            "learning_rate": self.optimiser.param_groups[0]["lr"],
            **{name: value / self.count for name, value in self.sums.items()},
        }
        self.sums, self.count = {}, 0
        self.outcome.history.append(row)
        if self.x_valid is not None:
            self.model.eval()
            self.objective.eval()
            valid = mean_terms(self.model, self.objective, self.x_valid, self.context_valid, share=self.share)
            self.model.train()
            self.objective.train()
            row.update({f"val_{name}": value for name, value in valid.items()})
        score = self.objective.judge(row)
        if not all(map(math.isfinite, score)) or self._lost(row):
            self.outcome.history.pop()  # files hold numbers
            return self.diverge(step)
        if self.x_valid is None:
            self._keep(step)
            return False
        if score < self.best:
            self.best, self.stale = score, 0
            self._keep(step)
        elif not self.plan.rises(step):
            self.stale += 1
        if self.plan.patience is not None and self.stale >= self.plan.patience:
            self.outcome.stopped = "early"
            return True
        return False

    def _lost(self, row: dict[str, float]) -> bool:
        """Return whether the terms of the loss, weighted and not, left behind all that they had been."""
        before = self.outcome.history[:-1]
        return len(before) >= _FEWEST_CHECKS and all(
            _size(row, names) > _LOST * median(_size(each, names) for each in before)
            for names in (("loss",), ("distortion", "rate"))
        )

    def diverge(self, step: int) -> bool:
        """Go back to the kept weights after a divergence, or stop; refuse if nothing has proved good."""
        if self.outcome.n_steps and len(self.outcome.retries) < _RETRIES:
            self.outcome.retries.append(step)
            self._go_back()
            return False
        self.outcome.stopped = "diverged"
        if not self.proved:
            self._go_back()  # to where the training began
            tried = f", also at 1/{1 / _LOWER ** len(self.outcome.retries):g} of the rate" * bool(
                self.outcome.retries
            )
            raise FloatingPointError(
                f"the loss is not a finite number at step {step}, before any weights have proved good{tried}: "
                f"try a smaller learning_rate (it was {self.plan.learning_rate:g}), or scale X so that its values are "
                "of ordinary size."
            )
        return True

    def restore(self) -> None:
        """Put back the weights worth keeping, and the objective that they were trained with."""
        went_back = max(self.outcome.retries, default=-1) >= self.outcome.n_steps  # and made no step since
        whole = self.x_valid is None and self.outcome.stopped != "diverged" and not went_back
        if not self.proved or whole:
            self.outcome.best_step = self.outcome.n_steps
        else:
            self.model.load_state_dict(self.kept)
            self.objective.load_state_dict(self.kept_objective)
        self.outcome.progress = self.outcome.best_step / self.plan.n_steps

    # -- checkpoints ---------------------------------------------------------------------------

    def state(self, ended: bool = False) -> dict[str, Any]:
        """Return all that the coming steps depend on, as plain values and tensors; or what has come of them."""
        return {
            "ended": ended,
            "model": self.model.state_dict(),
            "objective": self.objective.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers()],
            "generators": generator_states(),
            "batches": self.batches.state(),
            "seconds": time.perf_counter() - self.started,
            "outcome": {name: getattr(self.outcome, name) for name in _OUTCOME},
            "kept": [self.kept, self.kept_objective],
            **{name: getattr(self, name) for name in _BOOKS},
        }

    def resume(self, state: dict[str, Any] | None) -> bool:
        """Go on from a state, if there is one; return whether it was the end."""
        if state is None:
            return False
        self.model.load_state_dict(state["model"])
        self.objective.load_state_dict(state["objective"])
        for optimiser, kept in zip(self._optimisers(), state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
            _lay_out(optimiser)
        kept, self.kept_objective = state["kept"]
        for name, tensor in kept.items():
            self.kept[name].copy_(tensor)  # into memory of the model's device, where the next ones come from
        self.started = time.perf_counter() - state["seconds"]
        for name in _BOOKS:
            setattr(self, name, state[name])
        for name in _OUTCOME:
            setattr(self.outcome, name, state["outcome"][name])
        self.batches.resume(state["batches"])
        set_generators(state["generators"])
        return state["ended"]

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        return [self.optimiser, *(player.optimiser for player in self.players)]

    def _go_back(self) -> None:
        """Take the kept weights again, with half the rate; the moments come from steps that led astray."""
        self.model.load_state_dict(self.kept)
        self.objective.load_state_dict(self.kept_objective)
        for optimiser in self._optimisers():
            optimiser.state.clear()
        if self.plan.constant_rate:
            for group in self.optimiser.param_groups:
                group["lr"] *= _LOWER
        self.sums, self.count = {}, 0

    def _keep(self, step: int) -> None:
        self.outcome.best_step, self.proved = step, True
        for name, tensor in self.model.state_dict().items():
            self.kept[name].copy_(tensor)
        self.kept_objective = deepcopy(self.objective.state_dict())


def _size(row: Mapping[str, float], names: tuple[str, ...]) -> float:
    """Return the sum of the magnitudes of some columns of the history, over training or held-out rows: the larger one."""
    return max(sum(abs(row.get(of + name, 0.0)) for name in names) for of in ("", "val_"))


def _lay_out(optimiser: torch.optim.Optimizer) -> None:
    """Give moments the strides of their parameters, which fused steps take for granted and files do not keep."""
    for parameter, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value)


#: What a checkpoint holds of the outcome and of the bookkeeping as it is.
_OUTCOME = ("stopped", "n_steps", "n_epochs", "best_step", "retries", "history")
_BOOKS = ("last", "sums", "count", "best", "stale", "proved")
