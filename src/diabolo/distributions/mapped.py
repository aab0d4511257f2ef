"""A posterior again, with something done to its parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch

from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from diabolo.distributions.diagonal_normal import DiagonalNormal
from diabolo.distributions.dirac import Dirac


@singledispatch
def mapped(distribution: Distribution, function: Callable[[Tensor], Tensor]) -> Distribution:
    """Return a distribution of the same kind whose parameters the function has been applied to.

    Parameters
    ----------
    distribution : Distribution
        A posterior, batch shape (batch,).
    function : callable
        From a parameter, shape (batch, ...), to the new one.

    Raises
    ------
    TypeError
        For a distribution that is not among the posteriors of this library.

    Examples
    --------
    >>> import torch
    >>> q = DiagonalNormal(torch.zeros(2, 3), torch.ones(2, 3))
    >>> mapped(q, lambda parameter: parameter.repeat(2, 1)).batch_shape
    torch.Size([4])
    """
    raise TypeError(
        "gradients without the score term, and batches that several processes share, need a posterior whose parameters "
        f"are known, got a {type(distribution).__name__}: register one with diabolo.distributions.mapped.register, or "
        "use gradient='reparametrised' and one process."
    )


@mapped.register
def _diagonal(q: DiagonalNormal, function: Callable[[Tensor], Tensor]) -> DiagonalNormal:
    return DiagonalNormal(function(q.loc), function(q.narrow_scale), q.reinterpreted_batch_ndims)


@mapped.register
def _full(q: MultivariateNormal, function: Callable[[Tensor], Tensor]) -> MultivariateNormal:
    return MultivariateNormal(function(q.loc), scale_tril=function(q.scale_tril), validate_args=False)


@mapped.register
def _point(q: Dirac, function: Callable[[Tensor], Tensor]) -> Dirac:
    return Dirac(function(q.point))


def detached(distribution: Distribution) -> Distribution:
    """Return the same distribution with its parameters cut from the graph.

    Its ``log_prob`` is still differentiable in its argument: what is left of the derivative of
    log q(z|x) when the score term is dropped (Roeder et al. 2017).

    Raises
    ------
    TypeError
        As :func:`mapped`.

    Examples
    --------
    >>> import torch
    >>> q = DiagonalNormal(torch.zeros(2, requires_grad=True), torch.ones(2))
    >>> detached(q).log_prob(torch.zeros(2)).requires_grad
    False
    """
    return mapped(distribution, Tensor.detach)
