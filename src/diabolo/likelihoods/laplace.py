"""The absolute error."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Independent
from torch.distributions import Laplace as TorchLaplace

from diabolo.likelihoods.location_scale import LocationScale


class Laplace(LocationScale):
    """p(x|z) = Laplace(g(z), scale): the absolute error, with the scale that makes it a density.

    -log p(x|z) = sum_j |x_j - g_j| / scale_j + log(2 scale_j).

    Parameters
    ----------
    scale : float or {"learned", "per_feature", "data"}
        Mean absolute deviation in units of X; the words mean what they mean for :class:`Gaussian`.
    """

    def around(self, location: Tensor, scale: Tensor) -> Independent:
        """Return Laplace(location, scale)."""
        return Independent(
            TorchLaplace(location, scale.expand_as(location), validate_args=False),
            self.n_event_dims,
            validate_args=False,
        )
