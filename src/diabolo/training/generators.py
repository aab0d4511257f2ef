"""Torch's generators: their states, taken and put back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


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
