"""The multiplier of a constraint: its direction, its bounds and the weights that it keeps."""

import math

import pytest
import torch

from diabolo.objectives import ELBO, Constrained
from diabolo.objectives.constrained import HIGHEST_GAIN, LOWEST


@pytest.mark.parametrize("unit", ["rmse", "mse", "nats"])
def test_beta_rises_below_a_target_distortion_and_falls_above(compose, rows, unit):
    x = rows(None, (6,))
    with torch.no_grad():
        evaluation = compose(x).evaluate(x, n_draws=3)
    mse = float((evaluation.observation.mean - x).square().mean())
    shown = {"rmse": mse**0.5, "mse": mse, "nats": float(evaluation.distortion.mean())}[unit]
    for share, rises in ((1.1, True), (0.9, False)):
        objective = Constrained(shown * share, target_unit=unit).train()
        objective(evaluation, 0.5)
        assert (objective.beta > 1) == rises
        # the squared error is off by 1.21 or 0.81, whatever its unit
        error = {"rmse": 2 * math.log(share), "mse": math.log(share), "nats": 1 - 1 / share}[unit]
        assert math.log(objective.beta) == pytest.approx(HIGHEST_GAIN * error, rel=1e-4)


def test_beta_follows_a_rate_within_bounds_and_rests_when_judged(compose, rows):
    x = rows(None, (6,))
    evaluation = compose(x).evaluate(x)
    rate = float(evaluation.rate.mean())
    objective = Constrained(target_rate=2 * rate).train()
    objective(evaluation, 0.05)
    assert objective.beta == 1.0  # held at first
    objective(evaluation, 0.5)
    lower = objective.beta
    assert lower < 1
    terms = objective.eval()(evaluation)
    assert objective.beta == lower
    expected = ELBO(lower)(evaluation)
    assert all(torch.equal(terms[name], expected[name]) for name in expected)
    objective.train()
    for _ in range(300):
        objective(evaluation, 0.9)
        objective.progress = 0.0
    assert objective.beta == LOWEST


def test_weights_that_meet_the_target_are_kept_and_then_those_with_the_smaller_other_quantity():
    objective = Constrained(target_rate=10.0)

    def judged(rate, distortion):
        row = {"loss": 0.0, "rate": 9.0, "distortion": 50.0, "val_rate": rate, "val_distortion": distortion}
        score = objective.judge(row)
        assert row["beta"] == objective.beta
        return score

    near, good, far = judged(10.05, 60.0), judged(9.95, 55.0), judged(10.4, 40.0)
    assert good < near < far
    # the held-out rows show more than the batches, so the batches are held below the target
    assert objective.excess > 0
