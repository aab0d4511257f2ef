"""How the gradients of a step come about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from torch import Tensor
from torch.optim import Optimizer

from diabolo.contracts import Evaluation
from diabolo.training.sharing import Alone


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
    share : Alone
        Who evaluates a batch: this process alone, or several.
    optimiser : Optimizer
        Whose gradients are forgotten before.
    """

    evaluation: Evaluation

    def __init__(self, share: Alone, optimiser: Optimizer) -> None:
        self.share, self.optimiser = share, optimiser

    def __call__(self, x: Tensor, context: Mapping[str, Tensor], progress: float) -> float:
        """Return the loss, and differentiate it where it is finite."""
        self.evaluation, loss, value = self.share.evaluate(x, context, progress)
        if math.isfinite(value):
            self.optimiser.zero_grad(set_to_none=True)
            self.share.backward(loss)
        return value

    def quantities(self) -> dict[str, float]:
        """Return what the objective shows of the last batch."""
        return self.share.quantities(self.evaluation)
