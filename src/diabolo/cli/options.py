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
from .signatures import Argument, is_simple

#: A command repeats itself unless told otherwise, where Python draws a new seed.
DEFAULTS = {"random_state": 0}
DEFAULT_MODEL = "vae"
DEFAULT_CLUSTERING = "clustering"
_ALIASES = {"random_state": ("--random-state", "--seed"), "n_components": ("--n-components", "-d")}
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
        yield _keyword(name, having[of[0]], _help(having), _defaults(having), group)
        for argument in having.values():
            for inner, parts in part_arguments(argument.room).items():
                nested.setdefault(f"{name}{_SEPARATOR}{inner}", {}).update(parts)
    for name, parts in nested.items():
        first = next(iter(parts.values()))
        text = f"({', '.join(parts)}) {_help(parts)}"
        yield _keyword(name, first, text, _defaults(parts), inside)


def by_argument(of: Iterable[str] | None = None) -> dict[str, dict[str, Argument]]:
    """Return, for each argument, the models (all by default) that have it."""
    found: dict[str, dict[str, Argument]] = {}
    for model in models() if of is None else of:
        for name, argument in model_arguments(model).items():
            found.setdefault(name, {})[model] = argument
    return found


def _keyword(name: str, argument: Argument, text: str, default: str, group: Group) -> inspect.Parameter:
    hint: Any = argument.kinds[0] if is_simple(argument.kinds) else str
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
    kinds = {name: next(iter(having.values())) for name, having in by_argument().items()}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        outer, _, inner = name.partition(_SEPARATOR)
        argument = kinds[outer]
        if inner:
            argument = next(iter(part_arguments(argument.room)[inner].values()))
        is_text = isinstance(value, str) and (inner or not argument.room) and not is_simple(argument.kinds)
        found[f"{outer}.{inner}" if inner else outer] = parse(value, argument, name) if is_text else value
    return found


def parse(text: str, argument: Argument, name: str = "") -> Any:
    """Read a value as JSON or a Python literal if it looks so; ``400,200`` is a tuple, words stay words.

    Examples
    --------
    >>> hidden = Argument("hidden", (tuple,), (512, 256), "")
    >>> parse("400,200", hidden), parse("[400]", hidden), parse("400", hidden)
    ((400, 200), (400,), (400,))
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
    wants_tuple = tuple in argument.kinds
    if wants_tuple and isinstance(value, int) and not isinstance(value, bool):
        value = (value,)
    if wants_tuple and value is not None and not _whole_numbers(value):
        raise UsageError(
            f"{_option(name or argument.name)} must be whole numbers with commas between, such as 400,200, got {text!r}"
        )
    return value


def _option(name: str) -> str:
    return "--" + name.replace(_SEPARATOR, ".").replace("_", "-")


def _whole_numbers(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)


def _help(having: dict[str, Argument]) -> str:
    """Return the help; where models differ, with the names of the models."""
    texts: dict[str, list[str]] = {}
    for model, argument in having.items():
        texts.setdefault(argument.help, []).append(model)
    if len(texts) == 1:
        return next(iter(texts))
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
