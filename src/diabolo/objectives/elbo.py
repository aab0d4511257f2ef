"""The evidence lower bound and its beta."""

from __future__ import annotations

from numbers import Real

from torch import Tensor

from diabolo.contracts import Evaluation, Objective


class ELBO(Objective):
    """distortion + beta * rate; at beta = 1 minus the evidence lower bound.

    log p(x) = KL(q(z|x) || p(z|x)) + ELBO, ELBO = E_q log p(x|z) - KL(q(z|x) || p(z))
    (Kingma & Welling 2014). beta above 1 favours the prior, below 1 the reconstruction
    (Higgins et al. 2017). Sums over the values of an observation, mean over the batch.

    Parameters
    ----------
    beta : float
        Weight of the rate, 0 or more.
    n_draws : int
        Codes drawn for each row and step.
    """

    needs_density = True

    def __init__(self, beta: float = 1.0, *, n_draws: int = 1) -> None:
        super().__init__()
        if not (isinstance(beta, Real) and beta >= 0):
            raise ValueError(f"beta must be a number, 0 or more (1 is the true ELBO), got {beta!r}.")
        self.beta: float = beta
        self.n_draws = n_draws

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion`` and ``weighted_rate``."""
        return {
            "distortion": evaluation.distortion.mean(),
            "weighted_rate": self.beta * evaluation.rate.mean(),
        }
