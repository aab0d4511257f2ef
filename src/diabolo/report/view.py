"""How an observation is looked at: as an image, a curve, or a row of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LARGEST = 112  # pixels of a side of one small picture
_SHARP = 50
GAP = 0.06  # between tiles, of their width


@dataclass(frozen=True)
class View:
    """The eyes for one kind of data, with a fixed range of values.

    Parameters
    ----------
    kind : {"table", "signal", "image"}
        What an observation is.
    shape : tuple of int
        Its shape.
    channel_axis : int or None
        Which axis of ``shape`` holds channels.
    low, high : float
        Range of the values of the data: black and white, or the axis of curves.
    centre, spread : arrays of shape (n_features,)
        Mean and standard deviation of the columns, for tables.
    names : tuple of str
        Column names, for tables.
    """

    kind: str
    shape: tuple[int, ...]
    channel_axis: int | None
    low: float
    high: float
    centre: np.ndarray
    spread: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, estimator: Any, X: Any) -> View:
        """Return the view of the data that an estimator was fitted on."""
        layout = estimator.layout_
        rows = as_rows(X)
        flat = rows.reshape(len(rows), -1).astype(np.float64)
        names = getattr(estimator, "feature_names_in_", None)
        if names is None:
            names = [f"x{i}" for i in range(flat.shape[1])]
        low, high = float(flat.min()), float(flat.max())
        spread = flat.std(0)
        return cls(
            kind=layout.kind,
            shape=tuple(layout.shape),
            channel_axis=layout.channel_axis,
            low=low,
            high=high if high > low else low + 1.0,
            centre=flat.mean(0),
            spread=np.where(spread > 0, spread, 1.0),
            names=tuple(str(name) for name in names),
        )

    @property
    def n_values(self) -> int:
        """Number of values of one observation."""
        return int(np.prod(self.shape))

    @property
    def noun(self) -> str:
        """What one observation is called, with its size."""
        axis = self.channel_axis
        size = " × ".join(str(n) for i, n in enumerate(self.shape) if i != axis)
        channels = "" if axis is None or self.shape[axis] == 1 else f" in {self.shape[axis]} channels"
        if self.kind == "image":
            return f"images of {size} pixels{channels}"
        if self.kind == "signal":
            return f"signals of {size} values{channels}"
        return f"rows of {size} column{'s' if self.shape != (1,) else ''}"

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, H, W, 3) between 0 and 1: grey, or the first three channels."""
        rows = np.asarray(rows, dtype=np.float64).reshape(len(rows), *self.shape)
        if self.channel_axis is None:
            rows = rows[..., None]
        else:
            rows = np.moveaxis(rows, self.channel_axis + 1, -1)
        rows = rows[..., :3] if rows.shape[-1] >= 3 else np.repeat(rows[..., :1], 3, axis=-1)
        return np.clip((shrunk(rows) - self.low) / (self.high - self.low), 0, 1)

    def curves(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, length): the first channel of signals; tables in standard units of each column."""
        rows = np.asarray(rows, dtype=np.float64)
        if self.kind == "table":
            return (rows.reshape(len(rows), -1) - self.centre) / self.spread
        rows = rows.reshape(len(rows), *self.shape)
        return rows if self.channel_axis is None else np.moveaxis(rows, self.channel_axis + 1, 1)[:, 0]


def as_rows(X: Any) -> np.ndarray:
    """Return rows as an array, from whatever the estimator accepts."""
    return np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)


def spaced(n_rows: int, n: int) -> np.ndarray:
    """Return at most ``n`` evenly spaced row numbers."""
    return np.unique(np.linspace(0, n_rows - 1, min(n, n_rows)).astype(int))


def shrunk(images: np.ndarray, largest: int = _LARGEST) -> np.ndarray:
    """Average blocks of pixels until no side is longer than ``largest``.

    Examples
    --------
    >>> shrunk(np.zeros((1, 300, 200, 3))).shape
    (1, 100, 66, 3)
    """
    k = -(-max(images.shape[1:3]) // largest)
    if k == 1:
        return images
    n, height, width, channels = images.shape
    kh, kw = min(k, height), min(k, width)
    height, width = height // kh, width // kw
    cut = images[:, : height * kh, : width * kw]
    return cut.reshape(n, height, kh, width, kw, channels).mean((2, 4))


def draw_tiles(
    axes: Axes, images: np.ndarray, n_columns: int, *, gaps: dict[int, float] | None = None
) -> float:
    """Draw images as a grid in one picture and return its height over its width.

    Parameters
    ----------
    axes : Axes
        Where; it is left bare, with one unit for a tile.
    images : array of shape (n, H, W, 3 or 4)
        The tiles, row by row: numbers from 0 to 1, or bytes.
    n_columns : int
        Tiles beside each other.
    gaps : dict, optional
        Extra space in tiles' heights above a row of tiles.
    """
    if images.dtype != np.uint8:
        images = np.round(images * 255).astype(np.uint8)
    k = max(1, -(-_SHARP // images.shape[2]))  # enlarged, so that the gaps are several pixels wide
    images = images.repeat(k, axis=1).repeat(k, axis=2)
    n, height, width, channels = images.shape
    ratio = height / width
    tops, top = [], 0.0
    for row in range(-(-n // n_columns)):
        top += (gaps or {}).get(row, 0.0) * ratio
        tops.append(top)
        top += ratio + GAP
    high, wide = top - GAP, n_columns * (1 + GAP) - GAP
    sheet = np.zeros((round(high * width) + 1, round(wide * width) + 1, 4), np.uint8)
    for i, image in enumerate(images):
        y, x = round(tops[i // n_columns] * width), round((i % n_columns) * (1 + GAP) * width)
        sheet[y : y + height, x : x + width, 3] = 255
        sheet[y : y + height, x : x + width, :channels] = image
    extent = (0, sheet.shape[1] / width, sheet.shape[0] / width, 0)
    axes.imshow(sheet, extent=extent, interpolation="none", aspect="equal")
    axes.set(xlim=(0, wide), ylim=(high, 0))
    axes.set_axis_off()
    return high / wide
