"""What the pages say is there, is there. (README.md's own examples run as doctests.)"""

import importlib
import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    ROOT.glob("docs/*.md")
)
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
)


def plain(name):
    return re.sub("[-_.]+", "-", name).lower()


def test_the_test_command_stands_once():
    blocks = re.findall(
        r"^<!-- test command -->\n```bash\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S
    )
    assert blocks == ['pip install -c constraints.txt ".[test]" && python -m pytest -n 2\n']
    assert "pytest" not in (ROOT / ".ci" / "run").read_text()


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(r for name in ("tables", "images", "audio", "flows", "onnx", "test") for r in extras[name]),
    ]
    names = {plain(re.match(r"[\w.-]+", requirement)[0]) for requirement in wanted} - {"diabolo"}
    assert names <= {plain(name) for name in PINS}
    assert all(re.fullmatch(r"\d+(\.\w+)*", version) for version in PINS.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_in_code_exist(page):
    for name in set(re.findall(r"`diabolo\.([A-Za-z_.]+?)\.?[(`]", page.read_text())):
        value = importlib.import_module("diabolo")
        for step in name.split("."):
            if not hasattr(value, step):
                importlib.import_module(f"{value.__name__}.{step}")
            value = getattr(value, step)


def test_the_import_table_is_the_one_that_is_enforced():
    allowed = runpy.run_path(str(ROOT / "tests" / "test_architecture.py"))["MAY_IMPORT"]
    page = (ROOT / "docs" / "design.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| .* \| ([\w, -]+) \|$", page, re.M)
    table = {}
    for room, imports in rows:
        named = set() if imports == "-" else set(imports.split(", "))
        table[room] = set(table) if imports == "all above" else named
    assert table == {room: allowed[room] for room in table}
    source = ROOT / "src" / "diabolo"
    rooms = {path.parent.name for path in source.glob("*/__init__.py")}
    rooms |= {path.stem for path in source.glob("[!_]*.py")}
    assert rooms <= set(table)


def test_the_picture_is_light():
    assert 0 < (ROOT / "docs" / "images" / "digits.png").stat().st_size <= 200_000
