"""Images whose factors are known: a shape, its scale, its orientation, and where it stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

#: Largest radius of a shape, as a share of the image's side, and the pixels left free beyond it.
RADIUS, MARGIN = 0.2, 1.5
_SMALLEST_SCALE = 0.5
_BLOCK = 256
_FACTORS = ("shape", "scale", "orientation", "x", "y")


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x), np.abs(y)) - math.sqrt(0.5)


def _ellipse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # (|p / axes| - 1) over the length of its gradient: the distance to first order
    x, y = x / 0.6, y
    radius = np.sqrt(x * x + y * y) + 1e-6
    x, y = x / 0.6, y
    return (radius - 1) * radius / (np.sqrt(x * x + y * y) + 1e-6)


# A square on its corner (half diagonal h) and a disc upon each of its upper sides. The origin is the centroid;
# the lower corner, which is farthest from it, is at distance 1.
_CENTROID = (math.pi / 4 + 1 / 3) / (2 + math.pi / 2)
_HALF = 1 / (1 + _CENTROID)


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.abs(x), y + np.float32(_CENTROID * _HALF)
    square = (x + np.abs(y) - _HALF) * math.sqrt(0.5)
    dx, dy = x - _HALF / 2, y - _HALF / 2
    return np.minimum(square, np.sqrt(dx * dx + dy * dy) - _HALF * math.sqrt(0.5))


#: Signed distance from the outline (negative within) at points (x right, y up), arrays of one shape. Every shape has
#: its centroid in the origin and touches the unit circle about it from within.
SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "square": _square,
    "ellipse": _ellipse,
    "heart": _heart,
}


@dataclass(frozen=True)
class Sprites:
    """A grid of images with known factors, each rendered when it is asked for.

    White on black, values in [0, 1]: the share of a pixel that the shape covers, to first order in the distance
    from its outline. The factors are those of dSprites (Matthey et al. 2017); the images are not.

    Parameters
    ----------
    size : int
        Side of an image in pixels, 8 or more.
    shapes : tuple of str
        Of ``"square"``, ``"ellipse"``, ``"heart"``.
    n_scales : int
        Scales, evenly spaced from 0.5 to 1; 1 alone is the scale 1. At scale 1 the circle around a shape has
        a radius of 0.2 sides.
    n_orientations : int
        Angles, evenly spaced over the whole turn from 0 (upright), counter-clockwise; the image turned by a
        quarter is ``np.rot90``. A square looks the same after a quarter, an ellipse after half a turn.
    n_positions : int
        Places along each side, evenly spaced over all that leave a pixel free at scale 1; 1 alone is the middle.
        x grows to the right, y downwards as the rows of the array do.

    Raises
    ------
    ValueError
        If a size or number is too small, or a shape unknown.

    Examples
    --------
    >>> sprites = Sprites(32, ("heart",), n_scales=6, n_orientations=1, n_positions=16)
    >>> len(sprites), sprites.names, sprites[0].shape
    (1536, ('scale', 'x', 'y'), (32, 32))
    >>> images, factors = sprites.draw(100, seed=0)
    >>> images.shape, factors.shape
    ((100, 32, 32), (100, 3))
    """

    size: int = 32
    shapes: tuple[str, ...] = ("square", "ellipse", "heart")
    n_scales: int = 6
    n_orientations: int = 8
    n_positions: int = 8

    def __post_init__(self) -> None:
        unknown = [shape for shape in self.shapes if shape not in SHAPES]
        if unknown or not self.shapes or isinstance(self.shapes, str):
            raise ValueError(
                f"shapes must be a tuple of some of {', '.join(SHAPES)}, got {self.shapes!r}: write ('heart',) for one."
            )
        for name, least in {"size": 8, "n_scales": 1, "n_orientations": 1, "n_positions": 1}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be a whole number of {least} or more, got {value!r}.")

    @cached_property
    def _levels(self) -> dict[str, np.ndarray]:
        edge = RADIUS * self.size + MARGIN
        places = (
            np.linspace(edge, self.size - edge, self.n_positions) if self.n_positions > 1 else [self.size / 2]
        )
        scales = np.linspace(_SMALLEST_SCALE, 1, self.n_scales) if self.n_scales > 1 else [1.0]
        turns = 2 * math.pi * np.arange(self.n_orientations) / self.n_orientations
        each = (np.arange(len(self.shapes)), scales, turns, places, places)
        return {name: np.asarray(levels, float) for name, levels in zip(_FACTORS, each, strict=True)}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the factors that vary, of shape, scale, orientation, x and y, in this order."""
        return tuple(name for name, levels in self._levels.items() if len(levels) > 1)

    @property
    def factors(self) -> np.ndarray:
        """Return the index of each image's value of each factor that varies, int64 (len, n_factors)."""
        return self._index(np.arange(len(self)))[:, self._varying]

    @property
    def values(self) -> np.ndarray:
        """Return the same as float64 values: shape's index, scale, radians, x and y of the centroid in pixels.

        Pixels are counted from the left and the upper edge of the image, so that its middle is size / 2.
        """
        return self._value(np.arange(len(self)))[:, self._varying]

    def __len__(self) -> int:
        return math.prod(len(levels) for levels in self._levels.values())

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """Return images as float32 (..., size, size): one for a whole number, several for a slice or indices."""
        chosen = np.arange(len(self))[rows]
        values = self._value(chosen.reshape(-1))
        blocks = [self._render(values[i : i + _BLOCK]) for i in range(0, len(values), _BLOCK)]
        images = np.concatenate(blocks) if blocks else np.zeros((0, self.size, self.size), np.float32)
        return images.reshape(*chosen.shape, self.size, self.size)

    def draw(self, n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return n images drawn from the grid with replacement, (n, size, size), and their rows of ``factors``."""
        rows = np.random.default_rng(seed).integers(len(self), size=n)
        return self[rows], self._index(rows)[:, self._varying]

    @property
    def _varying(self) -> list[int]:
        return [_FACTORS.index(name) for name in self.names]

    def _index(self, rows: np.ndarray) -> np.ndarray:
        sizes = [len(levels) for levels in self._levels.values()]
        return np.stack(np.unravel_index(rows, sizes), axis=-1).astype(np.int64)

    def _value(self, rows: np.ndarray) -> np.ndarray:
        index = self._index(rows)
        return np.stack([levels[index[:, i]] for i, levels in enumerate(self._levels.values())], axis=-1)

    def _render(self, values: np.ndarray) -> np.ndarray:
        kind, *numbers = values.T
        scale, turn, x, y = (column.astype(np.float32)[:, None, None] for column in numbers)
        pixel = np.arange(self.size, dtype=np.float32) + np.float32(0.5)
        radius = scale * np.float32(RADIUS * self.size)
        right, up = (pixel - x) / radius, (y - pixel[:, None]) / radius
        u, v = np.cos(turn) * right + np.sin(turn) * up, np.cos(turn) * up - np.sin(turn) * right
        images = np.empty_like(u)
        for i, shape in enumerate(self.shapes):
            mine = kind == i
            if mine.any():
                images[mine] = np.clip(0.5 - SHAPES[shape](u[mine], v[mine]) * radius[mine], 0, 1)
        return images
