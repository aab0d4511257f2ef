"""Strided convolutions of any length, and their exact mirrors, for 1-D and 2-D observations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diabolo.networks.base import ACTIVATIONS, Network, activation_module

_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
_TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}


@dataclass(frozen=True)
class Layer:
    """One convolution: its channels, kernel, stride and padding ("same" or "valid")."""

    channels: int
    kernel: int
    stride: int
    padding: str = "same"

    def output_length(self, length: int) -> int:
        """Length of one axis after the convolution."""
        if self.padding == "same":
            return math.ceil(length / self.stride)
        return (length - self.kernel) // self.stride + 1

    def margins(self, length: int) -> tuple[int, int]:
        """Zeros before and after one axis; the odd one goes after, as in TensorFlow's "same"."""
        if self.padding == "valid":
            return 0, 0
        total = max((self.output_length(length) - 1) * self.stride + self.kernel - length, 0)
        return total // 2, total - total // 2


class Downward(nn.Module):
    """A strided convolution of a map of known shape.

    While it is trained, a convolution of one channel of images is a product of its windows with the kernels, which is
    what it is by definition; the library's own takes several times as long there, most of it for the gradient.
    """

    def __init__(self, layer: Layer, n_inputs: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        margins = [layer.margins(length) for length in shape]
        symmetric = all(a == b for a, b in margins)
        self.margins = () if symmetric else tuple(m for pair in reversed(margins) for m in pair)
        self.all_margins = tuple(m for pair in reversed(margins) for m in pair)
        self.by_windows = n_inputs == 1 and len(shape) == 2
        self.convolution = _CONVOLUTIONS[len(shape)](
            n_inputs,
            layer.channels,
            layer.kernel,
            stride=layer.stride,
            padding=tuple(a for a, _ in margins) if symmetric else 0,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (rows, n_inputs, *shape) to (rows, channels, *smaller shape)."""
        if self.training and self.by_windows:
            return self._product(F.pad(x, self.all_margins).squeeze(1))
        return self.convolution(F.pad(x, self.margins) if self.margins else x)

    def _product(self, x: Tensor) -> Tensor:
        weight, bias = self.convolution.weight, self.convolution.bias
        (height, width), (down, right) = self.convolution.kernel_size, self.convolution.stride
        windows = x.unfold(1, height, down).unfold(2, width, right)
        y = torch.addmm(bias, windows.reshape(-1, height * width), weight.flatten(1).T)
        return y.unflatten(0, windows.shape[:3]).permute(0, 3, 1, 2)


class Upward(nn.Module):
    """The transposed convolution that undoes the shape of a :class:`Downward`.

    While it is trained, one that makes one channel of images lays its kernels, weighted, over each other.
    """

    def __init__(self, layer: Layer, n_outputs: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.target = shape
        self.by_windows = n_outputs == 1 and len(shape) == 2
        crops = [layer.margins(length)[0] for length in shape]
        full = [(layer.output_length(length) - 1) * layer.stride + layer.kernel for length in shape]
        # The convolution crops as much at the end as at the beginning: where "same" crops one value
        # more there, forward() drops it; positions that "valid" never saw are added back.
        lacking = [max(0, n - (f - 2 * a)) for n, f, a in zip(shape, full, crops, strict=True)]
        self.convolution = _TRANSPOSED[len(shape)](
            layer.channels,
            n_outputs,
            layer.kernel,
            stride=layer.stride,
            padding=tuple(crops),
            output_padding=tuple(lacking),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (rows, channels, *smaller shape) to (rows, n_outputs, *shape)."""
        if self.training and self.by_windows:
            return self._overlaid(x)
        y = self.convolution(x)
        for axis, length in enumerate(self.target, start=2):
            if y.shape[axis] > length:
                y = y.narrow(axis, 0, length)
        return y

    def _overlaid(self, x: Tensor) -> Tensor:
        weight, bias, stride = self.convolution.weight, self.convolution.bias, self.convolution.stride
        kernels = weight.flatten(1).T.expand(len(x), -1, -1)
        before = self.convolution.padding
        sides = [(n - 1) * s + k for n, s, k in zip(x.shape[2:], stride, weight.shape[2:], strict=True)]
        y = F.fold(kernels @ x.flatten(2), tuple(sides), weight.shape[2:], stride=stride)
        margins = [m for n, a, f in zip(self.target, before, sides, strict=True) for m in (n + a - f, -a)]
        return F.pad(y, margins[::-1]) + bias.view(-1, 1, 1)


class ConvolutionalNetwork(Network):
    """A stack of strided convolutions and its mirror; subclasses say which layers."""

    channels: tuple[int, ...] | None = None
    kernel_size: int
    activation: str = "relu"

    def layers(self, shape: tuple[int, ...]) -> list[Layer]:
        """Return the encoder's convolutions for a map of the given shape."""
        raise NotImplementedError

    def at(self, channels: int, shape: tuple[int, ...]) -> list[nn.Module]:
        """Return what a map of that many channels goes through between two convolutions."""
        return [activation_module(self.activation)]

    def check_convolutions(self) -> None:
        """Refuse channels, kernels and activations that mean nothing."""
        if self.channels is not None:
            self.check_wholes("channels", fewest=1)
        self.check_whole("kernel_size")
        self.check_choice("activation", ACTIVATIONS)

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the shapes of the maps, from x to the features, without channels."""
        shapes = [shape]
        for layer in self.layers(shape):
            shapes.append(tuple(layer.output_length(length) for length in shapes[-1]))
        if min(shapes[-1]) < 1:
            raise ValueError(
                f"network={type(self).__name__} makes a map of {shape} smaller than its kernels: "
                "use fewer layers, larger observations, or network='mlp'."
            )
        return shapes

    def encoder(self, event: tuple[int, ...]) -> tuple[nn.Module, int]:
        """Return the convolutions, flattened."""
        n_channels, *shape = event
        shapes = self.shapes(tuple(shape))
        modules: list[nn.Module] = []
        for layer, (before, after) in zip(self.layers(shapes[0]), pairwise(shapes), strict=True):
            modules += [Downward(layer, n_channels, before), *self.at(layer.channels, after)]
            n_channels = layer.channels
        return self.started(nn.Sequential(*modules, nn.Flatten())), n_channels * math.prod(shapes[-1])

    def decoder(self, n_inputs: int, event: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Return a dense layer and the mirrored convolutions, linear at the end."""
        n_channels, *shape = event
        shapes = self.shapes(tuple(shape))
        layers = self.layers(shapes[0])
        top = (layers[-1].channels, *shapes[-1])
        modules: list[nn.Module] = [nn.Linear(n_inputs, math.prod(top)), nn.Unflatten(1, top)]
        n_maps = [n_outputs * n_channels, *(layer.channels for layer in layers)]
        for depth in reversed(range(len(layers))):
            modules += self.at(layers[depth].channels, shapes[depth + 1])
            modules.append(Upward(layers[depth], n_maps[depth], shapes[depth]))
        return self.started(nn.Sequential(*modules, nn.Unflatten(1, (n_outputs, n_channels))))

    def started(self, module: nn.Module) -> nn.Module:
        """Return the module with He's uniform weights, biases at 0, and a last convolution a tenth as large.

        So a decoder whose outputs are shifts from the mean starts near the mean. A transposed
        convolution sums ``channels * (kernel / stride)`` products along each axis, fewer than its weight's shape says.
        """
        last = None
        for layer in module.modules():
            if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
                last = layer
                n_inputs = layer.weight[:, 0].numel() / math.prod(layer.stride)
            elif isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
                n_inputs = layer.weight[0].numel()
            else:
                continue
            bound = math.sqrt(6 / n_inputs)
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        if last is not None:
            last.weight.data.mul_(0.1)
        return module


def halvings(shape: tuple[int, ...], smallest: int) -> int:
    """How often a map can be halved until its shortest axis is about ``smallest``."""
    return max(1, round(math.log2(max(min(shape) / smallest, 1))))
