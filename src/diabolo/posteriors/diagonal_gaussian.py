"""The usual posterior of a VAE."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from diabolo.distributions import DiagonalNormal
from diabolo.posteriors.base import LOG_SCALE_LIMIT, Posterior


class DiagonalGaussian(Posterior):
    """q(z|x) = N(mu_x, diag(sigma_x^2)), drawn as z = mu + sigma * eps (Kingma & Welling 2014)."""

    def __init__(self) -> None:
        super().__init__()

    def n_parameters(self, n_components: int) -> int:
        """A mean and a log-scale for each dimension."""
        return 2 * n_components

    def distribution(self, parameters: Tensor) -> DiagonalNormal:
        """Return the Gaussians; shape of the parameters (batch, 2 * n_components)."""
        mean, log_scale = parameters.chunk(2, dim=-1)
        return DiagonalNormal(mean, log_scale.clamp(-LOG_SCALE_LIMIT, LOG_SCALE_LIMIT).exp())

    def draw(self, q: Any, noise: Tensor) -> Tensor:
        """Return mu + sigma * noise."""
        return q.loc + q.scale * noise
