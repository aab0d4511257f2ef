"""Estimates of log p(x)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from diabolo.contracts import Model


@dataclass(frozen=True)
class LikelihoodEstimate:
    """What a set of draws says of each row, in nats; all of shape (n_rows,).

    Parameters
    ----------
    log_likelihood : Tensor
        log (1/K) sum_k p(x|z_k) p(z_k) / q(z_k|x): a lower bound of log p(x) in expectation that
        rises with K and tends to it (Burda et al. 2016).
    distortion, rate : Tensor
        -E_q log p(x|z) over the same draws, and KL(q(z|x) || p(z)).
    squared_error : Tensor
        Squared error of the reconstruction, summed over values and averaged over the first draws.
    """

    log_likelihood: Tensor
    distortion: Tensor
    rate: Tensor
    squared_error: Tensor


@torch.inference_mode()
def importance_estimate(
    model: Model, x: Tensor, noise: Tensor, *, n_error_draws: int = 10
) -> LikelihoodEstimate:
    """Estimate log p(x) of each row by importance sampling from the posterior.

    Parameters
    ----------
    model : Model
        With a prior and a posterior that has a density.
    x : Tensor of shape (n_rows, *event)
        Rows, in units of X. The encoder sees them as they are.
    noise : Tensor of shape (n_draws, n_rows, n_components)
        Standard normal noise.
    n_error_draws : int
        How many of the draws the squared error is averaged over.
    """
    e = model.evaluate(x, {"seen": x}, noise=noise)
    log_likelihood = e.log_weight.logsumexp(0) - math.log(len(noise))
    few = model.decode(e.z[:n_error_draws])
    error = (model.point(few) - x).square().flatten(2).sum(-1).mean(0)
    return LikelihoodEstimate(log_likelihood, e.distortion, e.rate, error)
