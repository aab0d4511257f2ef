"""How long, and how, deep clustering trains."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from diabolo.training import Plan, steps_per_epoch

_CHECKS = 40


@dataclass(frozen=True)
class Length:
    """Of a stage: passes over the rows, but not fewer steps than few rows need.

    Parameters
    ----------
    epochs : int
        Passes over the rows.
    least_steps : int
        Steps, where the passes have fewer.
    """

    epochs: int
    least_steps: int

    def steps(self, per_epoch: int) -> int:
        """Return the steps of the stage."""
        return max(self.least_steps, self.epochs * per_epoch)


@dataclass(frozen=True)
class Preset:
    """The two stages of a training: the auto-encoder alone, then with its clusters.

    Parameters
    ----------
    alone : Length
        Of the first stage.
    clustered : Length
        Of the second stage, at most.
    constant_rate : bool
        Whether the learning rate stays where it is; else a warm-up and a cosine in each stage.
    betas : (float, float)
        Of Adam.
    init : str
        Where the centres start.
    """

    alone: Length
    clustered: Length
    constant_rate: bool
    betas: tuple[float, float]
    init: str

    def first(
        self, n_rows: int, batch_size: int, learning_rate: float, max_epochs: int | None = None
    ) -> Plan:
        """Return the plan of the auto-encoder alone; ``max_epochs`` takes the place of the preset's length."""
        per_epoch = steps_per_epoch(n_rows, batch_size)
        n_steps = self.alone.steps(per_epoch) if max_epochs is None else max_epochs * per_epoch
        return self._plan(n_steps, n_rows, batch_size, learning_rate)

    def second(self, n_rows: int, batch_size: int, learning_rate: float, max_iter: int | None = None) -> Plan:
        """Return the plan of the stage with clusters; ``max_iter`` steps take the place of the preset's length."""
        n_steps = max_iter or self.clustered.steps(steps_per_epoch(n_rows, batch_size))
        return self._plan(n_steps, n_rows, batch_size, learning_rate)

    def optimiser(self, model: torch.nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        """Return a new Adam."""
        return torch.optim.Adam(model.parameters(), lr=learning_rate, betas=self.betas, fused=True)

    def _plan(self, n_steps: int, n_rows: int, batch_size: int, learning_rate: float) -> Plan:
        every = max(1, math.ceil(n_steps / _CHECKS))
        return Plan(n_steps, min(batch_size, n_rows), learning_rate, every, constant_rate=self.constant_rate)


PRESETS = {
    #: Guo et al. 2017 and the authors' settings.
    "paper": Preset(Length(200, 0), Length(0, 20_000), True, (0.9, 0.999), "k-means"),
    "fast": Preset(Length(10, 1200), Length(20, 2100), False, (0.9, 0.99), "graph"),
}
#: With an augmentation there is more to learn from each row, once it is known where the row belongs.
PRESETS_IF_AUGMENTED = {
    **PRESETS,
    "fast": replace(PRESETS["fast"], clustered=Length(20, 5500)),
}
