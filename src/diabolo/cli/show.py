"""What a command says, and where: results on standard output, the rest on standard error."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

OUTPUT = Group("Output", sort_key=9)


@Parameter(name="*")
@dataclass(frozen=True)
class Show:
    """How much is said, and in which form."""

    json: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            group=OUTPUT,
            help="Print one JSON object and nothing else on standard output.",
        ),
    ] = False
    quiet: Annotated[
        bool,
        Parameter(
            negative=(), show_default=False, group=OUTPUT, help="Say only what was written, and errors."
        ),
    ] = False
    debug: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            group=OUTPUT,
            help="Show where an error came from (also DIABOLO_DEBUG=1).",
        ),
    ] = False

    def aside(self, text: str) -> None:
        """Say something about the work to the person at the terminal."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def result(self, text: str, facts: dict[str, Any], *, brief: str = "") -> None:
        """Print the outcome: the text, or ``facts`` as JSON, or when quiet the ``brief`` form."""
        if self.json:
            print(as_json(facts))
        elif not self.quiet:
            print(text)
        elif brief:
            print(brief)

    @property
    def verbose(self) -> int:
        """The estimators' ``verbose``: a progress bar where somebody is looking."""
        return int(not (self.quiet or self.json) and sys.stderr.isatty())


def as_json(facts: Any) -> str:
    """Return strict JSON on one line; numbers that JSON lacks become null.

    Examples
    --------
    >>> as_json({"elbo": float("nan"), "shape": (2, 3)})
    '{"elbo": null, "shape": [2, 3]}'
    """
    import msgspec

    return json.dumps(msgspec.json.decode(msgspec.json.encode(facts, enc_hook=_plain)), ensure_ascii=False)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def aligned(lines: dict[str, str]) -> str:
    """Return names and texts in two columns.

    Examples
    --------
    >>> print(aligned({"rows": "3", "shape": "(8, 8)"}))
    rows   3
    shape  (8, 8)
    """
    width = max(map(len, lines), default=0)
    return "\n".join(f"{name:<{width}}  {text}".rstrip() for name, text in lines.items())
