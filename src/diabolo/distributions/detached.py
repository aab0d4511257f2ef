"""A distribution whose parameters pass no gradient."""

from __future__ import annotations

from functools import singledispatch

from torch.distributions import Distribution, MultivariateNormal

from diabolo.distributions.diagonal_normal import DiagonalNormal


@singledispatch
def detached(distribution: Distribution) -> Distribution:
    """Return the same distribution with its parameters cut from the graph.

    Its ``log_prob`` is still differentiable in its argument: what is left of the derivative of
    log q(z|x) when the score term is dropped (Roeder et al. 2017).

    Raises
    ------
    TypeError
        For a distribution that is not among the posteriors of this library.

    Examples
    --------
    >>> import torch
    >>> q = DiagonalNormal(torch.zeros(2, requires_grad=True), torch.ones(2))
    >>> detached(q).log_prob(torch.zeros(2)).requires_grad
    False
    """
    raise TypeError(
        f"gradients without the score term need a posterior whose parameters can be detached, got a "
        f"{type(distribution).__name__}: register one with diabolo.distributions.detached.register, or use "
        "gradient='reparametrised'."
    )


@detached.register
def _diagonal(q: DiagonalNormal) -> DiagonalNormal:
    return DiagonalNormal(q.loc.detach(), q.narrow_scale.detach(), q.reinterpreted_batch_ndims)


@detached.register
def _full(q: MultivariateNormal) -> MultivariateNormal:
    return MultivariateNormal(q.loc.detach(), scale_tril=q.scale_tril.detach(), validate_args=False)
