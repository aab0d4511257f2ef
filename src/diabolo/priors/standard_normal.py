"""The standard normal prior."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Sizes
from diabolo.distributions import DiagonalNormal
from diabolo.priors.base import Prior


class StandardNormal(Prior):
    """p(z) = N(0, I) (Kingma & Welling 2014)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make room for ``sizes.n_components`` dimensions."""
        self.register_buffer("mean", torch.zeros(sizes.n_components), persistent=False)
        self.register_buffer("deviation", torch.ones(sizes.n_components), persistent=False)
        return self

    def forward(self, encode: Callable[[Tensor], Distribution]) -> DiagonalNormal:
        """Return N(0, I)."""
        return DiagonalNormal(self.mean, self.deviation)
