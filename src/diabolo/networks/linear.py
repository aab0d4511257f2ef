"""The network without hidden layers: a linear auto-encoder is PCA."""

from __future__ import annotations

import math

from torch import nn

from diabolo.networks.base import Network


class Linear(Network):
    """No hidden layer: codes are a linear map of x, reconstructions a linear map of codes.

    With the squared error its optimum spans the principal subspace (Baldi & Hornik 1989); a
    linear VAE with a learned Gaussian scale reaches probabilistic PCA (Lucas et al. 2019).
    """

    def __init__(self) -> None:
        super().__init__()

    def encoder(self, event: tuple[int, ...]) -> tuple[nn.Module, int]:
        """Return the flattening of an observation."""
        return nn.Flatten(), math.prod(event)

    def decoder(self, n_inputs: int, event: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Return one affine map."""
        return nn.Sequential(
            nn.Linear(n_inputs, n_outputs * math.prod(event)), nn.Unflatten(1, (n_outputs, *event))
        )
