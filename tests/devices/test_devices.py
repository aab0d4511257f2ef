"""On a graphics card that is not there all is as on the processor, and nothing is moved more often than it must be.

One process is started, whose torch has a device of its own (card.py); the same work is done here beside what it found.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from diabolo import load

from . import fits, runs, transfers, uses
from .rows import TABLE

pytestmark = pytest.mark.skipif(
    not hasattr(torch.utils.backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="needs a torch whose devices can be written in Python",
)
#: Seconds for the process, which takes about twenty; nothing here may hang.
LIMIT = 240
#: Largest difference, as a share of the largest value. float32 keeps 6e-8; an ordinary model has its gradients written
#: out on the processor and not on the card, so that sums are taken in another order, and Adam divides by them.
TOLERANCE = 5e-6
#: Weights with gradients near 0, whose sign is all that the first steps of Adam see.
LOOSER = {"network of the house": 2e-4}
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("card")


@pytest.fixture(scope="module")
def found(folder):
    """Let a process with a card do its work, and return what came of it."""
    path = os.pathsep.join([*(place for place in sys.path if place), str(HERE.parent)])
    done = subprocess.run(
        [sys.executable, "-m", f"{HERE.name}.child", str(folder)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return pickle.loads((folder / "found.pickle").read_bytes())


def differences(found, wanted, tolerance, where=""):
    """Yield where two nested values differ, and by how much."""
    if isinstance(found, dict) and "error" in found:
        yield f"{where}: {found['error']}"
    elif isinstance(wanted, dict):
        if found.keys() != wanted.keys():
            yield f"{where}: {sorted(found)} for {sorted(wanted)}"
        for name in wanted.keys() & found.keys():
            yield from differences(found[name], wanted[name], tolerance, f"{where}/{name}")
    elif isinstance(wanted, list) and any(isinstance(each, dict | str) for each in wanted):
        if len(found) != len(wanted):
            yield f"{where}: {len(found)} for {len(wanted)}"
        for i, (one, other) in enumerate(zip(found, wanted, strict=False)):
            yield from differences(one, other, tolerance, f"{where}/{i}")
    elif isinstance(wanted, str | None):
        if found != wanted:
            yield f"{where}: {found!r} for {wanted!r}"
    else:
        one, other = np.asarray(found, float), np.asarray(wanted, float)
        if one.shape != other.shape:
            yield f"{where}: the shape {one.shape} for {other.shape}"
        elif not np.allclose(
            one, other, rtol=0, atol=tolerance * np.abs(other).max(initial=0), equal_nan=True
        ):
            yield f"{where}: {np.nanmax(np.abs(one - other)):.2e} beside {np.nanmax(np.abs(other)):.2e}"


def assert_same(found, wanted):
    said = [
        line
        for name in wanted
        for line in differences(found[name], wanted[name], LOOSER.get(name, TOLERANCE), name)
    ]
    assert not said, "\n".join(said)


@pytest.mark.filterwarnings("ignore")
def test_every_fit_learns_on_the_card_what_it_learns_on_the_processor(found):
    assert_same(found["fits"], {name: fits.outcome(name, "cpu") for name in fits.CASES})


@pytest.mark.filterwarnings("ignore")
def test_every_use_gives_on_the_card_what_it_gives_on_the_processor(found):
    assert_same(found["uses"], {name: uses.outcome(name, "cpu") for name in uses.CASES})


@pytest.mark.filterwarnings("ignore")
def test_runs_go_on_on_the_card_as_on_the_processor(found, tmp_path):
    assert_same(found["runs"], {name: runs.outcome(name, "cpu", tmp_path) for name in runs.CASES})


def test_a_report_and_files_for_other_programs_are_written_from_the_card(found):
    assert found["runs"]["a_page"].get("bytes", 0) > 10_000, found["runs"]["a_page"]
    errors = found["runs"]["exports"]
    assert "torch" in errors, errors
    assert max(errors.values()) < 1e-5


def test_a_file_from_the_card_is_read_where_there_is_none(found, folder):
    with pytest.warns(UserWarning, match="was saved with device='card', which this machine lacks"):
        model = load(folder / "model.diabolo")
    np.testing.assert_allclose(model.transform(TABLE), found["runs"]["a_file"]["codes"], atol=1e-5)


def test_a_step_waits_for_the_card_once_and_an_epoch_sends_it_one_order(found):
    for name, passed in {**found["transfers"]["lean"], "pairs": found["transfers"]["pairs"]}.items():
        assert passed["steps"] >= 2, name
        assert (passed["reads"], passed["writes"]) == (passed["steps"], passed["epochs"]), name


def test_rows_that_are_read_in_blocks_go_to_the_card_batch_by_batch(found):
    passed = found["transfers"]["blocks"]
    assert passed["reads"] == passed["writes"] == passed["steps"]


def test_a_step_that_depends_on_its_own_numbers_waits_once_more(found):
    for name, passed in found["transfers"]["steered"].items():
        assert passed["reads"] <= 2 * passed["steps"], name
        assert passed["writes"] == passed["epochs"], name


def test_a_check_on_held_out_rows_waits_once(found):
    passed = found["transfers"]["held out"]  # no more rows than are judged at once
    assert (passed["reads"], passed["writes"]) == (passed["steps"] + passed["checks"], passed["epochs"])


def test_weights_worth_keeping_stay_on_the_card_in_a_run_that_goes_on(found):
    assert found["transfers"]["gone on"] == []


def test_rows_go_to_the_card_once_and_what_is_made_of_them_comes_back_once(found):
    assert found["transfers"]["used"] == {
        "transform": [1, 1],
        "inverse_transform": [1, 1],
        "sample": [1, 0],
        "sample, aggregate": [1, 0],
        "sample_codes": [1, 1],
    }


def test_the_count_sees_what_is_put_in(found):
    passed = found["transfers"]["looked for"]["a reading"]
    assert (passed["reads"], passed["writes"]) == (2 * passed["steps"], passed["epochs"])
    passed = found["transfers"]["looked for"]["noise from afar"]
    assert (passed["reads"], passed["writes"]) == (passed["steps"], passed["epochs"] + passed["steps"])


def test_the_card_refuses_what_a_graphics_card_does(found):
    for name, (_, wanted) in transfers.REFUSED.items():
        assert found["transfers"]["refused"][name].startswith(wanted), name


def test_the_card_allows_what_a_graphics_card_does(found):
    """What comes of it, how often it is waited for, and how often something is sent."""
    assert found["transfers"]["allowed"] == {
        "a number in a sum": [[2.0, 3.0, 4.0], 0, 0],
        "an index": [[2.0, 0.0], 0, 1],
        "a copy": [[1.0, 1.0, 1.0], 0, 1],
        "a copy back": [[0.0, 1.0, 2.0], 1, 0],
        "forced": [[0.0, 1.0, 2.0], 1, 0],
        "a mask": [[1.0, 2.0], 1, 0],
        "a decision": [False, 1, 0],
    }
