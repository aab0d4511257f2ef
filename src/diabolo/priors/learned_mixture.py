"""A mixture of Gaussians that is trained with the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from diabolo.contracts import Sizes
from diabolo.distributions import MixtureOfNormals
from diabolo.priors.base import Prior
from diabolo.priors.fitting import check_codes, mixture_of


class LearnedMixture(Prior):
    """p(z) = sum_k w_k N(z; m_k, diag s_k^2), all of it trained with the model: the prior of VaDE (Jiang et al. 2017).

    A code belongs to the Gaussian k with p(k|z), which makes it a clustering. The divergence is taken from the draws,
    log q(z|x) - log p(z), with the whole of p(z): the bound of Jiang et al. (their equation 12) with the sum over k in
    it taken exactly, where they keep p(k|z) at a draw fixed. A model whose codes mean nothing yet has no use for
    clusters: :meth:`fit` starts the mixture at the codes of a model that has learned, as they do.

    Parameters
    ----------
    n_modes : int
        Number of Gaussians.
    seed : int
        For :meth:`fit`: seed of the k-means start.

    Examples
    --------
    >>> prior = LearnedMixture(3).build(Sizes(event=(8,), n_components=2))
    >>> p = prior(lambda x: None)
    >>> p.responsibilities(p.sample((5,))).shape
    torch.Size([5, 3])
    """

    def __init__(self, n_modes: int = 10, *, seed: int = 0) -> None:
        super().__init__()
        self.n_modes = n_modes
        self.seed = seed

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make equal weights, means drawn from N(0, I), and deviations of 1."""
        self.check_whole("n_modes")
        self.check_whole("seed", least=0)
        self.n_components = sizes.n_components
        self.log_weights = nn.Parameter(torch.zeros(self.n_modes))
        self.mean = nn.Parameter(torch.randn(self.n_modes, sizes.n_components))
        self.log_scale = nn.Parameter(torch.zeros(self.n_modes, sizes.n_components))
        return self

    def forward(self, encode: Callable[[Tensor], Distribution]) -> MixtureOfNormals:
        """Return the mixture."""
        return MixtureOfNormals(self.mean, self.log_scale.exp(), log_weights=self.log_weights)

    @torch.no_grad()
    def fit(self, codes: Tensor) -> Self:
        """Start at the mixture that expectation maximisation finds among codes (n_rows, n_components)."""
        check_codes(codes, self.n_components)
        log_weights, mean, variance = mixture_of(codes.detach().double(), self.n_modes, "diagonal", self.seed)
        self.log_weights.copy_(log_weights)
        self.mean.copy_(mean)
        self.log_scale.copy_(variance.log() / 2)
        return self
