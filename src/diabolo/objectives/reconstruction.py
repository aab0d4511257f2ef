"""The reconstruction loss alone."""

from __future__ import annotations

from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective


class Reconstruction(Objective):
    """-log p(x|z) at the code of x: the squared, absolute or cross-entropy error of an auto-encoder."""

    mean_over_rows = True

    def __init__(self) -> None:
        super().__init__()

    def check(self, model: Model) -> None:
        """Refuse a model that draws its codes: nothing would keep the scale of the draws from vanishing."""
        if model.has_density:
            raise ValueError(
                "objective=Reconstruction() is for a deterministic posterior: with codes that are drawn, nothing "
                "keeps their scale from vanishing: use ELBO() for a VAE, or posterior=Deterministic() with prior=None."
            )

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion``."""
        return {"distortion": evaluation.distortion.mean()}
