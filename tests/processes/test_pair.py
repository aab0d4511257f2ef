"""Two processes train as one does: one start of two, and what they have seen beside what this process sees."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from . import pair

#: Seconds for a pair, which takes about ten; nothing here may hang.
LIMIT = 240


def environment(**more):
    """Return the variables of a process that imports diabolo from where this one does."""
    path = os.pathsep.join(str(place) for place in sys.path if place)
    return {
        **os.environ,
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
        "DIABOLO_TIMEOUT": "120",
        "PYTHONFAULTHANDLER": "1",
        **more,
    }


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ended(folder, *words):
    """Start pair.py in two processes, as torchrun does; return their exit codes, and the end of what each said."""
    where = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, str(Path(pair.__file__)), str(folder), *words]
    started = []
    for rank in ("0", "1"):
        with open(folder / f"said-{rank}", "w") as said:
            variables = environment(RANK=rank, **where)
            started.append(subprocess.Popen(command, env=variables, stdout=said, stderr=subprocess.STDOUT))
    try:
        codes = [process.wait(LIMIT) for process in started]
    finally:
        for process in started:
            process.kill()
    return codes, [(folder / f"said-{rank}").read_text()[-3000:] for rank in (0, 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Let two processes train all cases, and return the folder that they wrote to."""
    folder = tmp_path_factory.mktemp("pair")
    codes, said = ended(folder)
    assert codes == [0, -9], said
    return folder


@pytest.fixture(scope="module")
def seen(folder):
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone():
    return {name: pair.summary(*pair.trained(case)) for name, case in pair.CASES.items()}


def assert_close(found, wanted, tolerance=1e-10):
    for row, other in zip(found["history"], wanted["history"], strict=True):
        assert row == pytest.approx(other, rel=tolerance)
    assert found["weights"].keys() == wanted["weights"].keys()
    for name, values in wanted["weights"].items():
        torch.testing.assert_close(
            torch.tensor(found["weights"][name], dtype=torch.float64),
            torch.tensor(values, dtype=torch.float64),
            rtol=tolerance,
            atol=tolerance,
        )


@pytest.mark.parametrize("name", pair.CASES)
def test_two_processes_train_what_one_does(name, seen, alone):
    assert seen[0]["cases"][name] == seen[1]["cases"][name]  # the same bits on both
    assert_close(seen[0]["cases"][name], alone[name])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("batch norm", "ValueError: encoder.1 (BatchNorm1d) normalises over the rows of a batch"),
        (
            "dropout",
            "ValueError: LatentModel or Reconstruction draws random numbers beside those of model.chance",
        ),
        ("no chance", "TypeError: Silent does not say what it draws"),
        (
            "not gathered",
            "AttributeError: several processes gather log p(x|z) and the mean of evaluation.observation",
        ),
    ],
)
def test_what_cannot_be_shared_is_refused_by_both(name, said, seen):
    for each in seen:
        assert each["refused"][name].startswith(said)
    assert any(way in seen[0]["refused"][name] for way in ("without torchrun", "mean_over_rows = True"))


def test_processes_with_different_rows_are_told(seen):
    for each in seen:
        assert each["other rows"].startswith(
            "ValueError: all processes must be given the same, of which each then"
        )
        assert "process 1 got another X than process 0" in each["other rows"]


def test_what_fails_on_the_first_fails_on_all(seen):
    assert [each["first fails"] for each in seen] == ["ZeroDivisionError: division by zero"] * 2


def test_layers_in_shards_learn_what_whole_ones_do(seen):
    wanted = pair.plain_loop(shard=False)
    found = seen[0]["sharded"]  # the first process alone gets the whole weights
    torch.testing.assert_close(found["losses"], wanted["losses"], rtol=1e-5, atol=1e-5)
    for name, values in wanted["weights"].items():
        torch.testing.assert_close(
            torch.tensor(found["weights"][name]), torch.tensor(values), rtol=1e-4, atol=1e-5
        )
    n_whole = sum(torch.tensor(v).numel() for name, v in wanted["weights"].items())
    assert 0 < found["n_here"] < n_whole


def test_a_signal_to_one_is_answered_by_both_and_gone_on_from(seen, alone):
    assert [each["terminated"] for each in seen] == [{"code": 143, "steps": 2}] * 2
    assert seen[0]["went on"] == seen[0]["cases"]["elbo"]  # the same bits


def test_a_dead_process_ends_the_run_and_one_goes_on_alone(folder, seen, alone):
    lost = json.loads((folder / "lost.json").read_text())
    assert lost["said"].startswith(
        "process 0 of 2 lost another one: it has ended, or did not answer for 120 seconds"
    )
    assert lost["steps"] in (3, 4)
    assert lost["seconds"] < 120
    assert_close(pair.summary(*pair.kept(folder / "lost")), alone["elbo"])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_thread_of_the_engine_is_left(tmp_path):
    """One that outlives the interpreter may end the process with an abort."""
    codes, said = ended(tmp_path, "leaving")
    assert codes == [0, 0], said
    for rank in (0, 1):
        seen = json.loads((tmp_path / f"{rank}.json").read_text())
        assert seen["error"] == "no error"
        assert any("gloo" in name for name in seen["before"])
        assert not any("gloo" in name for name in seen["after"])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nor_where_the_other_one_has_died(tmp_path):
    codes, said = ended(tmp_path, "dying")
    assert codes == [0, -9], said
    seen = json.loads((tmp_path / "0.json").read_text())
    assert "lost another one" in seen["error"]
    assert not any("gloo" in name for name in seen["after"])
