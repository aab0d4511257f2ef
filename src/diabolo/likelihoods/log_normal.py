"""Values above 0 with a long tail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from torch import Tensor
from torch.distributions import Independent
from torch.distributions import LogNormal as TorchLogNormal

from diabolo.contracts import Statistics
from diabolo.likelihoods.base import refuse_where
from diabolo.likelihoods.location_scale import LocationScale

_SMALLEST = 1e-30


class LogNormal(LocationScale):
    """log x ~ N(g(z), scale^2), for values above 0 whose largest are many times the usual ones, such as incomes.

    -log p(x|z) = sum_j (log x_j - g_j)^2 / (2 scale_j^2) + log scale_j + log x_j + log(2 pi) / 2, the positive real
    values of HI-VAE (Nazabal et al. 2020). Starts from the logarithms of the examples among the
    :class:`~diabolo.contracts.Statistics`, and the encoder reads these logarithms, centred and scaled.

    Parameters
    ----------
    scale : float or {"per_feature", "learned", "data"}
        Standard deviation of log x; the words mean what they mean for :class:`Gaussian`, of the logarithms.
    """

    def __init__(self, scale: float | Literal["per_feature", "learned", "data"] = "per_feature") -> None:
        super().__init__(scale)

    def start(self, statistics: Statistics) -> None:
        """Start at the mean and the deviation of the logarithms."""
        logarithms = _log(statistics.examples.double())
        super().start(Statistics.of(logarithms, scale="column" if statistics.per_column else "global"))

    def read(self, x: Tensor, scaled: Tensor) -> Tensor:
        """Return the logarithms, centred and scaled; of values that a corruption makes 0 or less, that of 1e-30."""
        return (_log(x) - self.shift) / self.unit

    def predict(self, outputs: Tensor) -> Tensor:
        """Return the means exp(g(z) + scale^2 / 2)."""
        return self.point(self(outputs))

    def around(self, location: Tensor, scale: Tensor) -> Independent:
        """Return the distribution whose logarithm is N(location, scale^2)."""
        return Independent(
            TorchLogNormal(location, scale.expand_as(location), validate_args=False),
            self.n_event_dims,
            validate_args=False,
        )

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """Return the values without their sign, and above 0."""
        return np.abs(x).clip(min=_SMALLEST)

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse values that are not above 0."""
        refuse_where(
            x <= 0,
            x,
            likelihood="log_normal",
            needs="values above 0",
            instead="use likelihood='gaussian', or for counts 'poisson' or 'negative_binomial'.",
            names=names,
        )


def _log(x: Tensor) -> Tensor:
    return x.clamp(min=_SMALLEST).log()
