"""The ELBO of every beta at once."""

from __future__ import annotations

from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective

_NO_BETAS = (
    "objective={objective!r} weights the rate of each row by a beta of its own, and this model draws none: "
    "use models.MultiRate(model) or the estimator MultiRateVAE, or ELBO(beta=...) for one beta."
)


class MultiRateELBO(Objective):
    """mean_i (distortion_i + beta_i rate_i), beta_i from ``context["log_beta"]`` (Bae et al. 2022).

    Parameters
    ----------
    n_draws : int
        Codes drawn for each row and step.
    """

    needs_density = True
    mean_over_rows = True

    def __init__(self, *, n_draws: int = 1) -> None:
        super().__init__()
        self.n_draws = n_draws

    def check(self, model: Model) -> None:
        """Refuse a model without densities, and one that draws no betas."""
        self.check_whole("n_draws")
        super().check(model)
        if not getattr(model, "draws_beta", False):
            raise ValueError(_NO_BETAS.format(objective=self))

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion`` and ``weighted_rate``."""
        if "log_beta" not in evaluation.context:
            raise ValueError(_NO_BETAS.format(objective=self))
        rate = evaluation.context["log_beta"].exp() * evaluation.rate
        return {"distortion": evaluation.distortion.mean(), "weighted_rate": rate.mean()}
