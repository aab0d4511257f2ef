"""What priors share that are fitted to codes after the model has been trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Sizes
from diabolo.priors.base import Prior

#: What is added to the diagonal of a fitted covariance, as a share of the mean variance of the columns.
RIDGE = 1e-6


class FittedPrior(Prior, ABC):
    """A prior without parameters to train: it has no density before :meth:`fit`."""

    needs_fit = True
    fitted: Tensor

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make room for the fitted values, and a mark that says whether they are there."""
        self.n_components = sizes.n_components
        self.register_buffer("fitted", torch.tensor(False))
        return self

    def forward(self, encode: Callable[[Tensor], Distribution]) -> Distribution:
        """Return p(z).

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before :meth:`fit`; it is a ``ValueError``.
        """
        if not self.fitted:
            raise NotFittedError(
                f"prior={self!r} is fitted to codes after the model has been trained, and it has not been: "
                "call its fit(codes), or train with prior='standard_normal' and fit this one afterwards."
            )
        return self.density()

    def fit(self, codes: Tensor) -> Self:
        """Fit p(z) to codes of shape (n_rows, n_components); a second fit forgets the first."""
        check_codes(codes, self.n_components)
        self.estimate(codes.detach().double())
        self.fitted.fill_(True)
        return self

    @abstractmethod
    def density(self) -> Distribution:
        """Return p(z) from the fitted values."""

    @abstractmethod
    def estimate(self, codes: Tensor) -> None:
        """Set the fitted values from codes in float64."""


def check_codes(codes: Tensor, n_components: int) -> None:
    """Refuse codes to which no density can be fitted.

    Raises
    ------
    ValueError
        If they are not finite numbers of the shape (n_rows, n_components), n_rows > 1, or are all the same.
    """
    if codes.dim() != 2 or codes.shape[1] != n_components or len(codes) < 2:
        raise ValueError(
            f"codes must have the shape (n_rows, {n_components}) with 2 rows or more, got {tuple(codes.shape)}: "
            "give codes of this model, one row for each observation."
        )
    n_bad = int((~codes.isfinite().all(1)).sum())
    if n_bad:
        raise ValueError(
            f"codes must be finite numbers, but {n_bad} of {len(codes)} rows are not: "
            "train the model again, or leave these rows out."
        )
    if bool((codes == codes[0]).all()):
        raise ValueError(
            f"all {len(codes)} codes are the same, so no density can be fitted to them: "
            "the encoder tells nothing apart, train it with a smaller beta or for longer."
        )


def gaussian_of(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (d,) and the Cholesky factor (d, d) of the covariance of codes (n_rows, d).

    The covariance is that of maximum likelihood, divided by n_rows, plus :data:`RIDGE` times the mean
    variance of the columns on its diagonal.
    """
    mean = codes.mean(0)
    covariance = (codes - mean).T @ (codes - mean) / len(codes)
    ridge = RIDGE * covariance.diagonal().mean()
    return mean, torch.linalg.cholesky(covariance + ridge * torch.eye(len(mean)).to(codes))


def mixture_of(codes: Tensor, n_modes: int, covariance: str, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return log-weights (n,), means (n, d) and covariances of a mixture of Gaussians, fitted to codes in float64.

    By scikit-learn's expectation maximisation from a k-means start, 500 iterations at most. The covariances have the
    shape (n, d, d) for ``"full"`` and are variances (n, d) for ``"diagonal"``; :data:`RIDGE` times the mean variance of
    the columns is added to each variance.
    """
    from sklearn import mixture

    if len(codes) < n_modes:
        raise ValueError(f"n_modes={n_modes} needs as many codes or more, got {len(codes)}: use fewer modes.")
    ridge = RIDGE * float(codes.var(0, correction=0).mean())
    kind = {"full": "full", "diagonal": "diag"}[covariance]
    fitted = mixture.GaussianMixture(
        n_modes, covariance_type=kind, reg_covar=ridge, max_iter=500, random_state=seed
    ).fit(codes.cpu().numpy())
    weights, means, covariances = (
        torch.as_tensor(value) for value in (fitted.weights_, fitted.means_, fitted.covariances_)
    )
    return weights.log(), means, covariances
