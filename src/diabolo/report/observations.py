"""Observations beside what a model makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diabolo.report.style import BLUE, GRID, INK, MUTED, ORANGE, bare, legend, new_figure, tidy, write
from diabolo.report.view import GAP, View, as_rows, draw_tiles, spaced

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_reconstructions(estimator: Any, X: Any, n: int = 16, *, view: View | None = None) -> Figure:
    """Draw observations above (images) or under (curves) their reconstructions H(x) = D(E(x)).

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    X : array of shape (n_rows, ...)
        Rows, of which evenly spaced ones are shown.
    n : int
        How many at most; of curves and tables six at most.
    view : View, optional
        Fixes the range of values; that of X by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    view = view or View.of(estimator, X)
    rows = as_rows(X)
    shown = rows[spaced(len(rows), n if view.kind == "image" else min(n, 6))]
    return _series(view, [("x", shown), ("reconstruction", estimator.reconstruct(shown))])


def plot_denoising(
    estimator: Any,
    X: Any,
    X_noisy: Any = None,
    n: int = 8,
    *,
    view: View | None = None,
    random_state: int = 0,
) -> Figure:
    """Draw clean rows, the noisy ones that the encoder saw, and what it restored.

    Parameters
    ----------
    estimator : DenoisingAutoEncoder
        A fitted one.
    X : array of shape (n_rows, ...)
        Clean rows, of which evenly spaced ones are shown.
    X_noisy : array of the shape of X, optional
        Their noisy versions; by default the estimator's corruption makes them.
    n : int
        How many at most.
    view : View, optional
        Fixes the range of values; that of X by default.
    random_state : int
        Seed of the corruption.

    Returns
    -------
    matplotlib.figure.Figure
    """
    view = view or View.of(estimator, X)
    rows = as_rows(X)
    which = spaced(len(rows), n if view.kind == "image" else min(n, 6))
    clean = rows[which]
    noisy = (
        estimator.corrupt(clean, random_state=random_state) if X_noisy is None else as_rows(X_noisy)[which]
    )
    return _series(
        view, [("clean x", clean), ("noisy x̃", noisy), ("denoised H(x̃)", estimator.denoise(noisy))]
    )


def plot_samples(
    estimator: Any,
    n: int = 48,
    *,
    latent: Literal["prior", "aggregate", "ex_post"] | None = None,
    observation: Literal["draw", "mean"] | None = None,
    X: Any = None,
    view: View | None = None,
    random_state: int = 0,
) -> Figure:
    """Draw observations that a decoder generates.

    Parameters
    ----------
    estimator : estimator
        A fitted VAE, or another one with a density that ``fit_prior`` fitted to its codes.
    n : int
        How many images, or signals (eight at most); of tables eight times as many points.
    latent : {"prior", "aggregate", "ex_post"}, optional
        Where the codes come from; by default the prior where there is one, otherwise the fitted density.
    observation : {"draw", "mean"}, optional
        A draw from p(x|z) or its mean; by default draws of a VAE's tables, the mean of all else.
    X : array, optional
        Rows that give the range of values and are drawn behind the samples of signals and tables.
    view : View, optional
        Fixes the range of values in place of X.
    random_state : int
        Seed.

    Returns
    -------
    matplotlib.figure.Figure
    """
    kind = estimator.layout_.kind
    observation = observation or shown_by_default(estimator)
    n = {"image": n, "signal": min(n, 8)}.get(kind, n * 8)
    chosen = {} if latent is None else {"latent": latent}
    drawn = estimator.sample(n, **chosen, observation=observation, random_state=random_state)
    view = view or View.of(estimator, drawn if X is None else X)
    if kind == "image":
        return _tiles(view.images(drawn), 8)
    return _cloud(view, drawn, X) if kind == "table" else _bundle(view, drawn, X)


def plot_features(
    estimator: Any, X: Any, n: int = 9, *, max_rows: int = 400, view: View | None = None
) -> Figure:
    """Draw, for columns of a table, reconstructed against given values; the diagonal is perfect.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    X : array of shape (n_rows, n_features)
        A table.
    n : int
        Columns to show: evenly spaced from the best to the worst explained.
    max_rows : int
        Rows to show.
    view : View, optional
        Names of the columns; those of the estimator by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    view = view or View.of(estimator, X)
    rows = as_rows(X)
    rows = rows[spaced(len(rows), max_rows)].astype(np.float64)
    rebuilt = np.asarray(estimator.reconstruct(rows), dtype=np.float64)
    rows, rebuilt = rows.reshape(len(rows), -1), rebuilt.reshape(len(rows), -1)
    explained = 1 - np.square(rebuilt - rows).mean(0) / np.where(rows.var(0) > 0, rows.var(0), np.nan)
    order = np.argsort(np.where(np.isnan(explained), -np.inf, -explained), kind="stable")
    order = order[~np.isnan(explained[order])] if not np.isnan(explained).all() else order
    columns = order[spaced(len(order), n)]
    n_across = min(3, len(columns))
    n_down = -(-len(columns) // n_across)
    figure = new_figure(1.75 * n_down)
    for axes, column in zip(figure.subplots(n_down, n_across, squeeze=False).flat, columns, strict=False):
        tidy(axes)
        ends = [
            min(rows[:, column].min(), rebuilt[:, column].min()),
            max(rows[:, column].max(), rebuilt[:, column].max()),
        ]
        axes.plot(ends, ends, color=MUTED, linewidth=0.9)
        axes.plot(
            rows[:, column], rebuilt[:, column], ".", color=BLUE, markersize=3, alpha=0.55, markeredgewidth=0
        )
        axes.locator_params(nbins=3)
        share = "" if np.isnan(explained[column]) else f"   R² {explained[column]:.2f}"
        axes.set_title(
            f"{_short(view.names[column], 16)}{share}", color=INK, fontsize=7.5, loc="left", parse_math=False
        )
        axes.tick_params(labelsize=7)
    for axes in figure.axes[len(columns) :]:
        axes.set_visible(False)
    return figure


def shown_by_default(estimator: Any) -> Literal["draw", "mean"]:
    """Say what is shown of p(x|z): draws of a VAE's tables; the scatter of a plain auto-encoder is not learned."""
    learned = hasattr(estimator, "sample_codes")
    return "draw" if learned and estimator.layout_.kind == "table" else "mean"


def _bundle(view: View, drawn: np.ndarray, X: Any) -> Figure:
    """Signals over the band of the data."""
    figure = new_figure(2.9)
    axes = tidy(figure.subplots(), *_labels(view))
    if X is not None:
        low, high = np.percentile(view.curves(as_rows(X)), [5, 95], axis=0)
        axes.fill_between(np.arange(len(low)), low, high, color=GRID, linewidth=0, label="data, 5 to 95 %")
    for i, curve in enumerate(view.curves(drawn)):
        axes.plot(curve, color=BLUE, alpha=0.7, linewidth=1.0, label=None if i else "samples")
    _limit(axes, view)
    legend(axes, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    return figure


def _cloud(view: View, drawn: np.ndarray, X: Any) -> Figure:
    """Rows of a table on the first two principal components of the data."""
    data = view.curves(drawn if X is None else as_rows(X))
    data, points = data[spaced(len(data), 1000)], view.curves(drawn)
    figure = new_figure(3.3)
    if view.n_values == 1:
        axes = tidy(figure.subplots(), f"{_short(view.names[0], 40)}, standard units", "density")
        edges = np.linspace(min(data.min(), points.min()), max(data.max(), points.max()), 31).tolist()
        axes.hist(data[:, 0], bins=edges, density=True, color=MUTED, alpha=0.5, label="data")
        axes.hist(
            points[:, 0],
            bins=edges,
            density=True,
            histtype="step",
            color=BLUE,
            linewidth=1.8,
            label="samples",
        )
    else:
        _, scale, directions = np.linalg.svd(data - data.mean(0), full_matrices=False)
        share = np.square(scale) / np.square(scale).sum()
        plane = directions[:2].T
        if plane.shape[1] == 1:  # a single row has no second direction
            plane, share = np.eye(view.n_values)[:, :2], np.zeros(2)
        labels = (f"principal component {i + 1} of the data ({share[i]:.0%})" for i in range(2))
        axes = tidy(figure.subplots(), *labels)
        for cloud, colour, name in ((data, MUTED, "data"), (points, BLUE, "samples")):
            at = (cloud - data.mean(0)) @ plane
            axes.scatter(at[:, 0], at[:, 1], s=9, color=colour, alpha=0.55, linewidths=0, label=name)
        own = (data - data.mean(0)) @ plane  # the frame is that of the data: the same for every sampler
        low, high = own.min(0), own.max(0)
        margin = 0.15 * (high - low) + 1e-9
        axes.set(
            xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1])
        )
    legend(axes, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1, markerscale=1.6)
    return figure


def _series(view: View, series: list[tuple[str, np.ndarray]]) -> Figure:
    if view.kind == "image":
        return _image_series(view, series)
    return _curve_series(view, series)


def _image_series(view: View, series: list[tuple[str, np.ndarray]]) -> Figure:
    n = len(series[0][1])
    n_columns = min(8, n)
    blocks, gaps = [], {}
    for block, start in enumerate(range(0, n, n_columns)):
        if block:
            gaps[block * len(series)] = 0.25
        for _, rows in series:
            images = view.images(rows[start : start + n_columns])
            missing = n_columns - len(images)
            blocks.append(np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=np.nan))
    tiles = np.concatenate(blocks)
    return _tiles(tiles, n_columns, gaps=gaps, labels=[name for name, _ in series])


def _tiles(
    images: np.ndarray,
    n_columns: int,
    *,
    gaps: dict[int, float] | None = None,
    labels: list[str] | None = None,
) -> Figure:
    """Return a figure as high as its tiles; transparent where an image is not a number."""
    alpha = np.where(np.isnan(images).any(-1, keepdims=True), 0.0, 1.0)
    pixels = np.round(np.nan_to_num(np.concatenate([images, alpha], -1)) * 255).astype(np.uint8)
    n_columns = min(n_columns, len(images))
    figure = new_figure(1.0)
    axes = bare(figure.subplots())
    ratio = draw_tiles(axes, pixels, n_columns, gaps=gaps)
    side = min(1.0, n_columns / 4)  # a few images are not blown up
    width = 5.0 if side == 1.0 else 5.0 * max(side, 0.35)
    figure.set_size_inches(5.0, max(0.5, width * ratio))
    if labels:
        unit = images.shape[1] / images.shape[2]
        top = 0.0
        for row in range(len(images) // n_columns):
            top += (gaps or {}).get(row, 0.0) * unit
            write(axes, -0.12, top + unit / 2, labels[row % len(labels)], ha="right", va="center")
            top += unit + GAP
        figure.set_size_inches(5.0, max(0.6, 0.86 * width * ratio))
    return figure


def _curve_series(view: View, series: list[tuple[str, np.ndarray]]) -> Figure:
    n = len(series[0][1])
    n_across = 1 if n == 1 else 2
    n_down = -(-n // n_across)
    figure = new_figure(1.25 * n_down + 0.55)
    grid = figure.subplots(n_down, n_across, squeeze=False, sharex=True, sharey=True)
    looks = {
        1: [(INK, 1.0)],
        2: [(INK, 1.1), (BLUE, 1.5)],
        3: [(INK, 1.1), (ORANGE, 0.8), (BLUE, 1.5)],
    }[len(series)]
    dots = view.kind == "table" and view.n_values <= 64
    for i, axes in enumerate(grid.flat):
        if i >= n:
            axes.set_visible(False)
            continue
        tidy(axes)
        for (name, rows), (colour, width) in zip(series, looks, strict=True):
            given = name == series[0][0]
            options: dict[str, Any] = (
                {"marker": "o", "markersize": 3, "linewidth": 0} if given and dots else {"linewidth": width}
            )
            if view.n_values == 1:
                options = {"marker": "o" if given else "x", "markersize": 5, "linewidth": 0}
            axes.plot(view.curves(rows[i : i + 1])[0], color=colour, label=name, **options)
        axes.locator_params(axis="y", nbins=4)
    x, y = _labels(view)
    figure.supxlabel(x, color=MUTED, fontsize=9)
    figure.supylabel(y, color=MUTED, fontsize=9)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=3,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handlelength=1.4,
    )
    return figure


def _labels(view: View) -> tuple[str, str]:
    if view.kind == "table":
        return "column", "standard units"
    return "time step", "units of X" if view.channel_axis is None else "units of X, first channel"


def _limit(axes: Any, view: View) -> None:
    if view.kind == "table":
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -8), min(high, 8))
    else:
        margin = 0.08 * (view.high - view.low)
        axes.set_ylim(view.low - margin, view.high + 3 * margin)


def _short(name: str, n: int) -> str:
    return name if len(name) <= n else name[: n - 1] + "…"
