"""The squared error."""

from __future__ import annotations

from torch import Tensor

from diabolo.distributions import DiagonalNormal
from diabolo.likelihoods.location_scale import LocationScale


class Gaussian(LocationScale):
    """p(x|z) = N(g(z), scale^2): the squared error, with the scale that makes it a density.

    -log p(x|z) = sum_j (x_j - g_j)^2 / (2 scale_j^2) + log scale_j + log(2 pi) / 2.

    Parameters
    ----------
    scale : float or {"learned", "per_feature", "data"}
        Standard deviation in units of X (of each column's deviation under the estimator's
        ``scale="column"``). ``"learned"``: one for all values (sigma-VAE, Rybkin et al. 2021; with
        a linear network, probabilistic PCA). ``"per_feature"``: one learned for each column (as
        factor analysis does); a constant column keeps the scale it
        starts with (1 where each column has its own). ``"data"``: fixed at the
        deviation of the data, which makes the objective the plain squared error. A learned scale
        never falls below 1e-4 of the deviation of the data.
    """

    def around(self, location: Tensor, scale: Tensor) -> DiagonalNormal:
        """Return N(location, scale^2)."""
        return DiagonalNormal(location, scale, self.n_event_dims)
