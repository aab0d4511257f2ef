"""What a run folder holds of a training that has not ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import UsageError
from .run import CHECKPOINTS, CONFIG, MODEL, command_of


def check(resume: str | None, out: str | None, overwrite: bool) -> None:
    """Refuse another place beside ``--resume``."""
    if resume is not None and (out is not None or overwrite):
        raise UsageError("--resume goes on in the folder of its run: drop --out and --overwrite")


def unfinished(run: str, command: str | None = None) -> Path:
    """Return the folder of the checkpoints of a run, or say why there is nothing for that command to go on with."""
    folder = Path(run).expanduser()
    place = folder / CHECKPOINTS
    if (place / CONFIG).is_file():
        if command not in (None, command_of(place)):
            raise UsageError(f"--resume: the run in {folder} is not one of diabolo {command}; {go_on(place)}")
        return place
    if (folder / MODEL).is_file():
        raise UsageError(
            f"--resume: the training in {folder} has ended, there is nothing to go on with; see it by diabolo info "
            f"{folder}, or train it again by diabolo {command_of(folder)} --config {folder}"
        )
    raise FileNotFoundError(f"--resume must be the folder of a run that was broken off, {folder} holds none")


def broken_off(out: str | None) -> str | None:
    """Return ``--out`` where torchrun starts a command again whose run lies there, to go on with; else None."""
    if out is None or os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
        return None
    return out if (Path(out).expanduser() / CHECKPOINTS / CONFIG).is_file() else None


def go_on(place: Path) -> str:
    """Return the words that say which command goes on with the run of these checkpoints."""
    return f"diabolo {command_of(place)} --resume {place.parent} goes on"


def start(folder: Path, configuration: dict[str, Any]) -> Path:
    """Make the place for the checkpoints of a new run, with what ``--resume`` needs to know of it."""
    from diabolo.storage import write_json

    place = clear(folder)
    place.mkdir()
    try:
        write_json(place / CONFIG, configuration)
    except Exception:
        end(place)
        with suppress(OSError):  # a folder that holds anything stays
            folder.rmdir()
        raise
    return place


def clear(folder: Path) -> Path:
    """Remove the checkpoints in a folder and return where they are; refuse while a run is being trained there."""
    from diabolo.storage import FolderLock

    place = folder / CHECKPOINTS
    for file in place.rglob("lock"):
        FolderLock(file.parent).release()
    if place.exists():
        shutil.rmtree(place)
    return place


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Keep other runs out of a run's folder until the block ends, also while it measures and no training locks it.

    Raises
    ------
    BlockingIOError
        If another run is at work there.
    """
    from diabolo.storage import FolderLock

    of_the_command = place / "command"
    of_the_command.mkdir(exist_ok=True)
    lock = FolderLock(of_the_command)
    try:
        yield
    finally:
        lock.release()


def is_of_use(place: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    return any(place.rglob("checkpoint-*.diabolo"))


def end(place: Path) -> None:
    """Remove the checkpoints of a run whose model is saved."""
    shutil.rmtree(place, ignore_errors=True)
