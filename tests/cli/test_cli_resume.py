"""A command that is broken off goes on where it was."""

import errno
import os
import signal

import numpy as np
import pytest

from diabolo import VAE
from diabolo.storage import FolderLock, read_model
from diabolo.training import Checkpoints

# three epochs of seven steps
WORDS = ("-d", "2", "--max-epochs", "3", "--network.hidden", "8", "--batch-size", "16", "--no-report")


@pytest.fixture(scope="module")
def whole(places, tmp_path_factory):
    from diabolo.cli import main

    run = tmp_path_factory.mktemp("whole") / "run"
    assert main(["fit", str(places / "images.npy"), "--out", str(run), "--quiet", *WORDS]) == 0
    return run


@pytest.fixture
def broken(typed, places, tmp_path):
    """A function that breaks a run off in tmp_path / "run" and returns what was said."""

    def break_off(do, step=13, *words):
        whole, calls = Checkpoints.after_step, []

        def after_step(self, state):
            calls.append(0)
            if len(calls) == step:
                do()
            whole(self, state)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Checkpoints, "after_step", after_step)
            return typed("fit", places / "images.npy", "--out", tmp_path / "run", *WORDS, *words)

    return break_off


def fail():
    raise RuntimeError("a bug")


def assert_same_weights(one, other):
    (a, _), (b, _) = (read_model(run / "model.diabolo") for run in (one, other))
    assert a.keys() == b.keys()
    assert all(a[name].equal(b[name]) for name in a)


def test_a_run_that_has_ended_holds_no_checkpoints(whole, typed):
    assert sorted(os.listdir(whole)) == ["config.json", "history.csv", "metrics.json", "model.diabolo"]
    said = typed("fit", "--resume", whole)
    assert said.code == 2
    assert "has ended, there is nothing to go on with" in said.err


def test_a_terminated_run_says_how_to_go_on_and_does(broken, whole, typed, tmp_path, monkeypatch):
    run = tmp_path / "run"
    said = broken(lambda: signal.raise_signal(signal.SIGTERM))
    assert said.code == 143
    assert said.err.splitlines()[-1] == f"diabolo: error: terminated; diabolo fit --resume {run} goes on"
    assert "diabolo fit --resume" in typed("info", run).err
    assert "--resume" in typed("fit", "digits", "--out", run).err
    monkeypatch.chdir(tmp_path)
    said = typed("fit", "--resume", run, "--no-report")
    assert said.code == 0, said.err
    assert f"wrote {run}" in said.out
    assert_same_weights(run, whole)
    assert (run / "metrics.json").read_bytes() == (whole / "metrics.json").read_bytes()
    assert not (run / "checkpoints").exists()


def test_an_interrupted_run_is_usable_and_goes_on(broken, whole, typed, places, tmp_path):
    run = tmp_path / "run"
    said = broken(lambda: signal.raise_signal(signal.SIGINT))
    assert said.code == 130
    assert f"--resume {run} goes on" in said.err
    assert typed("encode", run, places / "images.npy").code == 0
    assert typed("fit", "--resume", run, "--quiet", "--no-report").code == 0
    assert_same_weights(run, whole)


def test_an_error_keeps_the_checkpoints(broken, whole, typed, tmp_path):
    assert broken(fail, 13, "--checkpoint-every", "0").code == 1
    assert typed("fit", "--resume", tmp_path / "run", "--quiet", "--no-report").code == 0
    assert_same_weights(tmp_path / "run", whole)


def test_an_error_before_the_first_checkpoint_leaves_nothing(broken, tmp_path):
    assert broken(fail).code == 1
    assert not (tmp_path / "run").exists()


def test_a_disk_that_is_full_from_the_beginning_is_said_at_once(typed, places, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    said = typed("fit", places / "images.npy", "--out", tmp_path / "run", *WORDS)
    assert said.code == 2
    assert "the disk is full" in said.err
    assert not (tmp_path / "run").exists()


def test_resume_takes_the_options_of_its_run(broken, typed, places, tmp_path):
    run = tmp_path / "run"
    broken(fail, 13, "--checkpoint-every", "0")
    for words, sentence in {
        ("--out", tmp_path / "x"): "drop --out and --overwrite",
        ("--overwrite",): "drop --out and --overwrite",
        ("--config", run / "checkpoints" / "config.json"): "drop --config",
        ("-d", "3"): "holds the checkpoints of another run: n_components is 2 there and 3 here",
    }.items():
        said = typed("fit", "--resume", run, *words)
        assert said.code == 2
        assert sentence in said.err
    np.save(tmp_path / "other.npy", np.load(places / "images.npy")[::-1])
    assert "another run: X is " in typed("fit", tmp_path / "other.npy", "--resume", run).err
    assert "holds none" in typed("fit", "--resume", tmp_path / "nothing").err
    assert len(list((run / "checkpoints").glob("*.diabolo"))) == 2


def test_overwrite_begins_anew_but_not_under_a_run(broken, whole, typed, places, tmp_path):
    run = tmp_path / "run"
    broken(fail, 13, "--checkpoint-every", "0")
    words = ("fit", places / "images.npy", "--out", run, "--overwrite", "--quiet", *WORDS)
    lock = FolderLock(run / "checkpoints")
    said = typed(*words)
    assert said.code == 2
    assert f"in use by another run (process {os.getpid()})" in said.err
    assert len(list((run / "checkpoints").glob("*.diabolo"))) == 2
    lock.release()
    assert typed(*words).code == 0
    assert_same_weights(run, whole)


def test_nobody_trains_in_the_folder_of_a_run_that_measures(typed, places, tmp_path, monkeypatch):
    run, evaluate, said = tmp_path / "run", VAE.evaluate, []
    words = ("fit", places / "images.npy", "--out", run, *WORDS)

    def while_measuring(*args, **settings):
        if not said:
            said.extend([None, typed(*words, "--overwrite"), typed("fit", "--resume", run)])
        return evaluate(*args, **settings)

    monkeypatch.setattr(VAE, "evaluate", while_measuring)
    assert typed(*words).code == 0
    for other in said[1:]:
        assert other.code == 2
        assert f"in use by another run (process {os.getpid()})" in other.err
    assert not (run / "checkpoints").exists()
    assert (run / "metrics.json").exists()


def test_what_is_measured_and_drawn_belongs_to_the_run(broken, typed, whole, tmp_path, monkeypatch):
    """Killed while it is measured, a run is resumed from its end."""
    evaluate = VAE.evaluate
    monkeypatch.setattr(VAE, "evaluate", lambda *_, **__: fail())
    assert broken(lambda: None).code == 1
    monkeypatch.setattr(VAE, "evaluate", evaluate)
    monkeypatch.setattr(Checkpoints, "after_step", lambda *_: pytest.fail("trained again"))
    assert typed("fit", "--resume", tmp_path / "run", "--quiet", "--no-report").code == 0
    assert_same_weights(tmp_path / "run", whole)
