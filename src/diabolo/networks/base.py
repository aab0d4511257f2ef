"""What an architecture is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn

from diabolo.contracts import Part

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
}


def activation_module(name: str) -> nn.Module:
    """Return the activation called ``name``, or refuse with the list of names."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {sorted(ACTIVATIONS)}, got {name!r}.")
    return ACTIVATIONS[name]()


class Network(Part, ABC):
    """An architecture for an encoder and its mirrored decoder.

    A network is a plan: it holds hyper-parameters and makes the two modules. The posterior owns
    the layer from features to codes, so an encoder ends in features; the decoder ends in the
    outputs that a likelihood reads, ``n_outputs`` of them for each value of an observation.
    """

    n_event_dims: int | None = None

    @abstractmethod
    def encoder(self, event: tuple[int, ...]) -> tuple[nn.Module, int]:
        """Return a module from (batch, *event) to (batch, n_features), and n_features."""

    @abstractmethod
    def decoder(self, n_inputs: int, event: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Return a module from (rows, n_inputs) to (rows, n_outputs, *event)."""

    def check_event(self, event: tuple[int, ...]) -> None:
        """Refuse observations of another shape than this architecture reads."""
        if self.n_event_dims is not None and len(event) != self.n_event_dims:
            wanted = {2: "signals (channels, length)", 3: "images (channels, height, width)"}[
                self.n_event_dims
            ]
            raise ValueError(
                f"network={type(self).__name__} reads {wanted}, but one observation has the shape {event}: "
                "give X as an array of that kind (see channel_axis and input_shape), or use network='mlp'."
            )
