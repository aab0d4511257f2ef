"""The usual posterior of a VAE."""

from __future__ import annotations

import math
from typing import Any, Self

from torch import Tensor

from diabolo.contracts import Sizes
from diabolo.distributions import DiagonalNormal
from diabolo.posteriors.base import LOG_SCALE_LIMIT, Posterior


class DiagonalGaussian(Posterior):
    """q(z|x) = N(mu_x, diag(sigma_x^2)), drawn as z = mu + sigma * eps (Kingma & Welling 2014).

    Parameters
    ----------
    scale_range : (float, float), optional
        Smallest and largest sigma_x; about 6e-6 and 1.6e5 by default. The encoder gives log sigma_x, and may give any
        for an unusual row; the sticking-the-landing gradient, which divides by sigma, or a rate of sigma^2 / 2 nats then
        leads all weights astray. With products of layers (gated ones) and a standard normal prior (0.05, e) is usual
        (Tomczak & Welling 2018). Beyond the range log sigma_x has no gradient.
    """

    def __init__(self, scale_range: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.scale_range = scale_range

    def build(self, sizes: Sizes, *, n_features: int = 0, **shapes: Any) -> Self:
        """Make the layer, after a check of the range."""
        try:
            low, high = self.limits
        except (TypeError, ValueError):
            low, high = math.inf, -math.inf
        if not -math.inf < low < high < math.inf:
            raise ValueError(
                f"scale_range must be two numbers, 0 < smallest < largest, such as (0.05, 2.7), got {self.scale_range!r}."
            )
        return super().build(sizes, n_features=n_features, **shapes)

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest log sigma_x."""
        if self.scale_range is None:
            return -LOG_SCALE_LIMIT, LOG_SCALE_LIMIT
        low, high = self.scale_range
        return math.log(low), math.log(high)

    def n_parameters(self, n_components: int) -> int:
        """A mean and a log-scale for each dimension."""
        return 2 * n_components

    def distribution(self, parameters: Tensor) -> DiagonalNormal:
        """Return the Gaussians; shape of the parameters (batch, 2 * n_components)."""
        mean, log_scale = parameters.chunk(2, dim=-1)
        return DiagonalNormal(mean, log_scale.clamp(*self.limits).exp())

    def draw(self, q: Any, noise: Tensor) -> Tensor:
        """Return mu + sigma * noise."""
        return q.loc + q.scale * noise
