"""What a step of training cannot do without: its matrix products and convolutions, one by one, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


def floor_of(model: Any, x: Tensor) -> dict[str, dict[str, Callable[[], object]]]:
    """Return, for each layer of a model, its products there and back for a batch, in each memory layout.

    The floor of a step is the sum over the layers of the least time. Shapes are those that the layers meet in the
    model; the first one needs no gradient of its input.
    """
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    }
    met: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda _, given, name=name: met.setdefault(name, given[0].detach()))
        for name, layer in layers.items()
    ]
    with torch.no_grad():
        model.evaluate(x)
    for hook in hooks:
        hook.remove()
    first = next(iter(met))
    return {name: _products(layers[name], given, to_input=name != first) for name, given in met.items()}


def _products(layer: Any, given: Tensor, *, to_input: bool) -> dict[str, Callable[[], object]]:
    if isinstance(layer, nn.Linear):
        return {"contiguous": _matrix_products(layer, given, to_input=to_input)}
    return {
        name: _convolutions(layer, given.contiguous(memory_format=layout), layout, to_input=to_input)
        for name, layout in LAYOUTS.items()
    }


def _matrix_products(layer: nn.Linear, x: Tensor, *, to_input: bool) -> Callable[[], object]:
    weight = layer.weight.detach().clone()
    gradient = torch.randn(len(x), layer.out_features)

    def there_and_back() -> None:
        x @ weight.T
        gradient.T @ x
        if to_input:
            gradient @ weight

    return there_and_back


def _convolutions(
    layer: Any, x: Tensor, layout: torch.memory_format, *, to_input: bool
) -> Callable[[], object]:
    weight = layer.weight.detach().clone(memory_format=layout)
    settings = (
        layer.stride,
        layer.padding,
        layer.dilation,
        isinstance(layer, nn.ConvTranspose2d),
        getattr(layer, "output_padding", (0, 0)),
        layer.groups,
    )
    with torch.no_grad():
        out = torch.convolution(x, weight, layer.bias, *settings)
    gradient = torch.randn_like(out)  # in the layout of what it is the gradient of

    def there_and_back() -> None:
        torch.convolution(x, weight, None, *settings)
        torch.ops.aten.convolution_backward(gradient, x, weight, [0], *settings, [to_input, True, False])

    return there_and_back
