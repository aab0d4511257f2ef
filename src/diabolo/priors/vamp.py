"""The mixture of the posteriors of learned pseudo-inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from diabolo.contracts import Sizes, Statistics
from diabolo.distributions import MixtureOfNormals
from diabolo.priors.base import Prior

#: Deviation of the noise that tells a row used twice from itself, in units of the data.
_TWIN_NOISE = 0.01


class VampPrior(Prior):
    """p(z) = 1/K sum_k q(z|u_k), the posteriors of K learned pseudo-inputs (Tomczak & Welling 2018).

    The best prior for the ELBO is the aggregated posterior of the training rows; this is one of K rows
    that are free to move. It needs no fit of its own: the pseudo-inputs are trained with the model,
    through its encoder, and the divergence is taken from the draws. They start at rows of the training
    data and stay within the range of each column.

    Parameters
    ----------
    n_pseudo : int
        Number K of pseudo-inputs. Every step of training encodes all of them.
    """

    shift: Tensor
    unit: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, n_pseudo: int = 500) -> None:
        super().__init__()
        self.n_pseudo = n_pseudo

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the pseudo-inputs."""
        self.check_whole("n_pseudo")
        self.register_buffer("shift", torch.zeros(sizes.event))
        self.register_buffer("unit", torch.ones(sizes.event))
        self.register_buffer("low", torch.full(sizes.event, -math.inf))
        self.register_buffer("high", torch.full(sizes.event, math.inf))
        # in units of the data, so that a step of Adam has the same size for any unit of X
        self.standardised = nn.Parameter(torch.randn(self.n_pseudo, *sizes.event))
        return self

    @torch.no_grad()
    def start(self, statistics: Statistics) -> None:
        """Start at rows of the training data, in random order; rows used again get a little noise.

        Raises
        ------
        ValueError
            If the statistics hold no rows.
        """
        n_rows = len(statistics.examples)
        if n_rows == 0:
            raise ValueError(
                f"prior={self!r} starts from rows of the training data, and the statistics hold none: "
                "use Statistics.of(x)."
            )
        self.shift.copy_(statistics.mean)
        self.unit.copy_(statistics.unit)
        self.low.copy_(statistics.low)
        self.high.copy_(statistics.high)
        rows = torch.cat([torch.randperm(n_rows) for _ in range(math.ceil(self.n_pseudo / n_rows))])
        rows = rows[: self.n_pseudo]
        self.standardised.copy_((statistics.examples[rows].double() - statistics.mean) / statistics.unit)
        self.standardised[n_rows:] += _TWIN_NOISE * torch.randn_like(self.standardised[n_rows:])

    def pseudo_inputs(self) -> Tensor:
        """Return u_1, ..., u_K in units of X, shape (n_pseudo, *event).

        In training those that a step took out of the range come back to its edge first, and their gradient is that
        of the edge (projected gradient descent). What a gradient says must not decide whether it counts: of several
        processes each has its own, and only their mean is the batch's.
        """
        if self.training:
            with torch.no_grad():
                edges = ((edge - self.shift) / self.unit for edge in (self.low, self.high))
                self.standardised.clamp_(*edges)
        free = self.shift + self.unit * self.standardised
        return free + (free.clamp(self.low, self.high) - free).detach()

    def forward(self, encode: Callable[[Tensor], Distribution]) -> MixtureOfNormals:
        """Return the mixture of the posteriors of the pseudo-inputs.

        Raises
        ------
        TypeError
            If the posteriors are no Gaussians.
        """
        return MixtureOfNormals.of(encode(self.pseudo_inputs()))
