"""Means over a batch of which this process may evaluate some rows only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_over_processes: ContextVar[Callable[[Tensor], Tensor] | None] = ContextVar("over_processes", default=None)


def batch_mean(mean: Tensor) -> Tensor:
    """Return the mean over the rows of a batch, of a detached mean over the rows that are evaluated here.

    The same number in one process. A part that lets a batch of training decide something, such as a scale,
    calls this, so that several processes decide alike.

    Examples
    --------
    >>> import torch
    >>> batch_mean(torch.tensor([1.0, 3.0]).mean())
    tensor(2.)
    """
    over = _over_processes.get()
    return mean if over is None else over(mean)


@contextmanager
def averaged(over: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let ``over`` turn means over rows of this process into means over the batch, in the block."""
    token = _over_processes.set(over)
    try:
        yield
    finally:
        _over_processes.reset(token)
