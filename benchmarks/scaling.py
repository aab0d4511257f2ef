"""A picture of what ``python -m benchmarks.speed`` has measured along its axes: ``python -m benchmarks.scaling``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ledger import Ledger
from benchmarks.speed import ROWS
from diabolo.report.style import BLUE, MUTED, new_figure, tidy

OUT = Path(__file__).parents[1] / "docs" / "images" / "scaling.png"
NAMES = {"rows": "rows", "features": "features", "latent": "latent dimensions"}


def main() -> Path:
    """Draw seconds and megabytes of an epoch along each axis, with a line that is proportional to it."""
    results = {entry["row"]: entry["result"] for entry in Ledger("speed", ROWS).entries()}
    figure = new_figure(4.6, 8.0)
    grid = figure.subplots(2, len(NAMES))
    for column, (axis, shown) in enumerate(NAMES.items()):
        found = results[f"scaling over {axis}"]
        for row, unit in enumerate(("seconds", "megabytes")):
            points = {
                int(name.rpartition(" ")[2]): value for name, value in found.items() if name.startswith(unit)
            }
            sizes, values = list(points), list(points.values())
            axes = tidy(grid[row][column], shown if row else "", unit if column == 0 else "")
            axes.plot(
                sizes,
                [values[-1] * size / sizes[-1] for size in sizes],
                "--",
                color=MUTED,
                label="proportional",
            )
            axes.plot(sizes, values, "o-", color=BLUE, markersize=5, label="measured")
            axes.set_xscale("log")
            axes.set_yscale("log")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    figure.savefig(OUT)
    return OUT


if __name__ == "__main__":
    print(main())
