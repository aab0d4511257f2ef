"""Hamiltonian Monte Carlo, for many chains at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: From codes of shape (*chains, d) to terms of shape (*chains,), whose weighted sum is a log-density.
Terms = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Point:
    """Where the chains stand, with the terms of their log-densities and the gradients of each.

    The terms are kept apart so that one evaluation serves every density that is a weighted sum of
    them: a path of temperatures is one.

    Parameters
    ----------
    z : Tensor of shape (*chains, d)
        Codes.
    terms : tuple of Tensor of shape (*chains,)
        Terms of the log-density, in nats.
    gradients : tuple of Tensor of shape (*chains, d)
        Their gradients with respect to z.
    """

    z: Tensor
    terms: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]

    @classmethod
    def at(cls, terms: Terms, z: Tensor) -> Point:
        """Evaluate the terms and their gradients at z; parameters get no gradients."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            values = terms(z)
            gradients = tuple(torch.autograd.grad(value.sum(), z, retain_graph=True)[0] for value in values)
        return cls(z.detach(), tuple(value.detach() for value in values), gradients)

    def log_density(self, weights: Sequence[float]) -> Tensor:
        """Return the weighted sum of the terms, shape (*chains,)."""
        return _weighted(weights, self.terms)

    def gradient(self, weights: Sequence[float]) -> Tensor:
        """Return the gradient of the weighted sum, shape (*chains, d)."""
        return _weighted(weights, self.gradients)

    def moved(self, accept: Tensor, proposal: Point) -> Point:
        """Return the proposal for the chains where ``accept`` is true, this point for the others."""
        each = accept.unsqueeze(-1)
        return Point(
            torch.where(each, proposal.z, self.z),
            tuple(torch.where(accept, new, old) for new, old in zip(proposal.terms, self.terms, strict=True)),
            tuple(
                torch.where(each, new, old)
                for new, old in zip(proposal.gradients, self.gradients, strict=True)
            ),
        )


def leapfrog(
    terms: Terms, weights: Sequence[float], point: Point, momentum: Tensor, step: Tensor | float, n_steps: int
) -> tuple[Point, Tensor]:
    """Follow the Hamiltonian -log density + |momentum|^2 / 2 for some steps.

    The map keeps volume and is its own inverse when the momentum is turned round, for any step; its
    energy error is of order step^2 (Neal 2011, section 2.3).

    Parameters
    ----------
    terms, weights : callable and sequence of float
        The log-density is the weighted sum of the terms.
    point : Point
        Where to start.
    momentum : Tensor of shape (*chains, d)
        Momentum at the start.
    step : Tensor or float
        Step size, broadcast against the momentum. One for each dimension is the same as coordinates
        of that scale.
    n_steps : int
        Number of steps.

    Returns
    -------
    Point, Tensor
        Where the chains arrive, and their momentum there.
    """
    momentum = momentum + 0.5 * step * point.gradient(weights)
    for i in range(n_steps):
        point = Point.at(terms, point.z + step * momentum)
        momentum = momentum + (1.0 if i < n_steps - 1 else 0.5) * step * point.gradient(weights)
    return point, momentum


def transition(
    terms: Terms, weights: Sequence[float], point: Point, step: Tensor | float, n_steps: int
) -> tuple[Point, Tensor]:
    """Make one step of HMC, which leaves the density invariant and is reversible (Duane et al. 1987).

    A proposal with a log-density that is no number is rejected.

    Parameters
    ----------
    terms, weights, point, step, n_steps
        As for :func:`leapfrog`.

    Returns
    -------
    Point, Tensor
        The new point, and the probability of acceptance of each chain, shape (*chains,).
    """
    momentum = torch.randn_like(point.z)
    proposal, arrived = leapfrog(terms, weights, point, momentum, step, n_steps)
    gain = proposal.log_density(weights) - point.log_density(weights)
    gain = gain + 0.5 * (momentum.square().sum(-1) - arrived.square().sum(-1))
    probability = gain.nan_to_num(nan=-torch.inf).clamp(max=0).exp()
    return point.moved(torch.rand_like(probability) < probability, proposal), probability


def _weighted(weights: Sequence[float], values: Sequence[Tensor]) -> Tensor:
    total = weights[0] * values[0]
    for weight, value in zip(weights[1:], values[1:], strict=True):
        total = total + weight * value
    return total
