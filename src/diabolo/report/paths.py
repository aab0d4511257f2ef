"""Ways through the space of codes, decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diabolo.report.observations import _labels, _limit, _tiles
from diabolo.report.style import MUTED, new_figure, sequence, tidy, write
from diabolo.report.view import View, as_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_interpolation(estimator: Any, x0: Any, x1: Any, n: int = 10, *, view: View | None = None) -> Figure:
    """Draw what is decoded on straight lines between the codes of pairs of observations.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    x0, x1 : arrays of shape (n_pairs, ...)
        Both ends of each line; one line of tiles (images) or one panel of curves for each pair.
    n : int
        Points on a line, ends included.
    view : View, optional
        Fixes the range of values; that of the ends by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    x0, x1 = as_rows(x0), as_rows(x1)
    view = view or View.of(estimator, np.concatenate([x0, x1]))
    lines = [estimator.interpolate(a, b, n) for a, b in zip(x0, x1, strict=True)]
    return _draw(view, lines, [""] * len(lines), np.linspace(0, 1, n), "share of the way")


def plot_traversal(
    estimator: Any,
    X: Any,
    dims: Sequence[int] | None = None,
    values: Sequence[float] | None = None,
    *,
    view: View | None = None,
) -> Figure:
    """Draw what is decoded while one dimension of the code moves and the others stay at their mean over X.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    X : array of shape (n_rows, ...)
        Rows whose codes give the mean and the range.
    dims : sequence of int, optional
        Which dimensions; by default the six whose codes vary most.
    values : sequence of float, optional
        The values it takes; by default nine from the 1st to the 99th percentile of the codes.
    view : View, optional
        Fixes the range of values; that of X by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    view = view or View.of(estimator, X)
    codes = estimator.transform(X)
    if dims is None:
        dims = [int(i) for i in np.argsort(-codes.var(0), kind="stable")[:6]]
    lines, labels = [], []
    for dim in dims:
        low, high = np.percentile(codes[:, dim], [1, 99])
        if high <= low:
            low, high = low - 1, high + 1
        moved = np.asarray(values if values is not None else np.linspace(low, high, 9))
        z = np.repeat(codes.mean(0, keepdims=True), len(moved), axis=0)
        z[:, dim] = moved
        lines.append(estimator.inverse_transform(z))
        labels.append(f"z{_subscript(dim + 1)}  {moved[0]:+.1f} … {moved[-1]:+.1f}".replace("-", "−"))
    return _draw(view, lines, labels, np.linspace(0, 1, len(lines[0])), "value, low to high")


def _draw(view: View, lines: list[np.ndarray], labels: list[str], share: np.ndarray, what: str) -> Figure:
    if view.kind == "image":
        tiles = np.concatenate([view.images(line) for line in lines])
        return _tiles(tiles, len(share), labels=labels if any(labels) else None)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colours = sequence()
    n_across = 1 if len(lines) == 1 else 2
    n_down = -(-len(lines) // n_across)
    figure = new_figure(1.35 * n_down + 0.5)
    grid = figure.subplots(n_down, n_across, squeeze=False, sharex=True, sharey=True)
    for i, axes in enumerate(grid.flat):
        if i >= len(lines):
            axes.set_visible(False)
            continue
        tidy(axes)
        for curve, s in zip(view.curves(lines[i]), share, strict=True):
            marker = "o" if view.n_values == 1 else None
            axes.plot(curve, color=colours(s), linewidth=1.1, marker=marker, markersize=3)
        axes.locator_params(axis="y", nbins=4)
        if labels[i]:
            write(axes, 0.02, 0.97, labels[i], transform=axes.transAxes, va="top")
    _limit(grid.flat[0], view)
    x, y = _labels(view)
    figure.supxlabel(x, color=MUTED, fontsize=9)
    figure.supylabel(y, color=MUTED, fontsize=9)
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), colours), ax=list(grid.flat), aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_ticks([])
    bar.set_label(what, color=MUTED, fontsize=8.5)
    return figure


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
