"""The numbers of the first release, on real MNIST: ``python -m benchmarks.basics``.

Set DIABOLO_DATA to the folder with mnist_train.npz and mnist_test.npz. Each row is measured for
each seed and kept in ``benchmarks/measured/basics.jsonl``, so an interrupted run goes on where it
stopped; ``--table`` prints what has been measured as Markdown. Pixels in [0, 1], 60,000 rows to
train on, 10,000 to test on; nothing is selected on the test rows.
"""

from __future__ import annotations

import time
import warnings
from functools import partial

import numpy as np
import torch
from sklearn.decomposition import PCA

from benchmarks.ledger import Ledger, Row
from diabolo import VAE, AutoEncoder, DenoisingAutoEncoder
from diabolo.corruptions import Gaussian as GaussianNoise
from diabolo.data import named
from diabolo.networks import MLP, Linear

CLASSIC = {"network": MLP((400,)), "likelihood": "bernoulli", "early_stopping": False}


def mnist() -> tuple[np.ndarray, np.ndarray]:
    train, test = (named("mnist", subset=subset).X.reshape(-1, 784) for subset in ("train", "test"))
    return train, test


def linear_is_pca(d: int, seed: int) -> dict:
    X, T = mnist()
    ae = AutoEncoder(
        d,
        network=Linear(),
        max_epochs=40,
        batch_size=600,
        learning_rate=5e-3,
        early_stopping=False,
        random_state=seed,
    ).fit(X)
    pca = PCA(d, svd_solver="full").fit(X.astype(np.float64))
    exact = np.square(pca.inverse_transform(pca.transform(T)) - T).mean()
    weights = ae.model_.decoder[0].weight.detach().double().numpy()
    basis = np.linalg.qr(weights)[0]
    cosines = np.linalg.svd(pca.components_ @ basis, compute_uv=False)
    mse = -ae.score(T.astype(np.float64))
    angle = float(np.arcsin(np.sqrt(max(0.0, 1 - cosines.min() ** 2))))
    return {
        "test_mse": mse,
        "pca_mse": float(exact),
        "relative": abs(mse / exact - 1),
        "largest_angle": angle,
    }


def auto_encoder(d: int, seed: int) -> dict:
    X, T = mnist()
    settings = {
        2: {"network": MLP((512, 256, 128), activation="silu"), "max_epochs": 15},
        8: {"network": MLP((512, 256), activation="silu"), "max_epochs": 12},
        32: {"network": MLP((512, 256), activation="silu"), "max_epochs": 12},
    }[d]
    start = time.perf_counter()
    ae = AutoEncoder(
        d, likelihood="cross_entropy", learning_rate=2e-3, early_stopping=False, random_state=seed, **settings
    ).fit(X)
    return {"test_mse": -ae.score(T), "minutes": (time.perf_counter() - start) / 60}


def denoising(sigma: float, seed: int) -> dict:
    X, T = mnist()
    start = time.perf_counter()
    dae = DenoisingAutoEncoder(
        128,
        corruption=GaussianNoise(sigma),
        likelihood="cross_entropy",
        network=MLP((1024, 512), activation="silu"),
        learning_rate=1e-3,
        max_epochs=10,
        early_stopping=False,
        random_state=seed,
    ).fit(X)
    minutes = (time.perf_counter() - start) / 60
    noisy = T + np.float32(sigma) * np.random.default_rng(seed).standard_normal(T.shape, dtype=np.float32)
    mse = float(np.square(dae.denoise(noisy) - T).mean())
    noisy_train = X + np.float32(sigma) * np.random.default_rng(seed + 100).standard_normal(
        X.shape, dtype=np.float32
    )
    return {"test_mse": mse, "linear_mse": _linear_denoiser(noisy_train, X, noisy, T), "minutes": minutes}


def _linear_denoiser(
    noisy: np.ndarray, clean: np.ndarray, noisy_test: np.ndarray, clean_test: np.ndarray
) -> float:
    design = np.c_[noisy, np.ones(len(noisy), np.float32)].astype(np.float64)
    weights = np.linalg.solve(design.T @ design, design.T @ clean)
    guess = np.c_[noisy_test, np.ones(len(noisy_test))] @ weights
    return float(np.square(guess.clip(0, 1) - clean_test).mean())


def linear_vae(seed: int) -> dict:
    X, _ = mnist()
    start = time.perf_counter()
    vae = VAE(
        16,
        network=Linear(),
        likelihood="gaussian",
        max_epochs=40,
        batch_size=600,
        learning_rate=5e-3,
        early_stopping=False,
        random_state=seed,
    ).fit(X)
    minutes = (time.perf_counter() - start) / 60
    exact = PCA(16, svd_solver="full").fit(X.astype(np.float64)).score(X.astype(np.float64))
    return {
        "train_log_likelihood": _linear_log_likelihood(vae, X),
        "importance_estimate": float(vae.score_samples(X[:2000], n_draws=100).mean()),
        "closed_form_of_those_rows": _linear_log_likelihood(vae, X[:2000]),
        "ppca": float(exact),
        "minutes": minutes,
    }


def _linear_log_likelihood(vae: VAE, X: np.ndarray) -> float:
    """Exact log p(x) = log N(x; b, W W' + s^2 I) of a linear VAE, with its own weights."""
    likelihood = vae.model_.likelihood
    layer = vae.model_.decoder[0]
    unit = likelihood.unit.double()
    W = (unit[:, None] * layer.weight.double()).detach()
    mean = (likelihood.shift.double() + unit * layer.bias.double()).detach()
    covariance = W @ W.T + torch.diag(likelihood.scales().detach().double().expand(len(mean)) ** 2)
    normal = torch.distributions.MultivariateNormal(mean, covariance)
    return float(normal.log_prob(torch.from_numpy(X).double()).mean())


def classic_vae(seed: int) -> dict:
    X, T = mnist()
    plain_seconds, plain_loss = plain_loop(X, T, seed)
    start = time.perf_counter()
    vae = VAE(20, max_epochs=10, learning_rate=3e-3, random_state=seed, **CLASSIC).fit(X)
    seconds = time.perf_counter() - start
    return {
        "test_negative_elbo": -vae.evaluate(T, n_draws=20).elbo,
        "seconds": seconds,
        "plain_negative_elbo": plain_loss,
        "plain_seconds": plain_seconds,
        "time_ratio": seconds / plain_seconds,
    }


def plain_loop(X: np.ndarray, T: np.ndarray, seed: int) -> tuple[float, float]:
    """Plain PyTorch: the same net, TensorDataset and DataLoader, Adam 1e-3, 10 epochs of batches of 128."""
    from torch import nn
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def loss_of(x: torch.Tensor) -> torch.Tensor:
        mean, log_variance = encoder(x).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        cross_entropy = F.binary_cross_entropy(decoder(z), x, reduction="sum")
        return cross_entropy - 0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()

    start = time.perf_counter()
    for _ in range(10):
        for (x,) in DataLoader(TensorDataset(torch.from_numpy(X)), batch_size=128, shuffle=True):
            loss = loss_of(x)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    seconds = time.perf_counter() - start
    with torch.inference_mode():
        test = np.mean([loss_of(torch.from_numpy(T)).item() / len(T) for _ in range(5)])
    return seconds, float(test)


def beta_trade_off(beta: float, seed: int) -> dict:
    X, T = mnist()
    vae = VAE(20, beta=beta, max_epochs=4, random_state=seed, **CLASSIC).fit(X)
    record = vae.evaluate(T, n_draws=5)
    return {
        "rate": record.rate,
        "distortion": record.distortion,
        "mse": record.mse,
        "active_units": record.active_units,
    }


def untouched(data: str, seed: int) -> dict:
    """Default settings on other data: final loss against that of predicting the mean."""
    from sklearn.datasets import load_breast_cancer

    if data == "signals":
        rng = np.random.default_rng(seed)
        t = np.linspace(0, 1, 128)
        X = np.sin(2 * np.pi * (rng.uniform(1, 6, (2000, 1)) * t + rng.uniform(0, 1, (2000, 1))))
        X = X + 0.1 * rng.standard_normal(X.shape)
        settings = {"channel_axis": None}
    else:
        X = load_breast_cancer().data if data == "breast_cancer" else named(data, subset="all").X
        settings = {}
    rows = np.random.default_rng(seed).permutation(len(X))
    n_test = len(X) // 5
    start = time.perf_counter()
    vae = VAE(10, random_state=seed, **settings).fit(X[rows[n_test:]])
    seconds = time.perf_counter() - start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ae = AutoEncoder(
            10, scale="column" if data == "breast_cancer" else "auto", random_state=seed, **settings
        ).fit(X[rows[n_test:]])
    T = X[rows[:n_test]]
    record = vae.evaluate(T, n_draws=50)
    return {
        "vae_elbo": record.elbo,
        "vae_log_likelihood": record.log_likelihood,
        "vae_seconds": seconds,
        "ae_explained_variance": ae.evaluate(T).explained_variance,
    }


def compression(seed: int) -> dict:
    X, T = mnist()
    ae = AutoEncoder(
        16,
        likelihood="cross_entropy",
        network=MLP((1024, 512), activation="silu"),
        learning_rate=1e-3,
        max_epochs=5,
        early_stopping=False,
        random_state=seed,
    ).fit(X)
    curve = ae.evaluate(T).compression
    at = 3
    return {"bits_per_row": curve.bits_per_row[at], "mse": curve.mse[at], "pca_mse": curve.pca_mse[at]}


ROWS = [
    Row("classic VAE 784-400-20, grey values", classic_vae, "-ELBO <= 105.4 within the plain loop's time"),
    *(
        Row(f"AE d={d}", partial(auto_encoder, d), f"test MSE <= {bound}")
        for d, bound in ((2, ".036"), (8, ".015"), (32, ".0060"))
    ),
    *(
        Row(f"denoising, sigma={s}", partial(denoising, s), f"test MSE <= {bound}")
        for s, bound in ((0.25, ".0060"), (0.5, ".0110"))
    ),
    *(
        Row(f"linear AE d={d}", partial(linear_is_pca, d), "PCA's MSE to 1e-4, angles < 1e-2")
        for d in (2, 8, 32)
    ),
    Row("linear VAE d=16", linear_vae, "train log-likelihood within .5 nat of pPCA's 258.46"),
    *(
        Row(f"beta={b}", partial(beta_trade_off, b), "rate falls, distortion rises with beta")
        for b in (0.25, 1.0, 4.0)
    ),
    *(
        Row(f"defaults on {data}", partial(untouched, data), "trains without a setting")
        for data in ("usps", "digits", "breast_cancer", "signals")
    ),
    Row("compression, AE d=16", compression, "error below PCA's at equal bits"),
]


if __name__ == "__main__":
    Ledger("basics", ROWS).command(__doc__)
