"""What has been measured: one JSON line for each row and seed, so that a run goes on where it stopped."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.origin import machine_in_words, origin

FOLDER = Path(__file__).parent / "measured"


class Skipped(Exception):
    """Raised by a row that lacks something here: it is said, and nothing is kept."""


@dataclass(frozen=True)
class Row:
    """One row of a table: how it is measured, for a seed, what is wanted, and the machine it is for.

    ``budget`` is in minutes of two cores for each seed, evaluation not counted: twice as many of one processor.
    """

    name: str
    measure: Callable[[int], dict[str, Any]]
    wanted: str
    seeds: int = 3
    tier: str = "cpu"
    budget: float | None = None


class ProcessorClock:
    """Minutes that the processors spend in the block, added to what a file says of broken-off blocks before it.

    The file is written every few seconds, so that a process that is killed loses no more; a block that ends at
    once adds next to nothing.
    """

    def __init__(self, path: Path, every: float = 5.0) -> None:
        self.path, self.every = path, every
        self.minutes = float(path.read_text()) if path.exists() else 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> ProcessorClock:
        self._before, self._start = self.minutes, time.process_time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _keep(self) -> None:
        while True:
            ended = self._done.wait(self.every)
            self.minutes = self._before + (time.process_time() - self._start) / 60
            self.path.write_text(str(self.minutes))
            if ended:
                return


class Ledger:
    """The measurements of one table.

    ``reads_data`` is false where no row reads a file. With ``tells_origin`` the table says what each row may take
    and took, and when, from which commit and on which machine it was measured.
    """

    def __init__(
        self, name: str, rows: list[Row], *, reads_data: bool = True, tells_origin: bool = False
    ) -> None:
        self.path = FOLDER / f"{name}.jsonl"
        self.rows = rows
        self.reads_data = reads_data
        self.tells_origin = tells_origin

    def entries(self) -> list[dict[str, Any]]:
        """Return what has been measured."""
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def run(self, only: list[str] | None, seeds: int | None, first_seed: int, tier: str) -> None:
        """Measure what is missing, seed by seed, row by row; rows of a tier, by parts of their names."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        where = origin()  # as the run starts: the code is read by now, and may change while it runs
        asked = [
            row
            for row in self.rows
            if row.tier == tier and (not only or any(self._means(part, row) for part in only))
        ]
        for seed in range(first_seed, first_seed + (seeds or max(row.seeds for row in self.rows))):
            for row in asked:
                wanted = seeds is not None or seed < row.seeds
                if wanted and not self._has(row, seed):
                    self._measure(row, seed, where)

    def _means(self, part: str, row: Row) -> bool:
        """Return whether a row is asked for: by its name, or by a part of it that is no other row's name."""
        return part == row.name or (part in row.name and all(part != other.name for other in self.rows))

    def _has(self, row: Row, seed: int) -> bool:
        return any(entry["row"] == row.name and entry["seed"] == seed for entry in self.entries())

    def _measure(self, row: Row, seed: int, where: dict[str, Any]) -> None:
        if row.budget is not None:
            print(f"{row.name} {seed}: budget {_time(60 * row.budget)} of two cores", flush=True)
        start = time.perf_counter()
        try:
            result = row.measure(seed)
        except Skipped as reason:
            print(f"{row.name} {seed}: skipped, {reason}", flush=True)
            return
        entry = {
            "row": row.name,
            "seed": seed,
            "result": result,
            "seconds": time.perf_counter() - start,
            "date": date.today().isoformat(),
            **where,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        shown = {key: round(value, 5) if isinstance(value, float) else value for key, value in result.items()}
        print(row.name, seed, shown, f"{entry['seconds']:.0f} s", flush=True)

    def table(self) -> str:
        """Return the measurements as Markdown: mean (and standard deviation) over seeds."""
        head = ["row", "wanted", "measured: mean (sd) over seeds", "seeds"]
        if self.tells_origin:
            head += ["budget, two cores", "wall time", "date; commit", "machine"]
        kept = self.entries()
        lines = [_line(head), "|" + "---|" * len(head)]
        for row in self.rows:
            entries = [entry for entry in kept if entry["row"] == row.name]
            seeds = ", ".join(sorted(str(entry["seed"]) for entry in entries)) or "-"
            cells = [row.name, row.wanted, _measured(entries) or "not run", seeds]
            lines.append(_line(cells + _origin(row, entries) if self.tells_origin else cells))
        return "\n".join(lines)

    def command(self, description: str | None) -> None:
        """Run what the command line asks for, and print the table."""
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--seeds", type=int, help="seeds for each row; each row's own number by default")
        parser.add_argument("--first-seed", type=int, default=0)
        parser.add_argument("--rows", nargs="*", help="parts of the names of the rows to run")
        tiers = sorted({row.tier for row in self.rows})
        parser.add_argument("--tier", choices=tiers, default="cpu", help="the machine whose rows are run")
        parser.add_argument("--table", action="store_true", help="print what has been measured and stop")
        asked = parser.parse_args()
        if not asked.table:
            if self.reads_data and "DIABOLO_DATA" not in os.environ:
                parser.error("set DIABOLO_DATA to the folder that holds the data (mnist_train.npz, ...)")
            warnings.simplefilter("ignore", UserWarning)
            self.run(asked.rows, asked.seeds, asked.first_seed, asked.tier)
        print(self.table())


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _measured(entries: list[dict[str, Any]]) -> str:
    """Return the means over seeds; of what only some of them have, with these seeds."""
    names = dict.fromkeys(name for entry in entries for name in entry["result"])
    cells = []
    for name in names:
        having = [entry for entry in entries if name in entry["result"]]
        values = [entry["result"][name] for entry in having]
        spread = f" ({statistics.stdev(values):.2g})" if len(values) > 1 else ""
        seeds = ", ".join(str(entry["seed"]) for entry in having)
        some = f" [seed {seeds}]" if len(having) < len(entries) else ""
        cells.append(f"{name} {statistics.mean(values):.5g}{spread}{some}")
    return "; ".join(cells)


def _origin(row: Row, entries: list[dict[str, Any]]) -> list[str]:
    """Return the cells of what a row may take, what it took, when and from which commit, and on which machine."""
    budget = "-" if row.budget is None else _time(60 * row.budget)
    if not entries:
        return [budget, "-", "-", "-"]
    seconds = [entry["seconds"] for entry in entries]
    dates = [entry.get("date", "unknown") for entry in entries]
    commits = dict.fromkeys(entry.get("commit", "unknown") for entry in entries)
    machines = dict.fromkeys(machine_in_words(entry) for entry in entries)
    return [
        budget,
        _time(*seconds),
        f"{_span(min(dates), max(dates))}; {', '.join(commits)}",
        "; ".join(machines),
    ]


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _time(*seconds: float) -> str:
    """Return a time, or the range of several, in words: seconds below two minutes, minutes above."""
    unit, length, form = ("s", 1, ".3g") if max(seconds) < 120 else ("min", 60, ".0f")
    first, last = (format(value / length, form) for value in (min(seconds), max(seconds)))
    return f"{_span(first, last)} {unit}"
