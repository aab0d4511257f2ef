"""The importance-weighted bound."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective
from diabolo.distributions import detached


class ImportanceWeighted(Objective):
    """-log (1/K) sum_k p(x|z_k) p(z_k) / q(z_k|x): a bound that tightens with K (Burda et al. 2016).

    Parameters
    ----------
    n_draws : int
        K, the codes drawn for each row and step.
    gradient : {"doubly_reparametrised", "reparametrised"}
        How the encoder learns. The plain gradient of the bound loses its signal as K grows
        (Rainforth et al. 2018); the doubly reparametrised one has the same mean and keeps it
        (Tucker et al. 2019): derivatives with respect to z_k count with the square of their
        normalised weight, and the score of log q(z|x) is dropped. It is the quieter one once q is
        near p(z|x), and the louder one far from it: start from a model trained with the ELBO.
    """

    needs_density = True
    mean_over_rows = True

    def __init__(
        self,
        n_draws: int = 5,
        *,
        gradient: Literal["doubly_reparametrised", "reparametrised"] = "doubly_reparametrised",
    ) -> None:
        super().__init__()
        self.n_draws = n_draws
        self.gradient = gradient

    def check(self, model: Model) -> None:
        """Refuse a model without densities."""
        self.check_whole("n_draws")
        self.check_choice("gradient", ("doubly_reparametrised", "reparametrised"))
        super().check(model)

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``importance_bound``."""
        z = evaluation.z
        if self.gradient == "reparametrised" or not z.requires_grad:
            bound = evaluation.log_weight.logsumexp(0) - math.log(len(z))
            return {"importance_bound": -bound.mean()}
        log_qz = detached(evaluation.posterior).log_prob(z)
        log_weight = evaluation.log_px + evaluation.log_pz - log_qz
        share = log_weight.detach().softmax(0)
        z.register_hook(lambda gradient: share.unsqueeze(-1) * gradient)
        bound = log_weight.detach().logsumexp(0) - math.log(len(z))
        surrogate = (share * log_weight).sum(0)
        return {"importance_bound": -(bound + surrogate - surrogate.detach()).mean()}
