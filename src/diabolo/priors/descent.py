"""The training of a prior on codes alone."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from diabolo.contracts import seeded

_HELD_OUT = 0.1
_N_CHECKS = 50
_PATIENCE = 10


def descend(
    module: nn.Module,
    start: Callable[[], None],
    loss: Callable[[Tensor], Tensor],
    codes: Tensor,
    *,
    n_steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Make ``loss`` small by Adam with a cosine schedule; held-out codes choose the weights that are kept.

    A tenth of the codes is held out and looked at 50 times, with the same noise each time; after 10
    looks without improvement training stops. The weights of the start are a candidate too. All chance
    comes from ``seed``, and torch's generators are put back.

    Parameters
    ----------
    module : Module
        What is trained, in place.
    start : callable
        Puts the module at its beginning.
    loss : callable
        From codes (n_rows, d) to a scalar in nats per row, averaged.
    codes : Tensor of shape (n_rows, d)
        The codes.
    n_steps, batch_size, learning_rate : int, int, float
        Steps of Adam (Kingma & Ba 2015) at most, rows in each, and its largest rate.
    seed : int
        Where chance begins.

    Raises
    ------
    FloatingPointError
        If the loss is no finite number at the start.
    """
    with seeded(seed), torch.inference_mode(False), torch.enable_grad():
        n_held = math.ceil(_HELD_OUT * len(codes))
        held, rest = torch.randperm(len(codes)).split((n_held, len(codes) - n_held))
        train, valid = codes[rest].clone(), codes[held].clone()
        start()
        optimiser = torch.optim.Adam(module.parameters(), lr=learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
        was_training = module.training
        best = _Best(module, lambda: loss(valid), seed)
        module.train()
        for step in range(1, n_steps + 1):
            optimiser.zero_grad(set_to_none=True)
            loss(train[torch.randint(len(train), (min(batch_size, len(train)),))]).backward()
            optimiser.step()
            schedule.step()
            if (step % max(1, n_steps // _N_CHECKS) == 0 or step == n_steps) and best.stops():
                break
        module.load_state_dict(best.weights)
        module.train(was_training)


class _Best:
    """The weights with the smallest loss on held-out codes so far."""

    def __init__(self, module: nn.Module, loss: Callable[[], Tensor], seed: int) -> None:
        self.module, self.loss, self.seed = module, loss, seed
        self.value, self.stale = self._look(), 0
        if not math.isfinite(self.value):
            raise FloatingPointError(
                f"the loss of the prior is {self.value} on held-out codes before the first step: "
                "scale X so that its codes are of ordinary size."
            )
        self.weights = copy.deepcopy(module.state_dict())

    def stops(self) -> bool:
        """Look at the held-out codes; return whether they have not improved for too long."""
        value = self._look()
        if value < self.value:
            self.value, self.stale = value, 0
            self.weights = copy.deepcopy(self.module.state_dict())
        else:  # and where it is no number
            self.stale += 1
        return self.stale == _PATIENCE

    @torch.no_grad()
    def _look(self) -> float:
        was_training = self.module.training
        self.module.eval()  # nothing is learned from held-out codes
        with seeded(self.seed):
            loss = self.loss().item()
        self.module.train(was_training)
        return loss
