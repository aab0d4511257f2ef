"""The folder of a run, and what RUN means on a command line."""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError
from .source import Reading, Rows, gather, in_blocks, read, whole

if TYPE_CHECKING:
    from diabolo.data import Dataset

MODEL, HISTORY, METRICS, CONFIG, REPORT = FILES = (
    "model.diabolo",
    "history.csv",
    "metrics.json",
    "config.json",
    "report.html",
)
#: The folder in a run's in which its training is kept until it ends.
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Run:
    """A trained model on disk, with what its folder knows about it.

    Parameters
    ----------
    model : pathlib.Path
        The ``.diabolo`` file.
    config : dict
        The run's config.json; empty for a file without one.
    """

    model: Path
    config: dict[str, Any]

    def load(self, beta: float | None = None, *, aggregate: bool = False) -> Any:
        """Return the estimator; of a multi-rate model the VAE at ``beta``, if one is given.

        With ``aggregate`` this has the posteriors of the training rows, which are read again.
        """
        import diabolo

        estimator = diabolo.load(self.model)
        if beta is None:
            return estimator
        if not hasattr(estimator, "beta_range"):
            raise UsageError(
                f"--beta is for a multi-rate model, {self.model} holds a {type(estimator).__name__}: drop it"
            )
        return estimator.at(beta, self.own_rows().train if aggregate else None)

    def rows(self, source: str, reading: Reading, shape: tuple[int, ...]) -> Dataset:
        """Read rows for this model, of which one has the given shape; flat rows are folded into it."""
        known = self.config.get("reading", {})
        folder_or_wav = source.lower().endswith(".wav") or Path(source).expanduser().is_dir()
        if reading.frame_length is None and folder_or_wav and known.get("frame_length"):
            reading = replace(reading, frame_length=known["frame_length"])
        data = read(source, reading)
        self._check_names(data)
        if (
            data.X.shape[1:] != shape
            and not in_blocks(data.X)
            and data.X.ndim == 2
            and data.X.shape[1] == math.prod(shape)
        ):
            return replace(data, X=data.X.reshape(-1, *shape), feature_names=None)
        return data

    def own_rows(self) -> Rows:
        """Return the rows that the run was trained and measured on, read again from where they were."""
        split = self.config.get("rows")
        if split is None:
            raise UsageError(
                f"{self.model} has no config.json beside it that says which rows it was trained on: give INPUT"
            )
        source, reading = _found(self.config["source"], split["source"]), Reading(**self.config["reading"])
        rows = (
            whole(read(source, replace(reading, stream=False)))
            if split.get("whole")
            else gather(
                source,
                reading,
                test=self.config["options"].get("test"),
                noisy=self.config["options"].get("noisy"),
                seed=split["seed"],
            )
        )
        if (len(rows.train), len(rows.test)) != (split["n_train"], split["n_test"]):
            raise UsageError(
                f"{self.config['source']} has changed since the run: it gave {split['n_train']} + {split['n_test']} "
                f"rows, now {len(rows.train)} + {len(rows.test)}; give INPUT"
            )
        return rows

    def _check_names(self, data: Dataset) -> None:
        known = self.config.get("feature_names")
        if not known or not data.feature_names or known == list(data.feature_names):
            return
        wrong = [(a, b) for a, b in zip(known, data.feature_names, strict=False) if a != b]
        what = (
            f"column {wrong[0][0]!r} where {data.name} has {wrong[0][1]!r}"
            if wrong
            else f"{len(known)} columns where {data.name} has {len(data.feature_names)}"
        )
        raise UsageError(
            f"the columns must be those that the model was trained on, in that order: it has {what}"
        )


def command_of(folder: Path) -> str:
    """Return which command made the config.json in a folder: ``cluster`` takes all rows, ``fit`` holds some out."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return "cluster" if config["rows"].get("whole") else "fit"
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # damaged, or none
        return "fit"


def open_run(name: str) -> Run:
    """Return the run in a folder or of a ``.diabolo`` file."""
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / MODEL).is_file():
            unfinished = (path / CHECKPOINTS / CONFIG).is_file()
            command = command_of(path / CHECKPOINTS)
            more = f" yet; diabolo {command} --resume {path} trains it to its end" if unfinished else ""
            raise FileNotFoundError(
                f"RUN must be a folder that diabolo fit made, or a .diabolo file: {path} holds no {MODEL}{more}"
            )
        path = path / MODEL
    if not path.exists():
        raise FileNotFoundError(
            f"RUN must be a folder that diabolo fit made, or a .diabolo file: {_missing(path)}"
        )
    beside = path.parent / CONFIG
    config: Any = {}
    if path.name == MODEL and beside.is_file():
        try:
            config = json.loads(beside.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(
                f"{beside} is damaged ({error}); give {path} under another name, without it"
            ) from None
    return Run(path, config if isinstance(config, dict) else {})


def new_folder(out: str | None, source: str, model: str, *, overwrite: bool, make: bool = True) -> Path:
    """Return the folder for a new run: the given one, or runs/<source>-<model> with a number if taken."""
    if out is not None:
        folder = Path(out).expanduser()
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--out must be a folder to make, {folder} is a file; choose another name")
        if folder.is_dir() and any(folder.iterdir()) and not overwrite:
            unfinished = (folder / CHECKPOINTS / CONFIG).is_file()
            more = f", or --resume {folder} to go on with it" if unfinished else ""
            raise UsageError(
                f"--out {folder} exists and is not empty: choose another name, or --overwrite to replace the run in "
                f"it{more}"
            )
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        return folder
    stem = f"{source}-{model}"
    for number in range(1, 100_000):
        folder = Path("runs", stem if number == 1 else f"{stem}-{number}")
        if folder.exists():
            continue
        try:
            if make:
                folder.mkdir(parents=True)
        except FileExistsError:  # another process was faster
            continue
        return folder
    raise UsageError(f"runs/{stem} and 99,999 more are taken: give --out")


def _found(source: str, resolved: str) -> str:
    """Return the source as it was given, or where it lay if that is not seen from here."""
    return source if Path(source).exists() or not Path(resolved).exists() else resolved


def _missing(path: Path) -> str:
    places = [path.parent] if path.parent.is_dir() else []
    names = [str(entry) for place in [*places, Path("runs")] if place.is_dir() for entry in place.iterdir()]
    runs = sorted({name for name in names if name.endswith(".diabolo") or Path(name, MODEL).is_file()})
    close = difflib.get_close_matches(str(path), runs, n=1)
    if close:
        return f"there is no {path}; did you mean {close[0]}?"
    return f"there is no {path}; " + (
        f"there are {', '.join(runs[:5])}" if runs else "make one: diabolo fit digits"
    )
