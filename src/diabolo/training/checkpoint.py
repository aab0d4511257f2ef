"""Checkpoints of a training: when they are written, and whose they are."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from diabolo.storage import Generations, pack, unpack
from diabolo.training.processes import joined
from diabolo.training.signals import Signals


class CheckpointWarning(RuntimeWarning):
    """A checkpoint could not be written or read; training goes on, from the one before where it was read."""


class Checkpoints:
    """The checkpoints of one training in a folder that is its own while the block runs.

    A checkpoint is one file (tensors and JSON with a digest, nothing pickled), written whole or not at all, and
    the two newest are kept. One that cannot be written is warned of once and does not end the training. Of several
    processes the first one alone reads and writes, and a signal that one of them hears is answered by all.

    Parameters
    ----------
    folder : path-like
        Where; made if it is not there.
    every : float
        Seconds between two of them, 0 for one after each step. SIGTERM and Ctrl-C write one too, after the
        step that they fall into.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Checkpoints(folder) as checkpoints:
    ...         checkpoints.claim({"seed": 0})
    ...         checkpoints.write(lambda: {"step": 3})
    ...     with Checkpoints(folder) as checkpoints:
    ...         checkpoints.claim({"seed": 0})
    ...         checkpoints.take()
    {'step': 3}
    """

    def __init__(self, folder: str | os.PathLike[str], *, every: float = 60.0) -> None:
        self.folder = Path(folder)
        self.every = every
        self.signals = Signals()
        self._processes = joined()
        self._run: dict[str, Any] = {}
        self._kept: Generations | None = None
        self._open = ExitStack()
        self._found: Any = None
        self._failed = self._warned = False  # the last one; any
        self._written = time.monotonic()

    # -- the folder ----------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Take the folder, and read what is in it."""
        self._found = self._processes.first(self._opened)
        return self

    def _opened(self) -> Any:
        """Return the newest checkpoint of the folder, which is this process's from here on."""
        try:
            self._kept = Generations(self.folder)
        except (FileExistsError, NotADirectoryError):
            raise ValueError(
                f"checkpoint_dir must be a folder, {self.folder} is or lies in a file: give another name."
            ) from None
        except BlockingIOError:
            raise
        except OSError as error:
            raise type(error)(
                error.errno,
                f"cannot keep checkpoints in {self.folder}: {error.strerror or error}; give a folder that may be "
                "written, or none to train without",
            ) from error
        self._open.callback(self._kept.close)
        try:
            found = self._kept.newest()
        except BaseException:
            self._open.close()
            raise
        if self._kept.damaged:
            why = next(iter(self._kept.damaged.values()))
            warnings.warn(
                f"the newest checkpoint cannot be read ({why}); training goes on from the one before it.",
                CheckpointWarning,
                stacklevel=5,
            )
        return found

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def run(self) -> Mapping[str, Any] | None:
        """What the checkpoint in the folder says of its run; None where there is none."""
        return None if self._found is None else self._found[1]["run"]

    def claim(self, run: Mapping[str, Any]) -> None:
        """Say which run this is, in plain values; refuse a folder that holds another.

        Raises
        ------
        ValueError
            If the checkpoint in the folder is of another run; the message names the first difference.
        """
        self._run = dict(run)
        there = self.run
        if there is None:
            return
        here = unpack({}, pack(run)[1])
        for name in [*here, *(name for name in there if name not in here)]:
            old, new = _plain(there.get(name)), _plain(here.get(name))
            if old != new:
                raise ValueError(
                    f"{self.folder} holds the checkpoints of another run: {_difference(name, old, new)}. Give this run "
                    "a folder of its own as checkpoint_dir, or go on with the settings and the rows of that run."
                )

    def take(self) -> Any:
        """Return the state to go on from, once; None to begin. From here on signals are heard."""
        found, self._found = self._found, None
        self._open.enter_context(self.signals.heard())
        self._written = time.monotonic()
        return None if found is None else unpack(found[0], found[1]["state"])

    # -- while training ------------------------------------------------------------------------

    def after_step(self, state: Callable[[], Any]) -> None:
        """Write a checkpoint if it is time, or if a signal asks, which is then answered."""
        asked = self._asked()
        if asked or time.monotonic() - self._written >= self.every:
            self.write(state)
        if asked:
            self.signals.answer(self._where())

    def finish(self, state: Callable[[bool], Any]) -> None:
        """Write the last checkpoint, of which the same run is read back."""
        self.write(lambda: state(True))
        if self._asked():
            self.signals.answer(self._where())

    def write(self, state: Callable[[], Any]) -> None:
        """Write a checkpoint, or warn once that it cannot be written."""
        if not self._processes.is_first:
            return
        assert self._kept is not None  # inside the block
        try:
            tensors, spec = pack(state())
            self._kept.write(tensors, {"run": self._run, "state": spec})
            self._failed = False
        except (OSError, ValueError) as error:
            self._failed = True
            if not self._warned:
                self._warned = True
                said = error.strerror if isinstance(error, OSError) and error.strerror else error
                warnings.warn(
                    f"a checkpoint could not be written: {said}. Training goes on, and tries again at the next one.",
                    CheckpointWarning,
                    stacklevel=4,
                )
        self._written = time.monotonic()

    def _asked(self) -> bool:
        """Whether a signal waits for an answer, in any of the processes."""
        number = self._processes.highest(self.signals.asked or 0)
        if number:
            self.signals.asked = signal.Signals(number)
        return bool(number)

    def _where(self) -> str:
        if self._failed:
            return f"what is kept in {self.folder} is from before"
        return f"it is kept in {self.folder}, and the same fit with this checkpoint_dir goes on from there"


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back, to compare it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _difference(name: str, old: Any, new: Any) -> str:
    """Say where two descriptions differ first, by the innermost name."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**new, **old}:
            if old.get(key) != new.get(key):
                return _difference(f"{name}.{key}", old.get(key), new.get(key))
    return f"{name.partition('.')[2] or name} is {_short(old)} there and {_short(new)} here"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
