"""The reconstruction loss alone."""

from __future__ import annotations

from torch import Tensor

from diabolo.contracts import Evaluation, Objective


class Reconstruction(Objective):
    """-log p(x|z) at the code of x: the squared, absolute or cross-entropy error of an auto-encoder."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion``."""
        return {"distortion": evaluation.distortion.mean()}
