"""What training makes small."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diabolo.contracts.evaluation import NO_DENSITY, Evaluation
from diabolo.contracts.model import Model
from diabolo.contracts.part import Part


@dataclass(frozen=True)
class Player:
    """Someone beside the model who moves after each of its steps, to make something else small.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        Moves the player's own parameters, and none of the model's.
    loss : callable
        From the :class:`Evaluation` that the model has just learned from to a scalar. It cuts what it
        reads from the model's graph.
    """

    optimiser: torch.optim.Optimizer
    loss: Callable[[Evaluation], Tensor]

    def move(self, evaluation: Evaluation) -> None:
        """Make one step."""
        self.optimiser.zero_grad(set_to_none=True)
        self.loss(evaluation).backward()
        self.optimiser.step()


class Objective(Part, ABC):
    """A function of an :class:`Evaluation` that gives named terms; their sum is minimised.

    An objective that learns while it is trained keeps that in parameters and buffers, or gives plain values by
    torch's ``get_extra_state`` and takes them by ``set_extra_state``, as its schedules do: a training that was
    broken off goes on with its ``state_dict``, and that of the optimisers of its players.
    """

    n_draws: int = 1
    needs_density: bool = False
    #: Whether the loss is a mean over the rows of a batch, each by itself, so that several processes may each take
    #: some of them. Otherwise the codes and densities of the whole batch are gathered for it on every process,
    #: which is right for any objective, and dearer. May depend on the arguments.
    mean_over_rows: bool = False

    def check(self, model: Model) -> None:
        """Refuse a model for which this objective means nothing; called before the first step."""
        if self.needs_density and not model.has_density:
            raise ValueError(NO_DENSITY.format(what=f"objective={self!r}", has="a point for a posterior"))

    def begin(self, model: Model, n_rows: int) -> None:
        """Get ready to train a built model on ``n_rows`` rows; called once before the first step.

        Called again, it goes on with what it has.
        """

    def players(self) -> Sequence[Player]:
        """Return who moves beside the model, once it has begun: nobody, except for adversaries."""
        return ()

    def survey(self, model: Model, x: Tensor, context: dict[str, Tensor], step: int) -> bool:
        """Look at the whole training before a step; return whether it is complete, which ends it.

        Parameters
        ----------
        model : Model
            As it is before the step.
        x : Tensor of shape (n_rows, *event)
            All training rows.
        context : dict of str to Tensor
            More tensors with a row for each row of x, of which a batch gets its rows. What is written here,
            the batches that follow find in ``Evaluation.context``.
        step : int
            The step that comes, from 1.
        """
        return False

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

    def rate_weight(self, progress: float = 1.0) -> float:
        """Return the weight of the rate at ``progress`` of the training; 1 for an objective that has no one weight of it."""
        return 1.0

    def quantities(self, evaluation: Evaluation) -> dict[str, Tensor]:
        """Return what the history shows of a batch beside the loss: means over its rows, detached."""
        shown = {"distortion": evaluation.distortion.detach().mean()}
        if evaluation.prior is not None:
            shown["rate"] = evaluation.rate.detach().mean()
        return shown

    def judge(self, row: dict[str, float]) -> tuple[float, ...]:
        """Return what the weights that are kept make smallest, compared from left to right: the loss.

        Called with each row of the history; an objective with a state may learn from the row and write in it.

        Parameters
        ----------
        row : dict
            Means over the training batches since the row before, and over held-out rows under ``val_...``.
        """
        return (row.get("val_loss", row["loss"]),)
