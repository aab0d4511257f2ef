"""Strided convolutions of any length, and their exact mirrors, for 1-D and 2-D observations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from diabolo.networks.base import ACTIVATIONS, Network, activation_module

_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
_TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}
_CONVOLVE: dict[int, Any] = {1: F.conv1d, 2: F.conv2d}
_TRANSPOSE: dict[int, Any] = {1: F.conv_transpose1d, 2: F.conv_transpose2d}


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

    def flips(self, length: int) -> bool:
        """Whether windows on a flipped map are those of as many zeros on both sides: of the larger margin.

        The windows reach from end to end, and what the end has too much makes no window more.
        """
        before, after = self.margins(length)
        reach = (self.output_length(length) - 1) * self.stride + self.kernel
        return reach == before + length + after and after - before < self.stride


class MapLayer(nn.Module):
    """What a convolution and its transpose know of the larger map: the zeros before and after its axes.

    A flipped one maps flipped maps to flipped maps while it is trained.
    """

    def __init__(self, layer: Layer, shape: tuple[int, ...], *, flipped: bool) -> None:
        super().__init__()
        margins = [layer.margins(length) for length in shape]
        self.before, self.after = (tuple(side) for side in zip(*margins, strict=True))
        self.flipped = flipped

    @property
    def odd(self) -> tuple[int, ...]:
        """How many zeros more there are after each axis than before it."""
        return tuple(b - a for a, b in zip(self.before, self.after, strict=True))


class Downward(MapLayer):
    """A strided convolution of a map of known shape.

    Where maps are flipped, the first of a stack flips them itself.
    """

    def __init__(
        self,
        layer: Layer,
        n_inputs: int,
        shape: tuple[int, ...],
        *,
        flipped: bool = False,
        is_first: bool = False,
    ) -> None:
        super().__init__(layer, shape, flipped=flipped)
        self.is_first = is_first
        self.convolution = _CONVOLUTIONS[len(shape)](
            n_inputs, layer.channels, layer.kernel, stride=layer.stride, padding=self.before
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (rows, n_inputs, *shape) to (rows, channels, *smaller shape)."""
        convolution, n_axes = self.convolution, len(self.before)
        if self.training and self.flipped:
            x = _flip(x, n_axes) if self.is_first else x
            weight = _flip(convolution.weight, n_axes)
            return _CONVOLVE[n_axes](x, weight, convolution.bias, convolution.stride, self.after)
        return convolution(_padded(x, [0] * n_axes, self.odd))


class Upward(MapLayer):
    """The transposed convolution that undoes the shape of a :class:`Downward`.

    While it is trained, one that makes one channel of images lays its kernels, weighted, over each other, which is what it
    is by definition; the library's own takes several times as long there. Where maps are flipped, the last of a stack flips
    them back itself.
    """

    def __init__(
        self,
        layer: Layer,
        n_outputs: int,
        shape: tuple[int, ...],
        *,
        flipped: bool = False,
        is_last: bool = False,
    ) -> None:
        super().__init__(layer, shape, flipped=flipped)
        self.target, self.is_last = shape, is_last
        self.overlays = n_outputs == 1 and len(shape) == 2
        full = [(layer.output_length(length) - 1) * layer.stride + layer.kernel for length in shape]
        # The convolution crops as much at the end as at the beginning: where "same" crops one value
        # more there, forward() drops it; positions that "valid" never saw are added back.
        lacking = [max(0, n - (f - 2 * a)) for n, f, a in zip(shape, full, self.before, strict=True)]
        self.convolution = _TRANSPOSED[len(shape)](
            layer.channels,
            n_outputs,
            layer.kernel,
            stride=layer.stride,
            padding=self.before,
            output_padding=tuple(lacking),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (rows, channels, *smaller shape) to (rows, n_outputs, *shape)."""
        if self.training and self.flipped:
            y = self._flipped(x)
            return _flip(y, len(self.target)) if self.is_last else y
        if self.training and self.overlays:
            return self._overlaid(x, self.convolution.weight, self.before)
        y = self.convolution(x)
        for axis, length in enumerate(self.target, start=2):
            if y.shape[axis] > length:
                y = y.narrow(axis, 0, length)
        return y

    def _flipped(self, x: Tensor) -> Tensor:
        n_axes, convolution = len(self.target), self.convolution
        weight = _flip(convolution.weight, n_axes)
        if self.overlays:
            return self._overlaid(x, weight, self.after)
        return _TRANSPOSE[n_axes](x, weight, convolution.bias, convolution.stride, self.after, self.odd)

    def _overlaid(self, x: Tensor, weight: Tensor, before: tuple[int, ...]) -> Tensor:
        bias, stride = self.convolution.bias, self.convolution.stride
        kernels = weight.flatten(1).T.expand(len(x), -1, -1)
        sides = [(n - 1) * s + k for n, s, k in zip(x.shape[2:], stride, weight.shape[2:], strict=True)]
        y = F.fold(kernels @ x.flatten(2), tuple(sides), weight.shape[2:], stride=stride)
        after = [n + a - f for n, a, f in zip(self.target, before, sides, strict=True)]
        return _padded(y, [-a for a in before], after) + bias.view(-1, 1, 1)


def _padded(x: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """Return maps with zeros before and after each of their axes, or without as many values, where that is negative."""
    pairs = [n for pair in zip(reversed(before), reversed(after), strict=True) for n in pair]
    return F.pad(x, pairs) if any(pairs) else x


def _flip(maps: Tensor, n_axes: int) -> Tensor:
    """Return maps, or kernels, with their last axes reversed."""
    return maps.flip(tuple(range(-n_axes, 0)))


class FromMaps(nn.Flatten):
    """Features out of maps, which are flipped back if they are flipped while they are trained."""

    def __init__(self, n_axes: int, *, flipped: bool) -> None:
        super().__init__()
        self.n_axes, self.flipped = n_axes, flipped

    def forward(self, x: Tensor) -> Tensor:
        """Map (rows, channels, *shape) to (rows, n_features)."""
        return super().forward(_flip(x, self.n_axes) if self.training and self.flipped else x)


class ToMaps(nn.Unflatten):
    """Maps out of features, flipped if they are to be so while they are trained."""

    def __init__(self, shape: tuple[int, ...], *, flipped: bool) -> None:
        super().__init__(1, shape)
        self.n_axes, self.flipped = len(shape) - 1, flipped

    def forward(self, x: Tensor) -> Tensor:
        """Map (rows, n_features) to (rows, channels, *shape)."""
        y = super().forward(x)
        return _flip(y, self.n_axes) if self.training and self.flipped else y


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
        flipped = self.flips(shapes)
        modules: list[nn.Module] = []
        for layer, (before, after) in zip(self.layers(shapes[0]), pairwise(shapes), strict=True):
            is_first = not modules
            modules += [
                Downward(layer, n_channels, before, flipped=flipped, is_first=is_first),
                *self.at(layer.channels, after),
            ]
            n_channels = layer.channels
        features = FromMaps(len(shape), flipped=flipped)
        return self.started(nn.Sequential(*modules, features)), n_channels * math.prod(shapes[-1])

    def decoder(self, n_inputs: int, event: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Return a dense layer and the mirrored convolutions, linear at the end."""
        n_channels, *shape = event
        shapes = self.shapes(tuple(shape))
        flipped = self.flips(shapes)
        layers = self.layers(shapes[0])
        top = (layers[-1].channels, *shapes[-1])
        modules: list[nn.Module] = [nn.Linear(n_inputs, math.prod(top)), ToMaps(top, flipped=flipped)]
        n_maps = [n_outputs * n_channels, *(layer.channels for layer in layers)]
        for depth in reversed(range(len(layers))):
            modules += self.at(layers[depth].channels, shapes[depth + 1])
            modules.append(
                Upward(layers[depth], n_maps[depth], shapes[depth], flipped=flipped, is_last=not depth)
            )
        return self.started(nn.Sequential(*modules, nn.Unflatten(1, (n_outputs, n_channels))))

    def flips(self, shapes: list[tuple[int, ...]]) -> bool:
        """Return whether maps are flipped while they are trained: where that saves copies, and all layers allow it.

        TensorFlow's "same" has the odd zero after a map, and the library pads both sides alike, so that each map would be
        copied into a larger one, there and back. On a flipped map the odd zero comes before, and where it is added after
        too it makes no window more. Kernels are flipped with the maps, so nothing else changes.
        """
        met = [
            (layer, length)
            for layer, shape in zip(self.layers(shapes[0]), shapes, strict=False)
            for length in shape
        ]
        odd = any(before != after for before, after in (layer.margins(length) for layer, length in met))
        pointwise = type(self).at is ConvolutionalNetwork.at
        return odd and pointwise and all(layer.flips(length) for layer, length in met)

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
