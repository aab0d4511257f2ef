"""One fit for a whole rate-distortion curve: ``python -m benchmarks.multirate``.

Set DIABOLO_DATA to the folder with mnist_train.npz and mnist_static_binarized.npz. Excess is distortion
above the reference at equal rate, in nats per row, averaged over betas. Linear models: pixels in [0, 1],
sigma^2 = 1, the 60,000 training rows, against the exact curve of these rows (reverse water-filling); the
distortion is half the squared error. MLPs: the fixed binarisation, test rows, against separate fits; for each
of these the multi-rate curve is read at its rate. Each separate fit has 20 epochs. With 15 the multi-rate fit takes a
fifth of the time of all five, with 20 a fifth of their steps; its range and learning rate were chosen on held-out
rows, and the separate fits have a smaller rate, with which they end better.
"""

from __future__ import annotations

import math
import time
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from benchmarks.basics import mnist
from benchmarks.ledger import Ledger, Row
from benchmarks.results import static, trained
from diabolo import VAE, MultiRateVAE
from diabolo.likelihoods import Gaussian
from diabolo.networks import MLP
from diabolo.objectives import ELBO
from diabolo.training import mean_terms

LINEAR: dict[str, Any] = {"network": "linear", "likelihood": Gaussian(scale=1.0), "early_stopping": False}
DEEP: dict[str, Any] = {"network": MLP((400,)), "likelihood": "bernoulli"}
RANGE = (0.07, 15.0)
SEPARATE = (0.1, 0.3, 1.0, 3.0, 10.0)


@cache
def eigenvalues() -> np.ndarray:
    """Return the eigenvalues of the covariance of the training rows, largest first."""
    X = mnist()[0].astype(np.float64)
    return np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1].clip(min=0)


def water_filling(level: float) -> tuple[float, float]:
    """Return the exact rate and distortion (half the squared error) of the linear VAE at s = ``level``."""
    values = eigenvalues()
    return 0.5 * float(np.log(values[values > level] / level).sum()), 0.5 * float(
        np.minimum(values, level).sum()
    )


def point(vae: VAE, X: np.ndarray) -> tuple[float, float]:
    """Return rate and distortion of rows, with one draw for each."""
    terms = mean_terms(vae.model_, ELBO(), torch.from_numpy(X), {})
    return terms["rate"], terms["distortion"]


def linear_point(vae: VAE) -> tuple[float, float]:
    """Return rate and half the squared error on the training rows."""
    rate, distortion = point(vae, mnist()[0])
    return rate, distortion - 392 * math.log(2 * math.pi)


def linear_multi_rate(seed: int) -> dict[str, Any]:
    start = time.perf_counter()
    vae = MultiRateVAE(256, **LINEAR, batch_size=256, max_epochs=8, learning_rate=5e-3, random_state=seed)
    vae.fit(mnist()[0])
    minutes = (time.perf_counter() - start) / 60
    levels = np.geomspace(1e-4, eigenvalues()[0], 2000)
    rates, distortions = np.transpose([water_filling(level) for level in levels])
    points = [linear_point(vae.at(float(beta))) for beta in np.geomspace(0.01, 10, 9)]
    excess = [d - np.interp(r, rates[::-1], distortions[::-1]) for r, d in points]
    return {
        "mean_excess": float(np.mean(excess)),
        "largest_excess": float(max(excess)),
        "smallest_rate": points[-1][0],
        "largest_rate": points[0][0],
        "minutes": minutes,
    }


def linear_beta(beta: float, n_components: int, seed: int) -> dict[str, Any]:
    vae = VAE(
        n_components,
        beta=beta,
        **LINEAR,
        batch_size=600,
        max_epochs=45,
        learning_rate=5e-3,
        random_state=seed,
    )
    rate, distortion = linear_point(vae.fit(mnist()[0]))
    exact_rate, exact_distortion = water_filling(beta)
    return {
        "rate": rate,
        "mse": distortion * 2 / 784,
        "rate_error": rate / exact_rate - 1,
        "distortion_error": distortion / exact_distortion - 1,
    }


def deep_multi_rate(max_epochs: int, seed: int) -> dict[str, Any]:
    train, valid, test = static()

    def fitted(name: str, vae: VAE) -> tuple[VAE, float]:
        vae.set_params(**DEEP, random_state=seed)
        return trained(name, seed, lambda kept: vae.fit(train, X_val=valid, checkpoint_dir=kept))

    vae, minutes = fitted(
        f"multi-rate-{max_epochs}",
        MultiRateVAE(40, beta_range=RANGE, max_epochs=max_epochs, learning_rate=5e-3),
    )
    separate = [
        fitted(f"static-beta-{beta:g}", VAE(40, beta=beta, max_epochs=20, learning_rate=2e-3))
        for beta in SEPARATE
    ]
    rates, distortions = np.transpose([point(vae.at(float(beta)), test) for beta in np.geomspace(*RANGE, 41)])
    points = [point(each, test) for each, _ in separate]
    excess = [float(np.interp(r, rates[::-1], distortions[::-1])) - d for r, d in points]
    return {
        "mean_excess": float(np.mean(excess)),
        **{f"excess_{beta:g}": e for beta, e in zip(SEPARATE, excess, strict=True)},
        **{f"rate_{beta:g}": r for beta, (r, _) in zip(SEPARATE, points, strict=True)},
        "minutes": minutes,
        "separate_minutes": sum(each for _, each in separate),
    }


ROWS = [
    *(
        Row(f"linear beta-VAE, beta={beta:g}", partial(linear_beta, beta, d), "R and D within 1 %")
        for beta, d in ((1.0, 32), (0.2, 64), (0.05, 128))
    ),
    Row("linear multi-rate VAE", linear_multi_rate, "mean excess < 1 nat (stretch .2)"),
    *(
        Row(
            f"multi-rate VAE 784-400-40, static, {n} epochs",
            partial(deep_multi_rate, n),
            "mean excess <= 3 nats (stretch 1)",
        )
        for n in (15, 20)
    ),
]


if __name__ == "__main__":
    Ledger("multirate", ROWS).command(__doc__)
