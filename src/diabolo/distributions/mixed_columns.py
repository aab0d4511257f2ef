"""Columns of different kinds, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution


class MixedColumns(Distribution):
    """Independent groups of columns, each with a distribution of its own kind.

    log p(x) is the sum over the groups; where some are probabilities and others densities it is a density with
    respect to the product of the counting measure and Lebesgue's.

    Parameters
    ----------
    groups : sequence of Distribution
        Each of one batch shape, and an event shape of (n_columns,).
    columns : sequence of Tensor of int64
        The columns of each group, together each of 0, 1, ..., n - 1 once.

    Examples
    --------
    >>> from torch.distributions import Independent, Normal
    >>> from diabolo.distributions import IndependentBernoulli
    >>> real = Independent(Normal(torch.zeros(5, 2), 1.0), 1)
    >>> p = MixedColumns([IndependentBernoulli(torch.zeros(5, 1)), real], [torch.tensor([1]), torch.tensor([0, 2])])
    >>> p.sample().shape, p.log_prob(torch.zeros(5, 3)).shape
    (torch.Size([5, 3]), torch.Size([5]))
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch has it

    def __init__(self, groups: Sequence[Distribution], columns: Sequence[Tensor]) -> None:
        self.groups = tuple(groups)
        self.columns = tuple(columns)
        n = sum(group.event_shape.numel() for group in self.groups)
        super().__init__(self.groups[0].batch_shape, torch.Size((n,)), validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether draws of all groups are differentiable."""
        return all(group.has_rsample for group in self.groups)

    def expand(self, batch_shape: Any, _instance: Any = None) -> MixedColumns:
        """Return the same distribution with a larger batch shape."""
        return MixedColumns([group.expand(batch_shape) for group in self.groups], self.columns)

    def log_prob(self, value: Tensor) -> Tensor:
        """Sum of the log-probabilities and log-densities of the groups in nats, shape (*batch)."""
        pairs = zip(self.groups, self.columns, strict=True)
        return torch.stack([group.log_prob(value[..., columns]) for group, columns in pairs]).sum(0)

    @property
    def mean(self) -> Tensor:
        """Mean of each column, shape (*batch, n); NaN for categories, as torch has it."""
        return self.joined(lambda group: group.mean)

    @property
    def variance(self) -> Tensor:
        """Variance of each column, shape (*batch, n); NaN for categories."""
        return self.joined(lambda group: group.variance)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw rows, shape (*sample_shape, *batch, n)."""
        return self.joined(lambda group: group.sample(torch.Size(sample_shape)))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draw rows differentiably, where each group can."""
        return self.joined(lambda group: group.rsample(torch.Size(sample_shape)))

    def joined(self, function: Callable[[Distribution], Tensor]) -> Tensor:
        """Return what a function says of each group, shape (*shape, n_columns), with the columns in their places."""
        return put_together([function(group) for group in self.groups], self.columns)


def put_together(pieces: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    """Return pieces (*shape, n_columns) as one tensor (*shape, n) with each column in its place, in floating point.

    Examples
    --------
    >>> put_together([torch.tensor([1, 2]), torch.tensor([0.5])], [torch.tensor([2, 0]), torch.tensor([1])])
    tensor([2.0000, 0.5000, 1.0000])
    """
    return torch.cat(list(pieces), -1)[..., torch.cat(list(columns)).argsort()]
