import csv
import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from diabolo.storage import write_csv, write_json


def test_json_is_strict_and_indented(tmp_path):
    @dataclass
    class Setting:
        rate: float

    obj = {
        "a": np.float64(0.1),
        "b": np.arange(2),
        "c": torch.tensor([1.5]),
        "d": tmp_path,
        "e": Setting(2.0),
        "f": float("nan"),
        "g": (1, None, "ü"),
    }
    path = write_json(tmp_path / "a.json", obj)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "a": 0.1,
        "b": [0, 1],
        "c": [1.5],
        "d": str(tmp_path),
        "e": {"rate": 2.0},
        "f": None,
        "g": [1, None, "ü"],
    }
    assert path.read_text(encoding="utf-8").startswith('{\n  "a": 0.1,\n')


@pytest.mark.parametrize("obj", [{"a": object()}, {"a": "\ud800"}])
def test_json_refuses_what_has_no_form(tmp_path, obj):
    with pytest.raises(ValueError, match=r"obj must hold only .* convert it first"):
        write_json(tmp_path / "a.json", obj)
    assert not (tmp_path / "a.json").exists()


def test_csv_unites_columns_and_keeps_digits(tmp_path):
    rows = [
        {"epoch": 0, "rate": 0.1 + 0.2},
        {"epoch": 1, "note": 'a "b", c'},
        {"rate": np.float32(0.5), "epoch": None},
        {"rate": torch.tensor(2.0)},
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    with open(path, newline="", encoding="utf-8") as file:
        back = list(csv.DictReader(file))
    assert path.read_text().splitlines()[0] == "epoch,rate,note"
    assert float(back[0]["rate"]) == 0.1 + 0.2
    assert back[1] == {"epoch": "1", "rate": "", "note": 'a "b", c'}
    assert back[2] == {"epoch": "", "rate": "0.5", "note": ""}
    assert back[3]["rate"] == "2.0"


def test_csv_without_rows_and_with_wrong_rows(tmp_path):
    assert write_csv(tmp_path / "a.csv", []).read_bytes() == b""
    with pytest.raises(ValueError, match=r"rows must be mappings .* got a tuple as row 1"):
        write_csv(tmp_path / "a.csv", [{"a": 1}, (1, 2)])
    with pytest.raises(FileNotFoundError, match="create it first"):
        write_csv(tmp_path / "no" / "a.csv", [])
