"""A Gaussian with independent values."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class DiagonalNormal(Independent):
    """N(mean, diag(scale^2)) over the last ``n_event_dims`` dimensions.

    The same as ``Independent(Normal(mean, scale), n_event_dims)`` with two differences: the
    error is divided by the scale before it is squared, so data of any unit neither overflow nor
    vanish, and the arguments are not checked at every step.

    Parameters
    ----------
    mean : Tensor of shape (*batch, *event)
        Means.
    scale : Tensor
        Standard deviations, broadcast against ``mean``.
    n_event_dims : int
        How many dimensions make one observation.
    """

    def __init__(self, mean: Tensor, scale: Tensor, n_event_dims: int = 1) -> None:
        self.narrow_scale = scale
        normal = Normal(mean, scale.expand_as(mean), validate_args=False)
        super().__init__(normal, n_event_dims, validate_args=False)

    @property
    def loc(self) -> Tensor:
        """Means, shape (*batch, *event)."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """Standard deviations, shape (*batch, *event)."""
        return self.base_dist.scale

    def expand(self, batch_shape: Any, _instance: Any = None) -> DiagonalNormal:
        """Return the same distribution with a larger batch shape."""
        shape = torch.Size(batch_shape) + self.event_shape
        return DiagonalNormal(self.loc.expand(shape), self.scale.expand(shape), len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats, shape (*batch)."""
        dims = tuple(range(-self.reinterpreted_batch_ndims, 0))
        error = (value - self.loc) / self.narrow_scale
        log_scale = self.narrow_scale.log().expand(self.loc.shape[-len(dims) :]) if self._is_shared else None
        if log_scale is None:
            log_scale = self.scale.log()
        return (
            -0.5 * error.square().sum(dims) - log_scale.sum(dims) - _HALF_LOG_2PI * self.event_shape.numel()
        )

    @property
    def _is_shared(self) -> bool:
        return self.narrow_scale.dim() <= self.reinterpreted_batch_ndims
