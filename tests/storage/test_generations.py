import math
import os

import pytest
import torch

from diabolo.storage import FolderLock, Generations, ModelFileError, pack, read_model, unpack, write_model
from diabolo.training.loop import adam


def steps(folder):
    return [read_model(path)[1]["step"] for path in sorted(folder.glob("*.diabolo"))]


def test_the_two_newest_are_kept(tmp_path):
    kept = Generations(tmp_path / "a" / "b")
    assert kept.newest() is None
    for step in range(12):
        kept.write({"x": torch.full((2,), float(step))}, {"step": step})
    tensors, spec = kept.newest()
    assert (tensors["x"].tolist(), spec) == ([11.0, 11.0], {"step": 11})
    assert steps(kept.folder) == [10, 11]
    kept.close()


def test_a_damaged_one_stays_until_there_are_others(tmp_path):
    kept = Generations(tmp_path)
    newest = [kept.write({}, {"step": step}) for step in range(2)][-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    kept.close()
    kept = Generations(tmp_path)
    assert kept.newest() == ({}, {"step": 0})
    assert list(kept.damaged) == [newest]
    assert newest.exists()
    kept.write({}, {"step": 2})
    kept.close()
    assert steps(tmp_path) == [0, 2]
    kept = Generations(tmp_path)
    assert kept.newest() == ({}, {"step": 2})
    kept.close()


def test_a_failing_write_harms_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    kept = Generations(tmp_path)
    for step in range(2):
        kept.write({}, {"step": step})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="disk is full"):
            kept.write({}, {"step": 2})
    assert steps(tmp_path) == [0, 1]
    with pytest.raises(ValueError, match="spec"):
        kept.write({}, {"step": object()})
    kept.write({}, {"step": 3})
    assert steps(tmp_path) == [1, 3]
    kept.close()


def test_files_of_others_are_left_alone(tmp_path):
    write_model(tmp_path / "checkpoint-mine.diabolo", {}, {"step": -1})
    (tmp_path / "notes.txt").write_text("mine")
    kept = Generations(tmp_path)
    assert kept.newest() is None
    for step in range(3):
        kept.write({}, {"step": step})
    kept.close()
    assert {"checkpoint-mine.diabolo", "notes.txt"} <= set(os.listdir(tmp_path))


def test_none_that_can_be_read_is_an_error(tmp_path):
    (tmp_path / "checkpoint-000001.diabolo").write_bytes(b"")
    kept = Generations(tmp_path)
    with pytest.raises(ModelFileError, match="none that can be read .*it is empty"):
        kept.newest()
    kept.close()


def test_a_folder_has_one_owner(tmp_path):
    kept = Generations(tmp_path)
    with pytest.raises(BlockingIOError, match=rf"process {os.getpid()}"):
        Generations(tmp_path)
    kept.close()
    kept.close()
    FolderLock(tmp_path).release()


def test_a_lock_whose_folder_was_removed_is_taken_in_the_new_one(tmp_path, monkeypatch):
    opened, true_open = [], os.open

    def removed_behind(path, *args):
        descriptor = true_open(path, *args)
        if not opened:
            os.unlink(path)
        opened.append(path)
        return descriptor

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", removed_behind)
        lock = FolderLock(tmp_path)
    assert len(opened) == 2
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()


@pytest.mark.parametrize(
    "tree",
    [
        {},
        [],
        (),
        None,
        0.1 + 0.2,
        {"a": (1, [True, None, "x"]), "b": {"c": -1e-300}},
        {0: {"x": 1}, (1, "y"): 2, None: 3},
        {"$tensor": "not one", "$": 1},
        [float("inf"), float("-inf")],
        {"best": (math.inf,)},
    ],
)
def test_a_tree_comes_back(tree, tmp_path):
    tensors, spec = pack({"tree": tree})
    tensors, spec = read_model(write_model(tmp_path / "a", tensors, spec))
    again = unpack(tensors, spec)["tree"]
    assert again == tree
    assert type(again) is type(tree)


def test_nan_and_the_state_of_an_optimiser_come_back(tmp_path):
    assert math.isnan(unpack(*pack(math.nan)))
    layer = torch.nn.Linear(3, 2)
    optimiser = adam(layer, 1e-3)
    layer(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    tensors, spec = pack(optimiser.state_dict())
    again = unpack(*read_model(write_model(tmp_path / "a", tensors, spec)))
    assert again["param_groups"] == optimiser.state_dict()["param_groups"]
    for index, state in optimiser.state_dict()["state"].items():
        assert all(again["state"][index][name].equal(value) for name, value in state.items())


def test_names_that_meet_are_kept_apart():
    one, other = torch.zeros(1), torch.ones(1)
    again = unpack(*pack({1: one, "1": other}))
    assert (again[1].item(), again["1"].item()) == (0.0, 1.0)
