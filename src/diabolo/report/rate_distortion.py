"""What the codes buy, over beta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diabolo.report.style import BLUE, GRID, INK, MUTED, ORANGE, RED, bare, legend, new_figure, tidy, write
from diabolo.report.view import View, as_rows, draw_tiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from diabolo.measures import RateDistortionCurve

_MOST_LABELS = 12
_DASH = (0, (4, 2))


def plot_rate_distortion(
    curve: RateDistortionCurve, *, entropy: float | None = None, discrete: bool = False, bound: bool = True
) -> Figure:
    """Draw distortion over rate, a point for each beta, and the entropy that no model gets below.

    Lines D + R = constant fall with slope -1 and have one ELBO. On the best curve the slope is -beta, so
    the line through beta = 1 touches it there. Every point lies on or above D + R = H, the entropy of the
    data (Alemi et al. 2018); H is known of few data, but the least -ELBO is above it.

    Parameters
    ----------
    curve : RateDistortionCurve
        As ``diabolo.rate_distortion`` gives it.
    entropy : float, optional
        H of the data in nats per row, where it is known; what lies below D + R = H is shaded.
    discrete : bool
        Whether the data are discrete, so that D is never below 0: the two ends of the line of the known
        H are then marked, all of the information in the codes (D = 0) and none of it (R = 0).
    bound : bool
        Draw the line of the least -ELBO, an upper bound of H; switch it off where the likelihood is no
        density of the rows (the cross-entropy of grey values).

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(3.7)
    axes = tidy(figure.subplots(), "rate R, nats per row", "distortion D, nats per row")
    _frame(axes, curve, entropy if discrete else None)
    unit = _unit_beta(curve)
    least = curve.entropy_bound
    best = bound and unit is not None and unit[2] and np.isclose(sum(unit[:2]), least, rtol=1e-9)
    if unit is not None:
        where = "β = 1" if unit[2] else "β = 1, between two points"
        also = ", and H is at most that" if best else ""
        text = f"slope −1 through {where}: −ELBO = {sum(unit[:2]):.4g}{also}"
        _line(axes, sum(unit[:2]), text, color=ORANGE, linewidth=1.3)
    if bound and not best:
        at = curve.beta[np.argmax(curve.elbo)]
        _line(axes, least, f"H is at most {least:.4g}, −ELBO at β = {at:.3g}", color=MUTED, linestyle=_DASH)
    if entropy is not None:
        _entropy(axes, entropy, discrete)
    axes.plot(curve.rate, curve.distortion, "o-", color=BLUE, linewidth=1.8, markersize=4.5, zorder=3)
    if unit is not None:
        face = ORANGE if unit[2] else "none"
        axes.plot(
            *unit[:2], "o", color=ORANGE, markerfacecolor=face, markersize=8, markeredgewidth=1.6, zorder=4
        )
    _label(axes, curve)
    if axes.get_legend_handles_labels()[0]:
        legend(figure, loc="outside upper left", ncols=1)
    return figure


def plot_sweep(
    X: Any, betas: Sequence[float], reconstructions: Sequence[Any], samples: Sequence[Any], *, view: View
) -> Figure:
    """Draw a row for each beta: what comes back of some observations, and new ones.

    Parameters
    ----------
    X : array of shape (n_rows, ...)
        Observations, six at most are shown of images and one of signals and tables.
    betas : sequence of float
        One for each of the next two.
    reconstructions : sequence of arrays of the shape of X
        H(x) at each beta.
    samples : sequence of arrays of shape (n_samples, ...)
        Rows drawn from the prior at each beta.
    view : View
        How an observation is looked at.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if view.kind == "image":
        return _image_rows(view, as_rows(X)[:6], betas, reconstructions, samples)
    return _curve_rows(view, as_rows(X)[:1], betas, reconstructions, samples)


def _frame(axes: Axes, curve: RateDistortionCurve, entropy: float | None) -> None:
    """Fix the range: that of the points with a margin, and of both ends of the line of the entropy."""
    ends = [] if entropy is None else [0.0, entropy]
    for values, fix in ((curve.rate, axes.set_xlim), (curve.distortion, axes.set_ylim)):
        known = [*values[np.isfinite(values)], *ends]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        margin = 0.12 * (high - low) or max(1.0, 0.05 * abs(high))
        fix(low - margin, high + margin)
    if axes.get_xlim()[0] < 0:
        axes.set_xlim(left=-0.02 * axes.get_xlim()[1])


def _line(axes: Axes, total: float, label: str, **look: Any) -> None:
    """Draw D + R = total across the frame."""
    ends = np.array(axes.get_xlim())
    axes.plot(ends, total - ends, label=label, **{"linewidth": 1.2, **look}, scalex=False, scaley=False)


def _entropy(axes: Axes, entropy: float, discrete: bool) -> None:
    ends = np.array(axes.get_xlim())
    _line(axes, entropy, f"H = {entropy:.4g}, the entropy of the data", color=INK, linewidth=1.4)
    bottom = min(axes.get_ylim()[0], *(entropy - ends))
    frame = axes.get_xlim(), axes.get_ylim()
    axes.fill_between(ends, bottom, entropy - ends, color=GRID, alpha=0.6, linewidth=0, zorder=0.5)
    axes.set(xlim=frame[0], ylim=frame[1])
    if not discrete:
        return
    for at, text, side in (
        ((0.0, entropy), "nothing\nin the codes", "left"),
        ((entropy, 0.0), "all\nin the codes", "right"),
    ):
        axes.plot(*at, "s", color=INK, markersize=4.5, zorder=4)
        shift = (3, -20) if side == "left" else (-10, -3)  # into the shade
        look: Any = {"textcoords": "offset points", "color": MUTED, "fontsize": 8, "ha": side, "va": "top"}
        axes.annotate(text, at, xytext=shift, **look)


def _unit_beta(curve: RateDistortionCurve) -> tuple[float, float, bool] | None:
    """Return rate and distortion where beta is 1, and whether a point stands there (else between two, in ln beta)."""
    beta = curve.beta
    there = np.flatnonzero(np.isclose(beta, 1.0, rtol=1e-6))
    if len(there):
        return float(curve.rate[there[0]]), float(curve.distortion[there[0]]), True
    known = beta > 0
    if not known.any() or not beta[known].min() < 1 < beta[known].max():
        return None
    rate, distortion = (
        float(np.interp(0.0, np.log(beta[known]), column[known])) for column in (curve.rate, curve.distortion)
    )
    return rate, distortion, False


def _label(axes: Axes, curve: RateDistortionCurve) -> None:
    """Write beta beside the points, away from the curve; where they crowd, the first of each crowd."""
    figure: Any = axes.get_figure()
    size = figure.get_size_inches() * 72 * 0.75
    span = np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())])
    at = np.stack([curve.rate, curve.distortion], 1) / span * size
    taken: list[np.ndarray] = []
    ones = np.isclose(curve.beta, 1.0)
    order = [*np.flatnonzero(ones), *(i for i in (0, len(at) - 1) if not ones[i]), *range(1, len(at) - 1)]
    for i in order:
        if any(np.hypot(*(at[i] - other)) < 22 for other in taken) or not np.isfinite(at[i]).all():
            continue
        taken.append(at[i])
        prefix = "β = " if len(taken) == 1 else ""
        axes.annotate(
            f"{prefix}{curve.beta[i]:.3g}",
            (curve.rate[i], curve.distortion[i]),
            xytext=(6, 5),
            textcoords="offset points",
            color=ORANGE if ones[i] else INK,
            fontsize=8.5,
            zorder=5,
        )


def _image_rows(
    view: View,
    shown: np.ndarray,
    betas: Sequence[float],
    reconstructions: Sequence[Any],
    samples: Sequence[Any],
) -> Figure:
    n_across = len(shown)
    left = np.concatenate(
        [view.images(shown), *(view.images(as_rows(r)[:n_across]) for r in reconstructions)]
    )
    right = np.concatenate([view.images(as_rows(s)[:n_across]) for s in samples])
    blank = np.ones((n_across, *right.shape[1:]))
    # white where the originals stand on the left, transparent: nothing is drawn there
    right = np.concatenate(
        [
            np.concatenate([np.repeat(blank[..., :1], 3, -1), blank[..., :1] * 0], -1),
            np.concatenate([right, np.ones_like(right[..., :1])], -1),
        ]
    )
    gaps = {1: 0.3}
    figure = new_figure(1.0)
    both = figure.subplots(1, 2)
    for axes, tiles, title in zip(
        both, (left, right), ("reconstructions", "samples of the prior"), strict=True
    ):
        ratio = draw_tiles(bare(axes, title), tiles, n_across, gaps=gaps)
    unit = left.shape[1] / left.shape[2]
    for row, name in enumerate(["x", *(f"β = {beta:.3g}" for beta in betas)]):
        top = row * (unit + 0.06) + (gaps[1] * unit if row else 0.0)
        write(both[0], -0.15, top + unit / 2, name, ha="right", va="center")
    figure.set_size_inches(5.0, max(1.0, 2.15 * ratio + 0.4))
    return figure


def _curve_rows(
    view: View,
    shown: np.ndarray,
    betas: Sequence[float],
    reconstructions: Sequence[Any],
    samples: Sequence[Any],
) -> Figure:
    n = len(betas)
    figure = new_figure(1.15 * n + 0.6)
    grid = figure.subplots(n, 2, squeeze=False, sharex=True, sharey=True)
    point = {"marker": "o", "markersize": 3} if view.n_values <= 64 else {}
    for row, beta in enumerate(betas):
        left, right = grid[row]
        tidy(left, y=f"β = {beta:.3g}")
        tidy(right)
        left.plot(view.curves(shown)[0], color=INK, linewidth=1.0, label="x", **point)
        left.plot(
            view.curves(as_rows(reconstructions[row])[:1])[0],
            color=BLUE,
            linewidth=1.5,
            label="reconstruction",
        )
        for i, drawn in enumerate(view.curves(as_rows(samples[row])[:6])):
            right.plot(
                drawn, color=RED, linewidth=0.9, alpha=0.7, label=None if i else "samples of the prior"
            )
    for axes in grid[0]:
        legend(axes, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    figure.supxlabel("column" if view.kind == "table" else "time step", color=MUTED, fontsize=9)
    return figure
