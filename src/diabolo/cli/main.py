"""From the words of a command line to an exit code."""

from __future__ import annotations

import difflib
import json
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from . import errors


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one line on standard error.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``diabolo``; those of this process by default.

    Returns
    -------
    int
        0, or one of the codes that ``diabolo --help`` lists.

    Examples
    --------
    >>> main(["--version"])
    diabolo 0.1...
    0
    """
    words = [str(word) for word in (sys.argv[1:] if argv is None else argv)]
    try:
        with _one_voice(words), _warnings_as_lines():
            code = _run(words)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # the reader (head, less) has seen enough; rich exits for that
        _drop_the_rest()
        return errors.PIPE_CLOSED
    except (Exception, KeyboardInterrupt) as error:
        return _report(error, words)
    return code


def _run(words: list[str]) -> int:
    from .app import build_app

    app = build_app()
    _check_command(words)
    return int(app(words, exit_on_error=False, print_error=False, result_action="return_value") or errors.OK)


def _check_command(words: list[str]) -> None:
    """Refuse an unknown command before the parser looks into every command for a name like it."""
    from .app import COMMANDS

    first = words[0] if words else "--help"
    if first in ("sweep", "cluster") and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise errors.UsageError(
            f"diabolo {first} trains in one process, and several were started: run it without torchrun"
        )
    if first in COMMANDS or first in ("--help", "-h", "--version"):
        return
    if first.startswith("-"):
        raise errors.UsageError(f"the first word must be a command, got {first}: options follow it")
    close = difflib.get_close_matches(first, COMMANDS, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise errors.UsageError(f"unknown command {first!r}.{hint} There are: {', '.join(COMMANDS)}")


def _report(error: BaseException, words: list[str]) -> int:
    from cyclopts import CycloptsError

    if isinstance(error, CycloptsError):
        code, text = errors.WRONG, _usage(error, words)
    else:
        code, text = errors.verdict(error)
    if "--debug" in words or os.environ.get("DIABOLO_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    if _follows(words):  # what all processes find wrong, the first one says
        if code == errors.UNEXPECTED:
            print(f"diabolo: error in process {os.environ['RANK']}: {text}", file=sys.stderr)
        return code
    print(f"diabolo: error: {text}", file=sys.stderr)
    if "--json" in words:
        try:
            print(json.dumps({"error": text, "exit_code": code}), flush=True)
        except OSError:  # standard output itself is what failed
            _drop_the_rest()
    return code


def _drop_the_rest() -> None:
    """Send what is left for standard output nowhere, so that Python does not complain when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: Exception, words: list[str]) -> str:
    text = " ".join(str(error).split())
    command = next((word for word in words if not word.startswith("-")), "")
    from .app import COMMANDS

    where = f"diabolo {command} --help" if command in COMMANDS else "diabolo --help"
    return f"{text} See: {where}"


def _follows(words: list[str]) -> bool:
    """Whether this process trains beside a first one, which speaks for all."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return several and words[:1] == ["fit"] and os.environ.get("RANK", "0") != "0"


@contextmanager
def _one_voice(words: list[str]) -> Iterator[None]:
    """Say nothing in a process that follows the first one."""
    if not _follows(words):
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print warnings as lines for a person, without file names and code."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        print(f"diabolo: warning: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        if not sys.warnoptions:
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("default", UserWarning)
            warnings.simplefilter("default", RuntimeWarning)
        # the names in a file are compared with the run's where it is opened; arrays of its rows have none
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield
