"""Estimates of log p(x) by importance sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Evaluation, Model
from diabolo.contracts.evaluation import NO_DENSITY
from diabolo.measures.means import error_of_mean
from diabolo.measures.noise import RowNoise
from diabolo.measures.pareto import FEWEST_DRAWS, LARGEST_K, largest_k, pareto_k
from diabolo.measures.rows import check_rows

#: Draws for which the squared error of the reconstruction is measured.
ERROR_DRAWS = 10
# Values of observations that are decoded at once: a few megabytes, within the reach of a cache, or
# enough to fill an accelerator.
_BLOCK_CPU, _BLOCK_OTHER = 1 << 20, 1 << 24
_TOO_FEW = f"below {FEWEST_DRAWS} draws nothing is known of the tails of the importance weights"
# A short row counts for as many values, because of the layers that decode it.
_FEWEST_VALUES = 256


@dataclass(frozen=True)
class LikelihoodEstimate:
    """What K draws say of each row, in nats; tensors of shape (n_rows,), float64 where not said otherwise.

    Parameters
    ----------
    log_likelihood : Tensor
        log (1/K) sum_k w_k with the weights w_k = p(x|z_k) p(z_k) / q(z_k|x): a lower bound of log p(x) in
        expectation that rises with K and tends to it (Burda et al. 2016). It falls short by about
        half the square of its standard error.
    standard_error : Tensor
        Its Monte Carlo error by the delta method: the deviation of the weights over their mean and
        sqrt K, that is sqrt((K sum_k v_k^2 - 1) / (K - 1)) for normalised weights v. NaN for one draw.
        It sees only the weights that were drawn: where Pareto-k is large it is too small.
    effective_sample_size : Tensor
        1 / sum_k v_k^2, from 1 to K.
    pareto_k : Tensor
        Shape of the tail of the weights; see :func:`diabolo.measures.pareto_k`.
    distortion, rate : Tensor
        -E_q log p(x|z) over the same draws, and KL(q(z|x) || p(z)).
    squared_error : Tensor
        Squared error of the reconstruction, summed over values and averaged over the first draws
        (10 at most), in the precision of x.
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
        return float(self.log_likelihood.mean())

    @property
    def standard_error_rows(self) -> float:
        """Standard error of the mean as an estimate for the population that the rows come from.

        The deviation of the estimates over the square root of the number of rows, which holds the
        error of the draws too; NaN for one row.
        """
        return error_of_mean(self.log_likelihood)

    @property
    def standard_error_draws(self) -> float:
        """Standard error of the mean for these very rows: what other draws would change.

        sqrt(sum_i s_i^2) / n for the errors s_i of n rows whose draws are independent, as they are
        unless rows are equal.
        """
        return float(self.standard_error.square().sum().sqrt()) / len(self.standard_error)

    @property
    def tails_are_known(self) -> bool:
        """Whether there are draws enough, 25, to tell how heavy the tails of the weights are."""
        return self.n_draws >= FEWEST_DRAWS

    def unreliable_rows(self) -> list[int]:
        """Return the rows whose weights seem to have no finite variance, or whose estimate is not finite.

        Pareto-k is above 1/2, or for fewer than 100 draws above what they can be trusted with,
        :func:`diabolo.measures.largest_k`. Below 25 draws there is no k, and nothing is known.
        """
        wild = self.pareto_k > largest_k(self.n_draws)
        return torch.nonzero(wild | ~self.log_likelihood.isfinite()).flatten().tolist()

    def warning(self) -> str:
        """Return a sentence that names the unreliable rows; empty when there are none."""
        rows = self.unreliable_rows()
        if not rows:
            return ""
        shown = ", ".join(str(row) for row in rows[:10]) + (
            f" and {len(rows) - 10} more" if len(rows) > 10 else ""
        )
        limit = largest_k(self.n_draws)
        why = "no finite variance" if limit == LARGEST_K else f"tails too heavy for {self.n_draws} draws"
        return (
            f"the importance weights of {len(rows)} of {len(self.pareto_k)} rows seem to have {why} (Pareto-k above "
            f"{limit:.2g}), so their log p(x) may be too low by more than the standard error says: rows {shown}. Use more "
            "draws, or annealed_importance for these rows."
        )

    def __str__(self) -> str:
        lines = [
            f"log p(x)    {self.mean:.3f} nats per row",
            f"errors      {self.standard_error_rows:.3f} from the choice of rows, {self.standard_error_draws:.3f} from the draws",
            f"draws       {self.n_draws} for each of {len(self.log_likelihood)} rows; effective sample size "
            f"{float(self.effective_sample_size.median()):.1f} in the median row",
        ]
        note = self.warning() if self.tails_are_known else _TOO_FEW
        return "\n".join([*lines, f"note        {note}"] if note else lines)


_TENSORS = [f.name for f in fields(LikelihoodEstimate) if f.name not in {"n_draws", "kl_is_exact"}]


@torch.inference_mode()
def importance_estimate(
    model: Model,
    x: Tensor,
    n_draws: int,
    *,
    seed: int = 0,
    rows: np.ndarray | None = None,
    prior: Distribution | None = None,
    block_values: int | None = None,
) -> LikelihoodEstimate:
    """Estimate log p(x) of each row with codes drawn from its posterior, in bounded memory.

    The draws of a row come from a stream keyed by ``seed`` and its own values: up to rounding, numbers
    do not depend on the order, on the other rows or on the size of the blocks, and the first draws
    do not depend on how many there are. Of all draws only the log-weights of a block of rows are kept.

    Parameters
    ----------
    model : Model
        With a prior and a posterior that has a density.
    x : Tensor of shape (n_rows, *event)
        Rows as the model sees them: channels of images and signals first, in units of X and in the precision of
        the model.
    n_draws : int
        K, codes for each row.
    seed : int
        Seed of the noise.
    rows : array of shape (n_rows, ...), optional
        What keys the noise of each row, x itself by default.
    prior : Distribution, optional
        What stands as p(z) in place of the model's; batch shape ().
    block_values : int, optional
        Values of observations that are decoded at once; by default what suits the device.

    Raises
    ------
    TypeError
        If x is no tensor.
    ValueError
        If the model has no prior or a posterior without a density, if there is no draw or no row, if
        ``rows`` has another length than x, or if x is not of the model's shape and dtype.
    """
    if n_draws < 1:
        raise ValueError(
            f"n_draws must be the number of importance draws for each row, at least 1, got {n_draws!r}."
        )
    prior = prior if prior is not None else model.latent_prior()
    if prior is None:
        raise ValueError(NO_DENSITY.format(what="importance sampling", has="no prior"))
    check_rows(model, x, prior.event_shape[-1])
    keys = x.cpu().numpy() if rows is None else rows
    if len(keys) != len(x):
        raise ValueError(
            f"rows must key the noise of each row of x: x has {len(x)} rows, rows has {len(keys)}."
        )
    if block_values is None:
        block_values = _BLOCK_CPU if x.device.type == "cpu" else _BLOCK_OTHER
    block_codes = max(1, block_values // max(_FEWEST_VALUES, x[0].numel()))
    rows_at_once = max(1, block_codes // n_draws)
    blocks = [slice(start, start + rows_at_once) for start in range(0, len(x), rows_at_once)]
    draws = _even(n_draws, block_codes)
    # Room for all rows first: small results that outlive a block would lie between its large ones and keep
    # their memory from being used again.
    found = _room(x, n_draws)
    for block in blocks:
        part = _estimate(model, x[block], keys[block], seed, prior, draws)
        for name in _TENSORS:
            getattr(found, name)[block] = getattr(part, name)
    return replace(found, kl_is_exact=part.kl_is_exact)


def _room(x: Tensor, n_draws: int) -> LikelihoodEstimate:
    """Return an estimate of as many rows that is yet to be filled."""
    tensors = {name: x.new_empty(len(x), dtype=torch.float64) for name in _TENSORS}
    tensors["squared_error"] = x.new_empty(len(x))
    return LikelihoodEstimate(**tensors, n_draws=n_draws, kl_is_exact=False)


def _even(n: int, largest: int) -> list[int]:
    """Split a number into near-equal ones that are not above ``largest``."""
    pieces = math.ceil(n / largest)
    return [n // pieces + (i < n % pieces) for i in range(pieces)]


def _estimate(
    model: Model, x: Tensor, keys: np.ndarray, seed: int, prior: Distribution | None, blocks: list[int]
) -> LikelihoodEstimate:
    """Return the estimate for a few rows, whose draws come in blocks of the given numbers."""
    q = model.encode(x)
    noise = RowNoise(keys, seed, q.event_shape[-1])
    n_draws = sum(blocks)
    n_errors = min(ERROR_DRAWS, n_draws)
    log_weights = x.new_empty(n_draws, len(x))
    distortion, rate = x.new_zeros(2, len(x), dtype=torch.float64)
    squared_error = x.new_zeros(len(x))
    done = 0
    for n in blocks:
        z = model.draw(q, torch.from_numpy(noise.draw(n)).to(x))
        e = Evaluation(x, z, q, prior, model.decode(z))
        log_weights[done : done + n] = e.log_weight
        distortion += e.distortion * n / n_draws
        rate += e.rate * n / n_draws
        if done < n_errors:
            error = model.error(x, model.point(model.decode(z[: n_errors - done])))
            squared_error += error.square().flatten(2).sum((0, 2)) / n_errors
        done += n
    log_likelihood, standard_error, effective_sample_size = _moments(log_weights.double())
    return LikelihoodEstimate(
        log_likelihood,
        standard_error,
        effective_sample_size,
        pareto_k(log_weights),
        distortion,
        rate,
        squared_error,
        n_draws,
        e.kl_is_exact,
    )


def _moments(log_weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the logarithm of the mean weight, its standard error and the effective sample size."""
    n = len(log_weights)
    share = log_weights.softmax(0)
    # K sum_k (v_k - 1/K)^2 = K sum_k v_k^2 - 1, without the cancellation of equal weights
    variance = n * (share - 1 / n).square().sum(0) / (n - 1) if n > 1 else torch.full_like(share[0], math.nan)
    return log_weights.logsumexp(0) - math.log(n), variance.sqrt(), 1 / share.square().sum(0)
