"""Gates: what a scalar does to the units of a network, so that one network serves a range of a hyper-parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

#: A square below this counts as 0, so that the slope of its root stays finite.
_SMALLEST_SQUARE = 1e-6


class Gate(nn.Module):
    """A function of the line w n + b for each unit, of a scalar n for each row."""

    def __init__(self, n_units: int, *, slope: float, offset: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((n_units,), slope))
        self.offset = nn.Parameter(torch.full((n_units,), offset))

    def line(self, n: Tensor) -> Tensor:
        """Return w n + b, shape (rows, n_units), for n of shape (rows, 1)."""
        return n * self.slope + self.offset


class SigmoidGate(Gate):
    """sigmoid(w n + b), the gate of an encoder's units (Bae et al. 2022)."""

    def __init__(self, n_units: int) -> None:
        super().__init__(n_units, slope=0.0, offset=2.0)

    def forward(self, n: Tensor) -> Tensor:
        """Return the gates, within (0, 1)."""
        return torch.sigmoid(self.line(n))


class RootGate(Gate):
    """sqrt(max(0, 1 - exp(w n + b))), the gate of a decoder's units (Bae et al. 2022)."""

    def __init__(self, n_units: int) -> None:
        super().__init__(n_units, slope=0.5, offset=-3.0)

    def forward(self, n: Tensor) -> Tensor:
        """Return the gates, within [0, 1)."""
        square = -torch.expm1(self.line(n))
        is_open = square > _SMALLEST_SQUARE
        return torch.where(is_open, square, 1.0).sqrt() * is_open


class CodeGate(RootGate):
    """The gate of the codes without hidden layers, by which the linear beta-VAE is exact at every beta.

    A code of variance lambda in the data has at its best, with s = beta sigma^2, the mean and the
    decoder of beta -> 0 times sqrt(max(0, 1 - s / lambda)), and the log-scale
    min(0, ln s - ln lambda) / 2: both are functions of the one line w n + b = ln s - ln lambda.

    Parameters
    ----------
    n_units : int
        Number of codes.
    reach : float
        Half the range of ln beta over sqrt 3, which is the slope of ln beta in n. The lines start as those of
        variances lambda_i = beta_min r^(3/2) i^(-p), with r the ratio of the largest beta to the smallest and p
        such that lambda_(n_units + 1) = beta_min: a few codes are open at the largest beta, all at the smallest.
    """

    def __init__(self, n_units: int, reach: float) -> None:
        super().__init__(n_units)
        share = torch.arange(1, n_units + 1).log() / math.log(n_units + 1)
        with torch.no_grad():
            self.slope.fill_(reach)
            self.offset.copy_(reach * math.sqrt(3) * (1 - 3 * (1 - share)))

    def log_scale(self, n: Tensor) -> Tensor:
        """Return min(0, w n + b) / 2, what is added to the log-scale of a code."""
        return 0.5 * self.line(n).clamp(max=0)


class GatedStack(nn.Module):
    """Gates on what the weighted layers of a stack read, and biases that are lines in n, where there are hidden units.

    A gate, one for each hidden unit or channel, scales what a unit says; the line in its layer's bias moves
    where it begins to say something, which no gate can.

    Parameters
    ----------
    layers : sequence of Module
        Linear layers, convolutions, and layers without weights. They are not kept.
    gate : type
        The kind of gate.

    Raises
    ------
    ValueError
        If a layer has weights and is neither linear nor a convolution.
    """

    def __init__(self, layers: Sequence[nn.Module], gate: type[SigmoidGate] | type[RootGate]) -> None:
        super().__init__()
        weighted = {str(i): _affine(layer) for i, layer in enumerate(layers) if has_weights(layer)}
        read = list(weighted.items())[1:]  # the first reads no hidden units, but x or the codes
        self.gates = nn.ModuleDict({i: gate(layer.weight.shape[_axis(layer)]) for i, layer in read})
        self.slopes = nn.ParameterDict(
            {i: nn.Parameter(torch.zeros_like(layer.bias)) for i, layer in weighted.items() if read}
        )

    def forward(self, layers: Sequence[nn.Module], h: Tensor, n: Tensor) -> Tensor:
        """Run the layers on h, shape (rows, ...), with the gates and biases at n, shape (rows, 1)."""
        for i, layer in enumerate(layers):
            if str(i) in self.gates:
                h = h * _over_channels(self.gates[str(i)](n), h)
            h = layer(h)
            if str(i) in self.slopes:
                h = h + _over_channels(n * self.slopes[str(i)], h)
        return h

    @torch.no_grad()
    def fold(self, layers: Sequence[nn.Module], n: Tensor) -> None:
        """Put the gates and lines at one n, shape (1, 1), into the weights and biases of the layers, in place."""
        for i, gate in self.gates.items():
            scale_inputs(layers[int(i)], gate(n)[0])
        for i, slope in self.slopes.items():
            _affine(layers[int(i)]).bias.add_(n[0] * slope)


def has_weights(layer: nn.Module) -> bool:
    """Whether a layer has parameters."""
    return next(layer.parameters(), None) is not None


@torch.no_grad()
def scale_inputs(layer: nn.Module, factors: Tensor) -> None:
    """Multiply the weights of a layer so that it reads each input times its factor, in place."""
    affine = _affine(layer)
    shape = [-1 if axis == _axis(affine) else 1 for axis in range(affine.weight.ndim)]
    affine.weight.mul_(factors.reshape(shape))


def _affine(layer: nn.Module) -> Any:
    """Return the linear map or convolution, with a bias, that a layer is or holds."""
    found = [m for m in layer.modules() if next(m.parameters(recurse=False), None) is not None]
    is_affine = len(found) == 1 and isinstance(found[0], nn.Linear | nn.modules.conv._ConvNd)
    if not is_affine or found[0].bias is None:
        raise ValueError(
            "a multi-rate model gates linear layers and convolutions, one in each layer and with a bias, and the network "
            f"has a {type(layer).__name__} that is none of these: use network='mlp', "
            "'linear', 'conv1d' or 'conv2d', or a VAE for each beta."
        )
    return found[0]


def _axis(affine: nn.Module) -> int:
    """Return the axis of inputs of the weights."""
    return 0 if isinstance(affine, nn.modules.conv._ConvTransposeNd) else 1


def _over_channels(values: Tensor, h: Tensor) -> Tensor:
    """Return values for each row and channel in the shape that goes with maps h."""
    return values.reshape(*values.shape, *[1] * (h.ndim - 2))
