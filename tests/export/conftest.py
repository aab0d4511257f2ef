"""Small models of every kind, fitted once, and ONNX files of some."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import diabolo
from diabolo.networks import MLP, Conv2d, ResNet

DIGITS = load_digits().images[:60]
SMALL = MLP((8,))


def noise(*shape):
    return np.random.default_rng(0).random(shape)


CASES = {
    "linear table": (diabolo.AutoEncoder(3, network="linear"), noise(40, 12)),
    "bytes": (diabolo.VAE(3, network=SMALL), (DIGITS * 15).astype(np.uint8)),
    "images": (
        diabolo.VAE(3, network=Conv2d((4,)), posterior="full_gaussian"),
        DIGITS.astype(np.float32),
    ),
    "dcec, channels last": (
        diabolo.AutoEncoder(3, network="dcec"),
        noise(40, 10, 12, 3).astype(np.float32),
    ),
    "channels first": (diabolo.AutoEncoder(3, network=Conv2d((4,)), channel_axis=1), noise(40, 3, 9, 9)),
    "signals": (diabolo.DenoisingAutoEncoder(3, network="conv1d"), noise(40, 32)),
    "flat signals of two channels": (
        diabolo.VAE(3, network="conv1d", input_shape=(32, 2), channel_axis=-1),
        noise(40, 64).astype(np.float32),
    ),
    "booleans": (diabolo.VAE(3, network=SMALL, likelihood="bernoulli"), DIGITS > 8),
    "categories": (diabolo.VAE(3, network=SMALL, likelihood="categorical"), (DIGITS // 5).astype(np.int64)),
    "mixed": (
        diabolo.VAE(3, network=SMALL, likelihood={0: "categorical", 2: "poisson"}),
        np.column_stack(
            [
                DIGITS[:, 3, 3] // 5,
                DIGITS[:, 4, 2] > 8,
                DIGITS[:, 2, 2],
                DIGITS[:, 3, 5] / 3,
                DIGITS[:, 5, 5] // 5,
            ]
        ),
    ),
    "multi-rate": (diabolo.MultiRateVAE(3, network=SMALL), DIGITS),
    "clusters": (
        diabolo.DeepClustering(4, n_components=3, network=SMALL, max_iter=2, init="k-means"),
        DIGITS.astype(np.float32),
    ),
    "float64": (diabolo.VAE(3, network=SMALL), noise(40, 12) + 1e7),
    "residual": (diabolo.VAE(3, network=ResNet((4, 5), n_blocks=1)), noise(40, 8, 9)),
    "float64 images": (diabolo.AutoEncoder(3, network=Conv2d((4,))), noise(40, 8, 8) + 1e7),
    "units": (
        diabolo.VAE(3, network=SMALL, likelihood="gaussian_per_feature"),
        noise(40, 4) * [1e-4, 1, 1e3, 1e6],
    ),
}


@pytest.fixture(scope="session")
def fitted():
    """Return an estimator fitted to the rows of a case, and the rows."""
    made = {}

    def fit(name):
        if name not in made:
            estimator, X = CASES[name]
            made[name] = estimator.set_params(max_epochs=1, random_state=0).fit(X), X
        return made[name]

    return fit
