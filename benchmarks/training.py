"""Rows of ``benchmarks.speed`` about training: whole fits, epochs over their floors, memory, scaling."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.basics import mnist, plain_loop
from benchmarks.floors import elsewhere, floor_of, floor_seconds, medians
from benchmarks.ledger import Skipped
from diabolo import VAE
from diabolo.contracts import Sizes, Statistics
from diabolo.gradients import written_gradient
from diabolo.likelihoods import Bernoulli, Gaussian
from diabolo.models import LatentModel
from diabolo.networks import DCEC, MLP, Conv2d
from diabolo.networks.convolution import MapLayer, Upward
from diabolo.objectives import ELBO, Reconstruction
from diabolo.posteriors import Deterministic, DiagonalGaussian
from diabolo.priors import StandardNormal
from diabolo.training import Plan, train
from diabolo.training.loop import adam

NEVER = 10**9


def whole_fit(seed: int) -> dict:
    """Default settings beside ten epochs of plain PyTorch, in processor and in clock seconds."""
    X, T = mnist()
    plain_processor = time.process_time()
    plain_seconds, plain_loss = plain_loop(X, T, seed)
    plain_processor = time.process_time() - plain_processor
    seconds, processor, vae = _fit(X, seed)
    return {
        "times faster, processor": plain_processor / processor,
        "times faster, clock": plain_seconds / seconds,
        "test -ELBO": -vae.evaluate(T, n_draws=20).elbo,
        "plain test -ELBO": plain_loss,
        "processor seconds": processor,
        "plain processor seconds": plain_processor,
    }


def _fit(X: np.ndarray, seed: int) -> tuple[float, float, VAE]:
    start, processor = time.perf_counter(), time.process_time()
    vae = VAE(20, network=MLP((400,)), likelihood="bernoulli", random_state=seed).fit(X)
    return time.perf_counter() - start, time.process_time() - processor, vae


def pythae_fit(seed: int) -> dict:
    """Default settings beside ten epochs of pythae at the same net, batch 128 and Adam 1e-3; one is timed."""
    try:
        from pythae.models import VAE as TheirVAE
        from pythae.models import VAEConfig
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder
        from pythae.trainers import BaseTrainer, BaseTrainerConfig
    except ImportError as error:
        raise Skipped(error) from error
    import tempfile

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.mean, self.log_variance = (
                nn.Linear(784, 400),
                nn.Linear(400, 20),
                nn.Linear(400, 20),
            )

        def forward(self, x: torch.Tensor) -> ModelOutput:
            h = self.hidden(x.flatten(1)).relu()
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z).view(-1, 1, 28, 28))

    X, _ = mnist()
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    images = torch.from_numpy(X).view(-1, 1, 28, 28)
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            TheirVAE(config, Encoder(), Decoder()),
            train_dataset=_Images(images),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                per_device_train_batch_size=128,
                num_epochs=1,
                learning_rate=1e-3,
                optimizer_cls="Adam",
                no_cuda=True,
                seed=seed,
            ),
        )
        processor = time.process_time()
        trainer.train()
        processor = time.process_time() - processor
    _, ours, _ = _fit(X, seed)
    return {
        "times faster, processor": 10 * processor / ours,
        "processor seconds": ours,
        "of an epoch": processor,
    }


class _Images(torch.utils.data.Dataset):
    def __init__(self, images: torch.Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Any:
        from pythae.data.datasets import DatasetOutput

        return DatasetOutput(data=self.images[i])


def epoch(net: str, batch: int, seed: int) -> dict:
    """Steps of a net beside autograd, plain PyTorch, and their products and convolutions, one by one.

    Plain PyTorch has a process of its own, as its users have it: what our training asks of the allocator is no help to it.
    """
    model, objective, x, n_steps = _case(net, batch, seed)
    plan = Plan(n_steps, batch, 1e-3, NEVER)
    contenders: dict[str, Callable[[], object]] = {}

    def training(own: Any, gradient: Any) -> Callable[[], object]:
        optimiser = adam(own, 1e-3)
        return lambda: train(own, objective, x, plan=plan, optimiser=optimiser, gradient=gradient)

    written = written_gradient(model, objective)
    contenders["ours"] = training(model, written)
    if written is not None:
        contenders["autograd"] = training(deepcopy(model), None)
    forms = [False, True] if any(any(layer.odd) for layer in _convolutions(model)) else [False]
    products = {name: _repeated(once, n_steps) for name, once in floor_of(model, x[:batch]).items()}
    with ExitStack() as processes:
        for even in forms:
            name = "plain with even margins" if even else "plain"
            contenders[name] = processes.enter_context(elsewhere(_PLAIN, net, batch, seed, even))
        seconds = medians(**contenders, **products)
    floor = floor_seconds(seconds) / n_steps
    found = {f"{name} over the floor": seconds[name] / n_steps / floor for name in contenders}
    for name in contenders:
        if name.startswith("plain"):
            found[f"speed over {name}"] = seconds[name] / seconds["ours"]
    return {
        **found,
        "milliseconds of a step": 1e3 * seconds["ours"] / n_steps,
        "of its floor": 1e3 * floor,
    }


def _case(net: str, batch: int, seed: int) -> tuple[Any, Any, torch.Tensor, int]:
    """Return a model, its objective, rows, and how many steps take a turn."""
    if net == "DCEC":
        x = _strokes(2 * batch, 28, seed)
        return _started(DCEC(), x, 10, vae=False), Reconstruction(), x, 2
    if net == "4-layer convolutional VAE":
        x = _strokes(2 * batch, 32, seed)
        return _started(Conv2d((32, 64, 128, 256)), x, 20), ELBO(), x, 2
    x = _strokes(150 * batch, 28, seed).flatten(1)
    return _started(MLP((400,)), x, 20), ELBO(), x, 150


_PLAIN = """
import json, sys
from benchmarks.floors import take_turns
from benchmarks.training import plain_epoch
take_turns(plain_epoch(*json.loads(sys.argv[1])))
"""


def plain_epoch(net: str, batch: int, seed: int, even: bool) -> Callable[[], None]:
    """Return an epoch of plain PyTorch, with even margins if they are to be so."""
    model, _, x, _ = _case(net, batch, seed)
    return _plain(_made_even(model) if even else model, x, batch)


def _repeated(once: Callable[[], object], times: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            once()

    return run


def _plain(model: Any, x: torch.Tensor, batch: int) -> Callable[[], None]:
    """The same layers in a loop as it is usually written: TensorDataset, DataLoader, Adam."""
    encoder, decoder = nn.Sequential(model.encoder, model.posterior.head), model.decoder
    for layer in model.modules():
        for way in ("flipped", "overlays"):  # the library's own convolution
            if hasattr(layer, way):
                setattr(layer, way, False)
    vae = model.has_density
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def epoch() -> None:
        for (rows,) in DataLoader(TensorDataset(x), batch_size=batch, shuffle=True):
            codes = encoder(rows)
            rate = torch.zeros(())
            if vae:
                mean, log_variance = codes.chunk(2, 1)
                codes = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
                rate = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
            out = decoder(codes).view_as(rows)
            if vae:
                loss = F.binary_cross_entropy(out.sigmoid(), rows, reduction="sum") + rate
            else:
                loss = F.mse_loss(out, rows)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return epoch


def _convolutions(model: Any) -> list[MapLayer]:
    return [layer for layer in model.modules() if isinstance(layer, MapLayer)]


def _made_even(model: Any) -> Any:
    """Return a network whose margins are even, as many PyTorch programs have them where TensorFlow's "same" is odd."""
    for layer in _convolutions(model):
        if any(layer.odd):
            if isinstance(layer, Upward):
                layer.convolution.output_padding = layer.odd
            layer.before = layer.convolution.padding = layer.after
    return model


def _strokes(n_rows: int, side: int, seed: int) -> torch.Tensor:
    """Return blurred blobs in [0, 1] of shape (n_rows, 1, side, side): images with something to learn."""
    rng = np.random.default_rng(seed)
    grid = np.arange(side, dtype=np.float32)
    centre, width = rng.uniform(side * 0.2, side * 0.8, (2, n_rows, 1)), rng.uniform(1.5, 5, (n_rows, 1))
    a, b = (np.exp(-np.square((grid - c) / width) / 2).astype(np.float32) for c in centre)
    return torch.from_numpy(a[:, None, :, None] * b[:, None, None, :])


def _started(network: Any, x: torch.Tensor, n_components: int, *, vae: bool = True) -> LatentModel:
    parts = (
        (DiagonalGaussian(), Bernoulli(), StandardNormal()) if vae else (Deterministic(), Gaussian("data"))
    )
    model = LatentModel(network, *parts).build(Sizes(tuple(x.shape[1:]), n_components))
    model.start(Statistics.of(x))
    return model


# -- memory and scaling: each fit in a process of its own -----------------------------------------

_MEASURED = """
import json, sys, time
import numpy as np, torch
from diabolo import VAE
from diabolo.networks import MLP
torch.set_num_threads(1)
torch.optim.Adam([torch.zeros(1, requires_grad=True)], fused=True)
n_rows, n_features, n_components, hidden, of_bytes, settings = json.loads(sys.argv[1])
VAE(2, network=MLP((4,)), max_epochs=1).fit(np.random.default_rng(0).random((64, 4), dtype=np.float32))
def resident(which):  # the largest one of getrusage would be that of the process that started this one
    return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith(which)).split()[1])
before = resident("VmRSS")
rng, shape = np.random.default_rng(0), (n_rows, n_features)
X = rng.integers(256, size=shape, dtype=np.uint8) if of_bytes else rng.random(shape, dtype=np.float32)
vae = VAE(n_components, network=MLP((hidden,)), likelihood="gaussian", random_state=0, **settings)
start = time.process_time()
vae.fit(X)
seconds = time.process_time() - start
peak = resident("VmHWM")
print(json.dumps({
    "seconds": seconds, "bytes": peak - before, "data": X.nbytes,
    "weights": 4 * sum(p.numel() for p in vae.model_.parameters()),
}))
"""


def _measured(
    n_rows: int, n_features: int, n_components: int, hidden: int, *, of_bytes: bool = False, **settings: Any
) -> dict:
    return in_a_process(_MEASURED, n_rows, n_features, n_components, hidden, of_bytes, settings)


def in_a_process(program: str, *given: Any) -> dict:
    """Run a program that reads its first argument as JSON, and return the JSON of the last line that it prints."""
    command = [sys.executable, "-c", program, json.dumps(given)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout.splitlines()[-1])


def memory(of_bytes: bool, seed: int) -> dict:
    """Peak of a default fit of 60,000 x 784 values, float32 or uint8, above the process after its imports."""
    found = _measured(60_000, 784, 20, 400, of_bytes=of_bytes, max_epochs=1)
    activations = 4 * 128 * (2 * 784 + 4 * 400 + 6 * 20 + 3 * 784)
    bound = found["data"] + 5 * found["weights"] + activations
    return {
        "peak over data + 5 weights + activations": found["bytes"] / bound,
        "megabytes": found["bytes"] / 1e6,
        "megabytes of the data": found["data"] / 1e6,
    }


AXES = {
    "rows": [(n, 10, 2) for n in (10**3, 10**4, 10**5, 10**6)],
    "features": [(2000, n, 2) for n in (10, 100, 1000, 10_000)],
    "latent": [(20_000, 100, n) for n in (2, 8, 32, 128, 512)],
}


def scaling(axis: str, seed: int) -> dict:
    """Processor seconds and megabytes of one epoch along an axis, hidden layers of 64, for the plot."""
    found = {}
    for sizes in AXES[axis]:
        measured = _measured(*sizes, 64, max_epochs=1, early_stopping=False)
        at = sizes[("rows", "features", "latent").index(axis)]
        found[f"seconds at {at}"] = measured["seconds"]
        found[f"megabytes at {at}"] = measured["bytes"] / 1e6
    return found
