"""A run is never lost: broken off in any way, it goes on to the same bits."""

import errno
import os
import random
import signal
import threading
import time
import warnings
from functools import partial

import numpy as np
import pytest
import torch

from diabolo import (
    VAE,
    AutoEncoder,
    CheckpointWarning,
    DeepClustering,
    DenoisingAutoEncoder,
    InterruptedWarning,
    MultiRateVAE,
)
from diabolo.corruptions import Gaussian
from diabolo.estimators import first_centres
from diabolo.networks import MLP, Conv2d
from diabolo.objectives import AdversarialTotalCorrelation, TotalCorrelation
from diabolo.schedules import Controlled
from diabolo.storage import FolderLock, ModelFileError
from diabolo.training import Checkpoints

X = np.random.default_rng(0).normal(size=(150, 6))
SMALL = {"network": MLP((8,)), "max_epochs": 5, "batch_size": 32, "random_state": 0}


class Killed(BaseException):
    """What nobody catches."""


def vae(**params):
    return VAE(2, **{**SMALL, **params})


def kill(*_):
    raise Killed


def after(patch, step, do):
    """Do something at the end of a step, before anything is written."""
    whole, calls = Checkpoints.after_step, []

    def after_step(self, state):
        calls.append(0)
        if len(calls) == step:
            do()
        whole(self, state)

    patch.setattr(Checkpoints, "after_step", after_step)


def broken_off(estimator, folder, step=13, do=kill, every=0.0, X=X, **more):
    with pytest.MonkeyPatch.context() as patch:
        after(patch, step, do)
        with pytest.raises(Killed):
            estimator.fit(X, checkpoint_dir=folder, checkpoint_every=every, **more)
    return folder


def assert_same(one, other):
    a, b = one.model_.state_dict(), other.model_.state_dict()
    assert all(a[name].equal(b[name]) for name in a)
    for name in ("seed_", "stopped_", "best_step_", "n_steps_", "n_iter_", "choices_"):
        assert getattr(one, name) == getattr(other, name)
    assert told(one) == told(other)
    if hasattr(one, "_aggregate"):
        assert one._aggregate.equal(other._aggregate)


def told(estimator):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in estimator.history_]


@pytest.mark.filterwarnings("ignore::diabolo.TargetWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda: vae(),
        lambda: vae(early_stopping=False, likelihood="gaussian"),
        lambda: vae(target_rate=1.0),
        lambda: vae(beta=Controlled(1.0)),
        lambda: vae(objective=AdversarialTotalCorrelation(hidden=(8,))),
        lambda: vae(objective=TotalCorrelation()),
        lambda: MultiRateVAE(2, **SMALL),
        lambda: DenoisingAutoEncoder(2, **SMALL),
        lambda: AutoEncoder(2, n_iter_no_change=2, **SMALL),
    ],
)
def test_a_broken_run_goes_on_to_the_same_bits(make, tmp_path):
    whole = make().fit(X)
    broken_off(make(), tmp_path)
    assert len(list(tmp_path.glob("*.diabolo"))) == 2
    assert_same(make().fit(X, checkpoint_dir=tmp_path), whole)
    with pytest.MonkeyPatch.context() as patch:  # an ended run is read back
        after(patch, 1, lambda: pytest.fail("trained again"))
        assert_same(make().fit(X, checkpoint_dir=tmp_path), whole)


@pytest.mark.parametrize("step", [1, 2, 4, 5, 20])
def test_at_any_place_of_the_epoch(step, tmp_path):
    whole = vae().fit(X)
    broken_off(vae(), tmp_path, step)
    assert_same(vae().fit(X, checkpoint_dir=tmp_path), whole)


def test_moments_of_convolutions_have_the_layout_of_their_weights(tmp_path):
    images = X[:, :1, None] + np.random.default_rng(1).normal(size=(150, 12, 12))
    make = partial(vae, network=Conv2d((4, 8)), max_epochs=2)
    whole = make().fit(images)
    broken_off(make(), tmp_path, 5, X=images)
    assert_same(make().fit(images, checkpoint_dir=tmp_path), whole)


def test_pairs_of_noisy_rows_and_given_held_out_rows(tmp_path):
    more = {"X_noisy": X + 0.1, "X_val": X[:30] + 0.01}
    whole = DenoisingAutoEncoder(2, **SMALL).fit(X, **more)
    broken_off(DenoisingAutoEncoder(2, **SMALL), tmp_path, **more)
    assert_same(DenoisingAutoEncoder(2, **SMALL).fit(X, checkpoint_dir=tmp_path, **more), whole)
    with pytest.raises(ValueError, match=r"another run: X_noisy is '150x6 \w+' there and None here"):
        DenoisingAutoEncoder(2, **SMALL).fit(X, X_val=more["X_val"], checkpoint_dir=tmp_path)


def test_a_run_without_a_seed_keeps_the_one_that_it_drew(tmp_path):
    first = vae(random_state=None)
    broken_off(first, tmp_path)
    again = vae(random_state=None).fit(X, checkpoint_dir=tmp_path)
    assert again.seed_ == first.seed_
    state = np.random.RandomState(first.seed_)
    with pytest.raises(ValueError, match="random_state is None there and 0 here"):
        vae().fit(X, checkpoint_dir=tmp_path)
    assert_same(vae(random_state=state).fit(X, checkpoint_dir=tmp_path), again)


def test_a_warm_start_goes_on_from_the_same_weights_only(tmp_path):
    whole, broken, other = (vae(warm_start=True, random_state=seed).fit(X) for seed in (0, 0, 1))
    path = broken.save(tmp_path / "first.diabolo")
    whole.fit(X)
    broken_off(broken, tmp_path / "c")
    from diabolo import load

    assert_same(load(path).set_params(warm_start=True).fit(X, checkpoint_dir=tmp_path / "c"), whole)
    with pytest.raises(ValueError, match=r"random_state is 0 there and 1 here"):
        other.fit(X, checkpoint_dir=tmp_path / "c")
    with pytest.raises(ValueError, match=r"weights is '\w+' there and '\w+' here"):
        load(path).partial_fit(X).set_params(warm_start=True).fit(X, checkpoint_dir=tmp_path / "c")


@pytest.mark.parametrize(("step", "n_init"), [(13, 1), (26, 1), (38, 1), (60, 2)])
def test_each_stage_and_restart_of_a_clustering_goes_on(step, n_init, tmp_path):
    def make(seed=0):
        more = {"max_iter": 20, "refresh_every": 8, "tol": 0.0, "n_init": n_init}
        return DeepClustering(3, **{**SMALL, "random_state": seed, **more})

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # clusters without rows
        whole = make().fit(X)
        broken_off(make(), tmp_path, step)
        again = make().fit(X, checkpoint_dir=tmp_path)
    assert_same(again, whole)
    assert (again.labels_ == whole.labels_).all()
    assert again.restarts_ == whole.restarts_
    match = "another run: random_state is 0" if n_init == 1 else "random_state must be a whole number"
    with pytest.raises(ValueError, match=match):
        make(1 if n_init == 1 else None).fit(X, checkpoint_dir=tmp_path)


@pytest.mark.parametrize(("step", "starts"), [(13, 1), (38, 0)])
def test_a_graph_that_the_checkpoint_knows_is_not_made_again(step, starts, tmp_path, monkeypatch):
    rows = np.concatenate([X[:70], X[70:] + 2])

    def make():
        return DeepClustering(2, init="graph", **{**SMALL, "max_iter": 20, "tol": 0.0})

    whole = make().fit(rows)
    broken_off(make(), tmp_path, step, X=rows)
    linked, calls = first_centres.graph_clusters, []
    monkeypatch.setattr(first_centres, "graph_clusters", lambda *args: calls.append(args) or linked(*args))
    again = make().fit(rows, checkpoint_dir=tmp_path)
    assert len(calls) == starts
    assert_same(again, whole)
    np.testing.assert_array_equal(again.label_distributions_, whole.label_distributions_)


def test_a_search_for_the_dimension_goes_on(tmp_path):
    def make():
        return AutoEncoder(6, target_error=1.2, **SMALL)

    whole = make().fit(X)
    broken_off(make(), tmp_path, 30)
    again = make().fit(X, checkpoint_dir=tmp_path)
    assert_same(again, whole)
    assert again.error_curve_.error.tolist() == whole.error_curve_.error.tolist()
    with pytest.raises(ValueError, match="random_state must be a whole number where target_error"):
        make().set_params(random_state=None).fit(X, checkpoint_dir=tmp_path)


@pytest.mark.parametrize(
    ("other", "rows", "difference"),
    [
        (vae(max_epochs=9), X, "max_epochs is 5 there and 9 here"),
        (vae(network=MLP((9,))), X, r"network.params.hidden is \[8\] there and \[9\] here"),
        (AutoEncoder(2, **SMALL), X, "estimator is 'VAE' there and 'AutoEncoder' here"),
        (vae(), X[:-1], "X is '150x6 .* there and '149x6 .* here"),
        (vae(), X.astype(np.float32), "X is '150x6 .* there and '150x6 .* here"),
    ],
)
def test_another_run_is_refused(other, rows, difference, tmp_path):
    broken_off(vae(), tmp_path, 3)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.diabolo")}
    with pytest.raises(
        ValueError, match=f"holds the checkpoints of another run: {difference}.*folder of its own"
    ):
        other.fit(rows, checkpoint_dir=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.glob("*.diabolo")} == before
    vae(verbose=1).fit(X, checkpoint_dir=tmp_path)


def test_arguments_that_mean_nothing(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "in"):
        with pytest.raises(ValueError, match="checkpoint_dir must be a folder"):
            vae().fit(X, checkpoint_dir=folder)
    with pytest.raises(ValueError, match="checkpoint_dir must be the path of a folder, or None, got 3"):
        vae().fit(X, checkpoint_dir=3)
    with pytest.raises(ValueError, match="checkpoint_every must be a number of seconds"):
        vae().fit(X, checkpoint_every=-1)
    assert (tmp_path / "file").read_text() == "mine"


# -- damage --------------------------------------------------------------------------------------


def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path):
    whole = vae().fit(X)
    broken_off(vae(), tmp_path)
    _, newest = sorted(tmp_path.glob("*.diabolo"))
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    with pytest.warns(CheckpointWarning, match="newest checkpoint cannot be read .*damaged.*the one before"):
        again = vae().fit(X, checkpoint_dir=tmp_path)
    assert_same(again, whole)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae().fit(X, checkpoint_dir=tmp_path)


def test_two_damaged_checkpoints_are_refused(tmp_path):
    for path in broken_off(vae(), tmp_path).glob("*.diabolo"):
        path.write_bytes(b"")
    with pytest.raises(ModelFileError, match="none that can be read .*remove the folder to begin anew"):
        vae().fit(X, checkpoint_dir=tmp_path)
    assert len(list(tmp_path.glob("*.diabolo"))) == 2


# -- the disk ------------------------------------------------------------------------------------


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_warned_of_once_and_ends_nothing(tmp_path):
    whole, kept = vae().fit(X), {}

    def fill():
        kept.update({path: path.read_bytes() for path in tmp_path.glob("*.diabolo")})
        patch.setattr(os, "fsync", full)

    with pytest.MonkeyPatch.context() as patch:
        after(patch, 13, fill)
        with pytest.warns(CheckpointWarning, match="disk is full") as record:
            model = vae().fit(X, checkpoint_dir=tmp_path, checkpoint_every=0)
    assert_same(model, whole)
    assert len(record) == 1
    assert {path: path.read_bytes() for path in tmp_path.glob("*.diabolo")} == kept
    assert len(kept) == 2
    assert list(tmp_path.glob("*.tmp")) == []
    assert_same(vae().fit(X, checkpoint_dir=tmp_path), whole)


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path, monkeypatch):
    def read_only(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(
        OSError, match=r"cannot keep checkpoints in .*c: Read-only .*; give a folder"
    ) as caught:
        vae().fit(X, checkpoint_dir=tmp_path / "c")
    assert caught.value.errno == errno.EROFS


def test_half_of_a_file_is_cleared_away(tmp_path):
    (tmp_path / ".diabolo-0123.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"mine")
    vae().fit(X, checkpoint_dir=tmp_path)
    assert [path.name for path in tmp_path.glob("*.tmp")] == ["mine.tmp"]


# -- two runs in one folder ----------------------------------------------------------------------


def test_two_runs_in_one_folder_are_refused(tmp_path):
    lock = FolderLock(tmp_path)
    with pytest.raises(
        BlockingIOError, match=rf"in use by another run \(process {os.getpid()}\).*another folder"
    ):
        vae().fit(X, checkpoint_dir=tmp_path)
    lock.release()
    vae().fit(X, checkpoint_dir=tmp_path)
    FolderLock(tmp_path).release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_lock_of_a_dead_process_is_nobodys(tmp_path):
    child = os.fork()
    if not child:
        FolderLock(tmp_path)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / "lock").read_text() == f"{child}\n"
    FolderLock(tmp_path).release()
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_was_forked_meanwhile_does_not_keep_the_lock(tmp_path):
    lock = FolderLock(tmp_path)
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    try:
        lock.release()
        FolderLock(tmp_path).release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


# -- signals and clocks --------------------------------------------------------------------------


def test_clocks_that_jump_change_nothing(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "time", lambda: random.uniform(-1e9, 1e9))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    written = []
    whole = Checkpoints.write
    monkeypatch.setattr(Checkpoints, "write", lambda self, state: (written.append(0), whole(self, state)))

    def tick():
        now[0] += 60.0

    after(monkeypatch, 13, tick)
    model = vae().fit(X, checkpoint_dir=tmp_path)
    assert len(written) == 2  # after the minute, and at the end
    seconds = [row["seconds"] for row in model.history_]
    assert sorted(seconds) == seconds


def test_sigterm_writes_a_checkpoint_and_ends_the_process(tmp_path):
    whole, handler = vae().fit(X), signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        after(patch, 13, lambda: signal.raise_signal(signal.SIGTERM))
        with (
            pytest.warns(InterruptedWarning, match="SIGTERM ended the training: it is kept in .* goes on"),
            pytest.raises(SystemExit) as caught,
        ):
            vae().fit(X, checkpoint_dir=tmp_path)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is handler
    assert len(list(tmp_path.glob("*.diabolo"))) == 1
    FolderLock(tmp_path).release()
    assert_same(vae().fit(X, checkpoint_dir=tmp_path), whole)


def test_a_handler_of_the_users_own_is_called(tmp_path):
    heard, before = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with pytest.MonkeyPatch.context() as patch:
            after(patch, 13, lambda: signal.raise_signal(signal.SIGTERM))
            assert vae().fit(X, checkpoint_dir=tmp_path).stopped_ == "budget"
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_ctrl_c_keeps_the_model_and_a_checkpoint(tmp_path):
    whole = vae().fit(X)
    with pytest.MonkeyPatch.context() as patch:
        after(patch, 13, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.warns(
            InterruptedWarning, match="step 13; the model is usable .* goes on from the checkpoints"
        ):
            broken = vae().fit(X, checkpoint_dir=tmp_path)
    assert broken.stopped_ == "interrupted"
    assert np.isfinite(broken.transform(X)).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert_same(vae().fit(X, checkpoint_dir=tmp_path), whole)


def test_a_second_ctrl_c_does_not_wait_for_the_step(tmp_path):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("waited")

    with pytest.MonkeyPatch.context() as patch:
        after(patch, 13, twice)
        with pytest.warns(InterruptedWarning):
            model = vae().fit(X, checkpoint_dir=tmp_path)
    assert model.stopped_ == "interrupted"
    assert list(tmp_path.glob("*.diabolo")) == []


def test_other_threads_hear_no_signals_and_keep_checkpoints(tmp_path):
    thread = threading.Thread(target=lambda: vae().fit(X, checkpoint_dir=tmp_path))
    thread.start()
    thread.join()
    assert len(list(tmp_path.glob("*.diabolo"))) == 1


# -- kill -9 -------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kill_9_at_a_random_moment(seed, tmp_path):
    """As python -m benchmarks.kill, which does it twenty times and to more kinds of models."""
    whole = vae().fit(X)
    child = os.fork()
    if not child:
        try:
            torch.set_num_threads(1)
            vae().fit(X, checkpoint_dir=tmp_path, checkpoint_every=0)
            os._exit(0)
        finally:
            os._exit(1)
    wanted = random.Random(seed).randint(1, 12)
    while not any(int(path.stem[11:]) >= wanted for path in tmp_path.glob("*.diabolo")):
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert_same(vae().fit(X, checkpoint_dir=tmp_path), whole)


def test_a_clustering_that_is_interrupted_keeps_its_best_whole_restart_and_says_so(tmp_path):
    settings = {**SMALL, "max_iter": 20, "refresh_every": 8, "tol": 0.0}
    whole = DeepClustering(3, n_init=3, **settings)
    steps = 5 * 5 + 20  # of a restart: five epochs of five steps, then twenty
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        after(patch, steps + 3, lambda: signal.raise_signal(signal.SIGINT))
        broken = DeepClustering(3, n_init=3, **settings).fit(X, checkpoint_dir=tmp_path)
    assert broken.stopped_ == "interrupted"
    assert len(broken.restarts_) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.fit(X)
        again = DeepClustering(3, n_init=3, **settings).fit(X, checkpoint_dir=tmp_path)
    assert again.restarts_ == whole.restarts_
    assert_same(again, whole)


def test_held_out_rows_beside_pairs_are_judged_with_noise():
    """Their noisy versions are not given: the corruption makes them, and what is clean is told apart from them."""
    losses = []
    for scale in (1e-6, 5.0):
        model = DenoisingAutoEncoder(2, corruption=Gaussian(scale), **{**SMALL, "max_epochs": 1})
        losses.append(model.fit(X, X_noisy=X, X_val=X).history_[-1]["val_loss"])
    assert losses[1] > 1.05 * losses[0]


def test_steps_of_a_clustering_are_counted_from_the_first_stage(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        after(patch, 5 * 5 + 3, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.warns(InterruptedWarning, match="interrupted at step 28; .*weights of step"):
            broken = DeepClustering(3, **SMALL, max_iter=20).fit(X, checkpoint_dir=tmp_path)
    assert broken.n_steps_ == 28
    assert broken.restarts_[0].n_steps == 3
