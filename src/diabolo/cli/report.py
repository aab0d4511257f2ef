"""The page of pictures, where the room that draws it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import UsageError
from .source import Rows


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
        rows.train,
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
