"""Which rows each step learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


def steps_per_epoch(n_rows: int, batch_size: int) -> int:
    """Return the number of batches in one pass: whole ones, and a last one of at least half the size.

    Examples
    --------
    >>> steps_per_epoch(300, 128), steps_per_epoch(330, 128)
    (2, 3)
    """
    size = min(batch_size, n_rows)
    whole, rest = divmod(n_rows, size)
    return whole + (2 * rest >= size)


class Bytes:
    """Rows of whole numbers of one byte each, which become floating-point numbers when they are taken.

    Parameters
    ----------
    stored : Tensor of uint8 or int8, of shape (n_rows, *event)
        All rows.
    dtype : torch.dtype
        What they become.

    Examples
    --------
    >>> rows = Bytes(torch.tensor([[1], [200], [3]], dtype=torch.uint8), torch.float32)
    >>> len(rows), rows[torch.tensor([2, 1])].tolist(), [part.tolist() for part in rows.split(2)]
    (3, [[3.0], [200.0]], [[[1.0], [200.0]], [[3.0]]])
    """

    def __init__(self, stored: Tensor, dtype: torch.dtype) -> None:
        self.stored, self.dtype = stored.contiguous(), dtype

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, rows: Tensor) -> Tensor:
        return taken(self.stored, rows).to(self.dtype)

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.stored.device

    def split(self, n_rows: int) -> Iterator[Tensor]:
        """Yield all rows in their order, at most ``n_rows`` at a time."""
        return (part.to(self.dtype) for part in self.stored.split(n_rows))


class Subset:
    """Some rows of a tensor, numbered without gaps: ``subset[rows]`` is a copy, and nothing else is.

    Parameters
    ----------
    x : Tensor of shape (n_rows, *event), or Bytes
        All rows.
    kept : Tensor of int64
        Which of them.

    Examples
    --------
    >>> subset = Subset(torch.arange(10), torch.tensor([2, 5, 9]))
    >>> len(subset), subset[torch.tensor([2, 0])]
    (3, tensor([9, 2]))
    """

    def __init__(self, x: Tensor | Bytes, kept: Tensor) -> None:
        self.x, self.kept = x, kept

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, rows: Tensor) -> Tensor:
        return taken(self.x, self.kept[rows.to(self.kept.device)])

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.x.device


def taken(x: Any, rows: Tensor) -> Tensor:
    """Return ``x[rows]``: of a tensor in half the time that its own way takes."""
    return x.index_select(0, rows.to(x.device)) if isinstance(x, Tensor) else x[rows]


class Batches:
    """The numbers of the steps and their rows: each epoch visits all rows in a new order.

    The orders come from torch's generator. They are not part of the state, since they may be larger than the
    model: the generator at the beginning of the epoch draws its order again.

    Parameters
    ----------
    n_rows : int
        Rows to learn from.
    batch_size : int
        Rows in a step.
    n_steps : int
        Steps in all.
    draw : callable, optional
        Draws an order from torch's generator, of which slices are tensors of row numbers; any order of the rows
        by default.
    device : torch.device, optional
        Where each order goes at once, rather than batch by batch.

    Examples
    --------
    >>> [step for step, rows in Batches(5, 2, n_steps=4)]
    [1, 2, 3, 4]
    """

    def __init__(
        self,
        n_rows: int,
        batch_size: int,
        n_steps: int,
        draw: Callable[[], Any] | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.n_rows, self.size, self.n_steps = n_rows, min(batch_size, n_rows), n_steps
        self.draw = draw or (lambda: torch.randperm(n_rows).to(device))
        self.step = self.done = 0  # of the training, and of the epoch
        self.generator: Tensor | None = None
        self.order: Any = None

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        per_epoch = steps_per_epoch(self.n_rows, self.size)
        while self.step < self.n_steps:
            if self.order is None or self.done == per_epoch:
                self.generator, self.done = torch.get_rng_state(), 0
                self.order = self.draw()
            rows = self.order[self.done * self.size : (self.done + 1) * self.size]
            self.step, self.done = self.step + 1, self.done + 1
            yield self.step, rows

    def state(self) -> dict[str, Any]:
        """Return the position: after the step that was given out last."""
        return {"step": self.step, "done": self.done, "generator": self.generator}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a position; torch's generator is used and must be set afterwards."""
        self.step, self.done, self.generator = state["step"], state["done"], state["generator"]
        if self.generator is not None:
            torch.set_rng_state(self.generator)
            self.order = self.draw()
