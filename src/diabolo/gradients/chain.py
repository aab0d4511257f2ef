"""Linear layers and activations in a row, and the way back through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_aten = torch.ops.aten

#: Derivative times a gradient, from the layer, the gradient, its input and its output: torch's own kernels.
ACTIVATIONS: dict[type[nn.Module], Callable[[Any, Tensor, Tensor, Tensor], Tensor]] = {
    nn.ReLU: lambda layer, gradient, x, y: _aten.threshold_backward(gradient, y, 0),
    nn.Tanh: lambda layer, gradient, x, y: _aten.tanh_backward(gradient, y),
    nn.SiLU: lambda layer, gradient, x, y: _aten.silu_backward(gradient, x),
    nn.GELU: lambda layer, gradient, x, y: _aten.gelu_backward(gradient, x, approximate=layer.approximate),
    nn.ELU: lambda layer, gradient, x, y: _aten.elu_backward(gradient, layer.alpha, 1.0, 1.0, False, x),
    nn.Softplus: lambda layer, gradient, x, y: _aten.softplus_backward(
        gradient, x, layer.beta, layer.threshold
    ),
}


def layers_of(*modules: nn.Module) -> list[nn.Module] | None:
    """Return the linear layers and activations of modules in a row; None if there is anything else.

    A flattening before them and an unflattening behind them are left out: rows are flat here.

    Examples
    --------
    >>> layers_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU()))
    [Linear(in_features=4, out_features=2, bias=True), ReLU()]
    >>> layers_of(nn.Linear(4, 2), nn.LayerNorm(2))
    """
    layers = [layer for module in modules for layer in _unpacked(module)]
    if layers and type(layers[0]) is nn.Flatten:
        layers = layers[1:]
    if layers and type(layers[-1]) is nn.Unflatten:
        layers = layers[:-1]
    return layers if layers and all(map(_is_known, layers)) else None


def _unpacked(module: nn.Module) -> list[nn.Module]:
    if type(module) is not nn.Sequential or _is_heard(module):
        return [module]
    return [layer for inner in module for layer in _unpacked(inner)]


def _is_known(layer: nn.Module) -> bool:
    if _is_heard(layer) or getattr(layer, "inplace", False):
        return False
    return type(layer) in ACTIVATIONS or (type(layer) is nn.Linear and layer.bias is not None)


def _is_heard(module: nn.Module) -> bool:
    """Whether hooks wait for the module to be called or differentiated, which would not happen."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, name) for name in hooks)


class Chain:
    """A pass through layers that leaves what the way back needs, without autograd's graph.

    Parameters
    ----------
    layers : sequence of Module
        Linear layers and activations, as :func:`layers_of` gives them.

    Examples
    --------
    >>> layer = nn.Linear(3, 2)
    >>> chain = Chain([layer])
    >>> with torch.no_grad():
    ...     y = chain.forward(torch.ones(5, 3))
    ...     dx = chain.backward(torch.ones(5, 2))
    >>> layer.weight.grad
    tensor([[5., 5., 5.],
            [5., 5., 5.]])
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        self.layers = layers
        self._values: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """Return what comes out for x of shape (batch, n_inputs)."""
        self._values = [x]
        for layer in self.layers:
            x = layer.forward(x)
            self._values.append(x)
        return x

    def backward(self, gradient: Tensor, *, to_input: bool = True) -> Tensor | None:
        """Set the gradients of the layers for that of the output; return that of the input, where it is asked for."""
        for depth in reversed(range(len(self.layers))):
            layer, x, y = self.layers[depth], self._values[depth], self._values[depth + 1]
            if type(layer) is not nn.Linear:
                gradient = ACTIVATIONS[type(layer)](layer, gradient, x, y)
                continue
            layer.weight.grad = gradient.T @ x
            layer.bias.grad = gradient.sum(0)
            if depth or to_input:
                gradient = gradient @ layer.weight
        self._values = []
        return gradient if to_input else None
