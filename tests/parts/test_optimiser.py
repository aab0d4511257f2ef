"""What the optimiser of the house remembers."""

import pytest
import torch

from diabolo.contracts import Sizes
from diabolo.likelihoods import Gaussian
from diabolo.models import LatentModel
from diabolo.networks import Linear
from diabolo.objectives import Reconstruction
from diabolo.posteriors import Deterministic
from diabolo.training import Plan, train


@pytest.mark.parametrize(
    ("n_steps", "memory"), [(1, 100), (2_000, 100), (10_000, 500), (20_000, 1_000), (10**6, 1_000)]
)
def test_squares_are_remembered_for_a_twentieth_of_the_training(n_steps, memory):
    """After gradients of 1 for as long as that, and none since, 1/e of the second moment is left."""
    model = LatentModel(Linear(), Deterministic(), Gaussian(1.0), None).build(Sizes((3,), 1))
    x = torch.randn(40, 3)
    plan = Plan(n_steps, 8, 1e-3, check_every=1)

    def stop(step, *_):
        raise KeyboardInterrupt

    optimiser = train(model, Reconstruction(), x, plan=plan, progress=stop).optimiser
    weight = optimiser.param_groups[0]["params"][0]
    before = optimiser.state[weight]["exp_avg_sq"].clone()
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    for _ in range(memory):
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        optimiser.step()
    left = optimiser.state[weight]["exp_avg_sq"] / before
    assert left.mean() == pytest.approx(torch.e**-1, rel=0.01)
