"""How often the processor and the card wait for each other."""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

import numpy as np
import torch

from diabolo import VAE, AutoEncoder, DenoisingAutoEncoder
from diabolo.corruptions import Corruption
from diabolo.data import ArraySource
from diabolo.networks import MLP
from diabolo.objectives import ELBO
from diabolo.training import Checkpoints, streamed

from . import fits
from .card import watched
from .rows import TABLE
from .runs import Broken

TINY = {"batch_size": 15, "random_state": 0, "network": MLP((8,)), "device": "card"}
#: Fits that do with one reading a step and one order of the rows an epoch.
LEAN = (
    "auto-encoder",
    "beta-tcvae",
    "bytes",
    "conv2d",
    "denoising",
    "drawn rows",
    "factor-vae",
    "iwae",
    "kinds of columns",
    "multi-rate",
    "vae",
    "warm-up",
)
#: Fits in which a step also depends on numbers of its own batch: the weight of the rate, or which components of a
#: mixture are narrow.
STEERED = ("control-vae", "geco", "learned mixture")


#: What the card says to what no graphics card would do.
MIXED = "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, card:0 and cpu!"
NO_ARRAY = "TypeError: can't convert card:0 device type tensor to numpy. Use Tensor.cpu()"
REFUSED = {
    "sum": (lambda here, there: here + there, MIXED),
    "product": (lambda here, there: torch.ones(2, 3) @ there, MIXED),
    "in its place": (lambda here, there: here.add_(there), MIXED),
    "a number here and one there": (lambda here, there: here.sum().add_(there.sum()), MIXED),
    "stack": (lambda here, there: torch.stack([here.sum(), there.sum()]), MIXED),
    "choice": (lambda here, there: there.index_select(0, torch.tensor([0])), MIXED),
    "index": (lambda here, there: here[torch.tensor([0]).to("card")], MIXED),
    "generator": (
        lambda here, there: torch.randn(3, device="card", generator=torch.Generator()),
        "RuntimeError: Expected a 'card' device type for generator but found 'cpu'",
    ),
    "numpy": (lambda here, there: there.numpy(), NO_ARRAY),
    "array": (lambda here, there: np.asarray(there), NO_ARRAY),
}


class Curious(ELBO):
    """An objective that looks at its distortion in every step."""

    def forward(self, evaluation, progress=1.0):
        terms = super().forward(evaluation, progress)
        terms["distortion"].item()
        return terms


class Distant(Corruption):
    """Noise that is drawn in the processor's memory."""

    def forward(self, x, *args):
        return x + torch.randn(x.shape).to(x.device)


def counted(make, rows, fit=lambda model, rows: model.fit(rows), **more):
    """Return what passes in a fit of four epochs beyond what does in one of two: steps, epochs, reads, writes, checks."""
    seen = []
    for n_epochs in (2, 4):
        model = make().set_params(max_epochs=n_epochs, **more)
        with watched() as traffic:
            fit(model, rows[:30])
        found = [model.n_steps_, n_epochs, len(traffic.reads), len(traffic.writes), len(model.history_)]
        seen.append(np.array(found))
    return dict(
        zip(("steps", "epochs", "reads", "writes", "checks"), (seen[1] - seen[0]).tolist(), strict=True)
    )


def steady(names):
    """Return what passes in the steps of some fits, of which no rows are held out."""
    found = {}
    for name in names:
        make, rows = fits.CASES[name]
        found[name] = counted(partial(make, "card"), rows, early_stopping=False)
    return found


def beside():
    """Return what passes where each row has a noisy one beside it, and where rows are read in blocks."""
    pairs = counted(
        lambda: DenoisingAutoEncoder(2, **TINY),
        TABLE,
        lambda model, rows: model.fit(rows, X_noisy=rows + 0.1),
        early_stopping=False,
    )
    with patch.object(streamed, "POOL_BYTES", 300):  # of 600
        source = ArraySource(TABLE[:30].astype(np.float32), block_bytes=100)
        blocks = counted(
            lambda: VAE(2, **TINY), TABLE, lambda model, rows: model.fit(source), early_stopping=False
        )
    return {"pairs": pairs, "blocks": blocks}


def looked_for():
    """Return what the count says where something is put in that it must see."""
    return {
        "a reading": counted(lambda: VAE(2, objective=Curious(), **TINY), TABLE, early_stopping=False),
        "noise from afar": counted(
            lambda: DenoisingAutoEncoder(2, corruption=Distant(), **TINY), TABLE, early_stopping=False
        ),
    }


def used():
    """Return the reads and writes of uses of a fitted model."""
    model = VAE(2, max_epochs=1, **TINY).fit(TABLE)
    found = {}
    for name, use in {
        "transform": lambda: model.transform(TABLE),
        "inverse_transform": lambda: model.inverse_transform(np.zeros((5, 2), np.float32)),
        "sample": lambda: model.sample(5),
        "sample, aggregate": lambda: model.sample(5, latent="aggregate"),
        "sample_codes": lambda: model.sample_codes(TABLE.astype(np.float32), 3),
    }.items():
        with watched() as traffic:
            use()
        found[name] = [len(traffic.reads), len(traffic.writes)]
    return found


def gone_on(folder):
    """Return what a run that was broken off reads and writes where weights are kept, after it has been taken up."""

    def fit():
        AutoEncoder(2, max_epochs=4, **TINY).fit(TABLE, checkpoint_dir=folder / "kept", checkpoint_every=0.0)

    def after_step(self, state):
        self.write(state)
        raise Broken

    try:
        with patch.object(Checkpoints, "after_step", after_step):
            fit()
    except Broken:
        with watched() as traffic:
            fit()
    return [what for what in traffic.reads + traffic.writes if "_keep" in what]


def refused():
    """Return what the card says to what no graphics card would do."""
    said = {}
    for name, (attempt, _) in REFUSED.items():
        try:
            attempt(torch.ones(3), torch.ones(3, device="card"))
            said[name] = "nothing"
        except Exception as error:
            said[name] = f"{type(error).__name__}: {error}"
    return said


def allowed():
    """Return what a graphics card does with tensors of both devices, and what of it passes between them."""
    there, one = torch.arange(3.0, device="card"), torch.tensor(2.0)
    found = {}
    for name, attempt in {
        "a number in a sum": lambda: there + one,
        "an index": lambda: there[torch.tensor([2, 0])],
        "a copy": lambda: torch.zeros(3, device="card").copy_(torch.ones(3)),
        "a copy back": lambda: torch.zeros(3).copy_(there),
        "forced": lambda: there.numpy(force=True),
        "a mask": lambda: there[there > 0],
        "a decision": lambda: bool((there > 0).all()),
    }.items():
        with watched() as traffic:
            value = attempt()
        found[name] = [np.asarray(value.cpu() if isinstance(value, torch.Tensor) else value).tolist()]
        found[name] += [len(traffic.reads), len(traffic.writes)]
    return found


def work(folder):
    """Return all that is counted."""
    return {
        "lean": steady(LEAN),
        "steered": steady(STEERED),
        "held out": counted(lambda: VAE(2, **TINY), TABLE, n_iter_no_change=100),
        **beside(),
        "looked for": looked_for(),
        "used": used(),
        "gone on": gone_on(folder),
        "refused": refused(),
        "allowed": allowed(),
    }
