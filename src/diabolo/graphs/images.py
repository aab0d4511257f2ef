"""Graphs of images, near as they come when each pixel may look for its like a little way off."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn import functional as F

from diabolo.graphs.rows import NearestRows, nearest_rows

#: Gets the images done, and their number.
Progress = Callable[[int, int], None]

#: Rows whose distances are computed: from each to its nearest by the pixels as they are.
_CANDIDATES = 150
#: Pixels, in either direction along either axis.
_REACH = 2
#: In smaller images a pixel's neighbourhood is most of the picture, larger ones are shrunk.
SMALLEST_SIDE, _LARGEST_SIDE = 16, 32


def nearest_images(
    images: Tensor, rows: np.ndarray, n_neighbors: int, progress: Progress | None = None
) -> NearestRows:
    """Return the graph of images by how well each explains the other (:func:`distortions`).

    Between two images stands the mean of both directions, or the one that is known: only the 150 nearest of each by
    the pixels as they are come into question. Images of more than 32 pixels along their shorter side are shrunk to
    between 16 and 32. Of each channel the median along the border is 0, as it is around images: black on white is white
    on black.

    Parameters
    ----------
    images : Tensor of shape (n_rows, channels, height, width)
        Images, on the device that is to compute.
    rows : array of shape (n_rows, n_values)
        The same as rows, by which candidates are found.
    n_neighbors : int
        Edges from each image; at most to all others.
    progress : callable, optional
        Gets the images done, and their number.
    """
    images = _on_one_ground(_shrunk(images))
    near = nearest_rows(rows, max(n_neighbors, _CANDIDATES))
    squares = np.empty(near.heads.shape)
    for i, heads in enumerate(near.heads):
        others = images[torch.as_tensor(heads, device=images.device)]
        squares[i] = distortions(images[i], others).numpy(force=True)
        if progress is not None:
            progress(i + 1, len(rows))
    return NearestRows(rows, *_nearest_of_both_ways(squares, near.heads, min(n_neighbors, len(rows) - 1)))


@torch.no_grad()
def distortions(image: Tensor, others: Tensor) -> Tensor:
    """Return how badly the others explain an image, shape (n,), squares of values summed over all pixels.

    Each pixel is compared with all that are at most two away from it, and keeps the least of these 25 differences: the
    square of the slopes (Sobel), summed over the 3 x 3 pixels around both, and over channels (Keysers et al. 2007,
    Deformation models for image recognition, *IEEE TPAMI* 29(8): the image distortion model, with local context).
    Outside images values are 0.

    Parameters
    ----------
    image : Tensor of shape (channels, height, width)
        What is explained.
    others : Tensor of shape (n, channels, height, width)
        Images in which its pixels find their like.

    Examples
    --------
    >>> image = torch.zeros(1, 16, 16)
    >>> image[:, 4:12, 7] = 1
    >>> distortions(image, torch.stack([image.roll(2, -1), image.roll(3, -1), image.mT])).round(decimals=1)
    tensor([ 0.0000, 38.4000, 37.2000])
    """
    height, width = image.shape[-2:]
    own, theirs = _slopes(image, 0), _slopes(others, _REACH)
    least: Tensor | None = None
    for down in range(2 * _REACH + 1):
        for across in range(2 * _REACH + 1):
            apart = torch.sub(own, theirs[..., down : down + height, across : across + width]).square_()
            around = _around(reduce(Tensor.add_, apart.unbind(-3)))
            least = around if least is None else torch.minimum(least, around, out=least)
    assert least is not None
    return least.sum((-2, -1))


def _nearest_of_both_ways(
    squares: np.ndarray, heads: np.ndarray, n_edges: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and heads of the nearest by the mean of the two squares between rows, or the one there is."""
    most = squares.max() + 1  # sparse arrays know a sum of two, where what is missing is 0
    starts = np.arange(len(heads) + 1) * heads.shape[1]
    nearness = csr_array(((most - squares).ravel(), heads.ravel(), starts), (len(heads),) * 2)
    known = nearness > 0
    nearness, known = nearness + nearness.T, known.astype(float) + known.T
    means = nearness.multiply(known.power(-1)).tocsr()
    found, distances = np.empty((len(heads), n_edges), heads.dtype), np.empty((len(heads), n_edges))
    for i, (start, end) in enumerate(zip(means.indptr[:-1], means.indptr[1:], strict=True)):
        order = start + np.argsort(-means.data[start:end], kind="stable")[:n_edges]
        found[i] = means.indices[order]
        distances[i] = np.sqrt(np.maximum(most - means.data[order], 0))
    return distances, found


def _slopes(images: Tensor, margin: int) -> Tensor:
    """Return Sobel's slopes along both axes, two channels for each one, also of so many pixels around an image."""
    wide = F.pad(images, (margin + 1,) * 4)
    across = wide[..., 2:] - wide[..., :-2]
    down = wide[..., 2:, :] - wide[..., :-2, :]
    across = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    down = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return torch.cat([across, down], -3) / 8


def _around(values: Tensor) -> Tensor:
    """Return the sums over the 3 x 3 values around each, outside of which are zeros."""
    wide = F.pad(values, (1,) * 4)
    rows = wide[..., :-2, :] + wide[..., 1:-1, :]
    rows += wide[..., 2:, :]
    sums = rows[..., :-2] + rows[..., 1:-1]
    sums += rows[..., 2:]
    return sums


def _shrunk(images: Tensor) -> Tensor:
    """Return images with means of blocks for pixels, where they are large."""
    height, width = images.shape[-2:]
    block = math.ceil(min(height, width) / _LARGEST_SIDE)
    return images if block == 1 else F.adaptive_avg_pool2d(images, (height // block, width // block))


def _on_one_ground(images: Tensor) -> Tensor:
    """Return images less the median of their border."""
    sides = images[..., 0, :], images[..., -1, :], images[..., 1:-1, 0], images[..., 1:-1, -1]
    return images - torch.cat(sides, -1).median(-1).values[..., None, None]
