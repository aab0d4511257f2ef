"""The continuous Bernoulli distribution, exact for any logit."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

_NEAR_ZERO = 1e-2


class ContinuousBernoulli(Distribution):
    """The density on [0, 1] proportional to exp(logit * x) (Loaiza-Ganem & Cunningham 2019).

    Its normaliser is (exp(logit) - 1) / logit. torch's class of the same name clips the
    probability before it normalises, so its densities no longer integrate to 1 where the logit
    is large, as it is on the black and white pixels of an image; this one does not clip.

    Parameters
    ----------
    logits : Tensor of shape (*batch, *event)
        Logits of the Bernoulli distribution with the same parameter.
    n_event_dims : int
        How many dimensions make one observation.
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, logits: Tensor, n_event_dims: int = 1) -> None:
        self.logits = logits
        self._dims = tuple(range(-n_event_dims, 0))
        split = logits.dim() - n_event_dims
        super().__init__(logits.shape[:split], logits.shape[split:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats, shape (*batch)."""
        return (value * self.logits - self._log_normaliser()).sum(self._dims)

    @property
    def mean(self) -> Tensor:
        """E[x] = 1 / (1 - exp(-logit)) - 1 / logit."""
        near, safe = self._split()
        # for a negative logit use mean(-l) = 1 - mean(l): no overflow
        size = safe.abs()
        mean = 1 / -torch.expm1(-size) - 1 / size
        mean = torch.where(safe < 0, 1 - mean, mean)
        return torch.where(near, 0.5 + self.logits / 12, mean)

    @property
    def variance(self) -> Tensor:
        """Var[x] = 1 / logit^2 - 1 / (4 sinh^2(logit / 2))."""
        near, safe = self._split()
        half = (safe.abs() / 2).clamp(max=40)
        return torch.where(near, 1 / 12 - self.logits.square() / 240, safe.pow(-2) - 0.25 / half.sinh().square())

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draw by the inverse of the cumulative distribution, with torch's generator."""
        shape = torch.Size(sample_shape) + self.logits.shape
        u = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        near, safe = self._split()
        size = safe.abs()
        x = 1 + torch.log(u + (1 - u) * torch.exp(-size)) / size
        x = torch.where(safe < 0, 1 - x, x)
        return torch.where(near, u, x).clamp(0, 1)

    def _log_normaliser(self) -> Tensor:
        near, safe = self._split()
        size = safe.abs()
        # log((e^l - 1) / l) = max(l, 0) + log((1 - e^-|l|) / |l|)
        exact = safe.clamp(min=0) + torch.log(-torch.expm1(-size) / size)
        return torch.where(near, self.logits / 2 + self.logits.square() / 24, exact)

    def _split(self) -> tuple[Tensor, Tensor]:
        near = self.logits.abs() < _NEAR_ZERO
        return near, torch.where(near, torch.ones_like(self.logits), self.logits)
