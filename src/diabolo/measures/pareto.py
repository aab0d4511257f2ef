"""Whether importance weights have a finite variance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Above this k weights have no finite variance, and their mean no standard error, whatever the number of draws.
LARGEST_K = 0.5
#: Draws from which on there is a k: a tail of five.
FEWEST_DRAWS = 25
_PRIOR_DRAWS = 10  # how many draws the weak prior at k = 1/2 counts for
_BLOCK_NUMBERS = 1 << 20
# Weights below this share of the largest are not told apart.
_SMALLEST_SHARE = 1e-300


def largest_k(n_draws: int) -> float:
    """Return the k up to which a mean of K weights and its standard error can be trusted: min(1 - 1 / log10 K, 0.5).

    Above 1/2 the variance of the weights is not finite. Few draws need a lighter tail (Vehtari et al. 2024, section
    3.2.4; their limit for smoothed weights is 0.7, and these are not smoothed).

    Examples
    --------
    >>> round(largest_k(30), 2), largest_k(5000)
    (0.32, 0.5)
    """
    return min(1 - 1 / math.log10(n_draws), LARGEST_K) if n_draws > 1 else -math.inf


def pareto_k(log_weights: Tensor) -> Tensor:
    """Fit a generalised Pareto distribution to the largest weights and return its shape k.

    Weights whose tail has the shape k have moments below 1/k: above 1/2 the variance is not finite
    (Vehtari et al. 2024). The tail is the largest min(K/5,
    3 sqrt K) weights; k is the estimate of Zhang & Stephens (2009), drawn weakly towards 1/2.

    Parameters
    ----------
    log_weights : Tensor of shape (K, n_rows)
        Logarithms of the weights, up to a constant for each row.

    Returns
    -------
    Tensor of shape (n_rows,), float64
        NaN when the tail has fewer than 5 draws (K below 25), and where a weight is not a number or
        all are 0; minus infinity for weights that are equal up to rounding.

    Examples
    --------
    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> heavy = -torch.rand(4000, 1).double().log() * 2.0  # w = u^-2, a Pareto tail with k = 2
    >>> abs(float(pareto_k(heavy)[0]) - 2) < 0.5
    True
    """
    n_draws = len(log_weights)
    n_tail = min(n_draws // 5, int(3 * math.sqrt(n_draws)))
    if n_draws < FEWEST_DRAWS:
        return log_weights.new_full(log_weights.shape[1:], math.nan, dtype=torch.float64)
    log_tail = log_weights.topk(n_tail + 1, dim=0).values.flip(0).double()
    share = (log_tail - log_tail[-1]).exp()
    exceedances = share[1:] - share[0]  # ascending, shape (n_tail, n_rows)
    n_rows = max(1, _BLOCK_NUMBERS // (n_tail * _grid_size(n_tail)))
    blocks = exceedances.clamp(min=_SMALLEST_SHARE).split(n_rows, dim=1)
    k = torch.cat([_zhang_stephens(block) for block in blocks])
    k = (k * n_tail + 0.5 * _PRIOR_DRAWS) / (n_tail + _PRIOR_DRAWS)
    size = log_tail.abs().nan_to_num(posinf=0).amax(0).clamp(min=1)
    rounding = 64 * torch.finfo(log_weights.dtype).eps * size
    return torch.where(exceedances[-1] <= rounding, -math.inf, k)


def _grid_size(n: int) -> int:
    return 30 + int(math.sqrt(n))


def _zhang_stephens(x: Tensor) -> Tensor:
    """Return k of a generalised Pareto distribution for ascending exceedances of shape (n, n_rows).

    theta = k / sigma has a profile likelihood in one dimension; its posterior mean under an
    empirical prior is taken over a grid of quantiles, and k follows from theta.
    """
    n = len(x)
    n_grid = _grid_size(n)
    quartile = x[int(n / 4 + 0.5) - 1]
    steps = torch.arange(1, n_grid + 1, dtype=x.dtype, device=x.device) - 0.5
    theta = 1 / x[-1] + (1 - (n_grid / steps).sqrt())[:, None] / (3 * quartile)  # (n_grid, n_rows)
    shape = torch.log1p(-theta[:, None] * x).mean(1)
    profile = n * ((-theta / shape).log() - shape - 1)
    best = (profile.softmax(0) * theta).sum(0)
    return torch.log1p(-best * x).mean(0)
