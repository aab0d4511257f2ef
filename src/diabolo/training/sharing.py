"""How a step evaluates its batch: in one process, or each row in one of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from diabolo.contracts import Evaluation, Model, Objective, averaged, read_at_once
from diabolo.training.generators import own_generators, set_own_generators
from diabolo.training.processes import Processes
from diabolo.training.whole_batch import WholeBatch

#: Rows that are compared between the processes before the first step.
_GLANCE_ROWS = 1000


class Alone:
    """The model and its objective at a batch, in this process.

    Parameters
    ----------
    model, objective : Model, Objective
        What is evaluated.
    """

    def __init__(self, model: Model, objective: Objective) -> None:
        self.model, self.objective = model, objective

    def begin(self, settings: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
        """Get ready for the first step, with what the training was given."""

    def survey(self, x: Tensor, context: dict[str, Tensor], step: int) -> bool:
        """Let the objective look at all rows; return whether the training is complete."""
        return self.objective.survey(self.model, x, context, step)

    def evaluate(
        self, batch: Tensor, context: Mapping[str, Tensor], progress: float = 1.0
    ) -> tuple[Evaluation, Tensor]:
        """Return the evaluation that the objective has seen, and the loss to differentiate."""
        evaluation = self.model.evaluate(batch, context, self.objective.n_draws)
        loss: Tensor = sum(self.objective(evaluation, progress).values())
        return evaluation, loss

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of the loss of the whole batch to the parameters."""
        loss.backward()

    def numbers(self, evaluation: Evaluation, loss: Tensor) -> dict[str, float]:
        """Return the "loss" and what the history shows beside it, of the batch that was evaluated last."""
        return read_at_once({"loss": loss.detach(), **self.objective.quantities(evaluation)})


class Shared(Alone):
    """The model and its objective at a batch of which each process evaluates some rows.

    What is drawn, every process draws for the whole batch, with generators in the same state; then each takes
    its rows. So the processes do what one would do, up to the order of sums. The loss of an objective that is a
    mean over rows is that of the own rows with their share of the batch; any other gets the
    :class:`WholeBatch`. DistributedDataParallel takes the mean of the gradients.

    Parameters
    ----------
    model, objective : Model, Objective
        What is evaluated.
    processes : Processes
        Two or more.
    """

    def __init__(self, model: Model, objective: Objective, processes: Processes) -> None:
        super().__init__(model, objective)
        self.processes = processes
        self._engine: DistributedDataParallel | None = None
        self._uses_all = True
        self._share = 1.0
        self._evaluation: Any = None

    def begin(self, settings: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
        """Refuse what cannot be shared, and start all processes from the state of the first.

        Raises
        ------
        ValueError
            For a network that looks across rows; and if processes were given other settings or rows than the first.
        """
        glances = {name: _glance(each) for name, each in rows.items()}
        parts = {"model": repr(self.model), "objective": repr(self.objective)}
        self.processes.check_same({**settings, **parts, **glances})
        for name, module in self.model.named_modules():
            if isinstance(module, _BatchNorm):
                raise ValueError(
                    f"{name} ({type(module).__name__}) normalises over the rows of a batch, and several processes see "
                    "some of them each: use a network without it (LayerNorm, GroupNorm), or train in one process, "
                    "without torchrun."
                )
        self._wrap()  # which sends the parameters of the first process to all
        buffers = dict(self.model.named_buffers())
        for name, tensor in self.processes.first(lambda: on_processor(buffers)).items():
            buffers[name].copy_(tensor)
        self.objective.load_state_dict(
            self.processes.first(lambda: on_processor(self.objective.state_dict()))
        )
        set_own_generators(self.processes.first(own_generators))

    def survey(self, x: Tensor, context: dict[str, Tensor], step: int) -> bool:
        """Let the objective look at all rows, in each process; return whether one of them finds it complete."""
        if type(self.objective).survey is Objective.survey:
            return False
        return bool(self.processes.highest(int(super().survey(x, context, step))))

    def evaluate(
        self, batch: Tensor, context: Mapping[str, Tensor], progress: float = 1.0
    ) -> tuple[Evaluation, Tensor]:
        """Return the evaluation that the objective has seen, and the share of the loss."""
        step = self._engine if torch.is_grad_enabled() and self._engine is not None else self.share_of
        loss: Tensor = step(batch, context, progress)
        evaluation, self._evaluation = self._evaluation, None
        return evaluation, loss

    def share_of(self, batch: Tensor, context: Mapping[str, Tensor], progress: float) -> Tensor:
        """Evaluate the rows of this process; return what the mean over the processes makes the loss of all rows."""
        n_rows, size = len(batch), self.processes.size
        rows = self.processes.part(n_rows)
        n_own = rows.stop - rows.start
        context, noise = self.model.chance(batch, context, self.objective.n_draws)
        own = {name: tensor[rows] for name, tensor in context.items()}
        self._share = n_own / n_rows if n_rows >= size else 1 / size
        by_rows = self.objective.mean_over_rows and not self.objective.players()
        with self._drawing_nothing():
            with averaged(lambda mean: self.processes.add(self._share * mean)):
                evaluation = self.model.evaluate(
                    batch[rows], own, self.objective.n_draws, noise=noise[:, rows]
                )
                _ = evaluation.observation  # decoded here and not when it is read, for what it asks and draws
            if by_rows:
                loss: Tensor = sum(self.objective(evaluation, progress).values())
        if not by_rows:
            self._share = 1 / size  # of a loss that every process has whole
            if n_own < n_rows:
                evaluation = WholeBatch(evaluation, batch, context, self.processes)
            loss = sum(self.objective(evaluation, progress).values())
        self._evaluation = evaluation
        return loss * (self._share * size)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of the loss of the whole batch to the parameters, the same on every process."""
        try:
            loss.backward()
        except RuntimeError as error:
            raise (self.processes.lost(error) or error) from error
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        if self._uses_all and any(p.grad is None for p in parameters):
            # The engine waits for the gradient of every parameter, and has averaged none: this once by hand, and
            # from here on it looks for what a loss does not depend on, as a decoder where nothing is rebuilt.
            self._uses_all = False
            for gradient in (p.grad for p in parameters if p.grad is not None):
                self.processes.add(gradient).div_(self.processes.size)
            self._wrap()

    def numbers(self, evaluation: Evaluation, loss: Tensor) -> dict[str, float]:
        """Return the loss of the whole batch, and what the history shows of it beside."""
        own = super().numbers(evaluation, loss)
        mine = {"loss": own.pop("loss") / self.processes.size} | {n: self._share * v for n, v in own.items()}
        return dict(zip(mine, self.processes.total(list(mine.values())), strict=True))

    def _wrap(self) -> None:
        self._engine = DistributedDataParallel(_Step(self), find_unused_parameters=not self._uses_all)

    @contextmanager
    def _drawing_nothing(self) -> Iterator[None]:
        """Refuse a model or an objective that draws for its own rows: generators would no longer agree."""
        before = own_generators()
        yield
        if any(not torch.equal(a, b) for a, b in zip(before, own_generators(), strict=True)):
            raise ValueError(
                f"{type(self.model).__name__} or {type(self.objective).__name__} draws random numbers beside those of "
                "model.chance (dropout does), which several processes would draw differently from one: let chance draw "
                "them for the whole batch, or train in one process, without torchrun."
            )


class _Step(nn.Module):
    """What DistributedDataParallel wraps: the parameters of the model, and a forward that gives the loss."""

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.weights = nn.ParameterList(shared.model.parameters())  # and no buffers, which nothing averages
        self.share_of = shared.share_of

    def forward(self, batch: Tensor, context: Mapping[str, Tensor], progress: float) -> Tensor:
        """Return the share of the loss."""
        return self.share_of(batch, context, progress)


def on_processor(state: Any) -> Any:
    """Return nested plain values and tensors with the tensors in the processor's memory, to send them."""
    if isinstance(state, Tensor):
        return state.cpu()
    if isinstance(state, Mapping):
        return {name: on_processor(value) for name, value in state.items()}
    return [on_processor(value) for value in state] if isinstance(state, list | tuple) else state


def _glance(rows: Any) -> Any:
    """Return how many rows there are, and some of those in memory, to compare."""
    if not isinstance(rows, Tensor):
        return None if rows is None else len(rows)
    return len(rows), rows[:: -(-len(rows) // _GLANCE_ROWS)].cpu().numpy().tobytes()
