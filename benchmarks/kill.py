"""Runs that are killed at random moments and resumed, against runs that were left alone: the same bits.

Each run is a process that trains with checkpoints as often as they can be written, so that a SIGKILL falls into
steps, checks, writing and reading alike. It is started again until it ends by itself; then weights, history (but
its seconds) and all else that the model's file holds are compared with those of a run without any checkpoint.

    python -m benchmarks.kill            # 20 kills
    python -m benchmarks.kill --kills 5 --seed 3
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import diabolo
from diabolo.cli import main as diabolo_command
from diabolo.networks import MLP
from diabolo.objectives import AdversarialTotalCorrelation
from diabolo.schedules import Controlled
from diabolo.storage import ModelFileError, read_model

X = np.random.default_rng(0).normal(size=(400, 4)) @ np.random.default_rng(1).normal(size=(4, 12))
SMALL = {"network": MLP((32,)), "max_epochs": 12, "batch_size": 32, "random_state": 0}
ESTIMATORS: dict[str, Callable[[], object]] = {
    "VAE": lambda: diabolo.VAE(3, **SMALL),
    "VAE, steered": lambda: diabolo.VAE(3, target_rate=2.0, **SMALL),
    "VAE, controlled": lambda: diabolo.VAE(3, beta=Controlled(2.0), **SMALL),
    "VAE, adversary": lambda: diabolo.VAE(3, objective=AdversarialTotalCorrelation(hidden=(16,)), **SMALL),
    "MultiRateVAE": lambda: diabolo.MultiRateVAE(3, **SMALL),
    "DenoisingAutoEncoder": lambda: diabolo.DenoisingAutoEncoder(3, **SMALL),
    "AutoEncoder, searched": lambda: diabolo.AutoEncoder(8, target_error=1.0, **SMALL),
}
WORDS = ["--network.hidden", "32", "--max-epochs", "3", "--batch-size", "32", "--no-report", "--quiet"]


def in_python(name: str, folder: Path, kept: bool) -> Path:
    """Fit and save; with checkpoints, if ``kept``."""
    where = {"checkpoint_dir": folder / "checkpoints", "checkpoint_every": 0.0} if kept else {}
    return ESTIMATORS[name]().fit(X, **where).save(folder / "model.diabolo")


def by_command(folder: Path, kept: bool) -> Path:
    """Fit from the command line, or resume what is there."""
    run = folder / "run"
    words = ["fit", str(folder.parent / "X.npy"), "--out", str(run), "--overwrite", *WORDS]
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
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a process and return how it ended: 0, its code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def reached(folder: Path) -> str:
    """Say how far the newest readable checkpoint is."""
    for path in sorted(folder.rglob("checkpoint-*.diabolo"), key=os.path.getmtime, reverse=True):
        with contextlib.suppress(ModelFileError, OSError):
            return f"step {read_model(path)[1]['state']['batches']['step']}"
    return "no step"


def same(one: Path, other: Path) -> bool:
    """Whether two model files are equal but for the seconds."""
    (a, spec_a), (b, spec_b) = read_model(one), read_model(other)
    for spec in (spec_a, spec_b):
        for row in spec["fitted"]["history_"]:
            row.pop("seconds")
    equal = a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    return equal and spec_a == spec_b


def main() -> int:
    """Kill, resume and compare; return 1 if a bit differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    chance = random.Random(asked.seed)
    kills, wrong = 0, []
    runs = [*ESTIMATORS, "diabolo fit"]
    with tempfile.TemporaryDirectory() as scratch:
        np.save(Path(scratch, "X.npy"), X)
        torch.set_num_threads(1)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            diabolo_command(
                ["fit", str(Path(scratch, "X.npy")), "--out", str(Path(scratch, "first")), *WORDS]
            )
        for number, name in enumerate(runs):
            wanted = asked.kills // len(runs) + (number < asked.kills % len(runs))

            def work(kind: str, name: str = name, number: int = number) -> Path:
                folder = Path(scratch, f"{number}-{kind}")
                folder.mkdir(exist_ok=True)
                kept = kind != "whole"
                return in_python(name, folder, kept) if name in ESTIMATORS else by_command(folder, kept)

            def found(kind: str, name: str = name, number: int = number) -> Path:
                return Path(scratch, f"{number}-{kind}", "" if name in ESTIMATORS else "run", "model.diabolo")

            assert ended(started(lambda work=work: work("whole"))) == 0
            begun = time.monotonic()
            assert ended(started(lambda work=work: work("timed"))) == 0
            seconds = time.monotonic() - begun
            places: list[str] = []
            for trial in range(
                100
            ):  # a run that ends before it is killed often enough is followed by another
                kind, code = f"broken-{trial}", -signal.SIGKILL
                while code == -signal.SIGKILL:
                    child = started(lambda work=work, kind=kind: work(kind))
                    if len(places) < wanted:
                        time.sleep(chance.uniform(0, seconds))
                        os.kill(child, signal.SIGKILL)
                    code = ended(child)
                    if code == -signal.SIGKILL:
                        places.append(reached(Path(scratch, f"{number}-{kind}")))
                if code or not same(found("whole"), found(kind)):
                    wrong.append(f"{name}: " + (f"ended with {code}" if code else "other bits"))
                if len(places) == wanted:
                    break
            kills += len(places)
            verdict = "OTHER BITS" if any(line.startswith(f"{name}:") for line in wrong) else "the same bits"
            said = f"killed {len(places)} times ({', '.join(places)}), ended {trial + 1} times"
            print(f"{name:22} {said}: {verdict}", flush=True)
    print(f"{kills} kills; {'; '.join(wrong) or 'every run ended with the same bits'}")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
