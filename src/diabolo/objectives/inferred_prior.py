"""A penalty on the covariance of the codes."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective, Schedule
from diabolo.distributions import DiagonalNormal
from diabolo.objectives.base import check_batch, check_weight, weight_at


class DisentangledInferredPrior(Objective):
    """distortion + rate + lambda_od sum_{j!=k} C_jk^2 + lambda_d sum_k (C_kk - v_k)^2: DIP-VAE (Kumar et al. 2018).

    C is a covariance over rows and v the variances of the prior, 1 for a standard normal one: the codes of
    all rows get the second moments of p(z). DIP-VAE-I takes the covariance of the posterior means, DIP-VAE-II
    that of the codes themselves, Cov[mu] + E[Sigma]. C is estimated from a batch, divided by its rows - 1.

    Parameters
    ----------
    off_diagonal : float or Schedule
        lambda_od, 0 or more.
    diagonal : float or Schedule
        lambda_d, 0 or more; in the paper 10 lambda_od for I, and lambda_od for II.
    covariance : {"means", "codes"}
        Whose covariance: of DIP-VAE-I, or of DIP-VAE-II.
    n_draws : int
        Codes drawn for each row and step.
    """

    needs_density = True

    def __init__(
        self,
        off_diagonal: float | Schedule = 10.0,
        diagonal: float | Schedule = 100.0,
        *,
        covariance: Literal["means", "codes"] = "means",
        n_draws: int = 1,
    ) -> None:
        super().__init__()
        self.off_diagonal = off_diagonal
        self.diagonal = diagonal
        self.covariance = covariance
        self.n_draws = n_draws

    def check(self, model: Model) -> None:
        """Refuse weights below 0, another covariance, and a model without densities."""
        for name in ("off_diagonal", "diagonal"):
            check_weight(self, name)
        self.check_choice("covariance", ("means", "codes"))
        self.check_whole("n_draws")
        super().check(model)

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion``, ``rate`` and the two weighted penalties."""
        rate = evaluation.rate.mean()
        variance = self._prior_variance(evaluation)
        check_batch(self, evaluation)
        covariance = self._covariance(evaluation)
        diagonal = covariance.diagonal()
        off_diagonal = covariance - torch.diag_embed(diagonal)
        return {
            "distortion": evaluation.distortion.mean(),
            "rate": rate,
            "weighted_off_diagonal": weight_at(self.off_diagonal, progress, rate)
            * off_diagonal.square().sum(),
            "weighted_diagonal": weight_at(self.diagonal, progress, rate)
            * (diagonal - variance).square().sum(),
        }

    def _prior_variance(self, evaluation: Evaluation) -> Tensor:
        prior = evaluation.prior
        if not isinstance(prior, DiagonalNormal):
            raise ValueError(
                f"objective={self!r} gives the codes the covariance of a diagonal Gaussian prior (StandardNormal()), "
                f"got {type(prior).__name__}."
            )
        return prior.variance

    def _covariance(self, evaluation: Evaluation) -> Tensor:
        q: Any = evaluation.posterior
        about = q.mean - q.mean.mean(0)
        covariance = about.T @ about / max(1, len(about) - 1)
        if self.covariance == "means":
            return covariance
        if isinstance(q, DiagonalNormal):
            return covariance + torch.diag_embed(q.variance.mean(0))
        return covariance + q.covariance_matrix.mean(0)
