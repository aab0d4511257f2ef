"""Chance that leaves no trace."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock

import torch
from torch import Tensor

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


def generator_states() -> list[Tensor]:
    """Return the states of torch's generators: the processor's, then those of the graphics cards in use."""
    cards = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *cards]


def set_generators(states: Sequence[Tensor]) -> None:
    """Set torch's generators to states of :func:`generator_states`, as far as there are such cards here.

    Examples
    --------
    >>> states = generator_states()
    >>> a = torch.randn(2)
    >>> set_generators(states)
    >>> bool((torch.randn(2) == a).all())
    True
    """
    torch.set_rng_state(states[0])
    if torch.cuda.is_initialized():
        for card, state in zip(range(torch.cuda.device_count()), states[1:], strict=False):
            torch.cuda.set_rng_state(state, card)


def own_generators() -> list[Tensor]:
    """Return the states of the generators that this process draws from: the processor's, and its graphics card's."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else [])]


def set_own_generators(states: Sequence[Tensor]) -> None:
    """Set the generators that this process draws from to those of another one."""
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.cuda.set_rng_state(state)
