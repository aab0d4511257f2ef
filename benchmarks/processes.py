"""One process against two that share its batches; and two of which one is killed: ``python -m benchmarks.processes``.

Every fit is a program of its own, two of them started by torchrun on this machine. The first 6,400 images of MNIST, or
12,800, are learned from for one epoch, with the same seed, the same batches and the same held-out rows; then the losses of the
history are compared, and weights where bits must agree. Beside an auto-encoder stands how far float32 is from float64 in
one process: training magnifies roundings, and the order of sums is one more. The clock is the wall's, with one thread for each process.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import diabolo
from benchmarks.ledger import Ledger, Row
from diabolo import priors
from diabolo.data import named
from diabolo.estimators import base
from diabolo.networks import MLP
from diabolo.objectives import TotalCorrelation
from diabolo.storage import read_model

N_ROWS, MORE_ROWS = 6_400, 12_800
LIMIT = 1800
COMMON = {"network": MLP((400,)), "max_epochs": 1}
ESTIMATORS: dict[str, Callable[..., Any]] = {
    "VAE": lambda **o: diabolo.VAE(20, likelihood="bernoulli", **o),
    "AE": lambda **o: diabolo.AutoEncoder(20, **o),
    "denoising": lambda **o: diabolo.DenoisingAutoEncoder(20, **o),
    "beta-TCVAE": lambda **o: diabolo.VAE(20, likelihood="bernoulli", objective=TotalCorrelation(6.0), **o),
    "VampPrior": lambda **o: diabolo.VAE(20, likelihood="bernoulli", prior=priors.VampPrior(200), **o),
}
AT_LENGTH = f", {MORE_ROWS:,} rows"
ESTIMATORS |= {f"{name}{AT_LENGTH}": ESTIMATORS[name] for name in ("VAE", "AE", "denoising")}
WANTED = "losses of an epoch to 1e-4"


def fit(name: str, seed: int, folder: Path, every: float, kinds: Sequence[str]) -> None:
    """Fit in this process, with those that it was started with; the first one saves.

    Of the ``kinds``, "single" computes in float32 and "double" in float64.
    """
    from diabolo.training import joined

    torch.set_num_threads(1)
    processes = joined()
    (folder / f"pid-{processes.rank}").write_text(str(os.getpid()))
    n_rows = MORE_ROWS if name.endswith(AT_LENGTH) else N_ROWS
    X = named("mnist", subset="train").X[:n_rows].reshape(n_rows, -1)
    kept = {"checkpoint_dir": folder / "checkpoints", "checkpoint_every": every} if every >= 0 else {}
    dtype_of = base.training_dtype
    for kind in kinds:
        base.training_dtype = (lambda _: torch.float64) if kind == "double" else dtype_of
        estimator = ESTIMATORS[name](random_state=seed, **COMMON).fit(X, **kept)
        if processes.is_first:
            estimator.save(folder / f"{kind}.diabolo")


def start(
    name: str, seed: int, folder: Path, n: int, *kinds: str, every: float = -1.0, restarts: int = 0
) -> subprocess.Popen:
    """Start fits in ``n`` processes."""
    folder.mkdir(exist_ok=True)
    program = ["-m", "benchmarks.processes", "--fit", name, str(seed), str(folder), str(every)]
    if n > 1:
        launcher = [
            "-m",
            "torch.distributed.run",
            "--nproc-per-node",
            str(n),
            "--max-restarts",
            str(restarts),
        ]
        program = [*launcher, "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", *program]
    program += kinds or ["single"]
    said = (folder / "said").open("w")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DIABOLO_TIMEOUT": "120"}
    return subprocess.Popen([sys.executable, *program], env=environment, stdout=said, stderr=said)


def ended(
    process: subprocess.Popen, folder: Path, kind: str = "single"
) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    """Wait for a fit and return its weights and its history."""
    if process.wait(LIMIT):
        raise RuntimeError((folder / "said").read_text()[-2000:])
    tensors, spec = read_model(folder / f"{kind}.diabolo")
    return tensors, spec["fitted"]["history_"]


def off(one: Any, two: Any) -> float:
    """Return the largest relative difference of the losses, of training and held-out rows, in the history."""
    pairs = [(a[n], b[n]) for a, b in zip(one[1], two[1], strict=True) for n in ("loss", "val_loss")]
    return max(abs(a - b) / abs(a) for a, b in pairs)


def side_by_side(name: str, seed: int) -> dict[str, float]:
    """One process, then two."""
    with tempfile.TemporaryDirectory() as scratch:
        one, two = (Path(scratch, n) for n in ("one", "two"))
        program = start(name, seed, one, 1, "single", "double")
        alone = {kind: ended(program, one, kind) for kind in ("single", "double")}
        program = start(name, seed, two, 2, "single", "double")
        pair = {kind: ended(program, two, kind) for kind in ("single", "double")}
        found = {
            "float64": off(alone["double"], pair["double"]),
            "float32": off(alone["single"], pair["single"]),
            "seconds of one": alone["single"][1][-1]["seconds"],
            "seconds of two": pair["single"][1][-1]["seconds"],
        }
        if name.startswith("AE"):  # which draws nothing: noise is another in another precision
            found["float32 against float64, one process"] = off(alone["double"], alone["single"])
        return found


def killed(seed: int, restarts: int) -> dict[str, float]:
    """Two processes, of which one is killed; the launcher starts both again, or somebody else two or one."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        whole, broken, alone = (Path(scratch, name) for name in ("whole", "broken", "alone"))
        wanted = ended(start("VAE", seed, whole, 2), whole)
        process = start("VAE", seed, broken, 2, every=0.0, restarts=restarts)
        step = chance.randrange(5, 35)
        while len(list(broken.glob("checkpoints/checkpoint-*"))) < 2 or reached(broken) < step:
            time.sleep(0.02)
            if process.poll() is not None:
                raise RuntimeError((broken / "said").read_text()[-2000:])
        victim, now = chance.randrange(2), time.monotonic()
        os.kill(int((broken / f"pid-{victim}").read_text()), signal.SIGKILL)
        told = {"step": step, "victim": victim}
        if restarts:
            found = ended(process, broken)
            seconds = {"seconds_with_restart": time.monotonic() - now}
            return {**told, **seconds, "same_bits": float(same(found, wanted))}
        process.wait(LIMIT)
        told["seconds_until_all_have_ended"] = time.monotonic() - now
        subprocess.run(["cp", "-r", str(broken), str(alone)], check=True)
        two = ended(start("VAE", seed, broken, 2, every=1e9), broken)
        one = ended(start("VAE", seed, alone, 1, every=1e9), alone)
        return {
            **told,
            "same_bits_by_two": float(same(two, wanted)),
            "loss_off_by_one": off(wanted, one),
        }


def reached(folder: Path) -> int:
    """Return the number of the newest checkpoint, which is the step."""
    return max(int(path.stem.rpartition("-")[2]) for path in folder.glob("checkpoints/checkpoint-*"))


def same(one: Any, two: Any) -> bool:
    """Whether weights are equal to the last bit."""
    return all(torch.equal(one[0][name], two[0][name]) for name in one[0])


ROWS = [
    *(Row(name, lambda seed, name=name: side_by_side(name, seed), WANTED) for name in ESTIMATORS),
    Row(
        "one of two is killed", lambda seed: killed(seed, 0), "ends; two resume to the same bits, one to 1e-4"
    ),
    Row("one of two is killed, --max-restarts 1", lambda seed: killed(seed, 1), "ends with the same bits"),
]
LEDGER = Ledger("processes", ROWS)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--fit"]:
        parser = argparse.ArgumentParser()
        for name, kind in {"fit": str, "seed": int, "folder": Path, "every": float}.items():
            parser.add_argument(name, type=kind)
        parser.add_argument("kinds", nargs="+")
        asked = parser.parse_args(sys.argv[2:])
        fit(asked.fit, asked.seed, asked.folder, asked.every, asked.kinds)
    else:
        LEDGER.command(__doc__)
