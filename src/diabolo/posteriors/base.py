"""What a posterior is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from torch import Tensor, nn
from torch.distributions import Distribution

from diabolo.contracts import Part, Sizes

#: Scales of a Gaussian posterior stay within exp(-LOG_SCALE_LIMIT) and exp(LOG_SCALE_LIMIT),
#: about 6e-6 and 1.6e5, in units of the code.
LOG_SCALE_LIMIT = 12.0


class Posterior(Part, ABC):
    """A module that owns the layer from features to the parameters of q(z|x).

    ``head`` gives the parameters as one flat row per observation, which is all that has to be kept
    to make the distribution again (the aggregated posterior is a table of such rows).
    """

    has_density = True
    head: nn.Linear

    @abstractmethod
    def n_parameters(self, n_components: int) -> int:
        """How many numbers describe q(z|x)."""

    def build(self, sizes: Sizes, *, n_features: int = 0, **shapes: Any) -> Self:
        """Make the layer from ``n_features`` features to the parameters."""
        self.n_components = sizes.n_components
        self.head = nn.Linear(n_features, self.n_parameters(sizes.n_components))
        nn.init.xavier_uniform_(self.head.weight[: sizes.n_components])
        nn.init.zeros_(self.head.bias)
        # what follows the means (log-scales, correlations) starts near 0, at N(mean, I)
        nn.init.uniform_(self.head.weight[sizes.n_components :], -1e-3, 1e-3)
        return self

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z|x) for features of shape (batch, n_features)."""
        return self.distribution(self.head(features))

    @abstractmethod
    def distribution(self, parameters: Tensor) -> Distribution:
        """Return the distribution that rows of parameters describe."""

    @abstractmethod
    def draw(self, q: Any, noise: Tensor) -> Tensor:
        """Turn standard normal noise of shape (..., batch, n_components) into codes."""
