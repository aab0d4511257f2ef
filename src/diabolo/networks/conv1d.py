"""Convolutions for signals."""

from __future__ import annotations

from diabolo.networks.convolution import ConvolutionalNetwork, Layer, halvings


class Conv1d(ConvolutionalNetwork):
    """Strided 1-D convolutions for signals (channels, length) of 8 values or more.

    Parameters
    ----------
    channels : tuple of int, optional
        Channels of the encoder's layers, each of which halves the length. By default as many
        layers as bring the length to about 8, with 16 channels that double up to 128.
    kernel_size : int
        Length of the kernels.
    activation : str
        As in :class:`MLP`.
    """

    n_event_dims = 2

    def __init__(
        self, channels: tuple[int, ...] | None = None, *, kernel_size: int = 5, activation: str = "relu"
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
            channels = tuple(min(16 << i, 128) for i in range(halvings(shape, 8)))
        return [Layer(c, self.kernel_size, 2) for c in channels]
