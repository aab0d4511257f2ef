"""Independent binary values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent
from torch.nn.functional import softplus

# Above this logit softplus(logit) is the logit, to the last bit of float64.
_LARGE = 40.0


class IndependentBernoulli(Independent):
    """p(x_j = 1) = sigmoid(logit_j), independently, over the last ``n_event_dims`` dimensions.

    The same as ``Independent(Bernoulli(logits=logits), n_event_dims)`` with one difference: the
    log-probability is computed as

        log p(x) = x . logits - sum_j softplus(logit_j),

    whose first term is a matrix product, so that rows of x are not repeated for each draw of the codes.
    Values between 0 and 1 give the cross-entropy. Rounding is that of the two sums: about
    sum_j |logit_j| times the resolution of the precision.

    Parameters
    ----------
    logits : Tensor of shape (*batch, *event)
        log p(x_j = 1) / p(x_j = 0).
    n_event_dims : int
        How many dimensions make one observation.

    Examples
    --------
    >>> p = IndependentBernoulli(torch.zeros(5, 3))
    >>> p.log_prob(torch.ones(3)).exp().tolist()
    [0.125, 0.125, 0.125, 0.125, 0.125]
    """

    def __init__(self, logits: Tensor, n_event_dims: int = 1) -> None:
        super().__init__(Bernoulli(logits=logits, validate_args=False), n_event_dims, validate_args=False)

    @property
    def logits(self) -> Tensor:
        """Logits, shape (*batch, *event)."""
        return self.base_dist.logits

    def expand(self, batch_shape: Any, _instance: Any = None) -> IndependentBernoulli:
        """Return the same distribution with a larger batch shape."""
        shape = torch.Size(batch_shape) + self.event_shape
        return IndependentBernoulli(self.logits.expand(shape), len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability in nats, shape (*batch); the cross-entropy for values that are not binary."""
        n = self.reinterpreted_batch_ndims
        logits = self.logits.flatten(-n)
        return _LogProbability.apply(value.to(logits.dtype).flatten(-n), logits)


class _LogProbability(torch.autograd.Function):
    """x . logits - sum softplus(logits), whose derivative x - sigmoid(logits) is made in one step."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, logits: Tensor) -> Tensor:
        return torch.einsum("...d,...d->...", x, logits) - softplus(logits, threshold=_LARGE).sum(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, logits = ctx.saved_tensors
        gradient = gradient.unsqueeze(-1)
        to_x, to_logits = ctx.needs_input_grad
        return (
            (gradient * logits).sum_to_size(x.shape) if to_x else None,
            (gradient * (x - logits.sigmoid())).sum_to_size(logits.shape) if to_logits else None,
        )

    @staticmethod
    def jvp(ctx: Any, x_tangent: Tensor | None, logits_tangent: Tensor | None) -> Tensor:
        x, logits = ctx.saved_tensors
        terms = []
        if x_tangent is not None:
            terms.append((x_tangent * logits).sum(-1))
        if logits_tangent is not None:
            terms.append(((x - logits.sigmoid()) * logits_tangent).sum(-1))
        return torch.stack(terms).sum(0)
