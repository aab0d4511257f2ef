"""The evidence lower bound and its beta."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective, Schedule
from diabolo.distributions import DiagonalNormal, detached, rate_of_dimensions
from diabolo.objectives.base import check_weight, weight_at

#: Scale of q(z|x) from which gradient="mixed" sticks the landing, whose noise is divided by the scale.
LANDING_FROM = 0.2

Gradient = Literal["mixed", "reparametrised", "sticking_the_landing"]


class ELBO(Objective):
    """distortion + beta * rate; at beta = 1 minus the evidence lower bound.

    log p(x) = KL(q(z|x) || p(z|x)) + ELBO, ELBO = E_q log p(x|z) - KL(q(z|x) || p(z))
    (Kingma & Welling 2014). beta above 1 favours the prior, below 1 the reconstruction
    (Higgins et al. 2017). Sums over the values of an observation, mean over the batch.

    Parameters
    ----------
    beta : float or Schedule
        Weight of the rate, 0 or more, or a schedule of it.
    n_draws : int
        Codes drawn for each row and step.
    gradient : {"mixed", "reparametrised", "sticking_the_landing"}
        All have the same mean. "reparametrised" takes that of the rate, in closed form where there is one
        (Kingma & Welling 2014). "sticking_the_landing" drops the score of log q(z|x), whose mean is 0, and takes
        the rate from the draws: its variance vanishes as q approaches p(z|x) (Roeder et al. 2017), but grows with
        1 / sigma where it does not, as for unusual rows. "mixed" sticks the landing in those dimensions of a row whose
        sigma is 0.2 or more, and has the entropy in closed form in the others; it is "reparametrised"
        where q is no diagonal Gaussian or there are free bits.
    free_bits : float
        Nats that each dimension carries without cost: its rate, averaged over the batch, counts
        only above this (Kingma et al. 2016). Diagonal Gaussians only.
    """

    needs_density = True

    def __init__(
        self,
        beta: float | Schedule = 1.0,
        *,
        n_draws: int = 1,
        gradient: Gradient = "mixed",
        free_bits: float = 0.0,
    ) -> None:
        super().__init__()
        self.beta = beta
        self.n_draws = n_draws
        self.gradient = gradient
        self.free_bits = free_bits

    @property
    def mean_over_rows(self) -> bool:  # type: ignore[override]
        """Whether no free bits, and no schedule of beta, look at the mean rate of the batch."""
        return not self.free_bits and not (isinstance(self.beta, Schedule) and self.beta.reads_rate)

    def check(self, model: Model) -> None:
        """Refuse hyper-parameters that mean nothing, and a model without densities."""
        check_weight(self, "beta", "a number, 0 or more (1 is the true ELBO), or a schedule")
        self.check_whole("n_draws")
        self.check_choice("gradient", ("mixed", "reparametrised", "sticking_the_landing"))
        self.check_number("free_bits", "a number of nats, 0 or more", least=0)
        if self.free_bits and self.gradient == "sticking_the_landing":
            raise ValueError(
                "free_bits needs the rate in closed form: use gradient='reparametrised' with it."
            )
        super().check(model)

    def rate_weight(self, progress: float = 1.0) -> float:
        """Return beta."""
        return float(self.beta(progress) if isinstance(self.beta, Schedule) else self.beta)

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion`` and ``weighted_rate``."""
        rate = self._rate(evaluation)
        beta = weight_at(self.beta, progress, evaluation.rate.mean())
        return {"distortion": evaluation.distortion.mean(), "weighted_rate": beta * rate}

    def _rate(self, evaluation: Evaluation) -> Tensor:
        if self.free_bits:
            each = rate_of_dimensions(evaluation.posterior, evaluation.prior)
            return each.mean(0).clamp(min=self.free_bits).sum()
        if self.gradient == "sticking_the_landing":
            log_qz = detached(evaluation.posterior).log_prob(evaluation.z)
            return (log_qz - evaluation.log_pz).mean()
        rate = evaluation.rate.mean()
        if self.gradient == "mixed" and isinstance(evaluation.posterior, DiagonalNormal):
            drawn = (_mixed_log_density(evaluation.posterior, evaluation.z) - evaluation.log_pz).mean()
            return rate.detach() + (drawn - drawn.detach())  # the value of the one, the gradient of the other
        return rate


def _mixed_log_density(q: DiagonalNormal, z: Tensor) -> Tensor:
    """Return log q(z|x), up to a constant, of which the parameters move wide dimensions by z alone, narrow ones by the entropy."""
    still = detached(q)
    assert isinstance(still, DiagonalNormal)
    wide = still.scale >= LANDING_FROM
    error = (z - still.loc) / still.scale
    error = torch.where(wide, error, error.detach())
    return -(0.5 * error.square() + torch.where(wide, still.scale, q.scale).log()).sum(-1)
