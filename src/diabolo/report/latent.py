"""The space of codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diabolo.report.densities import Prior
from diabolo.report.style import (
    BLUE,
    CYCLE,
    GRID,
    INK,
    MUTED,
    PAPER,
    RED,
    legend,
    new_figure,
    sequence,
    tidy,
    write,
)
from diabolo.report.view import View, as_rows, spaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Shares of N(0, I) within one and two deviations, in two dimensions: what is drawn of any prior.
SHARES = (1 - np.exp(-1 / 2), 1 - np.exp(-2))
_PRIOR_DRAWS = 4000
_LINES = 200  # of the grid on which a density is drawn
_MOST_NAMED = 100


def plot_latent(
    estimator: Any,
    X: Any,
    labels: Any = None,
    *,
    thumbnails: int = 36,
    ellipses: int = 12,
    max_rows: int = 3000,
    view: View | None = None,
) -> Figure:
    """Draw the map of the codes: as they are in one or two dimensions, beyond that their first two principal ones.

    A VAE shows its prior (in two dimensions the smallest regions that hold 39 and 86 % of it, which are rings at
    one and two standard deviations for N(0, I)) and a few posteriors as ellipses at two standard deviations.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    X : array of shape (n_rows, ...)
        Rows.
    labels : array of shape (n_rows,), optional
        Colours: up to ten classes, numbers, or more classes as words, which then stand on the map. Takes the place of
        the thumbnails.
    thumbnails : int
        Images laid on the map, for images without labels.
    ellipses : int
        Posteriors drawn, for a VAE.
    max_rows : int
        Rows drawn, evenly spaced.
    view : View, optional
        Fixes the range of values of the thumbnails; that of X by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = as_rows(X)
    which = spaced(len(rows), max_rows)
    rows = rows[which]
    labels = None if labels is None else np.asarray(labels)[which]
    encoding = estimator.encode(rows) if hasattr(estimator, "encode") else None
    codes = np.asarray(estimator.transform(rows) if encoding is None else encoding.mean, dtype=np.float64)
    if codes.shape[1] == 1:
        return _one_dimension(codes[:, 0], labels, None if encoding is None else Prior(estimator))
    centre, plane, share = _plane(codes)
    points = (codes - centre) @ plane
    across, up = np.maximum(np.ptp(points, axis=0), 1e-9)
    figure = new_figure(float(np.clip(4.4 * up / across, 3.2, 4.6)))
    names = ("z₁", "z₂")
    if codes.shape[1] > 2:
        first, second = (f"principal component {i + 1} of the codes ({s:.0%})" for i, s in enumerate(share))
        names = (first, second)
    axes = tidy(figure.subplots(), *names)
    axes.set_aspect("equal", adjustable="datalim")
    if encoding is not None and codes.shape[1] == 2:
        _regions(axes, Prior(estimator))
    _points(axes, points, labels)
    view = view or View.of(estimator, rows)
    pictures = thumbnails if labels is None and view.kind == "image" else 0
    chosen = _apart(points, pictures + (0 if encoding is None else ellipses))
    if encoding is not None:
        _ellipses(axes, encoding, points, plane, chosen[pictures:] or chosen[:ellipses])
    if pictures:
        _thumbnails(axes, view, rows, points, chosen[:pictures])
    return figure


def named(labels: np.ndarray) -> bool:
    """Whether a map in two dimensions has so many kinds that their names stand on it, and not in a legend."""
    return len(CYCLE) < len(np.unique(labels)) <= _MOST_NAMED


def plot_rates(rates: Sequence[float], active: Sequence[bool] | None = None) -> Figure:
    """Draw the rate of each dimension in nats per row, the largest first; dimensions in use stand out.

    Parameters
    ----------
    rates : sequence of float
        KL(q(zⱼ|x) || p(zⱼ)) averaged over rows, as ``evaluate(X).rate_per_dimension`` gives it: for a prior that
        is no product of Gaussians, against the Gaussian of its mean and variance.
    active : sequence of bool, optional
        Whether the dimension is in use; by default a rate above 0.01 nats.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.patches import Patch

    values = np.asarray(rates, dtype=float)
    used = values > 0.01 if active is None else np.asarray(active, dtype=bool)
    order = np.argsort(-values, kind="stable")
    figure = new_figure(2.9)
    axes = tidy(figure.subplots(), "dimension of the code", "rate, nats per row")
    axes.grid(False, axis="x")
    at = np.arange(len(values))
    axes.bar(
        at,
        values[order],
        color=[BLUE if used[i] else MUTED for i in order],
        width=0.72 if len(at) <= 64 else 1.0,
    )
    if len(at) <= 24:
        axes.set_xticks(at, [str(i + 1) for i in order])
    axes.set_xlim(-0.75, max(len(at), 4) - 0.25)
    if not used.all():
        both = [Patch(color=BLUE, label="in use"), Patch(color=MUTED, label="not in use")]
        legend(axes, handles=both, loc="upper right")
    return figure


def _plane(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centre, two orthonormal directions (d, 2) and their shares of the variance."""
    n_components = codes.shape[1]
    if n_components == 2:
        return np.zeros(2), np.eye(2), np.ones(2)
    centre = codes.mean(0)
    _, scale, directions = np.linalg.svd(codes - centre, full_matrices=True)
    variance = np.zeros(n_components)
    variance[: len(scale)] = np.square(scale)
    return centre, directions[:2].T, variance[:2] / (variance.sum() or 1.0)


def _points(axes: Axes, points: np.ndarray, labels: np.ndarray | None) -> None:
    size = float(np.clip(6000 / len(points), 5, 26))
    if labels is None:
        axes.scatter(points[:, 0], points[:, 1], s=size, color=BLUE, alpha=0.45, linewidths=0)
        return
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) <= len(CYCLE):
        for colour, name in zip(CYCLE, classes, strict=False):
            own = points[labels == name]
            axes.scatter(own[:, 0], own[:, 1], s=size, color=colour, alpha=0.7, linewidths=0, label=str(name))
        legend(axes, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.4, borderaxespad=0.2)
        return
    if labels.dtype.kind not in "fiub" and named(labels):  # kinds, not quantities
        colours = np.array(CYCLE)[numbers % len(CYCLE)]
        axes.scatter(points[:, 0], points[:, 1], s=size, c=colours, alpha=0.7, linewidths=0)
        plate = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
        for k, name in enumerate(classes):
            across, up = np.median(points[numbers == k], axis=0)
            write(axes, across, up, str(name), ha="center", va="center", color=INK, bbox=plate)
        return
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=size,
        c=labels if labels.dtype.kind in "fiub" else numbers,
        cmap=sequence(),
        alpha=0.8,
        linewidths=0,
    )


def _regions(axes: Axes, prior: Prior) -> None:
    """Draw the smallest regions that hold two shares of the prior: rings, or the lines of a density."""
    if prior.is_standard_normal:
        _rings(axes)
        return
    drawn = prior.draws(_PRIOR_DRAWS)
    log_density = prior.log_density(drawn)
    levels = np.unique(np.quantile(log_density, [1 - share for share in SHARES]))
    inside = drawn[log_density >= levels[0]]
    low, high = inside.min(0), inside.max(0)
    margin = 0.1 * (high - low) + 1e-9
    x, y = np.linspace(low - margin, high + margin, _LINES).T
    grid = np.stack(np.meshgrid(x, y), -1)
    heights = prior.log_density(grid.reshape(-1, 2)).reshape(grid.shape[:2])
    axes.contour(x, y, heights, levels, colors=MUTED, linewidths=1, linestyles=[(0, (4, 2))], zorder=1.5)


def _rings(axes: Axes) -> None:
    from matplotlib.patches import Circle

    for radius in (1, 2):
        axes.add_patch(
            Circle((0, 0), radius, fill=False, edgecolor=MUTED, linewidth=1, linestyle=(0, (4, 2)))
        )


def _ellipses(axes: Axes, encoding: Any, points: np.ndarray, plane: np.ndarray, chosen: list[int]) -> None:
    from matplotlib.patches import Ellipse

    for i in chosen:
        spread = (
            np.diag(np.square(encoding.scale[i])) if encoding.covariance is None else encoding.covariance[i]
        )
        values, vectors = np.linalg.eigh(plane.T @ np.asarray(spread, dtype=np.float64) @ plane)
        width, height = 4 * np.sqrt(np.maximum(values[::-1], 0))
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        axes.add_patch(
            Ellipse(
                tuple(points[i]),
                width,
                height,
                angle=angle,
                fill=False,
                edgecolor=RED,
                linewidth=1.1,
                zorder=3,
            )
        )


def _thumbnails(axes: Axes, view: View, rows: np.ndarray, points: np.ndarray, chosen: list[int]) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    images = view.images(rows[chosen])
    zoom = 15.0 / max(images.shape[1:3])
    for image, point in zip(images, points[chosen], strict=True):
        picture = OffsetImage(np.round(image * 255).astype(np.uint8), zoom=zoom, interpolation="none")
        frame = {"edgecolor": PAPER, "facecolor": PAPER, "linewidth": 0.8}
        axes.add_artist(AnnotationBbox(picture, tuple(point), pad=0.06, bboxprops=frame, zorder=4))


def _apart(points: np.ndarray, n: int) -> list[int]:
    """Choose points far from each other, one after the other, beginning in the middle."""
    nearest = np.square(points - np.median(points, axis=0)).sum(1)
    chosen = [int(np.argmin(nearest))]
    distance = np.square(points - points[chosen[0]]).sum(1)
    while len(chosen) < min(n, len(points)) and distance.max() > 0:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.square(points - points[chosen[-1]]).sum(1))
    return chosen


def _one_dimension(codes: np.ndarray, labels: np.ndarray | None, prior: Prior | None) -> Figure:
    figure = new_figure(2.9)
    axes = tidy(figure.subplots(), "code z", "density")
    groups = [codes]
    names = ["codes"]
    if labels is not None and len(np.unique(labels)) <= len(CYCLE):
        groups = [codes[labels == name] for name in np.unique(labels)]
        names = [str(name) for name in np.unique(labels)]
    # numpy's rule may ask for any number of bins, and for none where all codes are equal
    edges = np.histogram_bin_edges(codes, bins=int(np.clip(np.sqrt(len(codes)), 5, 60)))
    for colour, group, name in zip(CYCLE, groups, names, strict=False):
        axes.hist(
            group,
            bins=edges.tolist(),
            density=True,
            color=colour,
            alpha=0.7 if len(groups) == 1 else 0.4,
            label=name,
        )
    if prior is not None:
        _curve(axes, prior)
    if len(codes) <= 300:
        axes.plot(codes, np.zeros_like(codes), "|", color=INK, markersize=6, alpha=0.4)
    axes.grid(True, color=GRID)
    legend(axes, loc="upper right")
    return figure


def _curve(axes: Axes, prior: Prior) -> None:
    """Draw the density of a prior in one dimension, over the codes and nearly all that it gives."""
    ends = (*axes.get_xlim(), *np.quantile(prior.draws(_PRIOR_DRAWS), [0.001, 0.999]))
    at = np.linspace(min(ends), max(ends), 3 * _LINES)
    name = "prior N(0, 1)" if prior.is_standard_normal else "prior p(z)"
    axes.plot(at, np.exp(prior.log_density(at[:, None])), color=INK, linewidth=1.3, label=name)
