"""What is lost between log p(x) and the ELBO, and to whom: the family of q or the encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Evaluation, Model
from diabolo.contracts.evaluation import NO_DENSITY
from diabolo.measures.means import mean_and_error
from diabolo.measures.rows import check_rows

# Values of observations that are decoded at once.
_BLOCK_VALUES = 1 << 22
# Adam forgets its second moment sooner than usual: a row has a few hundred steps.
_BETAS = (0.9, 0.99)


@dataclass(frozen=True)
class InferenceGap:
    """The gap log p(x) - ELBO of each row in two parts, in nats; tensors of shape (n_rows,).

    Parameters
    ----------
    log_likelihood : Tensor
        Estimates of log p(x), as they were given.
    elbo : Tensor
        ELBO of the encoder's q.
    best_elbo : Tensor
        ELBO of q*, the best member of its family that was found for the row.
    elbo_error, best_elbo_error, amortisation_error : Tensor
        Monte Carlo errors of the two ELBOs and of their difference, which is the smaller because both have
        the same noise.
    kept : Tensor of bool
        Rows where the optimisation found nothing better, so that q* is the encoder's q.
    """

    log_likelihood: Tensor
    elbo: Tensor
    best_elbo: Tensor
    elbo_error: Tensor
    best_elbo_error: Tensor
    amortisation_error: Tensor
    kept: Tensor

    @property
    def total(self) -> Tensor:
        """log p(x) - ELBO(q) = KL(q || p(z|x)), shape (n_rows,)."""
        return self.log_likelihood - self.elbo

    @property
    def approximation(self) -> Tensor:
        """log p(x) - ELBO(q*), shape (n_rows,): what no member of the family can do."""
        return self.log_likelihood - self.best_elbo

    @property
    def amortisation(self) -> Tensor:
        """ELBO(q*) - ELBO(q), shape (n_rows,): what the encoder does not do for this row."""
        return self.best_elbo - self.elbo

    def means(self) -> dict[str, tuple[float, float]]:
        """Return the mean over rows of each gap with its standard error, in nats per row.

        The standard error is that of other rows with other noise; NaN for one row.
        """
        return {
            name: mean_and_error(getattr(self, name)) for name in ("total", "approximation", "amortisation")
        }

    def __str__(self) -> str:
        lines = [f"{name:<14} {mean:10.4f} +- {error:.4f}" for name, (mean, error) in self.means().items()]
        return "\n".join([f"{'gap':<14} {'nats per row':>10}", *lines])


@torch.no_grad()
def inference_gap(
    model: Model,
    x: Tensor,
    log_likelihood: Tensor | np.ndarray,
    *,
    n_steps: int = 500,
    learning_rate: float = 0.02,
    n_draws: int = 8,
    n_test_draws: int = 500,
    prior: Distribution | None = None,
    block_rows: int | None = None,
) -> InferenceGap:
    """Split log p(x) - ELBO of each row into approximation and amortisation gap (Cremer et al. 2018).

    The parameters of q(z|x) are optimised for each row by itself, from those of the encoder and
    within their family: Adam on the ELBO with new antithetic noise at every step, and a learning rate that
    falls to 0 as a cosine. The second half of the steps drops the score of q, whose noise would keep
    the result away from the best q. One set of draws then decides row by row whether the result is better
    than the encoder's q; another, the same for both, gives the ELBOs that are reported. So the choice
    does not flatter q*.

    An optimisation that stops short moves some of the amortisation gap to the approximation gap:
    compare with twice the steps, or half the rate. Errors of ``log_likelihood`` are in the approximation gap alone.

    Chance comes from torch's generator.

    Parameters
    ----------
    model : LatentModel
        With a prior and a posterior that has a density. Its parameters get no gradients.
    x : Tensor of shape (n_rows, *event)
        Rows as the model sees them: channels of images and signals first, in units of X and in the precision of
        the model.
    log_likelihood : array of shape (n_rows,)
        Estimates of log p(x) in nats, by :func:`importance_estimate` or :func:`annealed_importance`.
    n_steps : int
        Steps of the optimisation.
    learning_rate : float
        Its learning rate at the start, in units of the code and of log-scales.
    n_draws : int
        Draws of each row in each step.
    n_test_draws : int
        Draws of each row to choose with, and as many others to report with.
    prior : Distribution, optional
        p(z), in the place of the model's own.
    block_rows : int, optional
        Rows that are optimised at once; by default as many as a few million values of x.

    Raises
    ------
    TypeError
        If the model is not composed of an encoder's features and a posterior, or x is no tensor.
    ValueError
        If x is not of the model's shape and dtype, a number is too small, ``log_likelihood`` is not one number for each row, or the model
        lacks a prior or a density.
    """
    _check_numbers(
        n_steps=(n_steps, 1), n_draws=(n_draws, 1), n_test_draws=(n_test_draws, 2), block_rows=(block_rows, 1)
    )
    prior = _prior(model, prior)
    check_rows(model, x, prior.event_shape[-1])
    log_likelihood = torch.as_tensor(log_likelihood, dtype=x.dtype, device=x.device)
    if log_likelihood.shape != x.shape[:1]:
        raise ValueError(
            f"log_likelihood must be one number for each of the {len(x)} rows, got the shape "
            f"{tuple(log_likelihood.shape)}."
        )
    rows = block_rows or max(1, _BLOCK_VALUES // (n_draws * x[0].numel()))
    parts = []
    for block in x.split(rows):
        bound = _Bound(model, block, prior)
        encoder = bound.encoder_parameters()
        best = _optimised(bound, encoder, n_steps, learning_rate, n_draws)
        chosen = _compared(bound, encoder, best, n_test_draws)
        kept = ~(chosen.best_elbo > chosen.elbo)  # also where it is no number
        best = torch.where(kept.unsqueeze(-1), encoder, best)
        parts.append((*_compared(bound, encoder, best, n_test_draws), kept))
    return InferenceGap(log_likelihood, *(torch.cat(part) for part in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Bound:
    """The ELBO of some rows as a function of the parameters of their posteriors."""

    model: Any
    x: Tensor
    prior: Distribution

    def encoder_parameters(self) -> Tensor:
        """Return what the encoder says, shape (n_rows, n_parameters)."""
        return self.model.posterior.head(self.model.features(self.x))

    def noise(self, n_draws: int) -> Tensor:
        """Draw standard normal noise, shape (n_draws, n_rows, n_components)."""
        return torch.randn(
            n_draws, len(self.x), self.prior.event_shape[-1], dtype=self.x.dtype, device=self.x.device
        )

    def draws(self, parameters: Tensor, noise: Tensor) -> Tensor:
        """Return draws whose mean is the ELBO, shape (n_draws, n_rows)."""
        e = self._evaluation(parameters, noise)
        return e.log_px - e.kl if e.kl_is_exact else e.log_weight

    def path_draws(self, parameters: Tensor, noise: Tensor) -> Tensor:
        """Return draws of the ELBO whose gradient reaches the parameters through z alone.

        What is dropped, the score of q, is 0 in expectation; without it the noise of the gradient
        vanishes where q is the posterior (Roeder et al. 2017).
        """
        e = self._evaluation(parameters, noise)
        q = self.model.posterior.distribution(parameters.detach())
        return e.log_px + e.log_pz - q.log_prob(e.z)

    def _evaluation(self, parameters: Tensor, noise: Tensor) -> Evaluation:
        q = self.model.posterior.distribution(parameters)
        z = self.model.posterior.draw(q, noise)
        return Evaluation(self.x, z, q, self.prior, self.model.decode(z))


class _Comparison(NamedTuple):
    """Two ELBOs with the same noise, and the Monte Carlo errors of both and of their difference."""

    elbo: Tensor
    best_elbo: Tensor
    elbo_error: Tensor
    best_elbo_error: Tensor
    gain_error: Tensor


def _optimised(bound: _Bound, start: Tensor, n_steps: int, learning_rate: float, n_draws: int) -> Tensor:
    """Return the parameters after Adam on the ELBO of each row, shape (n_rows, n_parameters)."""
    parameters = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([parameters], betas=_BETAS)
    for i in range(n_steps):
        optimiser.param_groups[0]["lr"] = learning_rate * 0.5 * (1 + math.cos(math.pi * i / n_steps))
        draws = bound.draws if 2 * i < n_steps else bound.path_draws
        half = bound.noise((n_draws + 1) // 2)
        with torch.enable_grad():
            loss = -draws(parameters, torch.cat([half, -half])[:n_draws]).mean(0).sum()
        (parameters.grad,) = torch.autograd.grad(loss, parameters)
        optimiser.step()
    return parameters.detach()


def _compared(bound: _Bound, encoder: Tensor, best: Tensor, n_draws: int) -> _Comparison:
    at_once = max(1, _BLOCK_VALUES // bound.x.numel())
    blocks = []
    for first in range(0, n_draws, at_once):
        noise = bound.noise(min(at_once, n_draws - first))
        blocks.append(torch.stack([bound.draws(encoder, noise), bound.draws(best, noise)]))
    elbo, best_elbo = torch.cat(blocks, 1)
    errors = ((draws.std(0) / math.sqrt(n_draws)) for draws in (elbo, best_elbo, best_elbo - elbo))
    return _Comparison(elbo.mean(0), best_elbo.mean(0), *errors)


def _prior(model: Any, prior: Distribution | None) -> Distribution:
    if not (hasattr(model, "features") and hasattr(model, "posterior")):
        raise TypeError(
            f"inference_gap needs a model with features and a posterior, got a {type(model).__name__}: "
            "use a LatentModel."
        )
    prior = model.latent_prior() if prior is None else prior
    if prior is None or not model.has_density:
        has = "no prior" if prior is None else "a posterior without a density"
        raise ValueError(NO_DENSITY.format(what="the inference gap", has=has))
    return prior


def _check_numbers(**numbers: tuple[int | None, int]) -> None:
    for name, (number, least) in numbers.items():
        if number is not None and number < least:
            raise ValueError(f"{name} must be {least} or more, got {number!r}.")
