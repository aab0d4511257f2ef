"""Signals that let a step of the training end before they are answered."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OURS = (signal.SIGTERM, signal.SIGINT)


class InterruptedWarning(RuntimeWarning):
    """Training was interrupted, by Ctrl-C (the model is usable as it stands) or by SIGTERM."""


class Signals:
    """SIGTERM and Ctrl-C, heard between the steps; in the main thread, and as before outside the block.

    A second Ctrl-C does not wait for the step. A signal that the process ignores stays ignored, and a
    handler of the user's own is called after the step.

    Examples
    --------
    >>> signals = Signals()
    >>> with signals.heard():
    ...     signal.raise_signal(signal.SIGINT)
    ...     try:
    ...         signals.answer("it is kept")
    ...     except KeyboardInterrupt:
    ...         print("stopped between two steps")
    stopped between two steps
    """

    def __init__(self) -> None:
        #: The signal that waits for an answer.
        self.asked: signal.Signals | None = None
        self._before: dict[int, Any] = {}

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear signals in the block; one without an answer at its end gets the usual one."""
        self.asked = None
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: signal.getsignal(number) for number in _OURS}
        self._before = {n: before for n, before in handlers.items() if before not in (None, signal.SIG_IGN)}
        for number in self._before:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            for number, before in self._before.items():
                signal.signal(number, before)
            if self.asked == signal.SIGTERM:
                signal.raise_signal(self.asked)
        if self.asked is not None:  # an error on its way out is not replaced by a KeyboardInterrupt
            signal.raise_signal(self.asked)

    def answer(self, said: str) -> None:
        """Do what the signal that waits does, now that the step is done.

        Parameters
        ----------
        said : str
            What becomes of the training, for a person.

        Raises
        ------
        KeyboardInterrupt
            For Ctrl-C.
        SystemExit
            For SIGTERM, with the code 143, after a warning.
        """
        number, self.asked = self.asked, None
        if number is None:
            return
        before = self._before.get(number)
        if callable(before):  # Python's own for Ctrl-C, or the user's
            before(number, None)
            return
        warnings.warn(f"{number.name} ended the training: {said}.", InterruptedWarning, stacklevel=4)
        raise SystemExit(128 + number)

    def _hear(self, number: int, frame: Any) -> None:
        if number == signal.SIGINT and self.asked == signal.SIGINT:
            self.asked = None
            raise KeyboardInterrupt
        self.asked = signal.Signals(number)
