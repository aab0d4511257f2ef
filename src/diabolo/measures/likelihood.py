"""Estimates of log p(x) by importance sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Evaluation, Model
from diabolo.measures.noise import row_noise
from diabolo.measures.pareto import LARGEST_K, pareto_k

#: Values of observations that are decoded at once: a few megabytes, within the reach of a cache.
BLOCK_VALUES = 1 << 20
#: Draws for which the squared error of the reconstruction is measured.
ERROR_DRAWS = 10


@dataclass(frozen=True)
class LikelihoodEstimate:
    """What K draws say of each row, in nats; tensors of shape (n_rows,).

    Parameters
    ----------
    log_likelihood : Tensor
        log (1/K) sum_k p(x|z_k) p(z_k) / q(z_k|x): a lower bound of log p(x) in expectation that
        rises with K and tends to it (Burda et al. 2016).
    standard_error : Tensor
        Its Monte Carlo error by the delta method: the deviation of the weights over their mean and sqrt K.
    effective_sample_size : Tensor
        1 / sum_k of the squared normalised weights, from 1 to K.
    pareto_k : Tensor
        Shape of the tail of the weights; see :func:`diabolo.measures.pareto_k`.
    distortion, rate : Tensor
        -E_q log p(x|z) over the same draws, and KL(q(z|x) || p(z)).
    squared_error : Tensor
        Squared error of the reconstruction, summed over values and averaged over a few draws.
    n_draws : int
        K.
    kl_is_exact : bool
        Whether the rate is a closed form, and not an average over the draws.
    """

    log_likelihood: Tensor
    standard_error: Tensor
    effective_sample_size: Tensor
    pareto_k: Tensor
    distortion: Tensor
    rate: Tensor
    squared_error: Tensor
    n_draws: int
    kl_is_exact: bool

    @property
    def mean(self) -> float:
        """Mean of the estimates over rows, in nats per row."""
        return float(self.log_likelihood.double().mean())

    @property
    def standard_error_rows(self) -> float:
        """Standard error of the mean that comes from the choice of rows; NaN for one row."""
        n = len(self.log_likelihood)
        return float(self.log_likelihood.double().std()) / math.sqrt(n) if n > 1 else math.nan

    @property
    def standard_error_draws(self) -> float:
        """Standard error of the mean that comes from the draws: other noise, the same rows."""
        return float(self.standard_error.double().square().sum().sqrt()) / len(self.standard_error)

    def unreliable_rows(self) -> list[int]:
        """Return the rows whose weights may have no finite variance (Pareto-k above 0.7, Vehtari et al. 2024)."""
        return torch.nonzero(self.pareto_k > LARGEST_K).flatten().tolist()

    def warning(self) -> str:
        """Return a sentence that names the unreliable rows; empty when there are none."""
        rows = self.unreliable_rows()
        if not rows:
            return ""
        shown = ", ".join(str(row) for row in rows[:10]) + (", ..." if len(rows) > 10 else "")
        return (
            f"the importance weights of {len(rows)} of {len(self.pareto_k)} rows may have no finite variance "
            f"(Pareto-k above {LARGEST_K}), so their log p(x) may be too low by more than the "
            f"standard error says: rows {shown}. Use more draws, or annealed_importance for these rows."
        )


@torch.inference_mode()
def importance_estimate(
    model: Model,
    x: Tensor,
    n_draws: int,
    *,
    seed: int = 0,
    rows: np.ndarray | None = None,
    prior: Distribution | None = None,
) -> LikelihoodEstimate:
    """Estimate log p(x) of each row with codes drawn from its posterior, in bounded memory.

    The draws of a row come from a stream keyed by ``seed`` and its own values: numbers do not depend
    on the order, on the other rows or on the size of the blocks.

    Parameters
    ----------
    model : Model
        With a prior and a posterior that has a density.
    x : Tensor of shape (n_rows, *event)
        Rows, in units of X. The encoder sees them as they are.
    n_draws : int
        K, codes for each row.
    seed : int
        Seed of the noise.
    rows : array of shape (n_rows, ...), optional
        What keys the noise of each row, x itself by default.
    prior : Distribution, optional
        What stands as p(z) in place of the model's.
    """
    keys = x.cpu().numpy() if rows is None else rows
    prior = prior if prior is not None else model.latent_prior()
    rows_at_once = max(1, BLOCK_VALUES // (x[0].numel() * n_draws))
    blocks = [slice(start, start + rows_at_once) for start in range(0, len(x), rows_at_once)]
    parts = [_estimate(model, x[block], keys[block], n_draws, seed, prior) for block in blocks]
    fields = [torch.cat(field) for field in zip(*parts, strict=True)]
    q = model.encode(x[:1])
    exact = Evaluation(x[:1], q.mean[None], q, prior, model.decode(q.mean[None])).kl_is_exact
    log_likelihood, error, size, k, distortion, rate, squared = fields
    return LikelihoodEstimate(
        log_likelihood, error, size, k, distortion, rate, squared, n_draws=n_draws, kl_is_exact=exact
    )


def _estimate(
    model: Model, x: Tensor, keys: np.ndarray, n_draws: int, seed: int, prior: Distribution | None
) -> tuple[Tensor, ...]:
    """Return the fields of the estimate for a block of rows, its draws in blocks too."""
    q = model.encode(x)
    noise = torch.from_numpy(row_noise(keys, seed, n_draws, q.mean.shape[-1])).to(x.device, x.dtype)
    log_px, log_weight, rate = [], [], x.new_zeros(len(x))
    for part in noise.split(max(1, BLOCK_VALUES // x.numel())):
        z = model.draw(q, part)
        e = Evaluation(x, z, q, prior, model.decode(z))
        log_px.append(e.log_px)
        log_weight.append(e.log_weight)
        rate = rate + e.rate * (len(part) / n_draws)
    few = model.decode(model.draw(q, noise[:ERROR_DRAWS]))
    error = (model.point(few) - x).square().flatten(2).sum(-1).mean(0)
    w = torch.cat(log_weight)
    share = w.double().softmax(0).square().sum(0)  # 1 / effective sample size
    spread = ((n_draws * share - 1).clamp(min=0) / max(n_draws - 1, 1)).sqrt()
    spread = spread if n_draws > 1 else torch.full_like(spread, math.nan)
    log_likelihood = w.logsumexp(0) - math.log(n_draws)
    return log_likelihood, spread, 1 / share, pareto_k(w), -torch.cat(log_px).mean(0), rate, error
