"""The steps of ``diabolo fit`` and ``diabolo cluster``: train, save, measure."""

from __future__ import annotations

import datetime
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import keeping
from .errors import Diverged, Lost, Terminated
from .models import NOT_OPTIONS, arguments_of, class_of, factories, models
from .run import CONFIG, FILES, HISTORY, METRICS, MODEL
from .source import Reading, Rows

#: Numbers of categories that are looked up in all rows; of more, the likelihood has something to say.
_MOST_CATEGORIES = 255
#: What a file holds as it is.
_PLAIN = (str, bool, int, float, tuple, type(None))


def suit(estimator: Any, options: dict[str, Any], rows: Rows) -> None:
    """Give an estimator what the rows say of themselves: the axis of channels, and the numbers of named columns.

    Raises
    ------
    ValueError
        If the likelihood names a column that is not there, or one twice.
    """
    if "channel_axis" not in options and rows.data.channel_axis != "auto":
        estimator.set_params(channel_axis=rows.data.channel_axis)
    kinds = getattr(estimator, "likelihood", None)
    if isinstance(kinds, Mapping):
        estimator.set_params(likelihood=_by_number(kinds, rows))


def _by_number(kinds: Mapping[str, str], rows: Rows) -> dict[int, Any]:
    """Return the kinds of columns that are meant by name, where there is one of that name, and else by number."""
    from diabolo.estimators.columns import place

    names = {name: number for number, name in enumerate(rows.data.feature_names or ())} or None
    numbers: dict[int, Any] = {}
    for column, kind in kinds.items():
        is_number = column.isdecimal() and column not in (names or {})
        number = place(int(column) if is_number else column, names, rows.data.X.shape[1])
        if number in numbers:
            raise ValueError(f"--likelihood has the column {column!r} (number {number}) twice.")
        numbers[number] = _categorical(number, rows) if kind == "categorical" else kind
    return numbers


def _categorical(column: int, rows: Rows) -> Any:
    """Return the likelihood of a column's categories, those of the rows to test on too, which must not be new to it."""
    import numpy as np

    held = [X for X in (rows.data.X, rows.test) if isinstance(X, np.ndarray)]
    most = max(float(X[:, column].max()) for X in held)
    if len(held) < 2 or not 0 <= most <= _MOST_CATEGORIES:
        return "categorical"
    return factories("likelihoods")["categorical"](max(2, int(most) + 1))


def effective(
    estimator: Any,
    options: dict[str, Any],
    setting: dict[str, Any],
    rows: Rows,
    reading: Reading,
    *,
    seed: int,
) -> dict[str, Any]:
    """Return the whole configuration of a run, which ``--config`` reads back.

    Parameters
    ----------
    estimator : estimator
        Not fitted yet.
    options : dict
        What was given or defaulted, by argument.
    setting : dict
        Source, model and what else is no argument of the model.
    """
    source = setting["source"]
    path = Path(source).expanduser()
    whole: dict[str, Any] = {**setting}
    is_recipe = not models()[setting["model"]].is_class
    for name, argument in arguments_of(estimator).items():
        if name in NOT_OPTIONS:
            continue
        value = options.get(name, getattr(estimator, name))
        if is_recipe and name not in options and not isinstance(value, _PLAIN):  # the recipe makes it again
            continue
        if argument.room and not isinstance(value, str | Mapping | None):
            parts = factories(argument.room).items()
            value = next(part for part, factory in parts if class_of(factory) is type(value))
        whole[name] = "none" if value is None and argument.default is not None else value
    whole.update({name: value for name, value in options.items() if "." in name or name not in whole})
    return {
        "source": source,
        "data": rows.data.source,
        "reading": reading.options(),
        "feature_names": rows.data.feature_names,
        "rows": {
            "n_train": len(rows.train),
            "n_test": len(rows.test),
            "test": rows.said,
            "seed": seed,
            "source": str(path.resolve()) if path.exists() else source,
        },
        "options": {name.replace("_", "-"): value for name, value in whole.items() if value is not None},
        "estimator": type(estimator).__name__,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions that numbers depend on."""
    from importlib.metadata import PackageNotFoundError, version

    from diabolo import __version__

    found = {"diabolo": __version__, "python": platform.python_version()}
    for package in ("torch", "numpy", "scikit-learn"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def train(estimator: Any, rows: Rows, **kept: Any) -> float:
    """Fit the estimator and return the seconds it took; ``kept`` says where checkpoints go."""
    started = time.perf_counter()
    more = {} if rows.train_noisy is None else {"X_noisy": rows.train_noisy}
    estimator.fit(rows.train, **more, **kept)
    return time.perf_counter() - started


def train_in(place: Path, estimator: Any, rows: Rows, every: float, *, is_new: bool) -> float:
    """Train with the checkpoints in ``place`` of a run's folder.

    If training breaks off, no folder without use is left behind, and what is raised says how to go on from one with.
    """
    from diabolo.training import LostProcessError

    try:
        return train(estimator, rows, checkpoint_dir=place, checkpoint_every=every)
    except BaseException as error:
        diverged = isinstance(error, FloatingPointError)
        if is_new and (diverged or not keeping.is_of_use(place)):
            keeping.end(place)
            with suppress(OSError):  # a folder that holds anything stays
                place.parent.rmdir()
        if diverged:
            raise Diverged(f"{error} Nothing was saved.") from error
        go_on = keeping.go_on(place) if keeping.is_of_use(place) else "nothing was kept"
        if isinstance(error, LostProcessError):
            raise Lost(f"{error}; {go_on}") from error
        if isinstance(error, SystemExit):
            raise Terminated(f"terminated; {go_on}") from error
        if isinstance(error, KeyboardInterrupt) and keeping.is_of_use(place):
            raise KeyboardInterrupt(f"interrupted; {go_on}") from None
        raise


def save(estimator: Any, folder: Path, configuration: dict[str, Any], seconds: float) -> Path:
    """Write the model first, then what is known of its training; return where.

    If the folder cannot be written any more, the model is rescued to the system's folder for temporary files.
    """
    from diabolo.storage import write_csv, write_json

    for name in FILES:  # of a run that is overwritten: no old numbers beside a new model
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    try:
        estimator.save(folder / MODEL)
    except OSError as error:
        rescue = Path(tempfile.mkdtemp(prefix="diabolo-"))
        print(f"diabolo: warning: {error.strerror or error}; writing to {rescue} instead", file=sys.stderr)
        folder = rescue
        estimator.save(folder / MODEL)
    write_csv(folder / HISTORY, estimator.history_)
    training = {
        "n_steps": estimator.n_steps_,
        "n_epochs": estimator.n_iter_,
        "stopped": estimator.stopped_,
        "best_step": estimator.best_step_,
        "seconds": round(
            max(seconds, *(row["seconds"] for row in estimator.history_[-1:]), 0.0), 3
        ),  # of the steps before a resume too
        "choices": estimator.choices_,
        "seed": estimator.seed_,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    configuration["training"] = training
    write_json(folder / CONFIG, configuration)
    return folder


@contextmanager
def measuring(saved: str) -> Iterator[None]:
    """Say where the model is, whatever ends the block, which comes after the training."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted while measuring; {saved}") from None
    except Exception:
        print(f"diabolo: measuring failed; {saved}", file=sys.stderr)
        raise


def measure(estimator: Any, folder: Path, rows: Rows) -> Any:
    """Evaluate on the test rows, write metrics.json and return the record."""
    from diabolo.storage import write_json

    more = {} if rows.test_noisy is None else {"X_noisy": rows.test_noisy}
    record = estimator.evaluate(rows.test, **more)
    write_json(folder / METRICS, {"rows": rows.said, **record.as_dict()})
    return record
