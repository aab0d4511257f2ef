"""What a prior is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch.distributions import Distribution

from diabolo.contracts import Part


class Prior(Part, ABC):
    """A module whose call returns p(z), a distribution with event shape (n_components,)."""

    @abstractmethod
    def forward(self) -> Distribution:
        """Return p(z), batch shape ()."""
