"""One process against two that share its batches; and two of which one is killed: ``python -m benchmarks.processes``.

Every fit is a program of its own, two of them started by torchrun on this machine. The first 12,800 images of MNIST
are learned from for one epoch, with the same seed, the same batches and the same held-out rows; then histories and
weights are compared. The clock is the wall's, with one thread for each process.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import diabolo
from benchmarks.ledger import Ledger, Row
from diabolo import priors
from diabolo.data import named
from diabolo.networks import MLP
from diabolo.objectives import AdversarialTotalCorrelation, TotalCorrelation
from diabolo.storage import read_model

N_ROWS = 12_800
LIMIT = 1800
COMMON = {"network": MLP((400,)), "max_epochs": 1}
ESTIMATORS: dict[str, Callable[..., Any]] = {
    "VAE": lambda **o: diabolo.VAE(20, likelihood="bernoulli", **o),
    "AE": lambda **o: diabolo.AutoEncoder(20, **o),
    "denoising": lambda **o: diabolo.DenoisingAutoEncoder(20, **o),
    "beta-TCVAE": lambda **o: diabolo.VAE(20, likelihood="bernoulli", objective=TotalCorrelation(6.0), **o),
    "FactorVAE": lambda **o: diabolo.VAE(
        20, likelihood="bernoulli", objective=AdversarialTotalCorrelation(10.0), **o
    ),
    "VampPrior": lambda **o: diabolo.VAE(20, likelihood="bernoulli", prior=priors.VampPrior(200), **o),
    "target_rate=10": lambda **o: diabolo.VAE(20, likelihood="bernoulli", target_rate=10.0, **o),
}
WANTED = "1e-4 over an epoch"


def fit(name: str, seed: int, folder: Path, every: float) -> None:
    """Fit in this process, with those that it was started with; the first one saves."""
    from diabolo.training import joined

    torch.set_num_threads(1)
    processes = joined()
    (folder / f"pid-{processes.rank}").write_text(str(os.getpid()))
    X = named("mnist", subset="train").X[:N_ROWS].reshape(N_ROWS, -1)
    estimator = ESTIMATORS[name](random_state=seed, **COMMON)
    kept = {"checkpoint_dir": folder / "checkpoints", "checkpoint_every": every} if every >= 0 else {}
    estimator.fit(X, **kept)
    if processes.is_first:
        estimator.save(folder / "model.diabolo")


def start(
    name: str, seed: int, folder: Path, n: int, every: float = -1.0, restarts: int = 0
) -> subprocess.Popen:
    """Start a fit in ``n`` processes."""
    folder.mkdir(exist_ok=True)
    (folder / "model.diabolo").unlink(missing_ok=True)
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
    said = (folder / "said").open("w")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DIABOLO_TIMEOUT": "120"}
    return subprocess.Popen([sys.executable, *program], env=environment, stdout=said, stderr=said)


def ended(process: subprocess.Popen, folder: Path) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    """Wait for a fit and return its weights and its history."""
    if process.wait(LIMIT):
        raise RuntimeError((folder / "said").read_text()[-2000:])
    tensors, spec = read_model(folder / "model.diabolo")
    return tensors, spec["fitted"]["history_"]


def compared(one: Any, two: Any) -> dict[str, float]:
    """Return the largest relative differences of the histories, and the largest difference of the weights."""
    (a, rows), (b, others) = one, two
    losses = [name for name in ("loss", "val_loss") if name in rows[0]]

    def off(names: list[str]) -> float:
        pairs = [(row[n], other[n]) for row, other in zip(rows, others, strict=True) for n in names]
        return max(abs(x - y) / max(abs(x), 1e-12) for x, y in pairs)

    shown = [n for n in rows[0] if n not in ("step", "epoch", "seconds", "learning_rate")]
    weights = max(float((a[n].double() - b[n].double()).abs().max()) for n in a)
    return {"loss_off": off(losses), "any_number_off": off(shown), "weights_off": weights}


def side_by_side(name: str, seed: int) -> dict[str, float]:
    """One process, then two."""
    with tempfile.TemporaryDirectory() as scratch:
        found = {}
        for n in (1, 2):
            folder = Path(scratch, str(n))
            found[n] = ended(start(name, seed, folder, n), folder)
        seconds = {f"seconds_of_{n}": rows[-1]["seconds"] for n, (_, rows) in found.items()}
        return {**compared(found[1], found[2]), **seconds}


def killed(seed: int, restarts: int) -> dict[str, float]:
    """Two processes, of which one is killed; the launcher starts both again, or somebody else two or one."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        whole, broken, alone = (Path(scratch, name) for name in ("whole", "broken", "alone"))
        wanted = ended(start("VAE", seed, whole, 2), whole)
        process = start("VAE", seed, broken, 2, every=0.0, restarts=restarts)
        step = chance.randrange(5, 70)
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
            return {**told, **seconds, "same_bits": float(same(found, wanted)), **compared(wanted, found)}
        process.wait(LIMIT)
        told["seconds_until_all_have_ended"] = time.monotonic() - now
        subprocess.run(["cp", "-r", str(broken), str(alone)], check=True)
        two = ended(start("VAE", seed, broken, 2, every=1e9), broken)
        one = ended(start("VAE", seed, alone, 1, every=1e9), alone)
        return {
            **told,
            "same_bits_by_two": float(same(two, wanted)),
            "loss_off_by_one": compared(wanted, one)["loss_off"],
            "weights_off_by_one": compared(wanted, one)["weights_off"],
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
        asked = parser.parse_args(sys.argv[2:])
        fit(asked.fit, asked.seed, asked.folder, asked.every)
    else:
        LEDGER.command(__doc__)
