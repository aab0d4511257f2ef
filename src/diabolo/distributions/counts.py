"""Counts around a mean, in the saddle-point form of Loader (2000), which keeps its digits where counts are large."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import softplus

#: From here on the series of four terms below has the resolution of float64.
_LARGE = 16.0
#: Above this log(1 + e^l) is l, to the last bit of float64.
_LINEAR = 40.0
#: Sizes r beyond e^-30 and e^30, where nothing can be told from the limits, count as these.
_LARGEST_LOG_SIZE = 30.0
#: The largest mean of which counts are drawn: whole numbers of 63 bits hold all draws.
_LARGEST_RATE = 1e18


class _Counts(Distribution, ABC):
    """Independent counts over the last ``n_event_dims`` dimensions."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch has it

    def __init__(self, log_mean: Tensor, n_event_dims: int) -> None:
        self.log_mean = log_mean
        self._dims = tuple(range(-n_event_dims, 0))
        split = log_mean.dim() - n_event_dims
        super().__init__(log_mean.shape[:split], log_mean.shape[split:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean m, shape (*batch, *event)."""
        return self.log_mean.exp()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw counts, shape (*sample_shape, *batch, *event); means above 1e18 are taken for that."""
        with torch.no_grad():
            return torch.poisson(self._rates(torch.Size(sample_shape)).clamp(max=_LARGEST_RATE))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability in nats, shape (*batch)."""
        return self._each(value).sum(self._dims)

    @abstractmethod
    def _rates(self, sample_shape: torch.Size) -> Tensor:
        """Return the means of the Poisson distributions to draw from, shape (*sample_shape, *batch, *event)."""

    @abstractmethod
    def _each(self, x: Tensor) -> Tensor:
        """Return the log-probability of each value."""


class Poisson(_Counts):
    """Counts of mean and variance m: log p(x) = x log m - m - log x!.

    In the form -D(x, m) - S(x), with the deviance D(x, m) = x log(x / m) - x + m and S(x) = log x! - x log x + x.

    Parameters
    ----------
    log_mean : Tensor of shape (*batch, *event)
        log m.
    n_event_dims : int
        How many dimensions make one observation.

    Examples
    --------
    >>> Poisson(torch.zeros(5, 3)).log_prob(torch.zeros(3)).tolist()
    [-3.0, -3.0, -3.0, -3.0, -3.0]
    """

    def __init__(self, log_mean: Tensor, n_event_dims: int = 1) -> None:
        super().__init__(log_mean, n_event_dims)

    @property
    def variance(self) -> Tensor:
        """The variance m, shape (*batch, *event)."""
        return self.mean

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """Return the same distribution with a larger batch shape."""
        shape = torch.Size(batch_shape) + self.event_shape
        return type(self)(self.log_mean.expand(shape), len(self._dims))

    def _rates(self, sample_shape: torch.Size) -> Tensor:
        return self.mean.expand(sample_shape + self.log_mean.shape)

    def _each(self, x: Tensor) -> Tensor:
        some = x.clamp(min=1)
        deviance = _deviance(some, self.log_mean - some.log())
        return torch.where(x > 0, -deviance, -self.mean) - _stirling(x)


class NegativeBinomial(_Counts):
    """Counts of mean m and variance m + m^2 / r.

    With n = x + r and q = m / (m + r),

        log p(x) = log Gamma(n) - log Gamma(r) - log x! + r log(1 - q) + x log q
                 = log(r / n) + S(n) - S(r) - S(x) - D(r, n (1 - q)) - D(x, n q),

    D and S those of :class:`Poisson`, which is the limit where r grows. (``torch.distributions.NegativeBinomial``
    computes the first form, of which the first two terms lose what each other has.)

    Parameters
    ----------
    log_mean : Tensor of shape (*batch, *event)
        log m.
    log_size : Tensor, broadcast against ``log_mean``
        log r, the logarithm of the size, or inverse dispersion; beyond -30 and 30 these are taken.
    n_event_dims : int
        How many dimensions make one observation.

    Examples
    --------
    >>> p = NegativeBinomial(torch.zeros(5, 3), torch.zeros(3))
    >>> p.log_prob(torch.zeros(3)).exp().tolist()
    [0.125, 0.125, 0.125, 0.125, 0.125]
    """

    def __init__(self, log_mean: Tensor, log_size: Tensor, n_event_dims: int = 1) -> None:
        self.log_size = log_size.clamp(-_LARGEST_LOG_SIZE, _LARGEST_LOG_SIZE)
        super().__init__(log_mean, n_event_dims)

    @property
    def variance(self) -> Tensor:
        """The variance m + m^2 / r, shape (*batch, *event)."""
        return self.mean + (2 * self.log_mean - self.log_size).exp()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """Return the same distribution with a larger batch shape."""
        shape = torch.Size(batch_shape) + self.event_shape
        return type(self)(self.log_mean.expand(shape), self.log_size, len(self._dims))

    def _rates(self, sample_shape: torch.Size) -> Tensor:
        """Rates that are Gamma-distributed, of shape r and mean m."""
        shape = sample_shape + self.log_mean.shape
        gamma = torch._standard_gamma(self.log_size.exp().expand(shape))
        most = math.log(torch.finfo(gamma.dtype).max)
        return gamma * (self.log_mean - self.log_size).clamp(max=most).exp()

    def _each(self, x: Tensor) -> Tensor:
        size = self.log_size.exp()
        excess = softplus(self.log_mean - self.log_size, threshold=_LINEAR)  # -log(1 - q)
        growth = torch.log1p(x / size)  # log(n / r)
        some = x.clamp(min=1)
        of_size = _deviance(size, growth - excess)
        of_count = _deviance(some, self.log_mean - some.log() + growth - excess)
        series = _stirling(x + size) - _stirling(size) - _stirling(x) - growth
        return torch.where(x > 0, series - of_size - of_count, -size * excess)


def _deviance(x: Tensor, log_ratio: Tensor) -> Tensor:
    """Return D(x, x e^l) = x (e^l - 1 - l)."""
    return x * (torch.expm1(log_ratio) - log_ratio)


def _stirling(a: Tensor) -> Tensor:
    """Return S(a) = log Gamma(a + 1) - a log a + a, from 0 on; where a is large, by Stirling's series."""
    small, large = a.clamp(max=_LARGE), a.clamp(min=_LARGE)
    square = large.square()
    remainder = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / large
    series = 0.5 * torch.log(2 * math.pi * large) + remainder
    return torch.where(a < _LARGE, torch.lgamma(small + 1) - torch.xlogy(small, small) + small, series)
