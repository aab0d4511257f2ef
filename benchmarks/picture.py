"""The results beside the published ones, as a picture: ``python -m benchmarks.picture`` writes docs/images/results.png."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.ledger import Ledger
from benchmarks.results import PUBLISHED, ROWS
from diabolo.report.style import BLUE, GRID, MUTED, new_figure, tidy

OUT = Path(__file__).parents[1] / "docs" / "images" / "results.png"


def main() -> Path:
    """Draw minus the log-likelihood of each row that has been measured, seed by seed."""
    measured = {name: _values(name) for name in PUBLISHED if _values(name)}
    figure = new_figure(0.9 + 0.42 * len(measured), 8.0)
    axes = tidy(figure.subplots(), "-log p(x), nats per image of the test rows (less is better)")
    for y, (name, values) in enumerate(measured.items()):
        published, must = PUBLISHED[name]
        axes.barh(y, must - 78, left=78, height=0.62, color=GRID, label="wanted" if y == 0 else None)
        axes.plot(published, y, "|", color=MUTED, markersize=15, markeredgewidth=2, label="published")
        axes.plot(
            values, [y] * len(values), "o", color=BLUE, markersize=6, label="measured, a point for each seed"
        )
        axes.annotate(
            f"{statistics.mean(values):.2f}",
            (0.995, y),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="center",
        )
    axes.set_yticks(range(len(measured)), measured)
    axes.set_ylim(len(measured) - 0.4, -0.6)
    axes.set_xlim(78, max(max(values) for values in measured.values()) + 2)
    handles, labels = axes.get_legend_handles_labels()
    shown = dict(zip(labels, handles, strict=True))
    figure.legend(shown.values(), shown, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    figure.savefig(OUT)
    return OUT


def _values(name: str) -> list[float]:
    entries = Ledger("results", ROWS).entries()
    return [entry["result"]["nll"] for entry in entries if entry["row"] == name]


if __name__ == "__main__":
    print(main())
