"""Images side by side in one picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_SIDE = 56  # pixels that a small image is enlarged to, about
_MOST = 1024


def write_tiles(path: Path, images: np.ndarray, layout: Any) -> None:
    """Write images as a grid, grey or in colour, on one scale of brightness.

    Parameters
    ----------
    path : pathlib.Path
        The .png file.
    images : array of shape (n, ...)
        At most the first 1024 are drawn.
    layout : Layout
        How one image is laid out.
    """
    import io

    import numpy as np
    from matplotlib.image import imsave

    from diabolo.storage import write_atomic

    picture = np.clip(tile(pictures(brightness(images[:_MOST]), layout)), 0, 1)
    buffer = io.BytesIO()
    imsave(buffer, picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1), format="png")
    write_atomic(path, buffer.getvalue())


def pictures(images: np.ndarray, layout: Any) -> np.ndarray:
    """Return images as (n, H, W), or (n, H, W, 3) for three or more channels (the first three)."""
    import numpy as np

    images = images.reshape(len(images), *layout.shape)
    if layout.channel_axis is None:
        return images
    images = np.moveaxis(images, layout.channel_axis + 1, -1)
    return images[..., :3] if images.shape[-1] >= 3 else images[..., 0]


def brightness(images: np.ndarray) -> np.ndarray:
    """Bring values to [0, 1]: those of bytes and shares as they are, others by their own range."""
    import numpy as np

    if images.dtype == np.uint8:
        return images / 255
    images = images.astype(np.float64)
    low, high = float(images.min()), float(images.max())
    if low >= 0 and high <= 1:
        return images
    return (images - low) / ((high - low) or 1.0)


def tile(images: np.ndarray, gap: int = 2) -> np.ndarray:
    """Return one picture with the images in a grid about as wide as high, enlarged if small.

    Examples
    --------
    >>> import numpy as np
    >>> tile(np.zeros((4, 28, 28))).shape
    (118, 118)
    """
    import numpy as np

    k = max(1, _SIDE // max(images.shape[1:3]))
    images = images.repeat(k, axis=1).repeat(k, axis=2)
    n, height, width = images.shape[:3]
    n_columns = n if n <= 12 and n != 4 and n != 9 else math.ceil(math.sqrt(n))
    n_rows = math.ceil(n / n_columns)
    shape = (n_rows * (height + gap) + gap, n_columns * (width + gap) + gap, *images.shape[3:])
    picture = np.ones(shape)
    for i, image in enumerate(images):
        top, left = (
            gap + j * (side + gap) for j, side in zip(divmod(i, n_columns), (height, width), strict=True)
        )
        picture[top : top + height, left : left + width] = image
    return picture
