"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from diabolo.report.style import BLUE, MUTED, RED, legend, new_figure, tidy, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_history(
    history: Any, terms: Sequence[str] | None = None, *, best_step: int | None = None, height: float = 2.9
) -> Figure:
    """Draw the terms of the loss over the steps of training, each in axes of its own.

    Parameters
    ----------
    history : estimator or list of dict
        A fitted estimator, or its ``history_``.
    terms : sequence of str, optional
        Which terms; by default ``distortion`` and, where there is one, ``rate``.
    best_step : int, optional
        Step whose weights were kept, marked; that of the estimator by default.
    height : float
        Inches for each term.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows: Sequence[Mapping[str, float]] = getattr(history, "history_", history)
    best_step = best_step if best_step is not None else getattr(history, "best_step_", None)
    if not rows:
        raise ValueError("history must hold at least one row, got an empty one: fit the estimator first.")
    there = {name for row in rows for name in row}
    terms = terms or [name for name in ("distortion", "rate") if name in there] or ["loss"]
    figure = new_figure(height * len(terms))
    for axes, term in zip(figure.subplots(len(terms), 1, squeeze=False)[:, 0], terms, strict=True):
        _draw(tidy(axes, "step", f"{term}, nats per row"), rows, term, best_step)
    return figure


def _draw(axes: Any, rows: Sequence[Mapping[str, float]], term: str, best_step: int | None) -> None:
    from matplotlib.ticker import MaxNLocator

    lines = (("train", term, BLUE, "-"), ("held out", f"val_{term}", RED, (0, (4, 1.5))))
    shown = []
    for label, key, colour, dash in lines:
        points = [(row["step"], row[key]) for row in rows if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linestyle=dash, linewidth=1.8, label=label)
            if len(points) < 3:
                axes.plot(*zip(*points, strict=True), "o", color=colour, markersize=4)
            shown.append([value for _, value in points])
    # The first steps are far away: the range starts where most of the learning is done.
    values = sorted(v for line in shown for v in line[min(2, len(line) - 1) :])
    low, high = values[0], max(values[-1], values[0] + 1e-9)
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    axes.set_xlim(0, rows[-1]["step"] * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if best_step:
        axes.axvline(best_step, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
        right = best_step > 0.9 * rows[-1]["step"]
        side = {"ha": "right" if right else "center", "va": "bottom", "transform": axes.get_xaxis_transform()}
        write(axes, best_step, 1.01, f"kept: step {best_step:,}", **side)
    legend(axes, loc="best")
