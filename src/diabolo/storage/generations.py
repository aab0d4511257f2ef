"""The newest states of one thing in a folder of its own: the last two, so that one may be damaged."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .lock import FolderLock
from .model_file import ModelFileError, read_model, write_model

if TYPE_CHECKING:
    from torch import Tensor

_KEPT = 2
_NAME = re.compile(r"checkpoint-(\d+)\.diabolo")


class Generations:
    """Checkpoints in a folder that nobody else writes in meanwhile.

    Each is a file of its own, written whole or not at all and checked when read; with the third the first is
    removed. What a killed process left half-written is cleared away.

    Parameters
    ----------
    folder : path-like
        The folder, made if it is not there.

    Raises
    ------
    BlockingIOError
        If another run has the folder.
    OSError
        If the folder cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kept = Generations(folder)
    ...     for step in range(3):
    ...         _ = kept.write({}, {"step": step})
    ...     kept.newest(), len(kept.files())
    ...     kept.close()
    (({}, {'step': 2}), 2)
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(self.folder)
        for left in self.folder.glob(".diabolo-*.tmp"):
            left.unlink(missing_ok=True)
        #: Files that could not be read, newest first, and why.
        self.damaged: dict[Path, str] = {}

    def close(self) -> None:
        """Give the folder free."""
        self._lock.release()

    def files(self) -> list[Path]:
        """Return the checkpoints in the folder, the newest last."""
        return files_in(self.folder)

    def newest(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint that is whole; None in a folder without any.

        Raises
        ------
        ModelFileError
            If there are some, but none of them is whole.
        """
        files = self.files()
        for path in reversed(files):
            try:
                return read_model(path)
            except (ModelFileError, OSError) as error:
                self.damaged[path] = str(error)
        if files:
            raise ModelFileError(
                f"{self.folder} holds checkpoints, but none that can be read ({self.damaged[files[-1]]}): restore them "
                "from a copy, or remove the folder to begin anew"
            )
        return None

    def write(self, tensors: Mapping[str, Tensor], spec: Mapping[str, Any]) -> Path:
        """Write one more, then remove what is older than the one before it, and what is damaged.

        Raises
        ------
        OSError
            As in `write_atomic`; what was there is unharmed.
        """
        before = self.files()
        number = 1 + (_number(before[-1]) if before else 0)
        path = write_model(self.folder / f"checkpoint-{number:06d}.diabolo", tensors, spec)
        whole = [file for file in before if file not in self.damaged]
        for file in before:
            if file not in whole[1 - _KEPT :]:
                with suppress(OSError):
                    file.unlink()
        return path


def files_in(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the checkpoints in a folder, the newest last; none where there is no folder."""
    found = [path for path in Path(folder).glob("checkpoint-*.diabolo") if _NAME.fullmatch(path.name)]
    return sorted(found, key=_number)


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
