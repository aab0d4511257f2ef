"""What beta buys in structure, on sprites with known factors: ``python -m benchmarks.structure``.

One shape (heart), upright, 32 x 32 pixels; factors scale (6), x and y (32 each), 6,144 images, all of them trained on
and measured: codes are judged, not their generalisation. Six codes, an MLP of 128 units, 200 epochs in batches of 64
for every row; beta alone differs. A beta that falls starts where nothing is coded yet and ends, as the row beside it
stays, at 4. The settings were chosen with the seeds 100 to 102. Each row is measured for each seed and kept in
``benchmarks/measured/structure.jsonl``; ``--table`` prints them. ``cpu_minutes`` is the process's time, not the clock's.
"""

from __future__ import annotations

import time
from functools import partial

from benchmarks.ledger import Ledger, Row
from diabolo import VAE
from diabolo.contracts import Objective, Schedule
from diabolo.data import Sprites
from diabolo.measures import structure
from diabolo.networks import MLP
from diabolo.schedules import Linear

MAX_EPOCHS = 200


def sprites(beta: float | Schedule, seed: int, *, objective: str | Objective = "elbo") -> dict:
    """Train one VAE on the hearts and score its codes."""
    images = Sprites(32, ("heart",), n_scales=6, n_orientations=1, n_positions=32)
    X = images[:]
    start = time.process_time()
    vae = VAE(
        6,
        beta=beta,
        objective=objective,
        likelihood="bernoulli",
        network=MLP((128,)),
        batch_size=64,
        learning_rate=1e-3,
        max_epochs=MAX_EPOCHS,
        early_stopping=False,
        random_state=seed,
    ).fit(X)
    minutes = (time.process_time() - start) / 60
    record = structure(vae.transform(X), images.factors, seed=seed)
    bound = vae.evaluate(X[::10], n_draws=5)
    return {
        **record.measured.scores(),
        **{
            f"MIG {name}": gap for name, gap in zip(images.names, record.measured.mig.per_factor, strict=True)
        },
        "MIG by chance": record.floor.mig.score,
        "rate": bound.rate,
        "distortion": bound.distortion,
        "active_units": bound.active_units,
        "cpu_minutes": minutes,
    }


FALLING = Linear(4.0, initial=40.0, share=0.8)
ROWS = [
    Row("heart, beta from 40 to 4", partial(sprites, FALLING), "median MIG > .3, 10 CPU minutes a seed", 5),
    Row("heart, beta 4", partial(sprites, 4.0), "beside the above: the same beta from the beginning", 3),
    Row("heart, beta 1", partial(sprites, 1.0), "for contrast", 3),
]


if __name__ == "__main__":
    Ledger("structure", ROWS, reads_data=False).command(__doc__)
