"""What constructors and recipes say about their own arguments: type, default and help, read from the source.

The options of ``diabolo fit`` are known without importing what they belong to: importing torch takes seconds,
parsing a dozen files does not, and ``--help`` is quick. What is understood is what stands in the house:
plain types, unions, ``Literal``, tuples, classes of parts, and defaults that are literals.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_ROOT = Path(__file__).parents[1]
_SIMPLE = {"int": int, "float": float, "bool": bool, "str": str}


@dataclass(frozen=True)
class Declaration:
    """A class, a function or a value at the top of a module, as its source has it.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    name : str
        Its name there.
    node : ast.AST
        The definition, or the expression of the value.
    """

    module: str
    name: str
    node: ast.AST

    @property
    def is_class(self) -> bool:
        """Whether it is a class."""
        return isinstance(self.node, ast.ClassDef)

    @property
    def room(self) -> str:
        """The room of the house that it stands in."""
        return self.module.split(".")[1]


@dataclass(frozen=True)
class Argument:
    """One argument of a constructor or a recipe.

    Parameters
    ----------
    name : str
        Its name in Python.
    kinds : tuple of type
        The types it may have, None and objects of the house left out; ``tuple[int, ...]`` for whole numbers of any
        number.
    default : object
        What it is when not given.
    help : str
        What its docstring says.
    room : str or None
        The room whose parts it may name.
    """

    name: str
    kinds: tuple[Any, ...]
    default: Any
    help: str
    room: str | None = None


def find(module: str, name: str) -> Declaration | None:
    """Return where a name of a module is defined, imports followed; None outside the house.

    Examples
    --------
    >>> find("diabolo.estimators", "VAE").module
    'diabolo.estimators.vae'
    """
    found = _names(module).get(name)
    if isinstance(found, str):
        origin, _, own = found.rpartition(".")
        return find(origin, own) if origin.split(".")[0] == "diabolo" else None
    return None if found is None else Declaration(module, name, found)


def value(module: str, name: str) -> Any:
    """Return a literal at the top of a module."""
    found = find(module, name)
    return None if found is None else ast.literal_eval(found.node)


@functools.cache
def arguments(declaration: Declaration) -> dict[str, Argument]:
    """Return the named arguments of a class or a function, with the help of its numpydoc.

    Examples
    --------
    >>> arguments(find("diabolo.likelihoods", "Categorical"))["n_categories"].kinds
    (<class 'int'>,)
    """
    function = _function(declaration)
    if function is None:
        return {}
    node: Any = function.node
    names = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    n_required = len(names) - len(node.args.defaults) - len(node.args.kwonlyargs)
    defaults = [*[None] * n_required, *node.args.defaults, *node.args.kw_defaults]
    help_of = parameter_help(_doc(declaration.node))
    found = {}
    for argument, default in list(zip(names, defaults, strict=True))[declaration.is_class :]:
        kinds = list(_kinds(function.module, argument.annotation))
        found[argument.arg] = Argument(
            argument.arg,
            tuple(kind for kind in kinds if not isinstance(kind, Declaration)),
            None if default is None else ast.literal_eval(default),
            help_of.get(argument.arg, ""),
            next((kind.room for kind in kinds if isinstance(kind, Declaration) and named(kind.room)), None),
        )
    return found


@functools.cache
def named(room: str) -> dict[str, dict[str, Argument]]:
    """Return the parts of a room by name, each with the arguments that its name leaves open."""
    table = find(f"diabolo.{room}", "BY_NAME")
    found = {}
    for key, part in zip(table.node.keys, table.node.values, strict=True) if table else ():  # type: ignore[attr-defined]
        fixed = {keyword.arg for keyword in getattr(part, "keywords", ())}  # of a functools.partial
        declaration = find(table.module, (part.args[0] if fixed else part).id)  # type: ignore[union-attr]
        own = arguments(declaration) if declaration else {}
        found[key.value] = {name: argument for name, argument in own.items() if name not in fixed}
    return found


@functools.cache
def _names(module: str) -> dict[str, ast.AST | str]:
    """Return what stands at the top of a module: definitions, values, and where imported names come from."""
    path = _ROOT.joinpath(*module.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found: dict[str, ast.AST | str] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else ():
        match node:
            case ast.ClassDef(name=own) | ast.FunctionDef(name=own):
                found[own] = node
            case ast.ImportFrom(module=str(origin), names=names, level=0):
                found.update({alias.asname or alias.name: f"{origin}.{alias.name}" for alias in names})
            case (
                ast.Assign(targets=[ast.Name(id=own)], value=ast.expr() as right)
                | ast.AnnAssign(target=ast.Name(id=own), value=ast.expr() as right)
            ):
                found[own] = right
    return found


def _function(declaration: Declaration) -> Declaration | None:
    """Return the function itself, or the constructor of a class, its own or the first it inherits."""
    if not isinstance(declaration.node, ast.ClassDef):
        return declaration
    for node in declaration.node.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return Declaration(declaration.module, node.name, node)
    bases = [find(declaration.module, b.id) for b in declaration.node.bases if isinstance(b, ast.Name)]
    return next((made for base in bases if base and (made := _function(base))), None)


def _kinds(module: str, annotation: ast.AST | None) -> Iterator[Any]:
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _kinds(module, left)
            yield from _kinds(module, right)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=words):
            yield Literal[ast.literal_eval(words)]
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[ast.Name(id=held), *_])):
            yield types.GenericAlias(tuple, (_SIMPLE[held], ...))
        case ast.Name(id=name) if name in _SIMPLE:
            yield _SIMPLE[name]
        case ast.Name(id=name):
            found = find(module, name)
            if found is not None and found.is_class:
                yield found
            elif found is not None:
                yield from _kinds(found.module, found.node)


def _doc(node: Any) -> str:
    doc = ast.get_docstring(node, clean=False) or ""
    return doc.replace("{common}", value("diabolo.estimators.parameters", "COMMON") or "")


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
    text = re.sub(r",? or (an object from :mod:`[^`]*`(, such as ``[^`]*``)?|any likelihood)", "", text)
    text = re.sub(r":\w+:`[~!]?([^`]*)`", r"\1", text)
    return re.sub(r'``"([^"`]*)"``', r"\1", text).replace("``", "")


def element(kinds: tuple[Any, ...]) -> type | None:
    """Return the type of what a tuple holds, if the value may be one."""
    return next((typing.get_args(kind)[0] for kind in kinds if typing.get_origin(kind) is tuple), None)


def is_simple(kinds: tuple[Any, ...]) -> bool:
    """Whether the command line's parser can read the type itself."""
    return len(kinds) == 1 and (kinds[0] in _SIMPLE.values() or typing.get_origin(kinds[0]) is Literal)
