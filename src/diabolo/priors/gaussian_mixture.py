"""A mixture of Gaussians that is fitted after training."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor

from diabolo.contracts import Sizes
from diabolo.distributions import MixtureOfNormals
from diabolo.priors.fitting import FittedPrior, mixture_of


class GaussianMixture(FittedPrior):
    """p(z) = sum_k w_k N(z; m_k, S_k), fitted to codes after training (Ghosh et al. 2020).

    Fitted by scikit-learn's class of the same name: expectation maximisation from a k-means start, 500
    iterations at most, with 1e-6 of the mean variance of the codes' columns added to every variance.

    Parameters
    ----------
    n_modes : int
        Number of Gaussians.
    covariance : {"full", "diagonal"}
        Whether the dimensions of a mode are correlated.
    seed : int
        Seed of the k-means start.
    """

    log_weights: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self, n_modes: int = 10, covariance: Literal["full", "diagonal"] = "full", *, seed: int = 0
    ) -> None:
        super().__init__()
        self.n_modes = n_modes
        self.covariance = covariance
        self.seed = seed

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make room for weights, means, and deviations or Cholesky factors."""
        self.check_whole("n_modes")
        self.check_choice("covariance", ("full", "diagonal"))
        self.check_whole("seed", least=0)
        super().build(sizes)
        n, d = self.n_modes, sizes.n_components
        self.register_buffer("log_weights", torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n, d))
        self.register_buffer("scale", torch.zeros((n, d, d) if self.covariance == "full" else (n, d)))
        return self

    def density(self) -> MixtureOfNormals:
        """Return the mixture."""
        scale = {"scale_tril" if self.covariance == "full" else "scale": self.scale}
        return MixtureOfNormals(self.mean, **scale, log_weights=self.log_weights)

    def estimate(self, codes: Tensor) -> None:
        """Set weights, means and scales."""
        log_weights, mean, covariance = mixture_of(codes, self.n_modes, self.covariance, self.seed)
        self.scale.copy_(
            torch.linalg.cholesky(covariance) if self.covariance == "full" else covariance.sqrt()
        )
        self.mean.copy_(mean)
        self.log_weights.copy_(log_weights)
