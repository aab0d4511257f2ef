"""A folder that one process at a time works in."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

LOCK = "lock"


class FolderLock:
    """The right to write in a folder, held until ``release`` or the end of the process, however it ends.

    The system holds the lock and not the file: the file of a process that was killed locks nobody out. It
    holds the number of the process, for a person.

    Parameters
    ----------
    folder : path-like
        An existing folder, in which a file ``lock`` is made and left.

    Raises
    ------
    BlockingIOError
        If someone else has the lock.
    OSError
        If the file cannot be made, or the file system has no locks.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        path = Path(folder, LOCK)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(descriptor)
                if _is_at(path, descriptor):
                    break
            except OSError as error:
                owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
                os.close(descriptor)
                if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                    raise
                raise BlockingIOError(
                    errno.EAGAIN,
                    f"{folder} is in use by another run (process {owner or 'unknown'}): wait for its end, "
                    "or give another folder",
                ) from None
            os.close(descriptor)  # whoever had the lock removed the folder at its end: once more
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the folder free."""
        if self._descriptor is not None:
            _unlock(self._descriptor)  # a process that was forked meanwhile has it open too
            os.close(self._descriptor)
            self._descriptor = None


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # far behind the number, which others may read
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(descriptor: int) -> None:
    if sys.platform != "win32":  # where closing does it, and nothing is forked
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)
