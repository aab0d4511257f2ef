"""Rows that are read in blocks: whether the loss is that of rows in memory, and how much memory they take.

    DIABOLO_DATA=folder python -m benchmarks.streaming                # every row, seed by seed
    python -m benchmarks.streaming --rows GB --folder /large/disk     # the rows about memory write files of 20 GB

MNIST is sorted by its labels, which is the worst order that it can lie in, and cut into blocks; contenders differ in how
many of them are shuffled together. Peak memory is the largest RssAnon in /proc/PID/status of a process of its own that
fits and transforms a mapped file, Parquet, CSV or a folder of images: pages of a file itself, which the system takes
back at will, do not count.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.ledger import Ledger, Row
from diabolo import VAE
from diabolo.contracts.source import even_bounds
from diabolo.data import ArraySource, load_data, open_data
from diabolo.networks import MLP
from diabolo.training import streamed

ROW_BYTES = 4 * 784
FOLDER = Path(tempfile.gettempdir())


class InOrder(ArraySource):
    """Blocks of an array that come one after another."""

    sequential = True


def shuffling(kind: type[ArraySource] | None, pool: int, n_blocks: int, seed: int) -> dict[str, Any]:
    """Test -ELBO (cross-entropy of grey values) of one VAE, from rows in memory or from blocks sorted by label."""
    train, test = (load_data("mnist", subset=subset) for subset in ("train", "test"))
    assert train.y is not None
    X: Any = train.X[np.argsort(train.y, kind="stable")]
    vae = VAE(10, network=MLP((128,)), likelihood="bernoulli", max_epochs=3, random_state=seed)
    usual = streamed.POOL_BYTES
    try:
        if kind is not None:
            block_bytes = -(-len(X) // n_blocks) * ROW_BYTES
            streamed.POOL_BYTES = pool * block_bytes
            X = kind(X, block_bytes=block_bytes)
        vae.fit(X)
    finally:
        streamed.POOL_BYTES = usual
    return {"test -ELBO": -vae.evaluate(test.X, n_draws=1).elbo, "steps": vae.n_steps_}


def memory(kind: str, gigabytes: float, seed: int) -> dict[str, Any]:
    """Peak anonymous memory of a process that fits and transforms rows on disk; it goes through them three times."""
    n_rows = int(gigabytes * 1e9) // (4 * SIDE**2 if kind == "images" else ROW_BYTES)
    path, codes = FOLDER / f"rows-{os.getpid()}.{kind}", FOLDER / f"codes-{os.getpid()}.npy"
    try:
        WRITERS[kind](path, n_rows, seed)
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.streaming", "--fit", str(path), str(codes)],
            stdout=subprocess.PIPE,
            text=True,
        )
        peak = 0
        while child.poll() is None:
            peak = max(peak, _anonymous(child.pid))
            time.sleep(0.02)
        assert child.stdout is not None
        assert child.returncode == 0
        before, *seconds = map(float, child.stdout.read().split())
    finally:
        shutil.rmtree(path, ignore_errors=True)
        for file in (path, codes):
            file.unlink(missing_ok=True)
    return {
        "peak GB": peak / 1e9,
        "GB after import": before / 1e9,
        "GB of rows": gigabytes,
        "rows": n_rows,
        "seconds to fit": seconds[0],
        "seconds to transform": seconds[1],
    }


def write_npy(path: Path, n_rows: int, seed: int) -> None:
    """Write blocks of rows of 784 numbers near a plane of ten dimensions, each block in a scale of its own."""
    rng = np.random.default_rng(seed)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_rows, 784))
    bounds = even_bounds(rows.shape, rows.dtype, 1 << 25)
    block = near_a_plane(int(bounds[1]), rng)
    for start, stop in pairwise(bounds):
        np.multiply(block[: stop - start], np.float32(rng.uniform(0.5, 2)), out=rows[start:stop])
    rows.flush()


def write_parquet(path: Path, n_rows: int, seed: int) -> None:
    """Write such rows in groups of 10,000, which are 31 MB."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    rng = np.random.default_rng(seed)
    block = near_a_plane(min(n_rows, 10_000), rng)
    names = [f"x{i}" for i in range(784)]
    with ParquetWriter(path, pa.schema([(name, pa.float32()) for name in names])) as writer:
        for start in range(0, n_rows, len(block)):
            rows = block[: n_rows - start] * np.float32(rng.uniform(0.5, 2))
            writer.write_table(pa.table(dict(zip(names, rows.T, strict=True))))


def write_csv(path: Path, n_rows: int, seed: int) -> None:
    """Write the text of 2,000 such rows as often as it takes."""
    text = io.StringIO()
    np.savetxt(text, near_a_plane(2000, np.random.default_rng(seed)), fmt="%.5g", delimiter=",")
    lines = text.getvalue().splitlines(keepends=True)
    with path.open("w") as file:
        for start in range(0, n_rows, len(lines)):
            file.writelines(lines[: n_rows - start])


def write_images(folder: Path, n_rows: int, seed: int) -> None:
    """Write a folder of grey PNG files of 64 x 64 pixels."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    some = rng.integers(256, size=(500, SIDE, SIDE), dtype=np.uint8)
    for i in range(n_rows):
        Image.fromarray(some[i % len(some)]).save(folder / f"{i:06}.png")


def near_a_plane(n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows of 784 numbers near a plane of ten dimensions."""
    shape = (n_rows, 784)
    rows = rng.standard_normal((n_rows, 10)) @ rng.standard_normal((10, 784)) + rng.standard_normal(shape)
    return rows.astype(np.float32)


SIDE = 64
WRITERS = {"npy": write_npy, "parquet": write_parquet, "csv": write_csv, "images": write_images}


def fit_and_transform(path: str, codes: str) -> None:
    """Print the anonymous memory before, and the seconds of a fit and a transform."""
    before = _anonymous(os.getpid())
    start = time.perf_counter()
    rows = open_data(path).X
    vae = VAE(10, network=MLP((64,)), random_state=0).fit(rows)
    fitted = time.perf_counter()
    found = vae.transform(rows, out=codes)
    assert found.shape == (len(rows), 10)
    print(before, fitted - start, time.perf_counter() - fitted)


def _anonymous(pid: int) -> int:
    """Return the bytes of anonymous memory of a process."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


ROWS = [
    *(
        Row(f"MNIST sorted by label, {name}", partial(shuffling, *how), wanted, seeds=5)
        for name, how, wanted in (
            ("all rows shuffled", (None, 0, 0), "-"),
            ("256 of 1024 blocks in a pool", (ArraySource, 256, 1024), "as all rows shuffled"),
            ("64 of 256 blocks in a pool", (ArraySource, 64, 256), "-"),
            ("16 of 256 blocks in a pool", (ArraySource, 16, 256), "-"),
            ("64 of 256 blocks, in their order", (InOrder, 64, 256), "-"),
        )
    ),
    *(
        Row(name, partial(memory, kind, gigabytes), "peak under 2 GB", seeds=1)
        for name, kind, gigabytes in (
            ("2 GB of rows", "npy", 2.0),
            ("20 GB of rows", "npy", 20.0),
            ("Parquet, .5 GB as float32", "parquet", 0.5),
            ("Parquet, 3 GB as float32", "parquet", 3.0),
            ("CSV, .4 GB as float32", "csv", 0.4),
            ("CSV, 1.6 GB as float32", "csv", 1.6),
            ("folder of images, .4 GB as float32", "images", 0.4),
            ("folder of images, 1.6 GB as float32", "images", 1.6),
            ("folder of images, 3.2 GB as float32", "images", 3.2),
        )
    ),
]


if __name__ == "__main__":
    if "--fit" in sys.argv:
        fit_and_transform(*sys.argv[-2:])
    else:
        if "--folder" in sys.argv:
            at = sys.argv.index("--folder")
            FOLDER = Path(sys.argv.pop(at + 1))
            sys.argv.pop(at)
        Ledger("streaming", ROWS).command(__doc__)
