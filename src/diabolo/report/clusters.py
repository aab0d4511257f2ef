"""Clusters: what their centres decode to, and who belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diabolo.report.style import BLUE, INK, ORANGE, new_figure, tidy, write
from diabolo.report.view import GAP, View, as_rows, draw_tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_CURVES = 40


def plot_centres(estimator: Any, X: Any, *, view: View | None = None) -> Figure:
    """Draw the decoded centres, the largest cluster first, each with its share of the rows of the fit.

    Parameters
    ----------
    estimator : DeepClustering
        A fitted one.
    X : array of shape (n_rows, ...)
        Rows that give the range of values.
    view : View, optional
        Fixes it in place of X.

    Returns
    -------
    matplotlib.figure.Figure
    """
    view = view or View.of(estimator, X)
    sizes, order = _order(estimator)
    centres = estimator.inverse_transform(estimator.cluster_centers_)[order]
    names = [f"{k}   {sizes[k] / sizes.sum():.1%}" for k in order]
    if view.kind != "image":
        return _curves(view, centres, [np.empty((0, *view.shape))] * len(order), names)
    n_across = min(5, len(order))
    n_down = -(-len(order) // n_across)
    figure = new_figure(1.25 * n_down)
    images = view.images(centres)
    for i, axes in enumerate(figure.subplots(n_down, n_across, squeeze=False).flat):
        axes.set_axis_off()
        if i < len(order):
            axes.imshow(np.round(images[i] * 255).astype(np.uint8), interpolation="none")
            axes.set_title(names[i], color=INK, fontsize=8, parse_math=False, pad=4)
    return figure


def plot_members(
    estimator: Any,
    X: Any,
    which: Literal["typical", "uncertain"] = "typical",
    n: int = 12,
    *,
    shares: Any = None,
    view: View | None = None,
) -> Figure:
    """Draw, for each cluster, the rows that belong to it most or least certainly, the largest cluster first.

    Parameters
    ----------
    estimator : DeepClustering
        A fitted one.
    X : array of shape (n_rows, ...)
        Rows to choose from.
    which : {"typical", "uncertain"}
        Those with the largest or the smallest share in their own cluster.
    n : int
        Rows of each cluster at most; of curves and tables at most 40 lines in one picture.
    shares : array of shape (n_rows, n_clusters), optional
        How far each row belongs to each cluster, such as ``label_distributions_`` for the rows of the fit;
        ``predict_proba(X)`` by default.
    view : View, optional
        Fixes the range of values; that of X by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If ``which`` is neither, or shares are of other rows.
    """
    if which not in ("typical", "uncertain"):
        raise ValueError(f"which must be 'typical' or 'uncertain', got {which!r}.")
    view = view or View.of(estimator, X)
    rows = as_rows(X)
    shares = np.asarray(estimator.predict_proba(rows) if shares is None else shares)
    if shares.shape != (len(rows), estimator.n_clusters):
        raise ValueError(
            f"shares must have the shape ({len(rows)}, {estimator.n_clusters}), got {shares.shape}."
        )
    members = chosen_members(shares, which, n if view.kind == "image" else _MOST_CURVES)
    _, order = _order(estimator)
    names = [f"{k}" for k in order]
    centres = estimator.inverse_transform(estimator.cluster_centers_)
    if view.kind != "image":
        return _curves(view, centres[order], [rows[members[k]] for k in order], names)
    blank = np.zeros((1, *view.images(rows[:1]).shape[1:3], 4))
    lines = []
    for k in order:
        pictures = view.images(np.concatenate([centres[k][None], rows[members[k]]]))
        opaque = np.concatenate([pictures, np.ones((*pictures.shape[:3], 1))], -1)
        lines += [opaque, *[blank] * (n - len(members[k]))]
    tiles = np.concatenate(lines)
    height = tiles.shape[1] / tiles.shape[2]
    figure = new_figure(0.2 + 4.6 / (n + 1) * height * len(order))
    axes = figure.subplots()
    draw_tiles(axes, tiles, n + 1)
    for line, name in enumerate(names):
        write(axes, -0.25, (line + 0.5) * height + line * GAP * height, name, ha="right", va="center")
    return figure


def plot_confusion(scores: Mapping[str, Any]) -> Figure:
    """Draw classes against clusters, matched ones on the diagonal, as shares of each class.

    Parameters
    ----------
    scores : mapping
        ``clustering_scores(labels, clusters).as_dict()``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    counts = np.asarray(scores["confusion"], dtype=float)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    n_classes, n_clusters = counts.shape
    figure = new_figure(float(np.clip(0.34 * n_classes + 0.9, 2.2, 7)))
    axes = tidy(figure.subplots(), "cluster", "class")
    axes.grid(False)
    axes.imshow(share, cmap=_faint(), vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(n_clusters), [str(k) for k in scores["clusters"]])
    axes.set_yticks(range(n_classes), [str(name)[:16] for name in scores["classes"]], parse_math=False)
    if n_classes * n_clusters <= 400:
        for i, j in np.argwhere(counts > 0):
            colour = INK if share[i, j] < 0.6 else "#fefefd"
            write(axes, j, i, f"{counts[i, j]:.0f}", ha="center", va="center", color=colour, fontsize=7)
    return figure


def chosen_members(probabilities: np.ndarray, which: str, n: int) -> list[np.ndarray]:
    """Return, for each cluster, the numbers of at most ``n`` of its rows, the most extreme first.

    Parameters
    ----------
    probabilities : array of shape (n_rows, n_clusters)
        As ``predict_proba`` gives them.
    which : {"typical", "uncertain"}
        Largest or smallest own share first.
    n : int
        How many.
    """
    own = probabilities.max(1)
    order = np.argsort(-own if which == "typical" else own, kind="stable")
    labels = probabilities.argmax(1)[order]
    return [order[labels == k][:n] for k in range(probabilities.shape[1])]


def _order(estimator: Any) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.bincount(estimator.labels_, minlength=estimator.n_clusters)
    return sizes, np.argsort(-sizes, kind="stable")


def _curves(view: View, centres: np.ndarray, members: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    """Draw each cluster in axes of its own: its members thin, its decoded centre on top."""
    n_across = min(3, len(names))
    n_down = -(-len(names) // n_across)
    figure = new_figure(1.5 * n_down)
    grid = figure.subplots(n_down, n_across, squeeze=False, sharex=True, sharey=True)
    for i, axes in enumerate(grid.flat):
        if i >= len(names):
            axes.set_visible(False)
            continue
        tidy(axes)
        if len(members[i]):
            axes.plot(view.curves(members[i]).T, color=BLUE, linewidth=0.6, alpha=0.35)
        axes.plot(view.curves(centres[i][None])[0], color=ORANGE, linewidth=1.8)
        axes.set_title(names[i], color=INK, fontsize=8, loc="left", parse_math=False)
        axes.tick_params(labelsize=7)
    return figure


def _faint() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shares", ["#f4f5f6", BLUE])
