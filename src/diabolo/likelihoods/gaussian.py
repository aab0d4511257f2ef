"""The squared error."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Sizes, batch_mean
from diabolo.distributions import DiagonalNormal
from diabolo.likelihoods.location_scale import SCALE_FLOOR, LocationScale

#: Weight of what was before in the running mean of the squared error.
_MEMORY = 0.95


class Gaussian(LocationScale):
    """p(x|z) = N(g(z), scale^2): the squared error, with the scale that makes it a density.

    -log p(x|z) = sum_j (x_j - g_j)^2 / (2 scale_j^2) + log scale_j + log(2 pi) / 2.

    Parameters
    ----------
    scale : float or {"learned", "per_feature", "data", "optimal"}
        Standard deviation in units of X (of each column's deviation under the estimator's
        ``scale="column"``). ``"learned"``: one for all values (sigma-VAE, Rybkin et al. 2021; with
        a linear network, probabilistic PCA); it starts at the deviation of the data, which is a large
        beta, so a VAE of many values gains by a warm-up of beta. ``"per_feature"``: one learned for each column (as
        factor analysis does); a constant column keeps the scale it
        starts with (1 where each column has its own). ``"data"``: fixed at the
        deviation of the data, which makes the objective the plain squared error. ``"optimal"``: the
        root of the mean squared error, which is where a learned scale would go (optimal sigma-VAE): that
        of the batch while training, of a running mean over the last batches afterwards. A scale that is
        learned or optimal never falls below 1e-4 of the deviation of the data.
    """

    variance: Tensor
    n_batches: Tensor
    _words = ("learned", "per_feature", "data", "optimal")

    def __init__(
        self, scale: float | Literal["learned", "per_feature", "data", "optimal"] = "learned"
    ) -> None:
        super().__init__(scale)  # type: ignore[arg-type]

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the scale."""
        super().build(sizes)
        if self.scale == "optimal":
            self.register_buffer("variance", torch.ones(()))
            self.register_buffer("n_batches", torch.zeros(()))
        return self

    def scales(self) -> Tensor:
        """The scale of each value in units of X, shape event (or () when one is shared)."""
        return self._optimal(self.variance) if self.scale == "optimal" else super().scales()

    def follow(self, observation: Distribution, x: Tensor) -> Distribution:
        """Return p(x|z) with the scale of least -log p(x|z) for this batch, in closed form, if that is asked for.

        At that scale the derivative with respect to it vanishes, so it counts as a constant.
        """
        if self.scale != "optimal":
            return observation
        variance = batch_mean(((observation.mean - x) / self.unit).detach().square().mean())
        self.n_batches += 1
        weight = torch.clamp(1 / self.n_batches, min=1 - _MEMORY)
        self.variance.lerp_(variance, weight)
        return self.around(observation.mean, self._optimal(variance))

    def _optimal(self, variance: Tensor) -> Tensor:
        return self.unit * variance.sqrt().clamp(min=SCALE_FLOOR)

    def around(self, location: Tensor, scale: Tensor) -> DiagonalNormal:
        """Return N(location, scale^2)."""
        return DiagonalNormal(location, scale, self.n_event_dims)
