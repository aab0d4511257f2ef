"""What beta buys in structure, on sprites with known factors: ``python -m benchmarks.structure``.

One shape (heart), upright, 32 x 32 pixels; factors scale (6), x and y (32 each), 6,144 images, all of them trained on
and measured. Each row is measured for each seed and kept in ``benchmarks/measured/structure.jsonl``; ``--table``
prints them. ``cpu_minutes`` is the process's time, not the clock's.
"""

from __future__ import annotations

import time
from functools import partial

from benchmarks.ledger import Ledger, Row
from diabolo import VAE
from diabolo.data import Sprites
from diabolo.measures import structure
from diabolo.networks import MLP

MAX_EPOCHS = 100


def sprites(
    beta: float, seed: int, *, max_epochs: int = MAX_EPOCHS, batch_size: int = 64, learning_rate: float = 1e-3
) -> dict:
    """Train one beta-VAE on the hearts and score its codes."""
    images = Sprites(32, ("heart",), n_scales=6, n_orientations=1, n_positions=32)
    X = images[:]
    start = time.process_time()
    vae = VAE(
        6,
        beta=beta,
        likelihood="bernoulli",
        network=MLP((256, 128)),
        batch_size=batch_size,
        learning_rate=learning_rate,
        max_epochs=max_epochs,
        early_stopping=False,
        random_state=seed,
    ).fit(X)
    minutes = (time.process_time() - start) / 60
    record = structure(vae.transform(X), images.factors, seed=seed)
    bound = vae.evaluate(X[::10], n_draws=5)
    return {
        **record.measured.scores(),
        "MIG by chance": record.floor.mig.score,
        "rate": bound.rate,
        "distortion": bound.distortion,
        "cpu_minutes": minutes,
    }


WANTED = "median MIG of 5 seeds > .3, 10 CPU minutes a seed"
ROWS = [
    Row("heart, beta 8", partial(sprites, 8.0), WANTED, seeds=5),
    Row("heart, beta 4", partial(sprites, 4.0), "beside the above", seeds=5),
    Row("heart, beta 1", partial(sprites, 1.0), "for contrast", seeds=5),
]


if __name__ == "__main__":
    Ledger("structure", ROWS, reads_data=False).command(__doc__)
