"""What a prior is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Part


class Prior(Part, ABC):
    """A module whose call returns p(z), a distribution with event shape (n_components,)."""

    #: Whether it has no density before ``fit``, so that a model cannot be trained with it.
    needs_fit: bool = False

    @abstractmethod
    def forward(self, encode: Callable[[Tensor], Distribution]) -> Distribution:
        """Return p(z), batch shape ().

        Parameters
        ----------
        encode : callable
            The model's map from observations (batch, *event) to q(z|x), for priors made of posteriors.
        """

    def fit(self, codes: Tensor) -> Self:
        """Fit p(z) to codes of shape (n_rows, n_components), after the model has been trained.

        Raises
        ------
        ValueError
            If this prior has nothing to fit.
        """
        raise ValueError(
            f"prior={self!r} cannot be fitted to codes: use one that can, such as 'gaussian_mixture', "
            "or train the model with it."
        )
