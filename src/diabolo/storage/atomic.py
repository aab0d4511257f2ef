"""A file that is either the whole new one or the untouched old one."""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_WAYS_OUT = {
    errno.ENOSPC: "the disk is full: free some space or write to another folder",
    errno.EDQUOT: "your disk quota is used up: free some space or write to another folder",
    errno.EROFS: "the file system is read-only: write to another folder",
    errno.EACCES: "you may not write there: change the folder's permissions or write to another folder",
    errno.EPERM: "you may not write there: change the folder's permissions or write to another folder",
    errno.ENAMETOOLONG: "the name is too long for this file system: choose a shorter one",
    errno.EFBIG: "the file is too large for this file system: write to another folder",
}
# Some file systems cannot synchronise a folder; the file itself is in place and synchronised by then.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF}


def write_atomic(path: str | os.PathLike[str], data: bytes | Callable[[BinaryIO], None]) -> Path:
    """Write a file so that a reader, a crash or a full disk never meets half of it.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is then renamed
    over `path` in one step. Until that step, what was at `path` is untouched; after any failure the
    temporary file is removed. A file that was there keeps its permissions, a symbolic link keeps pointing
    to the (new) file.

    Parameters
    ----------
    path : str or path-like
        The file to write; its folder must exist.
    data : bytes or callable
        The content, or a function that receives a binary file opened for writing and writes it.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    OSError
        The system's error, of the same type and with its ``errno``, whose message names the path, the reason
        and the way out: `FileNotFoundError` for a missing folder, `IsADirectoryError`, `PermissionError`,
        or plain `OSError` for a full disk. Whatever else the function `data` raises passes unchanged.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_atomic(pathlib.Path(folder, "a.txt"), b"old")
    ...     _ = write_atomic(pathlib.Path(folder, "a.txt"), lambda file: file.write(b"new"))
    ...     pathlib.Path(folder, "a.txt").read_bytes()
    b'new'
    """
    path = Path(path)
    target = Path(os.path.realpath(path))
    folder = target.parent
    if os.path.isdir(target):
        raise IsADirectoryError(
            errno.EISDIR, f"cannot write {path}: it is a folder; give the name of a file, in it or elsewhere"
        )
    temporary = folder / f".diabolo-{secrets.token_hex(8)}.tmp"
    try:
        try:
            _write_and_sync(temporary, target, data)
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(folder)
    except OSError as error:
        ours = (None, str(temporary), str(target), str(folder))
        name = error.filename if error.filename is None else str(error.filename)
        if error.errno is None or name not in ours:  # the caller's function failed at something else
            raise
        raise OSError(error.errno, _explain(path, folder, error)) from error
    return path


def _write_and_sync(temporary: Path, target: Path, data: bytes | Callable[[BinaryIO], None]) -> None:
    # 0o666 lets the process's umask decide, as for any new file (tempfile would make it private).
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        if callable(data):
            data(file)
        else:
            file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself survive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _explain(path: Path, folder: Path, error: OSError) -> str:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.ENOENT and not folder.exists():
        way_out = f"the folder {folder} does not exist: create it first (mkdir -p)"
    elif error.errno == errno.ENOTDIR:
        way_out = f"{folder} is not a folder: choose another path"
    else:
        way_out = _WAYS_OUT.get(error.errno or 0, "check the folder and the disk, or write elsewhere")
    return f"cannot write {path}: {reason}; {way_out} (what was at this path before is unharmed)"
