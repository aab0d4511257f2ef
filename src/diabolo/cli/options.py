"""The options of ``diabolo fit``, read off the signatures of the models and their parts."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from .errors import UsageError
from .models import model_arguments, models, models_of, part_arguments
from .signatures import Argument, element, is_simple

#: A command repeats itself unless told otherwise, where Python draws a new seed.
DEFAULTS = {"random_state": 0}
DEFAULT_MODEL = "vae"
DEFAULT_CLUSTERING = "clustering"
_ALIASES = {"random_state": ("--random-state", "--seed"), "n_components": ("--n-components", "-d")}
#: What the command line understands beside Python's values.
_SHORT = {
    "likelihood": "Kinds of columns may also be written city=categorical,3=poisson (names, or numbers from 0)."
}
_SEPARATOR = "__"
_BY_NAME = inspect.Parameter.KEYWORD_ONLY


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Replace ``**given`` in a command's signature by every option of every model that it can train."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    names = {p.name for p in own}
    generated = [p for p in option_parameters(command.__name__) if p.name not in names]
    command.__signature__ = signature.replace(parameters=[*own, *generated])  # type: ignore[attr-defined]
    return command


def option_parameters(command: str = "fit") -> Iterator[inspect.Parameter]:
    """Yield one keyword for each option of a command, None when it is not given."""
    there = models_of(command)
    default = DEFAULT_CLUSTERING if command == "cluster" else DEFAULT_MODEL
    everywhere = Group("Model", sort_key=3)
    inside = Group("Parts", sort_key=5, help="Options of a part; name the part itself as above.")
    names: Any = Literal[there]  # known only when the program runs
    annotation = Annotated[names, Parameter(group=everywhere, help="What to train.")]
    yield inspect.Parameter("model", _BY_NAME, default=default, annotation=annotation)
    nested: dict[str, dict[str, Argument]] = {}
    for name, having in by_argument(there).items():
        of = tuple(having)
        estimators = [m for m in there if models()[m].is_class]
        shared = set(estimators) <= set(of)
        group = everywhere if shared else Group(f"Only --model {' or '.join(of)}", sort_key=4)
        text = " ".join(filter(None, (_help(having), _SHORT.get(name))))
        yield _keyword(name, _kinds(having), text, _defaults(having), group)
        for argument in having.values():
            for inner, parts in part_arguments(argument.room).items():
                nested.setdefault(f"{name}{_SEPARATOR}{inner}", {}).update(parts)
    for name, parts in nested.items():
        text = f"({', '.join(parts)}) {_help(parts)}"
        yield _keyword(name, _kinds(parts), text, _defaults(parts), inside)


def by_argument(of: Iterable[str] | None = None) -> dict[str, dict[str, Argument]]:
    """Return, for each argument, the models (all by default) that have it."""
    found: dict[str, dict[str, Argument]] = {}
    for model in models() if of is None else of:
        for name, argument in model_arguments(model).items():
            found.setdefault(name, {})[model] = argument
    return found


def _kinds(having: dict[str, Argument]) -> tuple[Any, ...]:
    """Return the types that an argument may have, in any of what has it."""
    return tuple(dict.fromkeys(kind for argument in having.values() for kind in argument.kinds))


def _keyword(name: str, kinds: tuple[Any, ...], text: str, default: str, group: Group) -> inspect.Parameter:
    hint: Any = kinds[0] if is_simple(kinds) else str
    parameter = Parameter(
        name=_ALIASES.get(name, (_option(name),)),
        help=text,
        show_default=(lambda _: default) if default else False,
        group=group,
    )
    annotation = Annotated[hint | None, parameter]
    return inspect.Parameter(name, _BY_NAME, default=None, annotation=annotation)


def values(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, by argument (``likelihood.scale`` for a part's own), as Python values."""
    arguments = by_argument()
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        outer, _, inner = name.partition(_SEPARATOR)
        having = arguments[outer]
        room = next((argument.room for argument in having.values() if argument.room), None)
        kinds = _kinds(part_arguments(room)[inner] if inner else having)
        is_text = isinstance(value, str) and (inner or not room) and not is_simple(kinds)
        found[f"{outer}.{inner}" if inner else outer] = parse(value, kinds, name) if is_text else value
    return found


def parse(text: str, kinds: tuple[Any, ...], name: str = "") -> Any:
    """Read a value as JSON or a Python literal if it looks so; ``400,200`` is a tuple, words stay words.

    Examples
    --------
    >>> whole = (tuple[int, ...],)
    >>> parse("400,200", whole), parse("[400]", whole), parse("400", whole), parse("0.1,4", (tuple[float, ...],))
    ((400, 200), (400,), (400,), (0.1, 4))
    """
    value: Any = text
    for read in (json.loads, ast.literal_eval):
        try:
            value = read({"none": "null", "None": "null"}.get(text, text))
            break
        except (ValueError, SyntaxError):
            continue
    if isinstance(value, list):
        value = tuple(value)
    held = element(kinds)
    if held is None or value is None:
        return value
    if _is_number(value, held):
        value = (value,)
    if not (isinstance(value, tuple) and all(_is_number(number, held) for number in value)):
        wanted = "whole numbers" if held is int else "numbers"
        example = "400,200" if held is int else "0.1,10"
        raise UsageError(
            f"{_option(name)} must be {wanted} with commas between, such as {example}, got {text!r}"
        )
    return value


def _option(name: str) -> str:
    return "--" + name.replace(_SEPARATOR, ".").replace("_", "-")


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)


def _help(having: dict[str, Argument]) -> str:
    """Return the help; where models differ, with the names of the models. Recipes say nothing of what they hand on."""
    texts: dict[str, list[str]] = {}
    for model, argument in having.items():
        if argument.help:
            texts.setdefault(argument.help, []).append(model)
    if len(texts) < 2:
        return next(iter(texts), "")
    return " ".join(f"[{', '.join(of)}] {text}" for text, of in texts.items())


def _defaults(having: dict[str, Argument]) -> str:
    texts: dict[str, list[str]] = {}
    for model, argument in having.items():
        texts.setdefault(_text(DEFAULTS.get(argument.name, argument.default)), []).append(model)
    if len(texts) == 1:
        return next(iter(texts))
    return "; ".join(f"{text or 'none'} ({', '.join(of)})" for text, of in texts.items())


def _text(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return str(default)
