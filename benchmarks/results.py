"""Published numbers on binarised MNIST, reproduced: ``python -m benchmarks.results --tier cpu``.

Set DIABOLO_DATA to the folder with mnist_train.npz, mnist_test.npz and mnist_static_binarized.npz.
Nats per image, importance-weighted with the K printed beside each number. "Static" is the fixed
binarisation of Larochelle and Murray with its own split (50,000 / 10,000 / 10,000). "Dynamic"
redraws the training rows at every step and scores test rows binarised once, with the seed of the
run. Burda's rows train on 59,600 rows and hold 400 out; the gated rows train on the first 50,000
and hold the last 10,000 out. Nothing is selected on test rows. Trained models are kept beside the
measurements and trained no second time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ledger import FOLDER, Ledger, Row
from diabolo import VAE, load
from diabolo.data import binarise
from diabolo.likelihoods import Bernoulli
from diabolo.networks import MLP
from diabolo.objectives import ImportanceWeighted
from diabolo.priors import VampPrior
from diabolo.schedules import Linear

SCORED = 10_000


@cache
def static() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training, held-out and test rows of the fixed binarisation."""
    with np.load(Path(os.environ["DIABOLO_DATA"], "mnist_static_binarized.npz")) as file:
        train, valid, test = (
            np.unpackbits(file[f"{name}_packed"], axis=1, count=784).astype(np.float32)
            for name in ("train", "valid", "test")
        )
    return train, valid, test


@cache
def grey(n_valid: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return grey training rows, held-out ones (the last of the training file) and test rows."""
    from diabolo.data import named

    train, test = (named("mnist", subset=subset).X.reshape(-1, 784) for subset in ("train", "test"))
    return train[:-n_valid], train[-n_valid:], test


def trained(name: str, seed: int, make: Callable[[], VAE]) -> tuple[VAE, float]:
    """Return the model of that name and its minutes of training, from the file if there is one."""
    folder = FOLDER / "models"
    folder.mkdir(parents=True, exist_ok=True)
    path, clock = folder / f"{name}-{seed}.diabolo", folder / f"{name}-{seed}.minutes"
    if path.exists():
        return load(path), float(clock.read_text())
    start = time.perf_counter()
    vae = make()
    minutes = (time.perf_counter() - start) / 60
    clock.write_text(str(minutes))
    vae.save(path)
    return vae, minutes


def judged(vae: VAE, test: np.ndarray, minutes: float, *, n_draws: int = 5000) -> dict[str, Any]:
    """Return minus the log-likelihood of test rows and what stands beside it."""
    start = time.perf_counter()
    estimate = vae.estimate_likelihood(test[:SCORED], n_draws=n_draws)
    scoring = (time.perf_counter() - start) / 60
    record = vae.evaluate(test[:SCORED], n_draws=10)
    return {
        "nll": -estimate.mean,
        "nll_se_rows": estimate.standard_error_rows,
        "nll_se_monte_carlo": estimate.standard_error_draws,
        "K": n_draws,
        "rows_with_k_above_0.7": len(estimate.unreliable_rows()),
        "negative_elbo": -record.elbo,
        "rate": record.rate,
        "active_units": record.active_units,
        "minutes": minutes,
        "scoring_minutes": scoring,
    }


def static_400(seed: int) -> dict[str, Any]:
    train, valid, test = static()

    def make() -> VAE:
        vae = VAE(40, network=MLP((400,)), likelihood="bernoulli", max_epochs=60, random_state=seed)
        return vae.fit(train, X_val=valid)

    vae, minutes = trained("static-400-40", seed, make)
    at_200 = -float(vae.score_samples(test[:SCORED], n_draws=200).mean())
    return {"nll_200": at_200, **judged(vae, test, minutes)}


def burda(seed: int) -> tuple[VAE, float]:
    """The VAE with two tanh layers of 200 and 50 codes, on rows binarised anew at every step."""
    train, valid, _ = grey(400)

    def make() -> VAE:
        vae = VAE(
            50,
            network=MLP((200, 200), activation="tanh"),
            likelihood=Bernoulli(binarise=True),
            max_epochs=300,
            learning_rate=2e-3,
            random_state=seed,
        )
        return vae.fit(train, X_val=binarise(valid, seed))

    return trained("burda", seed, make)


def burda_row(seed: int) -> dict[str, Any]:
    vae, minutes = burda(seed)
    return judged(vae, binarise(grey(400)[2], seed), minutes)


def tightened(n_draws: int, max_epochs: int, seed: int) -> dict[str, Any]:
    """Burda's VAE, trained on with the importance-weighted bound of ``n_draws`` draws."""
    train, valid, test = grey(400)

    def make() -> VAE:
        vae = burda(seed)[0]
        vae.set_params(
            objective=ImportanceWeighted(n_draws), warm_start=True, max_epochs=max_epochs, learning_rate=1e-3
        )
        return vae.fit(train, X_val=binarise(valid, seed))

    vae, minutes = trained(f"iwae-{n_draws}", seed, make)
    return judged(vae, binarise(test, seed), minutes)


def gated(prior: Any, data: str, max_epochs: int, seed: int) -> dict[str, Any]:
    """Two gated layers of 300, 40 codes, a warm-up of beta, and a prior."""
    train, valid, test = static() if data == "static" else grey(10_000)

    def make() -> VAE:
        vae = VAE(
            40,
            beta=Linear(share=0.25),
            network=MLP((300, 300), activation="gated"),
            likelihood=Bernoulli(binarise=data == "dynamic"),
            prior=prior,
            max_epochs=max_epochs,
            batch_size=128 if prior == "standard_normal" else 256,
            learning_rate=1e-3,
            random_state=seed,
        )
        return vae.fit(train, X_val=valid if data == "static" else binarise(valid, seed))

    label = prior if isinstance(prior, str) else type(prior).__name__.lower()
    vae, minutes = trained(f"gated-{data}-{label}", seed, make)
    return judged(vae, test if data == "static" else binarise(test, seed), minutes)


ROWS = [
    Row("static, VAE 400-40", static_400, "<= 90.3 (stretch 88.7)"),
    Row("dynamic, VAE 200-200-50 tanh (Burda)", burda_row, "<= 88.2 (86.7), 17 to 23 active units"),
    Row(
        "dynamic, gated 300-300-40, warm-up",
        lambda seed: gated("standard_normal", "dynamic", 150, seed),
        "<= 85.0 (84.3)",
        seeds=1,
    ),
    Row("dynamic, IWAE-5 from that VAE", lambda seed: tightened(5, 100, seed), "<= 86.3 (85.5)", seeds=1),
    Row(
        "dynamic, gated 300-300-40 + VampPrior",
        lambda seed: gated(VampPrior(500), "dynamic", 150, seed),
        "<= 83.0 (82.0)",
        seeds=1,
    ),
    Row("dynamic, VAE -> IWAE-50", lambda seed: tightened(50, 50, seed), "<= 85.6 (84.8)", seeds=1),
    Row(
        "static, gated + VampPrior",
        lambda seed: gated(VampPrior(500), "static", 100, seed),
        "<= 86.2 (85.3)",
        seeds=1,
    ),
]


if __name__ == "__main__":
    Ledger("results", ROWS).command(__doc__)
