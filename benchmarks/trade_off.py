"""The weight of the rate, learned or swept, on real MNIST: ``python -m benchmarks.trade_off``.

Set DIABOLO_DATA to the folder with mnist_train.npz and mnist_test.npz. Grey values in [0, 1], 60,000
rows to train on, 10,000 to test on; nothing is selected on the test rows. An MLP 784-256-16-256-784,
12 epochs of batches of 128 at a rate of 4e-3 for every fit. A beta-VAE with the squared error / 2 (sigma = 1) is the
Gaussian model with sigma^2 = beta, its loss divided by beta: each is scored on the test rows as that
model, ELBO = -(squared error / (2 beta) + 784 / 2 ln(2 pi beta) + rate), beside one fit whose scale is
learned (sigma-VAE, Rybkin et al. 2021). A scale that is learned is large at first, which is a large beta; rows
"warmed up" raise beta from 0 over the first .4 of the training, and so does the best beta of the sweep for comparison.
"""

from __future__ import annotations

import math
import time
from functools import partial

import numpy as np

from benchmarks.basics import mnist
from benchmarks.ledger import Ledger, Row
from diabolo import VAE
from diabolo.contracts import Schedule
from diabolo.likelihoods import Gaussian
from diabolo.networks import MLP
from diabolo.schedules import Linear

SETTINGS = {"network": MLP((256,)), "max_epochs": 12, "learning_rate": 4e-3, "early_stopping": False}
#: sigma^2 of the sweep, the same ratio apart.
BETAS = [float(f"{beta:.3g}") for beta in np.geomspace(0.003, 0.1, 8)]
#: Of these the one that is best in every seed.
BEST = 0.0135
_DRAWS = 10


def learned_scale(beta: float | Schedule, seed: int) -> dict:
    vae, minutes = _fit(VAE(16, beta=beta, likelihood=Gaussian("learned"), random_state=seed, **SETTINGS))
    record = vae.evaluate(mnist()[1], n_draws=_DRAWS)
    variance = float(vae.model_.likelihood.scales().detach().double().square().mean())
    return {
        "elbo": record.elbo,
        "variance": variance,
        "elbo_by_hand": _elbo(record, variance),
        "rate": record.rate,
        "mse": record.mse,
        "minutes": minutes,
    }


def fixed_scale(beta: float | Schedule, variance: float, seed: int) -> dict:
    vae, minutes = _fit(VAE(16, beta=beta, likelihood=Gaussian(1.0), random_state=seed, **SETTINGS))
    record = vae.evaluate(mnist()[1], n_draws=_DRAWS)
    return {
        "elbo": _elbo(record, variance),
        "rate": record.rate,
        "mse": record.mse,
        "minutes": minutes,
    }


def _fit(vae: VAE) -> tuple[VAE, float]:
    start = time.perf_counter()
    vae.fit(mnist()[0])
    return vae, (time.perf_counter() - start) / 60


def _elbo(record: object, variance: float) -> float:
    """Return the bound of the rows under N(g(z), variance) from their squared error and rate."""
    squared = 784 * record.mse  # type: ignore[attr-defined]
    constant = 392 * math.log(2 * math.pi * variance)
    return -(squared / (2 * variance) + constant + record.rate)  # type: ignore[attr-defined]


ROWS = [
    Row(
        "sigma-VAE, learned scale",
        partial(learned_scale, 1.0),
        "ELBO at least the best of the sweep, in one fit",
    ),
    Row("sigma-VAE, learned scale, warmed up", partial(learned_scale, Linear(share=0.4)), "the same"),
    *(Row(f"sigma = 1, beta = {beta}", partial(fixed_scale, beta, beta), "Gaussian ELBO") for beta in BETAS),
    Row(
        f"sigma = 1, beta = {BEST}, warmed up",
        partial(fixed_scale, Linear(BEST, share=0.4), BEST),
        "Gaussian ELBO, beside the learned scale warmed up",
    ),
]


if __name__ == "__main__":
    Ledger("trade_off", ROWS).command(__doc__)
