"""Runs that are killed at random moments and resumed, against runs that were left alone: the same bits.

    python -m benchmarks.kill                        # 20 kills of each kind
    python -m benchmarks.kill --rows DeepClustering --first-seed 3 --seeds 1

Each run is a process that trains with checkpoints as often as they can be written, so that a SIGKILL falls into
steps, checks, writing and reading alike. It is started again until it ends by itself; then weights, history (but
its seconds) and all else that the model's file holds are compared with those of a run without any checkpoint. The
exit code is 1 if a run of the table, kept ones among them, failed or ended with other bits.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import diabolo
from benchmarks.ledger import Ledger, Row
from diabolo.cli import main as diabolo_command
from diabolo.data import ArraySource
from diabolo.networks import MLP, Conv1d, Conv2d
from diabolo.objectives import AdversarialTotalCorrelation
from diabolo.schedules import Controlled
from diabolo.storage import ModelFileError, read_model
from diabolo.training import streamed

KILLS = 20
X = np.random.default_rng(0).normal(size=(400, 4)) @ np.random.default_rng(1).normal(size=(4, 12))
IMAGES = np.random.default_rng(2).random((200, 8, 8), dtype=np.float32)
SMALL: dict[str, Any] = {"max_epochs": 12, "batch_size": 32, "random_state": 0}
DENSE: dict[str, Any] = {"network": MLP((32,)), **SMALL}
ESTIMATORS: dict[str, Callable[[], Any]] = {
    "VAE": lambda: diabolo.VAE(3, **DENSE),
    "VAE, steered": lambda: diabolo.VAE(3, target_rate=2.0, **DENSE),
    "VAE, controlled": lambda: diabolo.VAE(3, beta=Controlled(2.0), **DENSE),
    "VAE, adversary": lambda: diabolo.VAE(3, objective=AdversarialTotalCorrelation(hidden=(16,)), **DENSE),
    "VAE, rows read in blocks": lambda: diabolo.VAE(3, **DENSE),
    "VAE, convolutional, images": lambda: diabolo.VAE(3, network=Conv2d((4, 8)), **SMALL),
    "AutoEncoder, convolutional, signals": lambda: diabolo.AutoEncoder(3, network=Conv1d((4,)), **SMALL),
    "AutoEncoder, searched": lambda: diabolo.AutoEncoder(8, target_error=1.0, **DENSE),
    "MultiRateVAE": lambda: diabolo.MultiRateVAE(3, **DENSE),
    "MixtureVAE": lambda: diabolo.MixtureVAE(3, n_components=3, **DENSE),
    "DenoisingAutoEncoder": lambda: diabolo.DenoisingAutoEncoder(3, **DENSE),
    "DeepClustering": lambda: diabolo.DeepClustering(
        3, max_epochs=4, max_iter=140, batch_size=32, random_state=0
    ),
}
WORDS = ["--network.hidden", "32", "--max-epochs", "3", "--batch-size", "32", "--no-report", "--quiet"]
COMMAND = "diabolo fit"


def rows_of(name: str) -> Any:
    """Return what a kind of model is fitted to; rows that are read come in ten blocks, two at a time in memory."""
    if name == "VAE, rows read in blocks":
        block_bytes = X.nbytes // 10
        streamed.POOL_BYTES = 2 * block_bytes
        return ArraySource(X, block_bytes=block_bytes)
    return IMAGES if name in {"VAE, convolutional, images", "DeepClustering"} else X


def in_python(name: str, folder: Path, kept: bool) -> Path:
    """Fit and save; with checkpoints, if ``kept``."""
    where = {"checkpoint_dir": folder / "checkpoints", "checkpoint_every": 0.0} if kept else {}
    return ESTIMATORS[name]().fit(rows_of(name), **where).save(folder / "model.diabolo")


def by_command(folder: Path, kept: bool) -> Path:
    """Fit from the command line, or resume what is there."""
    run = folder / "run"
    np.save(folder / "X.npy", X)
    words = ["fit", str(folder / "X.npy"), "--out", str(run), "--overwrite", *WORDS]
    if (run / "checkpoints" / "config.json").exists():
        words = ["fit", "--resume", str(run), "--quiet", "--no-report"]
    code = diabolo_command([*words, "--checkpoint-every", "0" if kept else "1e9"])
    if code:
        raise SystemExit(code)
    return run / "model.diabolo"


def started(work: Callable[[], object]) -> int:
    """Do the work in a process of its own and return its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        torch.set_num_threads(1)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            work()
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a process and return how it ended: 0, its code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_after(child: int, seconds: float) -> None:
    """Kill a process in so many seconds, unless it ends before."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)


def reached(folder: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    for path in folder.rglob("checkpoint-*.diabolo"):
        with contextlib.suppress(ModelFileError, OSError):
            read_model(path)
            return True
    return False


def same(one: Path, other: Path) -> bool:
    """Whether two model files are equal but for the seconds."""
    (a, spec_a), (b, spec_b) = read_model(one), read_model(other)
    equal = a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    return equal and _without_seconds(spec_a) == _without_seconds(spec_b)


def _without_seconds(spec: Any) -> Any:
    if isinstance(spec, dict):
        return {name: _without_seconds(value) for name, value in spec.items() if name != "seconds"}
    return [_without_seconds(value) for value in spec] if isinstance(spec, list) else spec


def killed(name: str, seed: int) -> dict[str, Any]:
    """Kill runs of one kind, resume each until it ends, and compare what it ends with."""
    chance = random.Random(f"{name} {seed}")

    def work(folder: Path, kept: bool = True) -> Path:
        folder.mkdir(exist_ok=True)
        return by_command(folder, kept) if name == COMMAND else in_python(name, folder, kept)

    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        model = Path("run/model.diabolo" if name == COMMAND else "model.diabolo")
        assert ended(started(lambda: work(place / "whole", False))) == 0
        begun = time.monotonic()
        assert ended(started(lambda: work(place / "timed"))) == 0
        seconds = time.monotonic() - begun
        kills = with_checkpoint = runs = wrong = 0
        while kills < KILLS:  # a run that ends before it is killed often enough is followed by another
            folder = place / f"broken-{runs}"
            code = -signal.SIGKILL
            while code == -signal.SIGKILL:
                child = started(partial(work, folder))
                if kills < KILLS:
                    kill_after(child, chance.uniform(0, seconds))
                code = ended(child)
                if code == -signal.SIGKILL:
                    kills += 1
                    with_checkpoint += reached(folder)
            runs += 1
            wrong += bool(code) or not same(place / "whole" / model, folder / model)
    return {
        "kills": kills,
        "of these after a checkpoint": with_checkpoint,
        "runs": runs,
        "runs with other bits": wrong,
    }


ROWS = [Row(name, partial(killed, name), "the same bits", seeds=1) for name in (*ESTIMATORS, COMMAND)]


if __name__ == "__main__":
    KEPT = Ledger("kills", ROWS, reads_data=False)
    KEPT.command(__doc__)
    raise SystemExit(any(entry["result"]["runs with other bits"] for entry in KEPT.entries()))
