"""What the latent space holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from diabolo.report.style import BLUE, GREEN, MUTED, ORANGE, RED, legend, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_surgery(surgery: Any) -> Figure:
    """Draw the rate of the training rows as a bar, split into what it is made of.

    Parameters
    ----------
    surgery : Surgery
        As ``diagnose(X).surgery`` gives it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(1.9)
    axes = tidy(figure.subplots(), "nats per row")
    if surgery.dimension_wise_kl is None:  # the prior is not factorised, and has no parts
        rest = [("codes to prior", surgery.marginal_kl, ORANGE)]
    else:
        rest = [
            ("total correlation", surgery.total_correlation, ORANGE),
            ("dimension by dimension", surgery.dimension_wise_kl, RED),
        ]
    left = 0.0
    for name, value, colour in [("mutual information", surgery.mutual_information, BLUE), *rest]:
        axes.barh([0], [value], left=[left], color=colour, height=0.5, label=f"{name}: {value:.2f}")
        left += value
    limit = surgery.largest_mutual_information
    axes.axvline(limit, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.annotate(
        "ln n",
        (limit, 0.36),
        color=MUTED,
        fontsize=8.5,
        ha="left",
        va="bottom",
        xytext=(3, 0),
        textcoords="offset points",
    )
    axes.set_ylim(-0.4, 0.55)
    axes.set_xlim(min(0.0, left), max(left, limit) * 1.06)
    axes.set_yticks([])
    axes.grid(False, axis="y")
    legend(figure, loc="outside upper left", ncols=2)
    return figure


def plot_continuity(continuity: Any) -> Figure:
    """Draw how often a path between two codes is in a hole of the latent space, by position on it.

    Parameters
    ----------
    continuity : Continuity
        As ``diagnose(X).continuity`` gives it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(2.4)
    axes = tidy(figure.subplots(), "position on the path between two codes", "share of paths in a hole")
    share = np.asarray(continuity.hole_share_at)
    axes.fill_between(continuity.position, share, color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(continuity.position, share, color=BLUE, linewidth=1.8, label="paths between codes")
    axes.axhline(
        continuity.quantile, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)), label="codes themselves"
    )
    drawn, name = continuity.hole_share_prior, "draws of the prior"
    if drawn is None:
        drawn, name = continuity.hole_share_gaussian, "draws of a Gaussian"
    axes.axhline(drawn, color=GREEN, linewidth=1.4, label=name)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.15 * max(0.2, float(share.max()), drawn))
    legend(axes, loc="best")
    return figure
