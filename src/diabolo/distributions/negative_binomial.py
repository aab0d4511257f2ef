"""Counts that scatter more than those of a Poisson distribution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Gamma
from torch.nn.functional import softplus

#: From here on Stirling's series of two terms has the resolution of float64.
_LARGE = 100.0
#: Above this log(1 + e^l) is l, to the last bit of float64.
_LINEAR = 40.0


class NegativeBinomial(Distribution):
    """Counts of mean m and variance m + m^2 / r, independently, over the last ``n_event_dims`` dimensions.

    With l = log(m / r),

        log p(x) = log Gamma(x + r) - log Gamma(r) - log Gamma(x + 1) + x l - (x + r) log(1 + e^l),

    in a form that keeps its digits where r is large: the limit is the Poisson distribution. (The difference of the first
    two, each of which loses what the other has, is what ``torch.distributions.NegativeBinomial`` computes.)

    Parameters
    ----------
    log_mean : Tensor of shape (*batch, *event)
        log m.
    log_size : Tensor, broadcast against ``log_mean``
        log r, the logarithm of the size, or inverse dispersion.
    n_event_dims : int
        How many dimensions make one observation.

    Examples
    --------
    >>> p = NegativeBinomial(torch.zeros(5, 3), torch.zeros(3))
    >>> p.log_prob(torch.zeros(3)).exp().tolist()
    [0.125, 0.125, 0.125, 0.125, 0.125]
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch has it

    def __init__(self, log_mean: Tensor, log_size: Tensor, n_event_dims: int = 1) -> None:
        self.log_mean = log_mean
        self.log_size = log_size.expand_as(log_mean)
        self._dims = tuple(range(-n_event_dims, 0))
        split = log_mean.dim() - n_event_dims
        super().__init__(log_mean.shape[:split], log_mean.shape[split:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean m, shape (*batch, *event)."""
        return self.log_mean.exp()

    @property
    def variance(self) -> Tensor:
        """The variance m + m^2 / r, shape (*batch, *event)."""
        return self.mean + (2 * self.log_mean - self.log_size).exp()

    def expand(self, batch_shape: Any, _instance: Any = None) -> NegativeBinomial:
        """Return the same distribution with a larger batch shape."""
        shape = torch.Size(batch_shape) + self.event_shape
        return NegativeBinomial(self.log_mean.expand(shape), self.log_size.expand(shape), len(self._dims))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw counts, shape (*sample_shape, *batch, *event): of Poisson distributions whose rates are Gamma-distributed."""
        with torch.no_grad():
            size = self.log_size.exp()
            rate = Gamma(size, (self.log_size - self.log_mean).exp(), validate_args=False)
            return torch.poisson(rate.sample(torch.Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability in nats, shape (*batch)."""
        size = self.log_size.exp()
        excess = softplus(self.log_mean - self.log_size, threshold=_LINEAR)  # log(1 + m / r)
        log_gammas = _log_rising(value, size, self.log_size) - torch.lgamma(value + 1)
        return (log_gammas + value * (self.log_mean - excess) - size * excess).sum(self._dims)


def _log_rising(x: Tensor, size: Tensor, log_size: Tensor) -> Tensor:
    """Return log Gamma(x + r) - log Gamma(r) - x log r, by differences of Stirling's series where r is large."""
    is_large = size > _LARGE
    large = torch.where(is_large, size, torch.full_like(size, _LARGE))
    series = (x + large - 0.5) * torch.log1p(x / large) - x + _remainder(x + large) - _remainder(large)
    small = torch.where(is_large, torch.ones_like(size), size)
    log_small = torch.where(is_large, torch.zeros_like(size), log_size)
    return torch.where(is_large, series, torch.lgamma(x + small) - torch.lgamma(small) - x * log_small)


def _remainder(a: Tensor) -> Tensor:
    """Return the first terms of log Gamma(a) - (a - 1/2) log a + a - log(2 pi) / 2."""
    return (1 / 12 - 1 / (360 * a.square())) / a
