"""A progress bar with the terms of the loss and the time left, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from diabolo.training.processes import joined

Update = Callable[[int, int, Mapping[str, float]], None]


@contextmanager
def progress_bar(title: str, verbose: int) -> Iterator[Update | None]:
    """Give a callback that draws the bar on standard error, or None where nobody would see it."""
    if not verbose or not sys.stderr.isatty() or not joined().is_first:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} steps"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, terms="")
        drawn = 0.0

        def update(step: int, n_steps: int, terms: Mapping[str, float]) -> None:
            nonlocal drawn
            if step < n_steps and time.monotonic() - drawn < 0.1:
                return
            drawn = time.monotonic()
            text = "  ".join(f"{name} {value:.4g}" for name, value in terms.items() if name != "loss")
            bar.update(task, completed=step, total=n_steps, terms=f"{text} nats" if text else "")

        yield update
