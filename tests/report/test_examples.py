"""Every example runs from beginning to end and makes its picture."""

import importlib.util
import inspect
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("[0-9]*.py"))


def test_there_is_one_for_each_section_of_the_lecture_and_one_to_judge():
    assert [path.name[:2] for path in EXAMPLES] == [f"{i:02d}" for i in range(1, len(EXAMPLES) + 1)]
    assert len(EXAMPLES) == 11


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("error::UserWarning")
def test_the_example_makes_its_picture(path, tmp_path):
    specification = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    example = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(example)
    assert inspect.getdoc(example).startswith(f"{int(path.stem[:2])}. ")
    picture = example.main(tmp_path, quick=True)
    assert picture == tmp_path / f"{path.stem}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
