"""Images turned and shifted."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from diabolo.contracts import Sizes
from diabolo.corruptions.base import Corruption


class Motion(Corruption):
    """Each image is turned about its centre and shifted, by amounts of its own (Guo et al. 2018).

    Angle and shifts are uniform and independent; values between pixels are interpolated linearly, and what
    comes in from outside is the nearest pixel of the border. As ``augmentation`` of the estimator
    ``DeepClustering`` the moved image is encoded and rebuilt; as the corruption of a denoising auto-encoder
    the image is put back in its place.

    Parameters
    ----------
    degrees : float
        Largest angle to either side, from 0 to 180.
    shift : float
        Largest shift in each direction along either axis, as a share of the side, from 0 to 1.
    """

    n_event_dims = 3

    def __init__(self, degrees: float = 10.0, *, shift: float = 0.1) -> None:
        super().__init__()
        self.degrees = degrees
        self.shift = shift

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Check the arguments, and that observations are images."""
        for name, most in (("degrees", 180), ("shift", 1)):
            self.check_number(name, f"a number from 0 to {most}", least=0)
            if getattr(self, name) > most:
                self.refuse(name, f"a number from 0 to {most}")
        if len(sizes.event) != self.n_event_dims:
            raise ValueError(
                f"{self!r} turns and shifts images (channels, height, width), but one observation has the shape "
                f"{sizes.event}: give X as images (see input_shape), or choose another corruption."
            )
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Move each image."""
        angle, across, down = (2 * torch.rand(3, len(x), dtype=x.dtype, device=x.device) - 1).unbind(0)
        return moved(x, math.radians(self.degrees) * angle, self.shift * across, self.shift * down)


def moved(x: Tensor, angle: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Return images (batch, channels, height, width) turned and then shifted.

    Parameters
    ----------
    x : Tensor of shape (batch, channels, height, width)
        The images.
    angle : Tensor of shape (batch,)
        Radians, clockwise to somebody who looks at the image with its first row on top.
    across, down : Tensor of shape (batch,)
        Shift to the right as a share of the width, and downwards as a share of the height.
    """
    height, width = x.shape[-2:]
    cos, sin = angle.cos(), angle.sin()
    # Where the pixel at (u, v), both from -1 to 1, comes from: the shift undone, then the turn, in pixels.
    u, v = -2 * across, -2 * down
    stretch = height / width
    rows = (
        (cos, sin * stretch, cos * u + sin * stretch * v),
        (-sin / stretch, cos, -sin / stretch * u + cos * v),
    )
    theta = torch.stack([torch.stack(row, -1) for row in rows], -2)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
