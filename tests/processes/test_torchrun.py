"""The command line under torchrun: one voice, one folder, and a restart by the launcher."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from diabolo.cli import main
from diabolo.storage import read_model

from .test_pair import LIMIT, environment

WORDS = (
    "-d",
    "2",
    "--max-epochs",
    "3",
    "--network.hidden",
    "8",
    "--batch-size",
    "16",
    "--no-report",
    "--json",
)


def test_a_launcher_starts_a_run_again_that_ends_as_if_nothing_had_happened(tmp_path, capsys):
    np.save(tmp_path / "X.npy", np.random.default_rng(0).normal(size=(80, 6)))
    words = ["fit", str(tmp_path / "X.npy"), *WORDS, "--checkpoint-every", "0", "--out"]
    assert main([*words, str(tmp_path / "one")]) == 0
    wanted = json.loads(capsys.readouterr().out)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1"]
    where = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    dying = str(Path(__file__).with_name("dying.py"))
    run = tmp_path / "two"
    done = subprocess.run(
        [*launcher, *where, dying, "6", *words, str(run)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lost = [
        line for line in done.stderr.splitlines() if line.startswith("diabolo: error: process 0 of 2 lost")
    ]
    assert not lost or lost[0].endswith(
        f"; diabolo fit --resume {run} goes on"
    )  # unless it was ended before it spoke
    assert done.stderr.count("rows to learn from") == 2  # once for each attempt
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["metrics"]["elbo"] == pytest.approx(wanted["metrics"]["elbo"], rel=1e-5)
    assert sorted(os.listdir(run)) == ["config.json", "history.csv", "metrics.json", "model.diabolo"]
    (a, spec_a), (b, spec_b) = (read_model(folder / "model.diabolo") for folder in (tmp_path / "one", run))
    for name in a:
        np.testing.assert_allclose(a[name].numpy(), b[name].numpy(), rtol=1e-3, atol=1e-5)
    steps = [[row["step"] for row in spec["fitted"]["history_"]] for spec in (spec_a, spec_b)]
    assert steps[0] == steps[1]  # the whole history, from before the restart too


@pytest.mark.parametrize("command", ["sweep", "cluster"])
def test_commands_of_one_process_say_so(command, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main([command, "digits"]) == 2
    assert f"diabolo {command} trains in one process, and several were started" in capsys.readouterr().err


def test_a_process_that_follows_says_what_is_unexpected_and_nothing_else(monkeypatch, capsys):
    for name, value in {"WORLD_SIZE": "2", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert main(["fit", "no-such-file.npy"]) == 2
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(importlib.import_module("diabolo.cli.main"), "_run", lambda words: 1 / 0)
    assert main(["fit"]) == 1
    assert "diabolo: error in process 1: unexpected ZeroDivisionError" in capsys.readouterr().err
