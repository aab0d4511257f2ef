"""How the user's array is laid out, and how the model wants it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

ChannelAxis = int | Literal["auto"] | None


@dataclass(frozen=True)
class Layout:
    """One observation as the user gives it and as the model sees it (channels first).

    Parameters
    ----------
    kind : {"table", "signal", "image"}
        What an observation is.
    shape : tuple of int
        Its shape in X.
    channel_axis : int or None
        Which axis of ``shape`` holds the channels; None where there is none.
    flat : bool
        Whether X is 2-D and each row is ``shape`` unrolled.
    """

    kind: str
    shape: tuple[int, ...]
    channel_axis: int | None
    flat: bool

    @classmethod
    def of(
        cls,
        x_shape: tuple[int, ...],
        channel_axis: ChannelAxis,
        input_shape: tuple[int, ...] | None,
        *,
        signals: bool,
    ) -> Layout:
        """Decide the layout of an array; ``signals`` says that the network reads 1-D signals."""
        flat = input_shape is not None and len(x_shape) == 2
        shape = tuple(int(n) for n in (input_shape if input_shape is not None else x_shape[1:]))
        if flat and math.prod(shape) != x_shape[1]:
            raise ValueError(
                f"input_shape must hold as many values as X has columns: {shape} holds {math.prod(shape)}, "
                f"X has {x_shape[1]} columns."
            )
        if not flat and shape != tuple(x_shape[1:]):
            raise ValueError(
                f"input_shape must be the shape of one observation: X has {tuple(x_shape[1:])}, got {shape}. "
                "Leave it out, or flatten X to two dimensions."
            )
        axis = cls._axis(channel_axis, len(shape))
        if len(shape) == 1:
            if channel_axis is None or signals:
                return cls("signal", shape, None, flat)
            return cls("table", shape, None, flat)
        if len(shape) == 2:
            return cls("signal", shape, axis, flat) if axis is not None else cls("image", shape, None, flat)
        if len(shape) == 3 and channel_axis is not None:
            return cls("image", shape, _channels(shape) if axis is None else axis, flat)
        raise ValueError(
            f"X must be a table (n, features), signals (n, length) or grey images (n, height, width), or images with "
            f"channels (n, height, width, channels); one observation has the shape {shape} with "
            f"channel_axis={channel_axis!r}: give channel_axis, or flatten X to two dimensions."
        )

    @staticmethod
    def _axis(channel_axis: ChannelAxis, n_dims: int) -> int | None:
        if channel_axis is None or channel_axis == "auto":
            return None
        axis = channel_axis + n_dims + 1 if channel_axis < 0 else channel_axis
        if n_dims == 1 or not 1 <= axis <= n_dims:
            raise ValueError(
                f"channel_axis must name an axis of X behind the first, which holds the rows: got {channel_axis} for "
                f"an X of {n_dims + 1} dimensions; leave it 'auto', or None for signals without channels."
            )
        return axis - 1

    @property
    def event(self) -> tuple[int, ...]:
        """Shape of one observation in the model."""
        if self.kind == "table":
            return self.shape
        if self.channel_axis is None:
            return (1, *self.shape)
        rest = tuple(n for i, n in enumerate(self.shape) if i != self.channel_axis)
        return (self.shape[self.channel_axis], *rest)

    def to_model(self, x: np.ndarray) -> np.ndarray:
        """Bring rows from the user's layout to the model's."""
        x = x.reshape(len(x), *self.shape)
        if self.kind == "table":
            return x
        if self.channel_axis is None:
            return x[:, None]
        return np.ascontiguousarray(np.moveaxis(x, self.channel_axis + 1, 1))

    def from_model(self, x: np.ndarray) -> np.ndarray:
        """Bring observations (..., *event) back to the user's layout."""
        lead = x.shape[: x.ndim - len(self.event)]
        if self.kind != "table":
            first = len(lead)
            axis = self.channel_axis
            x = x.squeeze(first) if axis is None else np.moveaxis(x, first, first + axis)
        return np.ascontiguousarray(x.reshape(*lead, -1) if self.flat else x)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a file."""
        return asdict(self)


def _channels(shape: tuple[int, ...]) -> int:
    """Return the axis of an image's channels: the last, or the first where only that has the 1 or 3 of grey or colour."""
    return 0 if shape[0] in (1, 3) and shape[-1] not in (1, 3) else 2
