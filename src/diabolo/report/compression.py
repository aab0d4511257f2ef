"""What the codes cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from diabolo.report.style import BLUE, MUTED, legend, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_compression(curve: Any) -> Figure:
    """Draw error against bits per row of quantised codes, beside PCA.

    Parameters
    ----------
    curve : CompressionCurve or mapping
        As ``evaluate(X).compression`` gives it, or its ``as_dict()``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns: Mapping[str, Any] = curve if isinstance(curve, Mapping) else curve.as_dict()
    bits, mse, pca = (np.asarray(columns[name], dtype=float) for name in ("bits_per_row", "mse", "pca_mse"))
    figure = new_figure(2.9)
    error = (
        "squared error, scaled columns"
        if columns.get("by_column")
        else "squared error per value, units of X²"
    )
    axes = tidy(figure.subplots(), "bits per row", error)
    known = np.isfinite(pca)
    if known.any():
        axes.plot(bits[known], pca[known], "s", color=MUTED, linestyle=(0, (4, 2)), markersize=4, label="PCA")
    axes.plot(bits, mse, "o-", color=BLUE, linewidth=1.8, markersize=4.5, label="this model")
    values = np.concatenate([mse, pca[known]])
    if (values > 0).all() and values.max() > 8 * values.min():
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    legend(axes, loc="best")
    return figure
