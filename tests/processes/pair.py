"""What two processes do in test_pair.py, and one process beside them; ``python pair.py FOLDER`` joins the others."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from diabolo import corruptions, likelihoods, networks, objectives, posteriors, priors, schedules
from diabolo.contracts import BatchSource, Model, Objective, Sizes, Statistics, seeded
from diabolo.models import Clustered, LatentModel, MultiRate
from diabolo.training import Checkpoints, LostProcessError, Plan, joined, train
from diabolo.training.processes import leave
from diabolo.training.streamed import Streamed

PLAN = Plan(n_steps=6, batch_size=15, learning_rate=1e-2, check_every=3)
#: 34 rows to learn from in batches of 15, which two processes cannot share evenly, and five that are held out.
X = np.random.default_rng(0).normal(size=(39, 3)) @ np.random.default_rng(1).normal(size=(3, 6))


class Blocks(BatchSource):
    """The rows to learn from, in blocks."""

    shape, dtype, bounds = (34, 6), X.dtype, np.array([0, 10, 20, 30, 34])

    def block(self, i):
        return X[self.bounds[i] : self.bounds[i + 1]]


class Normalised(networks.Linear):
    """A network that looks across the rows of a batch."""

    def encoder(self, event):
        module, width = super().encoder(event)
        return nn.Sequential(module, nn.BatchNorm1d(width)), width


class Dropping(networks.Linear):
    """A network that draws."""

    def encoder(self, event):
        module, width = super().encoder(event)
        return nn.Sequential(module, nn.Dropout()), width


class Silent(LatentModel):
    """A model of a user's own, which does not say what it draws."""

    chance = Model.chance


class Curious(objectives.Reconstruction):
    """An objective that reads what is not gathered."""

    mean_over_rows = False

    def forward(self, evaluation, progress=1.0):
        return {"distortion": evaluation.observation.variance.mean()}


def parts(**other):
    """Return the parts of a small VAE."""
    return {
        "network": networks.MLP((8,)),
        "posterior": posteriors.DiagonalGaussian(),
        "likelihood": likelihoods.Gaussian(),
        "prior": priors.StandardNormal(),
        **other,
    }


POINT = {"posterior": posteriors.Deterministic, "prior": lambda: None}
#: For each case a model, an objective and what else the training differs in.
CASES = {
    "elbo": (LatentModel, lambda: objectives.ELBO(2.0, n_draws=2), {}),
    "landing": (LatentModel, lambda: objectives.ELBO(gradient="sticking_the_landing"), {}),
    "free bits": (LatentModel, lambda: objectives.ELBO(free_bits=0.5), {}),
    "controlled": (LatentModel, lambda: objectives.ELBO(schedules.Controlled(1.0, integral=0.1)), {}),
    "importance": (LatentModel, lambda: objectives.ImportanceWeighted(3), {}),
    "capacity": (LatentModel, lambda: objectives.Capacity(schedules.Linear(2.0)), {}),
    "rate": (LatentModel, lambda: objectives.Constrained(target_rate=1.0), {}),
    "mse": (LatentModel, lambda: objectives.Constrained(1.0, target_unit="mse"), {}),
    "total correlation": (LatentModel, lambda: objectives.TotalCorrelation(4.0), {}),
    "dip": (LatentModel, objectives.DisentangledInferredPrior, {}),
    "dip, codes": (
        LatentModel,
        lambda: objectives.DisentangledInferredPrior(covariance="codes"),
        {"posterior": posteriors.FullGaussian},
    ),
    "adversary": (LatentModel, lambda: objectives.AdversarialTotalCorrelation(hidden=(6,)), {}),
    "vamp": (LatentModel, objectives.ELBO, {"prior": lambda: priors.VampPrior(4)}),
    "vamp, rows at the edge": (LatentModel, objectives.ELBO, {"prior": lambda: priors.VampPrior(20)}),
    "vamp, free of rows": (
        LatentModel,
        lambda: objectives.Capacity(1.0),
        {"prior": lambda: priors.VampPrior(4)},
    ),
    "optimal scale": (LatentModel, objectives.ELBO, {"likelihood": lambda: likelihoods.Gaussian("optimal")}),
    "drawn rows": (
        LatentModel,
        objectives.ELBO,
        {"likelihood": lambda: likelihoods.Bernoulli(binarise=True)},
    ),
    "auto-encoder": (LatentModel, objectives.Reconstruction, POINT),
    "denoising": (
        LatentModel,
        objectives.Reconstruction,
        {**POINT, "corruption": lambda: corruptions.Masking(0.3)},
    ),
    "multi-rate": (MultiRate, objectives.MultiRateELBO, {}),
    "clusters": (
        partial(Clustered, n_clusters=3),
        lambda: objectives.Clustering(2.0, refresh_every=2, tolerance=0.0),
        POINT,
    ),
    "clusters alone": (  # the decoder gets no gradient
        partial(Clustered, n_clusters=3),
        lambda: objectives.Clustering(2.0, reconstruction=False, refresh_every=2, tolerance=0.0),
        POINT,
    ),
    "rows in blocks": (LatentModel, objectives.ELBO, {"streamed": True}),
    "a row at a time": (LatentModel, objectives.ELBO, {"batch_size": 1}),
}
#: What two processes do not train, and what they say of it.
REFUSED = {
    "batch norm": (LatentModel, objectives.Reconstruction, {**POINT, "network": Normalised}),
    "dropout": (LatentModel, objectives.Reconstruction, {**POINT, "network": Dropping}),
    "no chance": (Silent, objectives.Reconstruction, POINT),
    "not gathered": (LatentModel, Curious, POINT),
}


def trained(case, **more):
    """Return the model that a case trains, and what came of it."""
    kind, objective, options = case
    options = dict(options)
    size, streamed = options.pop("batch_size", PLAN.batch_size), options.pop("streamed", False)
    x = torch.from_numpy(X)
    if options.get("likelihood") and isinstance(options["likelihood"](), likelihoods.Bernoulli):
        x = x.sigmoid()
    with seeded(0):
        made = parts(**{name: make() for name, make in options.items()})
        inner = Silent(**made) if kind is Silent else LatentModel(**made)
        model = inner if kind in (LatentModel, Silent) else kind(inner)
        model.build(Sizes((6,), 2)).double().start(Statistics.of(x))
    if isinstance(model, Clustered):
        with torch.no_grad():
            model.centres.copy_(torch.tensor([[-1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]))
    plan = Plan(PLAN.n_steps, size, PLAN.learning_rate, PLAN.check_every)
    held_out = None if isinstance(model, Clustered) else x[-5:]
    rows = Streamed(Blocks(), torch.from_numpy, pool_bytes=800) if streamed else x[:-5]
    with seeded(1):
        outcome = train(model, objective(), rows, plan=plan, x_valid=held_out, **more)
    return model, outcome


def summary(model, outcome):
    """Return the history and the weights as plain values."""
    rows = [{name: v for name, v in row.items() if name != "seconds"} for row in outcome.history]
    return {"history": rows, "weights": {name: t.tolist() for name, t in model.state_dict().items()}}


def attempt(work):
    """Return the error that a work ends with, as text."""
    try:
        work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def plain_loop(shard):
    """Train in a plain loop, with the layers in shards where there are several processes; return losses and weights."""
    x, processes = torch.from_numpy(X).float(), joined()
    with seeded(0):
        model = LatentModel(**parts()).build(Sizes((6,), 2))
        model.start(Statistics.of(x))
        noise = torch.randn(4, 1, 20, 2)
    apart = [p for p in model.parameters() if p.dim() == 0]  # which fully_shard does not take
    if shard:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

        mesh = init_device_mesh("cpu", (processes.size,))
        for module in (model.encoder, model.decoder, model):
            fully_shard(module, mesh=mesh, ignored_params=set(apart))
        register_fsdp_forward_method(model, "evaluate")
    objective, losses = objectives.ELBO(), []
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for eps in noise:
        rows = processes.part(20)
        loss = sum(objective(model.evaluate(x[:20][rows], noise=eps[:, rows])).values())
        optimiser.zero_grad()
        loss.backward()
        for parameter in apart:
            processes.add(parameter.grad).div_(processes.size)
        optimiser.step()
        losses.append(processes.total([loss.item() / processes.size])[0])
    if not shard:
        return {"losses": losses, "weights": {name: t.tolist() for name, t in model.state_dict().items()}}
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    whole = get_model_state_dict(model, options=options)
    n_here = sum(p.to_local().numel() for p in model.parameters() if hasattr(p, "to_local"))
    weights = {name: t.tolist() for name, t in whole.items()}
    return {"losses": losses, "weights": weights, "n_here": n_here}


def kept(folder, every=0.0):
    """Train with checkpoints, of which each step writes one."""
    with Checkpoints(folder, every=every) as checkpoints:
        checkpoints.claim({"seed": 0})
        return trained(CASES["elbo"], checkpoints=checkpoints)


def lose_one(folder, step):
    """Train until the second process is killed; return what the first one says, and how soon."""
    whole, steps = Checkpoints.after_step, []

    def after_step(self, state):
        whole(self, state)
        steps.append(time.monotonic())
        if len(steps) == step and not joined().is_first:
            os.kill(os.getpid(), signal.SIGKILL)

    Checkpoints.after_step = after_step
    try:
        kept(folder)
    except LostProcessError as error:
        return {"said": str(error), "seconds": time.monotonic() - steps[-1], "steps": len(steps)}
    return None


def other_rows():
    """Train each process on rows of its own."""
    with seeded(0):
        model = LatentModel(**parts()).build(Sizes((6,), 2))
    x = torch.from_numpy(X).float() + joined().rank
    train(model, objectives.ELBO(), x, plan=PLAN)


def terminated(folder):
    """Train until the second process alone is asked to end, which both answer."""
    whole, steps = Checkpoints.after_step, []

    def after_step(self, state):
        steps.append(0)
        if len(steps) == 2 and not joined().is_first:
            signal.raise_signal(signal.SIGTERM)
        whole(self, state)

    Checkpoints.after_step = after_step
    try:
        kept(folder, every=1e9)
    except SystemExit as error:
        return {"code": error.code, "steps": len(steps)}
    finally:
        Checkpoints.after_step = whole
    return None


def main(folder):
    """Do all of it in one start, and write down what this process has seen; the last thing is to lose the other."""
    torch.set_num_threads(1)
    processes = joined()
    seen = {"cases": {name: summary(*trained(case)) for name, case in CASES.items()}}
    seen["refused"] = {name: attempt(partial(trained, case)) for name, case in REFUSED.items()}
    seen["other rows"] = attempt(other_rows)
    seen["first fails"] = attempt(lambda: processes.first(lambda: 1 / 0))
    seen["sharded"] = plain_loop(shard=True)
    seen["terminated"] = terminated(folder / "terminated")
    seen["went on"] = summary(*kept(folder / "terminated"))
    (folder / f"{processes.rank}.json").write_text(json.dumps(seen))
    lost = lose_one(folder / "lost", 3)
    (folder / "lost.json").write_text(json.dumps(lost))
    os._exit(0)  # without a farewell to a process that is dead


def threads():
    """Return the names of the threads of this process."""
    return [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]


def part(folder, dying):
    """Train, leave the other one, who may have died, and write down which threads there were and are."""
    processes = joined()
    if dying and not processes.is_first:
        Objective.quantities = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
    error = attempt(partial(trained, CASES["elbo"]))
    before = threads()
    leave()
    seen = {"before": before, "after": threads(), "error": error}
    (folder / f"{processes.rank}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    if sys.argv[2:]:
        part(Path(sys.argv[1]), dying=sys.argv[2] == "dying")
    else:
        main(Path(sys.argv[1]))
