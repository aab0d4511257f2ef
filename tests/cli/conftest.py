"""Small runs made once, and a way to type a command."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from diabolo.cli import main

QUICK = ("--max-epochs", "2", "--network.hidden", "16", "--batch-size", "64", "--no-report")


@dataclass
class Said:
    code: int
    out: str
    err: str

    def json(self):
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


@pytest.fixture
def typed(capsys):
    """Run a command line in this process and return its code and what it printed."""

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """A folder with images.npy, table.csv, and the runs vae, ae, denoising and table."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("cli")
    X = load_digits().images[:120]
    np.save(folder / "images.npy", X)
    header = ",".join(f"height {i}" for i in range(5))
    np.savetxt(
        folder / "table.csv", X.reshape(120, -1)[:, 2:7] + 1, delimiter=",", header=header, comments=""
    )
    for model in ("vae", "ae", "denoising"):
        words = [
            "fit",
            folder / "images.npy",
            "--model",
            model,
            "-d",
            "3",
            "--out",
            folder / model,
            "--quiet",
            *QUICK,
        ]
        assert main([str(w) for w in words]) == 0
    words = ["fit", folder / "table.csv", "-d", "2", "--out", folder / "table", "--quiet", *QUICK]
    assert main([str(w) for w in words]) == 0
    return folder
