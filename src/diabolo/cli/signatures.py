"""What a constructor says about its own arguments: type, default and help."""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Union


@dataclass(frozen=True)
class Argument:
    """One argument of a constructor or a recipe.

    Parameters
    ----------
    name : str
        Its name in Python.
    hint : object
        Its type.
    default : object
        What it is when not given.
    help : str
        What its docstring says.
    """

    name: str
    hint: Any
    default: Any
    help: str

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The types it may have, None left out."""
        union = typing.get_origin(self.hint) in (Union, types.UnionType)
        kinds = typing.get_args(self.hint) if union else (self.hint,)
        return tuple(kind for kind in kinds if kind is not type(None))


def arguments(factory: Callable[..., Any]) -> dict[str, Argument]:
    """Return the named arguments of a class or a function, with the help of its numpydoc.

    Arguments that a ``functools.partial`` has fixed are left out.

    Examples
    --------
    >>> def boxes(n: int = 3):
    ...     '''Make boxes.
    ...
    ...     Parameters
    ...     ----------
    ...     n : int
    ...         How many.
    ...     '''
    >>> arguments(boxes)
    {'n': Argument(name='n', hint=<class 'int'>, default=3, help='How many.')}
    """
    fixed: set[str] = set()
    while isinstance(factory, functools.partial):
        fixed |= set(factory.keywords)
        factory = factory.func
    hints = typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    help_of = parameter_help(factory.__doc__ or "")
    return {
        name: Argument(name, hints.get(name, str), parameter.default, help_of.get(name, ""))
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and name not in fixed
    }


def parameter_help(doc: str) -> dict[str, str]:
    """Return the text of each parameter in a numpydoc docstring, without its markup."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", inspect.cleandoc(doc), re.M | re.S)
    texts: dict[str, list[str]] = {}
    names: list[str] = []
    for line in section.group(1).splitlines() if section else ():
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.partition(" :")[0].split(",")]
            texts.update({name: [] for name in names})
        elif line.strip():
            for name in names:
                texts[name].append(line.strip())
    return {name: _plain(" ".join(lines)) for name, lines in texts.items()}


def _plain(text: str) -> str:
    text = re.sub(r",? or (an object from :mod:`[^`]*`|any likelihood)", "", text)
    text = re.sub(r":\w+:`[~!]?([^`]*)`", r"\1", text)
    return re.sub(r'``"([^"`]*)"``', r"\1", text).replace("``", "")


def is_simple(kinds: tuple[Any, ...]) -> bool:
    """Whether the command line's parser can read the type itself."""
    return len(kinds) == 1 and (kinds[0] in (int, float, bool, str) or typing.get_origin(kinds[0]) is Literal)
