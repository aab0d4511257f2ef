"""A mixture of Gaussians that is fitted after training."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor

from diabolo.contracts import Sizes
from diabolo.distributions import MixtureOfNormals
from diabolo.priors.fitting import RIDGE, FittedPrior


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
        from sklearn import mixture

        if len(codes) < self.n_modes:
            raise ValueError(
                f"n_modes={self.n_modes} needs as many codes or more, got {len(codes)}: use fewer modes."
            )
        ridge = RIDGE * float(codes.var(0, correction=0).mean())
        kind = {"full": "full", "diagonal": "diag"}[self.covariance]
        fitted = mixture.GaussianMixture(
            self.n_modes, covariance_type=kind, reg_covar=ridge, max_iter=500, random_state=self.seed
        ).fit(codes.cpu().numpy())
        covariances = torch.as_tensor(fitted.covariances_)
        full = self.covariance == "full"
        self.scale.copy_(torch.linalg.cholesky(covariances) if full else covariances.sqrt())
        self.mean.copy_(torch.as_tensor(fitted.means_))
        self.log_weights.copy_(torch.as_tensor(fitted.weights_).log())
