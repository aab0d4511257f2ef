"""The evidence lower bound and its beta."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective, Schedule
from diabolo.distributions import detached, rate_of_dimensions
from diabolo.objectives.base import check_weight, weight_at


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
    gradient : {"reparametrised", "sticking_the_landing"}
        The second drops the score of log q(z|x), whose mean is 0, and takes the rate from the
        draws: its variance vanishes as q approaches p(z|x) (Roeder et al. 2017).
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
        gradient: Literal["reparametrised", "sticking_the_landing"] = "reparametrised",
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
        self.check_choice("gradient", ("reparametrised", "sticking_the_landing"))
        self.check_number("free_bits", "a number of nats, 0 or more", least=0)
        if self.free_bits and self.gradient != "reparametrised":
            raise ValueError(
                "free_bits needs the rate in closed form: use gradient='reparametrised' with it."
            )
        super().check(model)

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
        return evaluation.rate.mean()
