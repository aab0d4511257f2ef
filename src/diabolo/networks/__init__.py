"""Architectures: tensors in, features out. They know no distributions."""

from diabolo.networks.base import Network
from diabolo.networks.conv1d import Conv1d
from diabolo.networks.conv2d import Conv2d
from diabolo.networks.dcec import DCEC
from diabolo.networks.linear import Linear
from diabolo.networks.mlp import MLP
from diabolo.networks.resnet import ResNet

BY_NAME = {"linear": Linear, "mlp": MLP, "conv1d": Conv1d, "conv2d": Conv2d, "dcec": DCEC, "resnet": ResNet}

__all__ = ["DCEC", "MLP", "Conv1d", "Conv2d", "Linear", "Network", "ResNet"]
