"""What a process with a graphics card that is not there does for test_devices.py: ``python -m devices.child FOLDER``.

It writes what came of all of it to a file in the folder.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path

import torch

from . import card


def attempt(work, *args):
    """Return what a work gives, or the error that it ends with as text."""
    try:
        return work(*args)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main(folder):
    """Do all of it on the card."""
    torch.set_num_threads(1)
    card.install()  # before diabolo is imported
    from . import fits, runs, transfers, uses

    found = {
        "fits": {name: attempt(fits.outcome, name, "card") for name in fits.CASES},
        "uses": {name: attempt(uses.outcome, name, "card") for name in uses.CASES},
        "runs": {name: attempt(runs.outcome, name, "card", folder) for name in (*runs.CASES, *runs.ON_CARD)},
        "transfers": transfers.work(folder),
    }
    (folder / "found.pickle").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
