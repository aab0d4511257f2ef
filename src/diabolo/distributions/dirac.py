"""A point mass."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution


class Dirac(Distribution):
    """The distribution that always gives the same point; the posterior of a plain auto-encoder.

    It has no density, so ``log_prob`` raises: a number returned there would make a likelihood
    or a divergence out of nothing.

    Parameters
    ----------
    point : Tensor of shape (*batch, d)
        The point.
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, point: Tensor) -> None:
        self.point = point
        super().__init__(point.shape[:-1], point.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The point itself."""
        return self.point

    @property
    def variance(self) -> Tensor:
        """Zero."""
        return torch.zeros_like(self.point)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Repeat the point."""
        return self.point.expand(*sample_shape, *self.point.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Refuse: a point mass has no density."""
        raise ValueError(
            "a deterministic posterior (a point mass) has no density, so log q(z|x), a rate and a "
            "likelihood do not exist for it: use posterior=DiagonalGaussian() (a VAE) for these."
        )
