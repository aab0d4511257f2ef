"""A batch as an objective sees it whose rows several processes have evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.distributions import Distribution

from diabolo.contracts import Evaluation
from diabolo.distributions import DiagonalNormal, mapped
from diabolo.training.processes import Processes


class WholeBatch(Evaluation):
    """The evaluation of all rows of a batch, gathered from the processes when it is read.

    Codes, the parameters of q(z|x) and the log-densities are those of all rows, on each process, in the order of
    the batch. Each process computes the whole loss L of them; what comes back to the rows of one process is the
    gradient of the sum of these equal losses, so that the mean of the gradients over the processes is that of L,
    for what each process computes from its own rows and for what all compute alike.

    Parameters
    ----------
    own : Evaluation
        Of the rows of this process.
    x : Tensor of shape (batch, *event)
        The whole batch.
    context : mapping of str to Tensor
        Of the whole batch; what ``own`` has besides is gathered.
    processes : Processes
        Who shares the batch, by its ``part``.
    """

    own: Evaluation
    processes: Processes

    def __init__(
        self, own: Evaluation, x: Tensor, context: Mapping[str, Tensor], processes: Processes
    ) -> None:
        more = {name: tensor for name, tensor in own.context.items() if name not in context}
        self.__dict__.update(own=own, x=x, prior=own.prior, processes=processes)
        self.__dict__["context"] = {**context, **{name: self.gathered(t) for name, t in more.items()}}

    def gathered(self, own: Tensor, dim: int = 0) -> Tensor:
        """Return a tensor with the rows of all processes along a dimension."""
        return _Gathered.apply(own, dim, len(self.x), self.processes)

    @cached_property
    def z(self) -> Tensor:
        """Codes of all rows."""
        return self.gathered(self.own.z, 1)

    @cached_property
    def posterior(self) -> Distribution:
        """q(z|x) of all rows."""
        q = self.own.posterior
        if isinstance(q, DiagonalNormal):  # whose scale may be one for all rows
            q = q.expand(q.batch_shape)
        return mapped(q, self.gathered)

    @cached_property
    def observation(self) -> Any:
        """The mean of p(x|z) of all rows, and nothing else of it."""
        return _Observation(self)

    @cached_property
    def log_px(self) -> Tensor:
        """log p(x|z) of all rows."""
        return self.gathered(self.own.log_px, 1)

    @cached_property
    def log_pz(self) -> Tensor:
        """log p(z) of all rows."""
        return self.gathered(self.own.log_pz, 1)

    @cached_property
    def log_qz(self) -> Tensor:
        """log q(z|x) of all rows."""
        return self.gathered(self.own.log_qz, 1)

    @cached_property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)) of all rows."""
        return self.gathered(self.own.kl)

    @property
    def kl_is_exact(self) -> bool:
        """Whether the Kullback-Leibler divergence has a closed form for this pair."""
        return self.own.kl_is_exact


class _Observation:
    """p(x|z) of all rows, as far as it is gathered."""

    def __init__(self, batch: WholeBatch) -> None:
        self._batch = batch

    @cached_property
    def mean(self) -> Tensor:
        """The mean, shape (n_draws, batch, *event)."""
        return self._batch.gathered(self._batch.own.observation.mean, 1)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"several processes gather log p(x|z) and the mean of evaluation.observation, not its {name!r}: an "
            "objective that is a mean over rows says so (mean_over_rows = True), and gets those of each process."
        )


class _Gathered(Function):
    """The rows of all processes; backward, the rows of this one from the gradients of all, which are equal."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, dim: int, n_rows: int, processes: Processes) -> Tensor:
        part = processes.part(n_rows)
        ctx.place = dim, part.start, part.stop - part.start
        ctx.size = processes.size
        shape = list(own.shape)
        shape[dim] = n_rows
        whole = own.new_zeros(shape)
        whole.narrow(*ctx.place).copy_(own)
        return processes.add(whole)  # x + 0 = x, so these are the very bits, on all processes

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.size * gradient.narrow(*ctx.place), None, None, None
