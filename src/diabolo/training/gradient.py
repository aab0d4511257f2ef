"""How the gradients of a step come about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor
from torch.optim import Optimizer

from diabolo.contracts import Evaluation
from diabolo.training.sharing import Alone


class Gradient(Protocol):
    """From a batch to the gradients of the model's parameters, left in their ``grad``."""

    def __call__(self, x: Tensor, context: Mapping[str, Tensor], progress: float) -> None:
        """Set the gradients; they mean something where the loss is finite."""

    def numbers(self) -> dict[str, float]:
        """Return the "loss" of the last batch, and what the history shows of it beside.

        Read once a step, after the parameters have moved: another device than the processor is waited for here.
        """


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
    _loss: Tensor

    def __init__(self, share: Alone, optimiser: Optimizer) -> None:
        self.share, self.optimiser = share, optimiser

    def __call__(self, x: Tensor, context: Mapping[str, Tensor], progress: float) -> None:
        """Evaluate the batch and differentiate the loss."""
        self.evaluation, loss = self.share.evaluate(x, context, progress)
        self.optimiser.zero_grad(set_to_none=True)
        self.share.backward(loss)
        self._loss = loss.detach()

    def numbers(self) -> dict[str, float]:
        """Return the loss of the last batch, and what the objective shows of it."""
        return self.share.numbers(self.evaluation, self._loss)
