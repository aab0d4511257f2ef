"""The rooms of the house import what the table in docs/design.md allows, and nothing else."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "diabolo"
MODULES = [path.relative_to(SRC) for path in sorted(SRC.rglob("*.py"))]
TABLE = """
distributions:
contracts:     distributions
networks:      contracts
corruptions:   contracts distributions
likelihoods:   contracts distributions
posteriors:    contracts distributions
priors:        contracts distributions
models:        contracts distributions networks
objectives:    contracts distributions networks
gradients:     contracts likelihoods posteriors priors models objectives
schedules:     contracts
storage:
graphs:
training:      contracts distributions storage
data:          contracts
measures:      contracts distributions
estimators:    ABOVE
persistence:   ABOVE
recipes:       ABOVE
export:        likelihoods estimators storage
report:        estimators recipes measures data storage persistence contracts
cli:           estimators recipes measures data storage persistence contracts training report export
__init__:      ABOVE
__main__:      cli
"""
MAY_IMPORT = {}
for line in TABLE.strip().splitlines():
    name, allowed = line.split(":")
    MAY_IMPORT[name] = set(MAY_IMPORT) if "ABOVE" in allowed else set(allowed.split())
NO_SIBLINGS = {"networks", "corruptions", "likelihoods", "posteriors", "priors", "objectives", "schedules"}
SHARED = {"base", "convolution", "counts", "location_scale", "fitting", "descent"}


def imports(tree, package):
    """Yield the dotted names inside diabolo that a module imports, wherever the statement stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def forbidden(path, source):
    """Return what a module (its path from diabolo's folder) imports against the table."""
    room, *_ = (*path.parent.parts, path.stem)
    found = imports(ast.parse(source), ["diabolo", *path.parent.parts])
    names = [name.split(".")[1:] for name in found if name.startswith("diabolo.")]
    # a public name of diabolo itself (diabolo.VAE) is an estimator's
    rooms = {to if to in MAY_IMPORT else "estimators" for to, *_ in names if to != "__version__"}
    others = rooms - MAY_IMPORT[room] - {room}
    within = {rest[0] for to, *rest in names if to == room and rest}
    siblings = within - SHARED if room in NO_SIBLINGS and path.stem != "__init__" else set()
    return others | {f"{room}.{name}" for name in siblings}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_keep_to_the_table(path):
    assert forbidden(path, (SRC / path).read_text()) == set()


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("priors/a.py", "from diabolo.posteriors import Posterior", {"posteriors"}),
        ("priors/a.py", "from diabolo import networks, contracts", {"networks"}),
        ("priors/a.py", "import diabolo.models.latent", {"models"}),
        ("priors/a.py", "from diabolo import VAE, __version__", {"estimators"}),
        ("priors/a.py", "from ..training.loop import train", {"training"}),
        ("priors/a.py", "def f():\n    from .. import models", {"models"}),
        ("priors/a.py", "if TYPE_CHECKING:\n    from .b import B", {"priors.b"}),
        ("priors/a.py", "from . import standard_normal", {"priors.standard_normal"}),
        ("priors/a.py", "from diabolo.priors.base import Prior\nimport torch", set()),
        ("priors/__init__.py", "from .a import A", set()),
        ("recipes.py", "from .estimators import VAE\nfrom .report import page", {"report"}),
    ],
)
def test_the_reader_sees_every_kind_of_import(path, source, found):
    assert forbidden(Path(path), source) == found
