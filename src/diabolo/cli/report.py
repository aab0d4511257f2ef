"""The page of pictures, where the room that draws it is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import UsageError
from .run import REPORT
from .source import Rows, some

#: Rows to learn from that a report looks at, of those that are read in blocks.
_SHOWN = 5000


def drawn(folder: Path, draw: Callable[[Path], None], saved: str) -> bool:
    """Draw the report of a run that is safe already; return whether it is there, or cannot be here.

    Parameters
    ----------
    folder : Path
        The run's.
    draw : callable
        Writes the page to the path it gets.
    saved : str
        What is safe, and where; said where somebody interrupts.
    """
    try:
        draw(folder / REPORT)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted while drawing the report; {saved}") from None
    except UsageError as error:
        print(f"diabolo: no {REPORT}: {error}", file=sys.stderr)
    except Exception as error:  # a picture that fails must not hide what was found
        why = f"{type(error).__name__}: {error} (diabolo report {folder} --debug shows where)"
        print(f"diabolo: warning: no {REPORT}: {why}", file=sys.stderr)
        return False
    return True


def write(path: Path, estimator: Any, rows: Rows, record: Any) -> None:
    """Write the report of a model on the rows it was trained and measured on.

    Raises
    ------
    UsageError
        If this installation cannot draw reports.
    """
    _writer()(
        path,
        estimator,
        some(rows.train, _SHOWN),
        rows.test,
        metrics=record.as_dict(),
        title=f"{type(estimator).__name__} of {rows.data.name}",
        source=rows.data.source,
        X_test_noisy=rows.test_noisy,
        labels=rows.test_labels if rows.test_labels is None or rows.test_labels.ndim == 1 else None,
    )


def write_clusters(path: Path, estimator: Any, rows: Rows, metrics: dict[str, Any]) -> None:
    """Write the report of a clustering on the rows that were clustered.

    Raises
    ------
    UsageError
        If this installation cannot draw reports.
    """
    labels = rows.test_labels
    _writer()(
        path,
        estimator,
        rows.train,
        metrics=metrics,
        title=f"{estimator.n_clusters} clusters of {rows.data.name}",
        source=rows.data.source,
        labels=labels if labels is None or labels.ndim == 1 else None,
    )


def _writer() -> Any:
    try:
        from diabolo.report import write_report
    except ImportError as error:
        raise UsageError(f"this installation of diabolo draws no reports ({error})") from error
    return write_report
