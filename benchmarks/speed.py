"""Speed in ratios: ``python -m benchmarks.speed``.

Contenders are run in turn, and their medians compared, so that a busy machine slows them alike;
imports and memory are measured in processes of their own. Each row is kept in ``benchmarks/measured/speed.jsonl``;
``--table`` prints them. A peer that is not installed is skipped, with a line. The rows of a whole fit read MNIST
(set DIABOLO_DATA); the others make what they need.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.floors import medians
from benchmarks.ledger import Ledger, Row, Skipped
from benchmarks.training import (
    epoch,
    in_a_process,
    memory,
    pythae_fit,
    scaling,
    whole_fit,
)
from diabolo import VAE, OnnxModel, export_onnx
from diabolo.networks import MLP

N_ROWS = 70_000


def classic(seed: int, n_rows: int = 2000) -> VAE:
    """Return the 784-400-20 VAE after one epoch on noise: its speed does not depend on its weights."""
    X = np.random.default_rng(seed).random((n_rows, 784), dtype=np.float32)
    return VAE(20, network=MLP((400,)), likelihood="bernoulli", max_epochs=1, random_state=seed).fit(X)


def inference(way: str, seed: int) -> dict:
    """``transform`` or ``inverse_transform`` of 70,000 rows beside the matrix products that they cannot do without."""
    vae = classic(seed)
    model = vae.model_
    rng = np.random.default_rng(seed)
    if way == "transform":
        layers = [model.encoder[1], model.posterior.head]
        rows, ours = rng.random((N_ROWS, 784), dtype=np.float32), vae.transform
    else:
        layers = [layer for layer in model.decoder if isinstance(layer, torch.nn.Linear)]
        rows, ours = rng.standard_normal((N_ROWS, 20), dtype=np.float32), vae.inverse_transform
    weights = [layer.weight.detach().T.contiguous() for layer in layers]

    def products() -> torch.Tensor:
        h = torch.from_numpy(rows)
        for weight in weights:
            h = h @ weight
        return h

    with torch.inference_mode():
        seconds = medians(ours=lambda: ours(rows), products=products)
    return {
        "speed over the products": seconds["products"] / seconds["ours"],
        "seconds": seconds["ours"],
        "seconds of the products": seconds["products"],
    }


def latency(seed: int) -> dict:
    """One row through the exported ONNX file, with our checks and without."""
    vae = classic(seed)
    row = np.random.default_rng(seed).random((1, 784), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = export_onnx(vae, Path(folder, "whole.onnx"), "whole").path
        except ImportError as error:
            raise Skipped(error) from error
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        model = OnnxModel(path, n_threads=1)
    seconds = medians(repeats=1000, ours=lambda: model(row), alone=lambda: session.run(None, {"X": row}))
    seconds |= medians(repeats=100, torch=lambda: vae.reconstruct(row))
    return {
        "ours over onnxruntime alone": seconds["ours"] / seconds["alone"],
        "microseconds": 1e6 * seconds["ours"],
        "microseconds of onnxruntime": 1e6 * seconds["alone"],
        "microseconds of reconstruct": 1e6 * seconds["torch"],
    }


_SCORED = """
import json, sys, time
import numpy as np, torch
from diabolo import VAE
from diabolo.networks import MLP
layers, n_components, n_rows, n_draws = json.loads(sys.argv[1])
X = np.random.default_rng(0).integers(2, size=(n_rows, 784)).astype(np.float32)
vae = VAE(n_components, network=MLP(layers), likelihood="bernoulli", max_epochs=1, random_state=0).fit(X[:2000])
def peak():
    return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
before, start, processor = peak(), time.perf_counter(), time.process_time()
vae.estimate_likelihood(X, n_draws=n_draws)
print(json.dumps({
    "minutes": (time.perf_counter() - start) / 60, "cpu_minutes": (time.process_time() - processor) / 60,
    "megabytes more than a fit": (peak() - before) / 1e6, "threads": torch.get_num_threads(),
}))
"""


def scoring(layers: tuple[int, ...], n_components: int, seed: int) -> dict:
    """5,000 draws for each of 10,000 binary images: the time does not depend on the weights, so one epoch is enough."""
    return in_a_process(_SCORED, layers, n_components, 10_000, 5000)


def imports(first: str, statement: str, seed: int) -> dict:
    """Seconds of an import statement in a new process, after others that are not counted."""
    code = (
        f"{first}\nimport time\nstart = time.perf_counter()\n{statement}\nprint(time.perf_counter() - start)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = partial(subprocess.run, capture_output=True, text=True, check=True, env=environment)
    seconds = [float(command([sys.executable, "-c", code]).stdout) for _ in range(6)]
    return {"seconds": statistics.median(seconds[1:]), "least": min(seconds[1:])}


ROWS = [
    Row("default fit of VAE, 784-400-20", whole_fit, ">= 2.5 times faster (stretch 4.5), as good", seeds=5),
    Row("default fit of VAE beside pythae", pythae_fit, ">= 4 times faster (stretch 7)", seeds=1),
    Row(
        "epoch, MLP 784-400-20, batch 128",
        partial(epoch, "MLP", 128),
        "<= 1.6 x floor (stretch 1.2)",
    ),
    Row("epoch, MLP 784-400-20, batch 256", partial(epoch, "MLP", 256), "-"),
    *(
        Row(
            f"epoch, {net}",
            partial(epoch, net, 128),
            "<= 1.3 x floor (stretch 1.1); >= 1.1 x plain PyTorch (stretch 1.25)",
        )
        for net in ("DCEC", "4-layer convolutional VAE")
    ),
    Row(
        "memory of a fit",
        partial(memory, False),
        "<= 1.5 x data + weights + activations (stretch 1.2)",
        seeds=1,
    ),
    Row("memory of a fit of bytes", partial(memory, True), "-", seeds=1),
    *(
        Row(f"scaling over {axis}", partial(scaling, axis), "linear", seeds=1)
        for axis in ("rows", "features", "latent")
    ),
    Row("transform, 70,000 rows", partial(inference, "transform"), ">= .9 (stretch 1)", seeds=1),
    Row(
        "inverse_transform, 70,000 rows",
        partial(inference, "inverse_transform"),
        ">= .9 (stretch 1)",
        seeds=1,
    ),
    Row(
        "5,000 draws for 10,000 rows, VAE 784-400-400-40",
        partial(scoring, (400, 400), 40),
        "<= 10 minutes of two cores, bounded memory",
        seeds=1,
    ),
    Row("one row through ONNX", latency, "<= 2 times onnxruntime alone", seeds=1),
    Row("import diabolo", partial(imports, "", "import diabolo"), "<= .2 s (stretch .1)", seeds=1),
    Row(
        "from diabolo import VAE, over torch and sklearn.base",
        partial(imports, "import torch, sklearn.base", "from diabolo import VAE"),
        "<= .3 s (stretch .1)",
        seeds=1,
    ),
]


if __name__ == "__main__":
    Ledger("speed", ROWS).command(__doc__)
