"""What each way to end means to a script, and to a person."""

from __future__ import annotations

OK, UNEXPECTED, WRONG, DIVERGED, INTERRUPTED, PIPE_CLOSED, TERMINATED = 0, 1, 2, 3, 130, 141, 143

EXIT_CODES = """\
Exit codes: 0 done; 1 something unexpected failed; 2 wrong usage or wrong input; \
3 training diverged (what was saved is said); 130 interrupted, 143 terminated (what was saved is said).
With --json one JSON object is printed on standard output and nothing else, also for an error. \
--debug, or DIABOLO_DEBUG=1, shows where an error came from."""


class UsageError(ValueError):
    """A command that asks for what does not exist or does not fit."""


class Diverged(Exception):
    """Training ended without weights worth keeping."""


class Lost(Exception):
    """Another process of a training is gone."""


class Terminated(Exception):
    """The system asked the process to end."""


def verdict(error: BaseException) -> tuple[int, str]:
    """Return the exit code of an error, and the line that says it.

    Examples
    --------
    >>> verdict(ValueError("beta must be above 0"))
    (2, 'beta must be above 0')
    """
    text = " ".join(str(error).split())
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, text or "interrupted; nothing was written"
    if isinstance(error, Diverged):
        return DIVERGED, text
    if isinstance(error, Terminated):
        return TERMINATED, text
    if isinstance(error, Lost):
        return UNEXPECTED, text
    if isinstance(error, MemoryError):
        return UNEXPECTED, f"out of memory: give fewer rows ({text or 'no more is known'})"
    missing_extra = isinstance(error, ImportError) and "pip install" in text
    if isinstance(error, ValueError | TypeError | OSError) or missing_extra:
        return WRONG, _plain_os_error(error) if isinstance(error, OSError) else text
    return UNEXPECTED, f"unexpected {type(error).__name__}: {text} (DIABOLO_DEBUG=1 shows where)"


def _plain_os_error(error: OSError) -> str:
    text = error.strerror if error.errno is not None and error.strerror else str(error)
    return f"{text}: {error.filename}" if error.errno is not None and error.filename else text
