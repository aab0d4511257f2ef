"""The convolutional auto-encoder of Guo et al. (ICONIP 2017)."""

from __future__ import annotations

from torch import nn

from diabolo.networks.convolution import ConvolutionalNetwork, Layer


class DCEC(ConvolutionalNetwork):
    """The network of "Deep Clustering with Convolutional Autoencoders" (Guo et al., ICONIP 2017).

    Convolutions 5x5/2 with 32 channels, 5x5/2 with 64, 3x3/2 with 128, ReLU, a dense code, all
    mirrored, linear at the end; Glorot's initialisation. The third layer is "valid" unless the
    images are a multiple of 8 high. With 10 components on 28 x 28 images: 275,979 parameters.
    """

    n_event_dims = 3

    def __init__(self) -> None:
        super().__init__()

    def layers(self, shape: tuple[int, ...]) -> list[Layer]:
        """Return the three layers."""
        third = "same" if shape[0] % 8 == 0 else "valid"
        return [Layer(32, 5, 2), Layer(64, 5, 2), Layer(128, 3, 2, third)]

    def started(self, module: nn.Module) -> nn.Module:
        """Return the module with Glorot's uniform weights, biases at 0."""
        for layer in module.modules():
            if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        return module
