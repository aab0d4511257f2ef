"""The rate in three parts, each with a weight."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Independent

from diabolo.contracts import Evaluation, Model, Objective, Schedule
from diabolo.distributions import DiagonalNormal
from diabolo.objectives.base import check_batch, check_weight, weight_at

_BLOCK_VALUES = 1 << 22


class TotalCorrelation(Objective):
    """distortion + alpha I(x; z) + beta TC(z) + gamma sum_k KL(q(z_k) || p(z_k)): beta-TCVAE (Chen et al. 2018).

    The three parts of the rate are the mutual information of the code and the index of its row,
    E log q(z|x) - log q(z), the total correlation E log q(z) - sum_k log q(z_k), and the dimension-wise
    divergence, with the aggregated posterior q(z) of all N training rows. A batch estimates q(z) by
    :func:`stratified_log_weights`, without bias; its logarithm is too low by a bias that shrinks as the batch
    grows. At 1, 1, 1 the terms sum to the rate of the draws, whatever the batch.

    Parameters
    ----------
    beta : float or Schedule
        Weight of the total correlation, 0 or more: above 1 the dimensions of the code become independent.
    alpha : float or Schedule
        Weight of the mutual information.
    gamma : float or Schedule
        Weight of the dimension-wise divergence.
    n_draws : int
        Codes drawn for each row and step.
    """

    needs_density = True

    def __init__(
        self,
        beta: float | Schedule = 6.0,
        *,
        alpha: float | Schedule = 1.0,
        gamma: float | Schedule = 1.0,
        n_draws: int = 1,
    ) -> None:
        super().__init__()
        self.beta = beta
        self.alpha = alpha
        self.gamma = gamma
        self.n_draws = n_draws

    def check(self, model: Model) -> None:
        """Refuse weights below 0, and a model without densities."""
        for name in ("beta", "alpha", "gamma"):
            check_weight(self, name)
        self.check_whole("n_draws")
        super().check(model)

    def begin(self, model: Model, n_rows: int) -> None:
        """Learn the number N of training rows, which the weights of a batch depend on."""
        self._n_rows = n_rows

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion`` and the three weighted parts of the rate."""
        rate = evaluation.rate.mean()
        alpha, beta, gamma = (weight_at(w, progress, rate) for w in (self.alpha, self.beta, self.gamma))
        joint, marginals = self._aggregated(evaluation)
        product = marginals.sum(-1)
        return {
            "distortion": evaluation.distortion.mean(),
            "weighted_mutual_information": alpha * (evaluation.log_qz - joint).mean(),
            "weighted_total_correlation": beta * (joint - product).mean(),
            "weighted_dimension_wise_kl": gamma * (product - evaluation.log_pz).mean(),
        }

    def _aggregated(self, evaluation: Evaluation) -> tuple[Tensor, Tensor]:
        q, p, z = evaluation.posterior, evaluation.prior, evaluation.z
        factorised = isinstance(p, Independent) and p.base_dist.batch_shape == p.event_shape
        if not (isinstance(q, DiagonalNormal) and factorised):
            raise ValueError(
                f"objective={self!r} needs a diagonal Gaussian posterior and a factorised prior (DiagonalGaussian(), "
                f"StandardNormal()), got {type(q).__name__} and {type(p).__name__}."
            )
        if not hasattr(self, "_n_rows"):
            raise ValueError(
                f"objective={self!r} needs the number of training rows: call its begin(model, n_rows) before the "
                "first step."
            )
        check_batch(self, evaluation)
        return log_aggregated(q, z, stratified_log_weights(z.shape[1], self._n_rows, z.device).to(z.dtype))


def stratified_log_weights(batch: int, n_rows: int, device: torch.device | None = None) -> Tensor:
    """Return the log-weights of a batch in q(z) = 1/N sum_n q(z|x_n), shape (batch, batch), in float64.

    Row i is for codes drawn from q(z|x_i), column j for the row whose density is taken. Row i is certain
    to be in the batch and counts 1/N; the M = batch - 1 others are drawn from the N - 1 other rows without
    replacement and share the rest, (N - 1)/(N M) each. So the mean over all batches that hold row i is q(z)
    exactly, at any z, and with M = N - 1 it is q(z) itself. Chen et al. 2018 (appendix C.2) give 1/M to all of
    the others but one, and (N - M)/(N M) to that one: the mean over which one it is are these weights, so
    theirs have the same mean and a larger variance.

    Parameters
    ----------
    batch : int
        Rows in the batch. One row alone counts 1.
    n_rows : int
        N, rows in all.
    device : torch.device, optional
        Where they are made.

    Examples
    --------
    >>> (12 * stratified_log_weights(3, 6).exp()[0]).round().tolist()  # twelfths
    [2.0, 5.0, 5.0]
    """
    if batch == 1:
        return torch.zeros(1, 1, dtype=torch.float64, device=device)
    own, other = 1 / n_rows, (n_rows - 1) / (n_rows * (batch - 1))
    weights = torch.full((batch, batch), other, dtype=torch.float64, device=device)
    return weights.fill_diagonal_(own).log()


def log_aggregated(q: DiagonalNormal, z: Tensor, log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return log q(z) and log q(z_k) of a batch's codes under its own weighted posteriors.

    Parameters
    ----------
    q : DiagonalNormal
        q(z|x), batch shape (batch,), event shape (d,).
    z : Tensor of shape (n_draws, batch, d)
        Codes.
    log_weights : Tensor of shape (batch, batch)
        Row i has the weights for the codes of row i.

    Returns
    -------
    tuple of Tensor
        Shapes (n_draws, batch) and (n_draws, batch, d).
    """
    joint, marginals = [], []
    n_rows = max(1, _BLOCK_VALUES // math.prod(z.shape))
    for codes, weights in zip(z.split(n_rows, 1), log_weights.split(n_rows), strict=True):
        each = q.base_dist.log_prob(codes.unsqueeze(2))
        joint.append((each.sum(-1) + weights).logsumexp(-1))
        marginals.append((each + weights.unsqueeze(-1)).logsumexp(-2))
    return torch.cat(joint, 1), torch.cat(marginals, 1)
