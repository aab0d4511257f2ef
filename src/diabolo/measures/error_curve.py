"""The reconstruction error over the dimension of the latent space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Reconstruction errors of auto-encoders of several latent dimensions.

    Parameters
    ----------
    n_components : int array of shape (n_fits,)
        Dimensions that were fitted, rising.
    error : float64 array of shape (n_fits,)
        Root mean squared error ||H(x) - x|| per value of the held-out rows, in units of X.

    Examples
    --------
    >>> print(ErrorCurve(np.array([1, 4]), np.array([0.5, 0.25])))
    n_components     rmse
               1      0.5
               4     0.25
    """

    n_components: np.ndarray
    error: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Return both columns as lists."""
        return {"n_components": self.n_components.tolist(), "error": self.error.tolist()}

    def __str__(self) -> str:
        lines = [f"{d:>12} {e:>8.4g}" for d, e in zip(self.n_components, self.error, strict=True)]
        return "\n".join([f"{'n_components':>12} {'rmse':>8}", *lines])
