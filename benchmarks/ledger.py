"""What has been measured: one JSON line for each row and seed, so that a run goes on where it stopped."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch

FOLDER = Path(__file__).parent / "measured"


@dataclass(frozen=True)
class Row:
    """One row of a table: how it is measured, for a seed, what is wanted, and the machine it is for."""

    name: str
    measure: Callable[[int], dict[str, Any]]
    wanted: str
    seeds: int = 3
    tier: str = "cpu"


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
    """The measurements of one table; ``reads_data`` is false where no row reads a file."""

    def __init__(self, name: str, rows: list[Row], *, reads_data: bool = True) -> None:
        self.path = FOLDER / f"{name}.jsonl"
        self.rows = rows
        self.reads_data = reads_data

    def entries(self) -> list[dict[str, Any]]:
        """Return what has been measured."""
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def run(self, only: list[str] | None, seeds: int | None, first_seed: int, tier: str) -> None:
        """Measure what is missing, seed by seed, row by row; rows of a tier, by parts of their names."""
        FOLDER.mkdir(exist_ok=True)
        for seed in range(first_seed, first_seed + (seeds or max(row.seeds for row in self.rows))):
            for row in self.rows:
                unwanted = seeds is None and seed >= row.seeds
                if (
                    unwanted
                    or row.tier != tier
                    or (only and not any(self._means(part, row) for part in only))
                ):
                    continue
                if any(entry["row"] == row.name and entry["seed"] == seed for entry in self.entries()):
                    continue
                self._measure(row, seed)

    def _means(self, part: str, row: Row) -> bool:
        """Return whether a row is asked for: by its name, or by a part of it that is no other row's name."""
        return part == row.name or (part in row.name and all(part != other.name for other in self.rows))

    def _measure(self, row: Row, seed: int) -> None:
        start = time.perf_counter()
        result = row.measure(seed)
        entry = {
            "row": row.name,
            "seed": seed,
            "result": result,
            "seconds": time.perf_counter() - start,
            "date": date.today().isoformat(),
            "commit": _commit(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "machine": platform.machine(),
        }
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        shown = {key: round(value, 5) if isinstance(value, float) else value for key, value in result.items()}
        print(row.name, seed, shown, f"{entry['seconds']:.0f} s", flush=True)

    def table(self) -> str:
        """Return the measurements as Markdown: mean (and standard deviation) over seeds."""
        lines = ["| row | wanted | measured: mean (sd) over seeds | seeds |", "|---|---|---|---|"]
        for row in self.rows:
            results = [entry for entry in self.entries() if entry["row"] == row.name]
            if not results:
                lines.append(f"| {row.name} | {row.wanted} | not run | - |")
                continue
            cells = []
            for key in results[0]["result"]:
                values = [entry["result"][key] for entry in results]
                spread = f" ({statistics.stdev(values):.2g})" if len(values) > 1 else ""
                cells.append(f"{key} {statistics.mean(values):.5g}{spread}")
            seeds = ", ".join(sorted(str(entry["seed"]) for entry in results))
            lines.append(f"| {row.name} | {row.wanted} | {'; '.join(cells)} | {seeds} |")
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


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=FOLDER.parent,
        check=False,
    )
    return found.stdout.strip() or "unknown"
