"""Chance that leaves no trace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

#: torch's generators are those of the process, whatever thread draws from them.
_TURN = RLock()


def _of_a_child() -> None:
    """Have a turn of its own in a forked process, where the thread that held this one is not."""
    global _TURN
    _TURN = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_of_a_child)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run the block with torch's generators seeded, and put them back afterwards.

    Everything random in the house happens inside such a block, so the same seed gives the same
    bits and the caller's generators are not touched. Of several threads one is inside at a time, and the others wait.

    Examples
    --------
    >>> with seeded(0):
    ...     a = torch.randn(2)
    >>> with seeded(0):
    ...     b = torch.randn(2)
    >>> bool((a == b).all())
    True
    """
    with _TURN:
        devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
        with torch.random.fork_rng(devices=list(devices)):
            torch.default_generator.manual_seed(seed)
            if torch.cuda.is_initialized():  # else it would be seeded once it is, which nothing puts back
                torch.cuda.manual_seed_all(seed)
            yield
