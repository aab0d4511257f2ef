"""Convolutions for images."""

from __future__ import annotations

from diabolo.networks.convolution import ConvolutionalNetwork, Layer, halvings


class Conv2d(ConvolutionalNetwork):
    """Strided 2-D convolutions for images (channels, height, width) of any size from 8 x 8 up.

    Parameters
    ----------
    channels : tuple of int, optional
        Channels of the encoder's layers, each of which halves both sides. By default as many
        layers as bring the shorter side to about 4, with 32 channels that double up to 256.
    kernel_size : int
        Side of the kernels, in pixels.
    activation : str
        As in :class:`MLP`.

    Examples
    --------
    >>> encoder, n_features = Conv2d().encoder((1, 28, 28))
    >>> n_features
    2048
    """

    n_event_dims = 3

    def __init__(
        self, channels: tuple[int, ...] | None = None, *, kernel_size: int = 4, activation: str = "relu"
    ) -> None:
        super().__init__()
        self.channels = channels
        self.kernel_size = kernel_size
        self.activation = activation

    def layers(self, shape: tuple[int, ...]) -> list[Layer]:
        """Return one stride-2 layer for each entry of ``channels``."""
        self.check_convolutions()
        channels = self.channels
        if channels is None:
            channels = tuple(min(32 << i, 256) for i in range(halvings(shape, 4)))
        return [Layer(c, self.kernel_size, 2) for c in channels]
