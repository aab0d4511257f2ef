"""Values above 0 with a long tail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions import LogNormal as TorchLogNormal

from diabolo.contracts import Statistics
from diabolo.likelihoods.base import refuse_where
from diabolo.likelihoods.location_scale import LocationScale

#: Of what training in float32 can hold.
_SMALLEST = 1e-37


class LogNormal(LocationScale):
    """log x ~ N(g(z), scale^2), for values above 0 whose largest are many times the usual ones, such as incomes.

    -log p(x|z) = sum_j (log x_j - g_j)^2 / (2 scale_j^2) + log scale_j + log x_j + log(2 pi) / 2, the positive real
    values of HI-VAE (Nazabal et al. 2020). The reconstruction is the median exp(g(z)): the mean, exp(g(z) + scale^2 / 2),
    is no typical value where the scale is large. Starts from the logarithms of the examples among the
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
        if self.per_feature:
            self.constant.copy_(statistics.low == statistics.high)  # of all rows

    def read(self, x: Tensor, scaled: Tensor) -> Tensor:
        """Return the logarithms, centred and scaled; 0 for values that a corruption makes 0 or less."""
        return torch.where(x > 0, (_log(x) - self.shift) / self.unit, 0)

    def point(self, observation: Distribution) -> Tensor:
        """Return the median of each value."""
        location: Tensor = observation.base_dist.loc  # type: ignore[attr-defined]
        return location.exp()

    def predict(self, outputs: Tensor) -> Tensor:
        """Return the medians exp(g(z)), in place."""
        return super().predict(outputs).exp_()

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
            x < _SMALLEST,
            x,
            likelihood="log_normal",
            needs="values above 0 (1e-37 or more)",
            instead="use likelihood='gaussian', or for counts 'poisson' or 'negative_binomial'.",
            names=names,
        )


def _log(x: Tensor) -> Tensor:
    return x.clamp(min=_SMALLEST).log()
