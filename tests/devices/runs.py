"""Runs that are broken off, go on, come from files or read blocks, and what is written of them."""

from __future__ import annotations

import importlib.util
import pickle
from unittest.mock import patch

import numpy as np
import torch

from diabolo import (
    VAE,
    AutoEncoder,
    DeepClustering,
    DenoisingAutoEncoder,
    export_onnx,
    export_torch,
    load,
    recipes,
)
from diabolo.networks import MLP
from diabolo.objectives import AdversarialTotalCorrelation
from diabolo.report import write_report
from diabolo.training import Checkpoints, streamed

from .rows import GROUPED, IMAGES, TABLE

SMALL = {"max_epochs": 3, "batch_size": 20, "random_state": 0, "network": MLP((8,))}
HAS_ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))


class Broken(BaseException):
    """What ends a run."""


def weights(model):
    """Return all that a model keeps as lists, after a look at where it lies."""
    tensors = {name: t for name, t in model.model_.state_dict().items()}
    if hasattr(model, "_aggregate"):
        tensors["aggregate"] = model._aggregate
    assert len({t.device.type for t in tensors.values()}) == 1
    return {name: t.tolist() for name, t in tensors.items()}


def told(model):
    """Return weights and history."""
    rows = [{name: v for name, v in row.items() if name != "seconds"} for row in model.history_]
    return {"weights": weights(model), "history": rows}


def broken_off(make, rows, folder, step):
    """Break a fit off in a step, let another go on, and return what came of that, which one left alone must equal."""
    whole, steps = Checkpoints.after_step, []

    def after_step(self, state):
        steps.append(0)
        if len(steps) == step:
            raise Broken
        whole(self, state)

    try:
        with patch.object(Checkpoints, "after_step", after_step):
            make().fit(rows, checkpoint_dir=folder, checkpoint_every=0.0)
        raise AssertionError("the run was not broken off")
    except Broken:
        pass
    found = told(make().fit(rows, checkpoint_dir=folder, checkpoint_every=0.0))
    assert found == told(make().fit(rows))
    assert found == told(make().fit(rows, checkpoint_dir=folder))  # the one that has ended is read back
    return found


def a_broken_run(device, folder):
    return broken_off(lambda: VAE(2, **SMALL, device=device), TABLE, folder / "run", 5)


def a_broken_run_of_an_adversary(device, folder):
    objective = AdversarialTotalCorrelation(hidden=(6,))
    return broken_off(
        lambda: VAE(2, objective=objective, **SMALL, device=device), TABLE, folder / "players", 5
    )


def a_broken_clustering(device, folder):
    more = {"n_components": 2, "max_iter": 6, "refresh_every": 2, "tol": 0.0, "init": "k-means"}
    return broken_off(
        lambda: DeepClustering(3, **SMALL, **more, device=device), GROUPED, folder / "clusters", 12
    )


def a_file(device, folder):
    """Save a model in the middle of its learning, and go on with both."""
    model = VAE(2, **SMALL, device=device).fit(TABLE).partial_fit(TABLE).fit_prior(TABLE, "gaussian")
    copy = load(model.save(folder / "model.diabolo"))
    assert {t.device.type for t in copy.model_.state_dict().values()} == {device}
    assert copy.sample(3, latent="ex_post").tolist() == model.sample(3, latent="ex_post").tolist()
    assert copy.sample(3, latent="aggregate").tolist() == model.sample(3, latent="aggregate").tolist()
    codes = model.transform(TABLE).tolist()
    found = told(model.partial_fit(TABLE))
    assert told(copy.partial_fit(TABLE)) == found
    return {**found, "codes": codes}


def a_pickle(device, folder):
    """Pickle a model, which comes back in the processor's memory, and go on."""
    model = VAE(2, **SMALL, device=device).partial_fit(TABLE)
    copy = pickle.loads(pickle.dumps(model))
    assert next(copy.model_.parameters()).device.type == "cpu"
    return {"codes": copy.transform(TABLE).tolist(), "more": weights(copy.partial_fit(TABLE))}


def a_warm_start(device, folder):
    model = VAE(2, **SMALL, device=device, warm_start=True).fit(TABLE)
    return told(model.fit(TABLE))


def pieces(device, folder):
    """Learn in pieces, with a player that is kept between them."""
    model = recipes.factor_vae(2, **SMALL, device=device)
    for _ in range(3):
        model.partial_fit(TABLE)
    return told(model)


def given_pairs(device, folder):
    noisy = TABLE + 0.1 * np.sin(7 * TABLE)
    return told(DenoisingAutoEncoder(2, **SMALL, device=device).fit(TABLE, X_noisy=noisy))


def rows_held_out(device, folder):
    return told(VAE(2, **SMALL, device=device).fit(TABLE[10:], X_val=TABLE[:10]))


def rows_in_blocks(device, folder):
    """Learn from a mapped file, block by block, and encode it."""
    np.save(folder / "rows.npy", TABLE.astype(np.float32))
    mapped = np.load(folder / "rows.npy", mmap_mode="r")
    with patch.object(streamed, "POOL_BYTES", 600):  # of 1,200
        model = VAE(2, **SMALL, device=device).fit(mapped)
        assert "blocks" in model.choices_["rows"]
        codes = model.transform(mapped, out=folder / "codes.npy")
    return {**told(model), "codes": codes.tolist()}


def rows_on_the_device(device, folder):
    """Give rows as a tensor that lies there."""
    model = AutoEncoder(2, **SMALL, device=device).fit(torch.from_numpy(TABLE).to(device))
    return {**told(model), "codes": model.transform(torch.from_numpy(TABLE).to(device)).tolist()}


def the_plan(device, folder):
    plan = VAE(2, **SMALL, device=device).plan(TABLE)
    return {"steps": plan.n_steps, "parameters": plan.n_parameters}


def a_page(device, folder):
    """Write the report of a model."""
    model = AutoEncoder(2, **SMALL, device=device).fit(TABLE)
    return {"bytes": write_report(folder / "report.html", model, TABLE, TABLE[:5]).stat().st_size}


def exports(device, folder):
    """Write files for other programs, which are held against the model on its device when they are written."""
    model = VAE(2, **SMALL, device=device).fit(IMAGES)
    errors = {"torch": export_torch(model, folder / "whole.pt2").error}
    if HAS_ONNX:
        errors["onnx"] = export_onnx(model, folder / "encoder.onnx", "encoder").error
    return errors


CASES = {
    case.__name__: case
    for case in (
        a_broken_run,
        a_broken_run_of_an_adversary,
        a_broken_clustering,
        a_file,
        a_pickle,
        a_warm_start,
        pieces,
        given_pairs,
        rows_held_out,
        rows_in_blocks,
        rows_on_the_device,
        the_plan,
    )
}
#: What is not done beside it on the processor, where other tests do.
ON_CARD = {case.__name__: case for case in (a_page, exports)}


def outcome(name, device, folder):
    """Return what comes of a case on a device."""
    return {**CASES, **ON_CARD}[name](device, folder)
