"""Kullback-Leibler divergences between Gaussians that torch does not register, in nats.

For q = N(m, S) and p = N(a, A):  KL(q || p) = 1/2 [tr(A^-1 S) + (a - m)' A^-1 (a - m) - d + ln det A - ln det S],
which is 1/2 [tr S + m'm - d - ln det S] when p = N(0, I) (Kingma & Welling 2014, appendix B).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, register_kl

from diabolo.distributions.diagonal_normal import DiagonalNormal


@register_kl(DiagonalNormal, DiagonalNormal)
def _diagonal_diagonal(q: DiagonalNormal, p: DiagonalNormal) -> Tensor:
    return rate_of_dimensions(q, p).sum(tuple(range(-q.reinterpreted_batch_ndims, 0)))


def rate_of_dimensions(q: Distribution, p: Distribution | None) -> Tensor:
    """Return the divergence of each dimension of two diagonal Gaussians, shape (batch, d).

    Raises
    ------
    ValueError
        If one of them is no :class:`DiagonalNormal`: its divergence is no sum over dimensions.
    """
    if not (isinstance(q, DiagonalNormal) and isinstance(p, DiagonalNormal)):
        raise ValueError(
            "a rate for each dimension needs a diagonal Gaussian posterior and prior (DiagonalGaussian(), "
            f"StandardNormal()), got {type(q).__name__} and {type(p).__name__}."
        )
    ratio = q.scale / p.scale
    error = (q.loc - p.loc) / p.scale
    # the logarithm before the square: a small ratio must not vanish
    return 0.5 * (ratio.square() + error.square() - 1) - ratio.log()


@register_kl(MultivariateNormal, DiagonalNormal)
def _full_diagonal(q: MultivariateNormal, p: DiagonalNormal) -> Tensor:
    factor = q.scale_tril / p.scale.unsqueeze(-1)
    error = ((q.loc - p.loc) / p.scale).square().sum(-1)
    log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 0.5 * (factor.square().sum((-2, -1)) + error - q.loc.shape[-1] - log_det)


@register_kl(DiagonalNormal, MultivariateNormal)
def _diagonal_full(q: DiagonalNormal, p: MultivariateNormal) -> Tensor:
    tril = p.scale_tril
    factor = torch.linalg.solve_triangular(tril, torch.diag_embed(q.scale), upper=False)
    error = torch.linalg.solve_triangular(tril, (p.loc - q.loc).unsqueeze(-1), upper=False)
    log_det = 2 * (tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) - q.scale.log().sum(-1))
    return 0.5 * (factor.square().sum((-2, -1)) + error.square().sum((-2, -1)) - q.loc.shape[-1] + log_det)
