"""What each dimension of the latent space carries."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, Normal
from torch.distributions.kl import kl_divergence

#: A unit is active when the variance of its posterior mean over the rows is above this (Burda et al. 2016).
ACTIVE_VARIANCE = 0.01


def rate_per_dimension(posterior: Distribution, prior: Distribution) -> Tensor:
    """Return KL(q(z_j|x) || p(z_j)) of the marginals in nats, shape (n_rows, n_components).

    For a diagonal Gaussian posterior and a factorised prior they sum to the rate; for a
    full-covariance posterior the rate is larger, by what the correlations carry. A prior that is
    no Gaussian counts as the Gaussian of its means and variances; one that cannot tell them (a
    flow) gives no columns.
    """
    q = Normal(posterior.mean, posterior.variance.sqrt(), validate_args=False)
    try:
        p = Normal(prior.mean, prior.variance.sqrt(), validate_args=False)
    except (NotImplementedError, AttributeError):
        return q.mean[:, :0]
    return kl_divergence(q, p)


def active_units(means: Tensor) -> int:
    """Count the dimensions whose posterior mean varies over the rows, by more than 0.01 in variance.

    Examples
    --------
    >>> import torch
    >>> active_units(torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
    1
    """
    return int((means.var(0, correction=0) > ACTIVE_VARIANCE).sum())
