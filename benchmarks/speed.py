"""Speed in ratios: ``python -m benchmarks.speed``.

Contenders are run in turn, in the same process, and their medians compared, so that a busy machine slows them alike;
imports are timed in processes of their own. Each row is kept in ``benchmarks/measured/speed.jsonl``; ``--table``
prints them. A peer that is not installed is skipped, with a line. Nothing is read but what the rows make themselves.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.ledger import Ledger, Row
from diabolo import VAE, OnnxModel, export_onnx
from diabolo.networks import MLP

REPEATS = 9
N_ROWS = 70_000


def medians(repeats: int = REPEATS, **contenders: Callable[[], object]) -> dict[str, float]:
    """Return the median seconds of each contender; they take turns, after one turn that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


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
            return {"skipped": str(error)}
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
    Row("transform, 70,000 rows", partial(inference, "transform"), ">= .9 (stretch 1)", seeds=1),
    Row(
        "inverse_transform, 70,000 rows",
        partial(inference, "inverse_transform"),
        ">= .9 (stretch 1)",
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
    Ledger("speed", ROWS, reads_data=False).command(__doc__)
