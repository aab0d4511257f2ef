"""The shapes that a model is built for."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The shape of one observation and the dimension of the latent space.

    Parameters
    ----------
    event : tuple of int
        Shape of one observation as the model sees it: ``(n_features,)`` for a table,
        ``(channels, length)`` for a signal, ``(channels, height, width)`` for an image.
    n_components : int
        Dimension d of the latent space.

    Examples
    --------
    >>> Sizes(event=(1, 28, 28), n_components=20).n_values
    784
    """

    event: tuple[int, ...]
    n_components: int

    @property
    def n_values(self) -> int:
        """Number of values in one observation."""
        return math.prod(self.event)
