"""When held-out rows stop a training."""

import math

import pytest
import torch

from diabolo.contracts import Sizes
from diabolo.likelihoods import Gaussian
from diabolo.models import LatentModel
from diabolo.networks import Linear
from diabolo.objectives import Reconstruction
from diabolo.posteriors import Deterministic
from diabolo.training import Plan, train
from diabolo.training.schedules import warm_up_cosine


class Scripted(Reconstruction):
    """Checks whose score is written down beforehand; after the last one it stays as it is."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def judge(self, row):
        return (self.scores.pop(0) if len(self.scores) > 1 else self.scores[0],)


def n_checks(scores, **plan):
    """Return the number of checks, one every 10 of 200 steps, before a patience of 2 ends."""
    model = LatentModel(Linear(), Deterministic(), Gaussian(1.0), None).build(Sizes((3,), 1))
    x = torch.randn(40, 3)
    settings = Plan(200, 8, 1e-3, check_every=10, patience=2, **plan)
    outcome = train(model, Scripted(list(scores)), x, plan=settings, x_valid=x)
    assert (outcome.stopped == "early") == (len(outcome.history) < 20)
    return len(outcome.history)


# 15 % of 200 steps are 30: of the checks at 10, 20, 30, ... the first two come while the rate still rises
@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1.0], 4),  # 20 does not count; 30 and 40 do
        ([1.0, 2.0, 2.0, 0.5], 6),  # 30 counts, 40 is better, 50 and 60 are not
        ([3.0, 2.0, 1.0, 2.0, 0.5], 7),
        ([1 / (i + 1) for i in range(20)], 20),
    ],
)
def test_patience_waits_until_the_rate_has_risen(scores, expected):
    assert n_checks(scores) == expected


def test_a_constant_rate_never_rises():
    assert n_checks([1.0], constant_rate=True) == 3


def test_the_rate_that_is_planned_agrees():
    plan = Plan(200, 8, 1.0, check_every=10)
    rates = [warm_up_cosine(step / plan.n_steps) for step in range(1, 201)]
    highest = 1 + max(range(200), key=rates.__getitem__)
    assert [plan.rises(step) for step in (highest - 1, highest)] == [True, False]
    assert math.isclose(max(rates), 1.0)
