"""The command line and the report use estimators as a user does: nothing with an underscore before it."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "diabolo"
FILES = [path for room in ("cli", "report") for path in sorted((SRC / room).glob("*.py"))]


def privates(source, room="cli"):
    """Return the private attributes of anything but self, and the private names from other rooms, in a module."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                found.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("diabolo.") and not node.level:
            if node.module.split(".")[1] == room:
                continue
            found |= {alias.name for alias in node.names if alias.name.startswith("_")}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            name = node.args[1]
            if isinstance(name, ast.Constant) and str(name.value).startswith("_"):
                found.add(name.value)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_privates(path):
    assert privates(path.read_text(), path.parent.name) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("estimator._x_shape", {"_x_shape"}),
        ("f(estimator.clone()._build(x))", {"_build"}),
        ("getattr(estimator, '_plan')", {"_plan"}),
        ("from diabolo.estimators.base import _ONE_UNIT_RATIO", {"_ONE_UNIT_RATIO"}),
        ("self._text + cls._text + estimator.layout_ + type(e).__name__", set()),
        ("from .source import _beside", set()),
        ("from diabolo.cli.source import _beside", set()),
    ],
)
def test_the_reader_sees_them(source, found):
    assert privates(source) == found
