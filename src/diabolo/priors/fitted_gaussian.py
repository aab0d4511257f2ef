"""The Gaussian that codes have on the whole."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from diabolo.contracts import Sizes
from diabolo.priors.fitting import FittedPrior, gaussian_of


class FittedGaussian(FittedPrior):
    """p(z) = N(m, S), fitted to codes after training, S with all correlations.

    m and S are the mean and the covariance of the codes (maximum likelihood), S with 1e-6 of the mean
    variance of the columns added to its diagonal. The simplest of the densities that replace the prior
    of a trained auto-encoder (Ghosh et al. 2020).
    """

    mean: Tensor
    scale_tril: Tensor

    def __init__(self) -> None:
        super().__init__()

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make room for a mean and a Cholesky factor."""
        super().build(sizes)
        self.register_buffer("mean", torch.zeros(sizes.n_components))
        self.register_buffer("scale_tril", torch.eye(sizes.n_components))
        return self

    def density(self) -> MultivariateNormal:
        """Return N(m, S)."""
        return MultivariateNormal(self.mean, scale_tril=self.scale_tril, validate_args=False)

    def estimate(self, codes: Tensor) -> None:
        """Set mean and covariance."""
        mean, scale_tril = gaussian_of(codes)
        self.mean.copy_(mean)
        self.scale_tril.copy_(scale_tril)
