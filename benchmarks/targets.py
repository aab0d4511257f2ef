"""Targets in place of beta, on real MNIST: ``python -m benchmarks.targets``.

Set DIABOLO_DATA to the folder with mnist_train.npz and mnist_test.npz. Pixels in [0, 1], a tenth of the
60,000 training rows held out to steer on, 10,000 rows to test on. The network and the 4 epochs are smaller than
the default; nothing else is set. Kept in ``benchmarks/measured/targets.jsonl``, so an interrupted run goes on.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.basics import mnist
from benchmarks.ledger import Ledger, Row
from diabolo import VAE
from diabolo.networks import MLP


def target(seed: int, **wanted: float) -> dict[str, Any]:
    X, T = mnist()
    vae = VAE(32, network=MLP((400,)), max_epochs=4, random_state=seed, **wanted).fit(X)
    met, record = vae.target_, vae.evaluate(T, n_draws=2)
    shown = record.rate if met.name == "target_rate" else record.mse**0.5
    return {
        "target": met.wanted,
        "held_out": met.reached,
        "relative_error": met.miss(met.reached),
        "test": shown,
        "test_relative_error": met.miss(shown),
        "multiplier": vae.beta_,
        "rate": record.rate,
        "mse": record.mse,
    }


RATES = (5.0, 10.0, 15.0, 20.0, 30.0)
ERRORS = (0.20, 0.18, 0.16, 0.13, 0.10)
ROWS = [
    *(
        Row(f"target_rate={rate:g}", partial(target, target_rate=rate), "within 2 % on held-out rows", 1)
        for rate in RATES
    ),
    *(
        Row(
            f"target_distortion={e:g}", partial(target, target_distortion=e), "within 2 % on held-out rows", 1
        )
        for e in ERRORS
    ),
]


if __name__ == "__main__":
    Ledger("targets", ROWS).command(__doc__)
