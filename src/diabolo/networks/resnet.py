"""Residual convolutions for images."""

from __future__ import annotations

from torch import Tensor, nn

from diabolo.networks.base import activation_module
from diabolo.networks.convolution import ConvolutionalNetwork, Downward, Layer, halvings


class ResNet(ConvolutionalNetwork):
    """Residual blocks (He et al. 2016) for images (channels, height, width) of any size from 8 x 8 up.

    The first convolution keeps the size of an image, each further one halves both sides, and after each of them come
    residual blocks; all is mirrored in the decoder. Without normalisation, so that a row does not depend on the
    others of its batch. Deep ones learn because each block starts near the identity: its last convolution is a tenth as
    large as the others (Zhang et al. 2019 start it at 0).

    Parameters
    ----------
    channels : tuple of int, optional
        Channels of the maps, one entry for each size. By default 32 for the size of x, and as many sizes more as bring
        the shorter side to about 7, with channels that double up to 256.
    n_blocks : int
        Residual blocks at each size, of two convolutions each.
    kernel_size : int
        Side of the kernels, in pixels.
    activation : str
        As in :class:`MLP`, but for ``"gated"``; it comes before each convolution of a block (He et al. 2016b).

    Examples
    --------
    >>> encoder, n_features = ResNet(n_blocks=1).encoder((1, 28, 28))
    >>> n_features  # 128 channels of 7 x 7
    6272
    """

    n_event_dims = 3

    def __init__(
        self,
        channels: tuple[int, ...] | None = None,
        *,
        n_blocks: int = 2,
        kernel_size: int = 3,
        activation: str = "elu",
    ) -> None:
        super().__init__()
        self.channels = channels
        self.n_blocks = n_blocks
        self.kernel_size = kernel_size
        self.activation = activation

    def layers(self, shape: tuple[int, ...]) -> list[Layer]:
        """Return one convolution for each entry of ``channels``; all but the first have a stride of 2."""
        self.check_convolutions()
        self.check_whole("n_blocks", least=0)
        channels = self.channels
        if channels is None:
            channels = tuple(min(32 << i, 256) for i in range(1 + halvings(shape, 7)))
        return [Layer(c, self.kernel_size, 2 if i else 1) for i, c in enumerate(channels)]

    def at(self, channels: int, shape: tuple[int, ...]) -> list[nn.Module]:
        """Return the blocks for maps of that size, and an activation."""
        blocks = [Residual(channels, shape, self.kernel_size, self.activation) for _ in range(self.n_blocks)]
        return [*blocks, activation_module(self.activation)]

    def started(self, module: nn.Module) -> nn.Module:
        """Return the module with weights as in :class:`Conv2d`, but each block near the identity."""
        for block in super().started(module).modules():
            if isinstance(block, Residual):
                for parameter in block.branch[-1].parameters():
                    parameter.data.mul_(0.1)
        return module


class Residual(nn.Module):
    """x plus what two convolutions make of it, each after an activation."""

    def __init__(self, channels: int, shape: tuple[int, ...], kernel_size: int, activation: str) -> None:
        super().__init__()
        layers = (Downward(Layer(channels, kernel_size, 1), channels, shape) for _ in range(2))
        self.branch = nn.Sequential(*(m for layer in layers for m in (activation_module(activation), layer)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (rows, channels, *shape) to the same shape."""
        return x + self.branch(x)
