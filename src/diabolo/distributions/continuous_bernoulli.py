"""The continuous Bernoulli distribution, exact for any logit."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

# Near 0 the closed forms are differences of large numbers, so there the series in logit^2 of
# log(sinh(logit / 2) / (logit / 2)) and of its derivatives stand in; they agree to 1e-14 at the switch.
_NEAR_ZERO = 0.5
_LOG_NORMALISER = (1 / 24, -1 / 2880, 1 / 181440, -1 / 9676800, 1 / 479001600, -691 / 15692092416000)
_MEAN = tuple(2 * (i + 1) * c for i, c in enumerate(_LOG_NORMALISER))
_VARIANCE = tuple((2 * i + 1) * c for i, c in enumerate(_MEAN))
# Below this size of the logit the density is uniform to the last bit of float32.
_FLAT = 1e-8


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
        near, size, square = self._split()
        # distance to the end that the logit favours, so that neither end loses digits
        far = 1 / size - torch.exp(-size) / -torch.expm1(-size)
        series = 0.5 + self.logits * _polynomial(square, _MEAN)
        return torch.where(near, series, torch.where(self.logits < 0, far, 1 - far))

    @property
    def variance(self) -> Tensor:
        """Var[x] = 1 / logit^2 - 1 / (4 sinh^2(logit / 2))."""
        near, size, square = self._split()
        exact = size.pow(-2) - 0.25 / (size / 2).clamp(max=40).sinh().square()
        return torch.where(near, _polynomial(square, _VARIANCE), exact)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw by the inverse of the cumulative distribution, with torch's generator."""
        shape = torch.Size(sample_shape) + self.logits.shape
        u = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        size = self.logits.abs().clamp(min=_FLAT)
        far = -torch.log1p(u * torch.expm1(-size)) / size
        return torch.where(self.logits < 0, far, 1 - far).clamp(0, 1)

    def _log_normaliser(self) -> Tensor:
        near, size, square = self._split()
        # log((e^l - 1) / l) = max(l, 0) + log((1 - e^-|l|) / |l|)
        exact = self.logits.clamp(min=0) + torch.log(-torch.expm1(-size) / size)
        return torch.where(near, self.logits / 2 + square * _polynomial(square, _LOG_NORMALISER), exact)

    def _split(self) -> tuple[Tensor, Tensor, Tensor]:
        near = self.logits.abs() < _NEAR_ZERO
        size = torch.where(near, torch.ones_like(self.logits), self.logits.abs())
        return near, size, torch.where(near, self.logits, torch.zeros_like(self.logits)).square()


def _polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    result = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result
