"""Fully connected layers."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn

from diabolo.networks.base import ACTIVATIONS, Network, activation_module


class MLP(Network):
    """Fully connected layers, mirrored in the decoder; reads observations of any shape.

    Parameters
    ----------
    hidden : tuple of int
        Units of the encoder's hidden layers, from x to the codes; with none, ``()``, it is linear.
    activation : str
        ``"relu"``, ``"silu"``, ``"gelu"``, ``"tanh"``, ``"elu"``, ``"softplus"``, or ``"gated"``:
        (W h + b) * sigmoid(V h + c), a gate for each unit (Dauphin et al. 2017; in VAEs, Tomczak &
        Welling 2018).

    Examples
    --------
    >>> encoder, n_features = MLP((400,)).encoder((1, 28, 28))
    >>> n_features
    400
    """

    def __init__(self, hidden: tuple[int, ...] = (512, 256), *, activation: str = "relu") -> None:
        super().__init__()
        self.hidden = hidden
        self.activation = activation

    def encoder(self, event: tuple[int, ...]) -> tuple[nn.Module, int]:
        """Return the hidden layers."""
        widths = (math.prod(event), *self._hidden())
        return nn.Sequential(nn.Flatten(), *self._layers(widths)), widths[-1]

    def decoder(self, n_inputs: int, event: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Return the hidden layers in reverse order, then the outputs."""
        widths = (n_inputs, *reversed(self._hidden()))
        outputs = nn.Linear(widths[-1], n_outputs * math.prod(event))
        return nn.Sequential(*self._layers(widths), outputs, nn.Unflatten(1, (n_outputs, *event)))

    def _hidden(self) -> tuple[int, ...]:
        self.check_wholes("hidden")
        self.check_choice("activation", [*ACTIVATIONS, "gated"])
        return self.hidden

    def _layers(self, widths: tuple[int, ...]) -> list[nn.Module]:
        pairs = pairwise(widths)
        if self.activation == "gated":
            return [module for a, b in pairs for module in (nn.Linear(a, 2 * b), nn.GLU(-1))]
        return [module for a, b in pairs for module in (nn.Linear(a, b), activation_module(self.activation))]
