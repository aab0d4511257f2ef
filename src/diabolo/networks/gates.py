"""Gates: what a scalar does to the units of a network, so that one network serves a range of a hyper-parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    """The gate of the codes, by which the linear beta-VAE is exact at every beta.

    A code of variance lambda in the data has at its best, with s = beta sigma^2, the mean and the
    decoder of beta -> 0 times sqrt(max(0, 1 - s / lambda)), and the log-scale
    min(0, ln s - ln lambda) / 2: both are functions of the one line w n + b = ln s - ln lambda.

    Parameters
    ----------
    n_units : int
        Number of codes.
    reach : float or None
        Half the range of ln beta over sqrt 3, which is the slope of ln beta in n: where the lines of a linear
        model start. They start as those of variances lambda_i = beta_min r^(3/2) i^(-p), with r the ratio of
        the largest beta to the smallest and p such that lambda_(n_units + 1) = beta_min: a few codes are
        open at the largest beta, all at the smallest. None: all start open, for hidden units have gates too.
    """

    def __init__(self, n_units: int, reach: float | None) -> None:
        super().__init__(n_units)
        if reach is None:
            return
        share = torch.arange(1, n_units + 1).log() / math.log(n_units + 1)
        with torch.no_grad():
            self.slope.fill_(reach)
            self.offset.copy_(reach * math.sqrt(3) * (1 - 3 * (1 - share)))

    def log_scale(self, n: Tensor) -> Tensor:
        """Return min(0, w n + b) / 2, what is added to the log-scale of a code."""
        return 0.5 * self.line(n).clamp(max=0)


class InputGates(nn.Module):
    """Gates on what the weighted layers of a stack read: one for each unit, or each channel of a map.

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
        weighted = [i for i, layer in enumerate(layers) if has_weights(layer)]
        axes = {i: _inputs(layers[i]) for i in weighted}
        # the first reads no hidden units, but x or the codes
        self.gates = nn.ModuleDict({str(i): gate(axes[i][0].shape[axes[i][1]]) for i in weighted[1:]})

    def forward(self, layers: Sequence[nn.Module], h: Tensor, n: Tensor) -> Tensor:
        """Run the layers on h, shape (rows, ...), with the gates at n, shape (rows, 1)."""
        for i, layer in enumerate(layers):
            if str(i) in self.gates:
                gate = self.gates[str(i)](n)
                h = h * gate.reshape(*gate.shape, *[1] * (h.ndim - 2))
            h = layer(h)
        return h

    @torch.no_grad()
    def fold(self, layers: Sequence[nn.Module], n: Tensor) -> None:
        """Multiply the gates at one n, shape (1, 1), into the weights of the layers, in place."""
        for i, gate in self.gates.items():
            scale_inputs(layers[int(i)], gate(n)[0])


def has_weights(layer: nn.Module) -> bool:
    """Whether a layer has parameters."""
    return next(layer.parameters(), None) is not None


@torch.no_grad()
def scale_inputs(layer: nn.Module, factors: Tensor) -> None:
    """Multiply the weights of a layer so that it reads each input times its factor, in place."""
    weight, axis = _inputs(layer)
    weight.mul_(factors.reshape([-1 if a == axis else 1 for a in range(weight.ndim)]))


def _inputs(layer: nn.Module) -> tuple[Tensor, int]:
    """Return the weights of an affine layer and their axis of inputs."""
    found = [m for m in layer.modules() if next(m.parameters(recurse=False), None) is not None]
    if len(found) != 1 or not isinstance(found[0], nn.Linear | nn.modules.conv._ConvNd):
        raise ValueError(
            f"a multi-rate model gates linear layers and convolutions, and the network has a layer {layer!r}: use "
            "network='mlp', 'linear', 'conv1d' or 'conv2d', or a VAE for each beta."
        )
    return found[0].weight, 0 if isinstance(found[0], nn.modules.conv._ConvTransposeNd) else 1
