"""Architectures: shapes, numbers of parameters, TensorFlow's "same", exact mirrors."""

from functools import cache

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torch import nn

from diabolo.contracts import Sizes
from diabolo.likelihoods import Gaussian
from diabolo.models import LatentModel
from diabolo.networks import DCEC, MLP, Conv1d, Conv2d, Linear, ResNet
from diabolo.networks.convolution import Downward, Layer, Upward, halvings
from diabolo.posteriors import Deterministic


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


def modules_for(network, event, n_components=3, n_outputs=1):
    encoder, n_features = network.encoder(event)
    return encoder, n_features, network.decoder(n_components, event, n_outputs)


def check_training(module, x, tolerance):
    """Compare values and gradients while a module is trained with those that it has otherwise."""
    inputs = (x.requires_grad_(), *module.parameters())
    expected = module.eval()(x)
    weight = torch.randn_like(expected)
    found = module.train()(x)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    gradients = [torch.autograd.grad(y, inputs, weight) for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=tolerance, atol=tolerance)


@cache
def one_channel(kernel, stride, padding, shape):
    return Upward(Layer(1, kernel, stride, padding), 1, shape).requires_grad_(False)


class TestNumbersOfParameters:
    def test_dcec_has_the_published_number(self):
        model = LatentModel(DCEC(), Deterministic(), Gaussian("data")).build(Sizes((1, 28, 28), 10))
        assert n_parameters(model) == 275_979

    def test_dcec_maps_are_those_of_the_paper(self):
        shapes = []
        encoder, n_features = DCEC().encoder((1, 28, 28))
        for module in encoder:
            module.register_forward_hook(lambda m, _, y: shapes.append(tuple(y.shape[1:])))
        encoder(torch.zeros(1, 1, 28, 28))
        assert shapes[::2] == [(32, 14, 14), (64, 7, 7), (128, 3, 3), (1152,)][: len(shapes[::2])]
        assert n_features == 1152

    def test_mlp(self):
        encoder, n_features, decoder = modules_for(MLP((20, 10)), (1, 4, 5), 3, n_outputs=2)
        assert n_features == 10
        assert n_parameters(encoder) == 20 * 20 + 20 + 20 * 10 + 10
        assert n_parameters(decoder) == 3 * 10 + 10 + 10 * 20 + 20 + 20 * 40 + 40

    def test_linear_is_two_matrices(self):
        model = LatentModel(Linear(), Deterministic(), Gaussian("data")).build(Sizes((6,), 2))
        assert n_parameters(model) == (6 * 2 + 2) + (2 * 6 + 6)

    def test_conv2d(self):
        """Two 4x4 layers on 1x16x16, down to 64 maps of 4x4."""
        encoder, n_features, decoder = modules_for(Conv2d(), (1, 16, 16), 3)
        assert n_features == 64 * 16
        assert n_parameters(encoder) == (16 * 1 * 32 + 32) + (16 * 32 * 64 + 64)
        assert n_parameters(decoder) == (3 * 1024 + 1024) + (16 * 64 * 32 + 32) + (16 * 32 * 1 + 1)


class TestSamePadding:
    @pytest.mark.parametrize(
        ("length", "kernel", "stride", "margins"),
        # TensorFlow's: the DCEC net's two, ResNet's first, MobileNet's first
        [
            (28, 5, 2, (1, 2)),
            (14, 5, 2, (1, 2)),
            (224, 7, 2, (2, 3)),
            (224, 3, 2, (0, 1)),
            (10, 4, 3, (1, 2)),
            (8, 2, 2, (0, 0)),
        ],
    )
    def test_the_odd_zero_goes_after(self, length, kernel, stride, margins):
        assert Layer(1, kernel, stride).margins(length) == margins

    @pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
    @pytest.mark.parametrize("length", [8, 9])
    def test_stride_one_equals_scipy(self, kernel, length):
        down = Downward(Layer(1, kernel, 1), 1, (length,)).double()
        x = torch.randn(1, 1, length, dtype=torch.float64)
        weight = down.convolution.weight.detach()[0, 0].numpy()
        origin = -1 if kernel % 2 == 0 else 0
        expected = correlate1d(x[0, 0].numpy(), weight, mode="constant", origin=origin)
        ours = down(x)[0, 0].detach() - down.convolution.bias.detach()
        np.testing.assert_allclose(ours.numpy(), expected, atol=1e-13)

    @pytest.mark.parametrize("padding", ["same", "valid"])
    @pytest.mark.parametrize("shape", [(7, 10), (8, 9)])
    @pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (5, 2), (4, 3), (2, 3)])
    def test_equals_an_explicit_sum(self, kernel, stride, shape, padding):
        down = Downward(Layer(2, kernel, stride, padding), 3, shape).double()
        x = torch.randn(1, 3, *shape, dtype=torch.float64)
        y = down(x)[0].detach().numpy()
        weight, bias = (p.detach().numpy() for p in (down.convolution.weight, down.convolution.bias))
        if padding == "same":
            sizes = [-(-n // stride) for n in shape]
            before = [max((m - 1) * stride + kernel - n, 0) // 2 for n, m in zip(shape, sizes, strict=True)]
        else:
            sizes, before = [len(range(0, n - kernel + 1, stride)) for n in shape], [0, 0]
        assert y.shape == (2, *sizes)
        for i, j in np.ndindex(*sizes):
            total = bias.copy()
            for a, b in np.ndindex(kernel, kernel):
                row, column = i * stride + a - before[0], j * stride + b - before[1]
                if 0 <= row < shape[0] and 0 <= column < shape[1]:
                    total += weight[:, :, a, b] @ x[0, :, row, column].numpy()
            np.testing.assert_allclose(y[:, i, j], total, atol=1e-12)

    @pytest.mark.parametrize(
        ("side", "sides", "margins"),
        [(28, [28, 14, 7, 3], [(1, 2), (1, 2), (0, 0)]), (16, [16, 8, 4, 2], [(1, 2), (1, 2), (0, 1)])],
    )
    def test_dcec_pads_its_layers_as_tensorflow_does(self, side, sides, margins):
        """total = max((ceil(n / s) - 1) s + k - n, 0), of which the smaller half comes first; by hand."""
        network = DCEC()
        assert [shape[0] for shape in network.shapes((side, side))] == sides
        layers = network.layers((side, side))
        assert [layer.margins(n) for layer, n in zip(layers, sides, strict=False)] == margins


class TestOneChannelInTraining:
    """What makes images of one channel takes another way while it is trained; the library's convolution is the oracle."""

    @pytest.mark.parametrize("shape", [(6, 7), (16, 16), (13, 9)])
    @pytest.mark.parametrize("padding", ["same", "valid"])
    @pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (2, 3), (4, 2), (5, 2), (6, 1)])
    def test_value_and_gradients(self, kernel, stride, padding, shape):
        layer = Layer(3, kernel, stride, padding)
        module = Upward(layer, 1, shape).double()
        x = torch.randn(2, 3, *(layer.output_length(n) for n in shape), dtype=torch.float64)
        check_training(module, x, 1e-12)


class TestStackInTraining:
    """A stack with odd margins works on flipped maps while it is trained; what it does as it stands is the oracle."""

    @pytest.mark.parametrize(
        ("network", "event", "flipped"),
        [
            (DCEC(), (1, 28, 28), True),
            (DCEC(), (3, 16, 16), True),
            (DCEC(), (1, 18, 28), True),
            (DCEC(), (2, 28, 13), False),  # the third layer never sees the last column of 7 x 4
            (Conv2d((2, 3)), (1, 28, 28), False),  # even margins everywhere
            (Conv2d((2, 3, 4)), (1, 28, 28), True),
            (Conv2d((2, 3), kernel_size=1), (1, 8, 9), False),  # windows skip the last column
            (Conv1d((2, 3)), (2, 20), True),
            (ResNet((2, 3), n_blocks=1, kernel_size=4), (1, 9, 8), False),  # blocks have kernels of their own
        ],
    )
    def test_value_and_gradients(self, network, event, flipped):
        torch.manual_seed(0)
        encoder, _, decoder = modules_for(network, event, 3, n_outputs=2)
        assert network.flips(network.shapes(event[1:])) is flipped
        for module, n_rows in ((encoder, event), (decoder, (3,))):
            assert type(module) is nn.Sequential  # others run its layers too, one by one (GatedStack)
            module = module.double()
            x = torch.randn(2, *n_rows, dtype=torch.float64)
            check_training(module, x, 1e-11)


class TestMirror:
    @pytest.mark.parametrize("padding", ["same", "valid"])
    @pytest.mark.parametrize("stride", [1, 2, 3])
    @pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 6])
    @pytest.mark.parametrize("shape", [(6,), (7,), (8,), (13,), (6, 7), (9, 8)])
    def test_upward_is_the_adjoint_of_downward(self, shape, kernel, stride, padding):
        layer = Layer(3, kernel, stride, padding)
        down, up = Downward(layer, 2, shape).double(), Upward(layer, 2, shape).double()
        with torch.no_grad():
            up.convolution.weight.copy_(down.convolution.weight)
            down.convolution.bias.zero_()
            up.convolution.bias.zero_()
        x = torch.randn(1, 2, *shape, dtype=torch.float64)
        ax = down(x)
        y = torch.randn_like(ax)
        back = up(y)
        assert back.shape == x.shape
        forward, adjoint = float((ax * y).sum().detach()), float((x * back).sum().detach())
        assert forward == pytest.approx(adjoint, rel=1e-11, abs=1e-11)


class TestShapes:
    @pytest.mark.parametrize("height", range(8, 41))
    def test_conv2d_and_dcec_on_every_size(self, height):
        for width in range(8 + height % 4, 41, 4):
            for network in (Conv2d((2, 3)), DCEC()):
                layers = network.layers((height, width))
                if layers[-1].padding == "valid" and min(height, width) < 9:  # a kernel of 3 on a map of 2
                    with pytest.raises(ValueError, match="smaller than its kernels: use fewer layers"):
                        network.shapes((height, width))
                    continue
                shapes = network.shapes((height, width))
                small = torch.zeros(1, 1, *shapes[-1])
                for layer, before in zip(layers[::-1], shapes[-2::-1], strict=True):
                    small = one_channel(layer.kernel, layer.stride, layer.padding, before)(small)
                assert small.shape == (1, 1, height, width)

    @pytest.mark.parametrize(
        "event", [(1, 8, 8), (3, 8, 11), (1, 13, 40), (2, 28, 28), (1, 37, 9), (1, 40, 33)]
    )
    @pytest.mark.parametrize(
        "network",
        [
            MLP((4,)),
            Linear(),
            Conv2d(),
            Conv2d((2, 3, 4), kernel_size=5),
            DCEC(),
            ResNet((2, 3, 4), n_blocks=1),
        ],
    )
    def test_encoder_and_decoder_of_images(self, network, event):
        encoder, n_features, decoder = modules_for(network, event, 3, n_outputs=2)
        assert encoder(torch.zeros(2, *event)).shape == (2, n_features)
        assert decoder(torch.zeros(2, 3)).shape == (2, 2, *event)

    def test_signals_of_every_length(self):
        for length in range(8, 201):
            event = (2, length)
            channels = None if length % 16 == 0 else (2, 3, 4)
            encoder, n_features, decoder = modules_for(Conv1d(channels), event, 3, n_outputs=2)
            assert encoder(torch.zeros(1, *event)).shape == (1, n_features)
            assert decoder(torch.zeros(1, 3)).shape == (1, 2, *event)

    @pytest.mark.parametrize(
        ("shape", "times"), [((28, 28), 3), ((32, 32), 3), ((8, 64), 1), ((64, 64), 4), ((5, 5), 1)]
    )
    def test_default_depth_brings_the_shorter_side_to_about_four(self, shape, times):
        assert halvings(shape, 4) == times
        assert len(Conv2d().layers(shape)) == times


class TestResNet:
    def test_number_of_parameters(self):
        """Two sizes of 3 and 4 channels, a block at each; dense layers beside them."""
        encoder, n_features, decoder = modules_for(ResNet((3, 4), n_blocks=1), (1, 8, 8), 5, n_outputs=2)
        blocks = 2 * (3 * 3 * 9 + 3) + 2 * (4 * 4 * 9 + 4)
        assert n_features == 4 * 16
        assert n_parameters(encoder) == (9 + 1) * 3 + (3 * 9 + 1) * 4 + blocks
        assert n_parameters(decoder) == (5 + 1) * 64 + (4 * 9 * 3 + 3) + (3 * 9 * 2 + 2) + blocks

    def test_a_block_is_x_plus_two_convolutions_of_activations(self):
        encoder, _ = ResNet((3,), n_blocks=1, activation="tanh").encoder((2, 6, 7))
        encoder = encoder.double()
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.normal_()
        first, one, two = (m for m in encoder.modules() if isinstance(m, nn.Conv2d))
        x = torch.randn(4, 2, 6, 7, dtype=torch.float64)
        h = nn.functional.conv2d(x, first.weight, first.bias, padding=1)
        inner = nn.functional.conv2d(h.tanh(), one.weight, one.bias, padding=1)
        h = h + nn.functional.conv2d(inner.tanh(), two.weight, two.bias, padding=1)
        torch.testing.assert_close(encoder(x), h.tanh().flatten(1), rtol=1e-12, atol=1e-12)

    def test_blocks_start_near_the_identity(self):
        torch.manual_seed(0)
        encoder, _ = ResNet((32, 64), n_blocks=4).encoder((1, 12, 12))
        x = torch.randn(20, 1, 12, 12)
        assert len(encoder) == 2 * (1 + 4 + 1) + 1
        with torch.no_grad():
            without = nn.Sequential(*(m for m in encoder if not hasattr(m, "branch")))(x)
            off = (encoder(x) - without).square().mean() / without.square().mean()
        assert 0 < float(off) < 0.15

    @pytest.mark.parametrize(
        ("shape", "channels"), [((28, 28), (32, 64, 128)), ((64, 64), (32, 64, 128, 256)), ((8, 9), (32, 64))]
    )
    def test_default_sizes_bring_the_shorter_side_to_about_seven(self, shape, channels):
        assert tuple(layer.channels for layer in ResNet().layers(shape)) == channels

    def test_without_blocks_there_is_a_stack_of_convolutions(self):
        assert ResNet((2, 3), n_blocks=0).encoder((1, 8, 8))[1] == 3 * 16
        with pytest.raises(ValueError, match="n_blocks must be a whole number, 0 or more, got -1"):
            ResNet(n_blocks=-1).encoder((1, 8, 8))


class TestRefusals:
    @pytest.mark.parametrize(
        ("network", "event", "wanted"),
        [
            (Conv1d(), (6,), "signals \\(channels, length\\)"),
            (Conv1d(), (1, 8, 8), "signals \\(channels, length\\)"),
            (Conv2d(), (6,), "images \\(channels, height, width\\)"),
            (DCEC(), (2, 20), "images \\(channels, height, width\\)"),
        ],
    )
    def test_another_shape(self, network, event, wanted):
        name = type(network).__name__
        message = f"network={name} reads {wanted}, but one observation has the shape .*network='mlp'"
        with pytest.raises(ValueError, match=message):
            LatentModel(network, Deterministic(), Gaussian()).build(Sizes(event, 2))

    def test_maps_too_small(self):
        with pytest.raises(
            ValueError, match="network=DCEC makes a map of \\(6, 6\\) smaller than its kernels"
        ):
            DCEC().encoder((1, 6, 6))

    @pytest.mark.parametrize("network", [MLP((4,), activation="rleu"), Conv2d(activation="rleu")])
    def test_unknown_activation(self, network):
        with pytest.raises(ValueError, match=r"activation must be one of \['elu', .*'tanh'\], got 'rleu'"):
            network.encoder((1, 8, 8))


def test_outputs_are_linear_so_that_any_value_can_be_reached():
    for network, event in [
        (MLP((4,)), (6,)),
        (Conv1d((2,)), (1, 9)),
        (Conv2d((2,)), (1, 9, 8)),
        (DCEC(), (1, 16, 16)),
        (ResNet((2, 3)), (1, 9, 8)),
    ]:
        y = modules_for(network, event, 3)[2](5 * torch.randn(50, 3))
        assert y.min() < 0 < y.max()


def test_first_weights_keep_the_size_of_the_features():
    """He's weights with zero biases: through any number of layers the features neither vanish nor explode."""
    x = torch.randn(64, 1, 64, 64)
    encoder, _ = Conv2d().encoder((1, 64, 64))
    assert 0.1 < float(encoder(x).detach().square().mean().sqrt()) < 10
    assert all((m.bias == 0).all() for m in encoder if isinstance(m, Downward) for m in [m.convolution])


def test_dcec_starts_with_glorots_bound():
    encoder, _ = DCEC().encoder((1, 28, 28))
    first = next(m for m in encoder.modules() if isinstance(m, nn.Conv2d))
    bound = (6 / (25 * 1 + 25 * 32)) ** 0.5
    assert 0.95 * bound < float(first.weight.detach().abs().max()) <= bound


@pytest.mark.parametrize(
    ("network", "event"),
    [(Conv2d(), (1, 28, 28)), (Conv2d(), (3, 8, 8)), (Conv1d(), (1, 128)), (ResNet(), (1, 28, 28))],
)
def test_convolutions_keep_the_size_of_what_passes_and_end_small(network, event):
    """He's condition: about unit codes make maps of about unit size, and outputs near 0, the mean of the data."""
    torch.manual_seed(0)
    decoder = network.decoder(10, event, 1)
    maps = []
    for module in decoder:
        module.register_forward_hook(
            lambda module, args, output: maps.append(output.square().mean().sqrt().item())
        )
    outputs = decoder(torch.randn(64, 10))
    assert outputs.square().mean().sqrt() < 0.5
    assert all(0.1 < size < 3 for size in maps[:-2])
