"""How the gradients of a step come about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from torch import Tensor
from torch.optim import Optimizer

from diabolo.contracts import Evaluation, Model, Objective


class Gradient(Protocol):
    """From a batch to the gradients of the model's parameters, left in their ``grad``."""

    def __call__(self, x: Tensor, context: Mapping[str, Tensor], progress: float) -> float:
        """Return the loss; gradients mean something where it is finite."""

    def quantities(self) -> dict[str, float]:
        """Return what the history shows of the last batch beside the loss."""


class Autograd:
    """Gradients of any objective of any model, by autograd.

    Parameters
    ----------
    model, objective : Model, Objective
        What moves, and what is minimised.
    optimiser : Optimizer
        Whose gradients are forgotten before.
    """

    evaluation: Evaluation

    def __init__(self, model: Model, objective: Objective, optimiser: Optimizer) -> None:
        self.model, self.objective, self.optimiser = model, objective, optimiser

    def __call__(self, x: Tensor, context: Mapping[str, Tensor], progress: float) -> float:
        """Return the loss, and differentiate it where it is finite."""
        self.evaluation = self.model.evaluate(x, context, self.objective.n_draws)
        loss: Tensor = sum(self.objective(self.evaluation, progress).values())
        value = loss.item()
        if math.isfinite(value):
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        return value

    def quantities(self) -> dict[str, float]:
        """Return what the objective shows of the last batch."""
        return as_numbers(self.objective.quantities(self.evaluation))


def as_numbers(quantities: Mapping[str, Tensor]) -> dict[str, float]:
    """Return scalars as plain numbers."""
    return {name: value.item() for name, value in quantities.items()}
