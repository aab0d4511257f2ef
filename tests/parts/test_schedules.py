"""Weights over the progress of training, and a rate that is held."""

import math

import pytest
import torch

from diabolo.contracts import Sizes, Statistics
from diabolo.distributions import rate_of_dimensions
from diabolo.likelihoods import Gaussian
from diabolo.models import LatentModel
from diabolo.networks import Linear as LinearNetwork
from diabolo.objectives import ELBO, Capacity
from diabolo.posteriors import DiagonalGaussian, FullGaussian
from diabolo.priors import StandardNormal
from diabolo.schedules import Controlled, Cosine, Cyclical, Linear
from diabolo.training import Plan, train


@pytest.mark.parametrize("make", [Linear, Cosine, Cyclical])
def test_every_ramp_runs_from_initial_to_final(make):
    schedule = make(3.0, initial=0.5)
    path = [schedule(progress) for progress in torch.linspace(0, 1, 101).tolist()]
    assert path[0] == 0.5
    assert path[-1] == pytest.approx(3.0)
    assert min(path) >= 0.5
    assert max(path) <= 3.0 + 1e-12


def test_cosine_is_the_integral_of_a_sine():
    schedule = Cosine(2.0, initial=1.0, share=0.5)
    for progress in (0.1, 0.3, 0.45):
        t = torch.linspace(0, progress / 0.5, 4001, dtype=torch.float64)
        risen = torch.trapezoid(torch.sin(math.pi * t), t) * math.pi / 2
        assert schedule(progress) == pytest.approx(1 + float(risen), abs=1e-6)


def test_cycles_repeat():
    schedule = Cyclical(1.0, n_cycles=4)
    for progress in (0.01, 0.1, 0.2):
        assert schedule(progress) == pytest.approx(schedule(progress + 0.5))


@pytest.mark.parametrize(
    "wrong",
    [
        Linear(-1),
        Linear(share=0),
        Linear(share=1.5),
        Cosine("1"),
        Cosine(initial=-0.1),
        Cyclical(n_cycles=0),
        Cyclical(share=2),
        Controlled(0.0),
        Controlled(1.0, lowest=2.0, highest=1.0),
        Controlled(1.0, integral=-1.0),
    ],
    ids=repr,
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=" must be "):
        wrong.check()


@pytest.fixture
def linear():
    """A linear VAE on data with principal variances 9, 4, 1, .25, and those rows."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2000, 4, generator=generator) * torch.tensor([3.0, 2.0, 1.0, 0.5])
    model = LatentModel(LinearNetwork(), DiagonalGaussian(), Gaussian(1.0), StandardNormal())
    model.build(Sizes((4,), 3)).start(Statistics.of(x))
    return model, x


def rate_and_distortion(model, x):
    with torch.inference_mode():
        e = model.evaluate(x, n_draws=50)
        return float(e.rate.mean()), float(e.distortion.mean())


def exact_distortion(x, rate):
    """The least distortion of a Gaussian likelihood of scale 1 at a rate: reverse water-filling, by bisection."""
    variances = (x - x.mean(0)).square().mean(0).double()
    low, high = 1e-6, float(variances.max())
    for _ in range(200):
        water = 0.5 * (low + high)
        at = 0.5 * (variances / water).log().clamp(min=0).sum()
        low, high = (water, high) if at > rate else (low, water)
    return float(0.5 * variances.clamp(max=water).sum() + 2 * math.log(2 * math.pi))


@pytest.mark.parametrize(
    ("objective", "target"),
    [(ELBO(Controlled(1.5, proportional=0.1, integral=0.01)), 1.5), (Capacity(2.0, gamma=3.0), 2.0)],
    ids=["controlled", "capacity"],
)
def test_a_held_rate_ends_on_the_exact_curve(linear, objective, target):
    model, x = linear
    plan = Plan(n_steps=700, batch_size=200, learning_rate=3e-2, check_every=350)
    train(model, objective, x, plan=plan)
    rate, distortion = rate_and_distortion(model, x)
    assert rate == pytest.approx(target, rel=0.03)
    assert distortion == pytest.approx(exact_distortion(x, rate), abs=0.05)


def test_a_controller_rests_while_a_model_is_judged():
    schedule = Controlled(1.0, integral=0.1)
    schedule(0.5, 3.0)
    weight = schedule.weight
    schedule.eval()
    assert schedule(0.5, 100.0) == weight
    schedule.train()
    assert schedule(0.5, 3.0) > weight


def test_a_controller_at_its_bound_comes_back_at_once():
    schedule = Controlled(1.0, proportional=0.0, integral=1.0, highest=2.0)
    for _ in range(100):
        schedule(0.5, 5.0)
    assert schedule.weight == 2.0
    assert schedule(0.5, 0.5) < 2.0


def test_free_bits_by_hand(linear):
    model, x = linear
    model = model.double()
    e = model.evaluate(x[:50].double())
    each = rate_of_dimensions(e.posterior, e.prior)
    assert torch.allclose(each.sum(-1), e.kl)
    floor = each.mean(0).median().item()
    expected = sum(max(floor, v) for v in each.mean(0).tolist())
    assert float(ELBO(2.0, free_bits=floor)(e)["weighted_rate"]) == pytest.approx(2 * expected)


def test_free_bits_need_dimensions(linear):
    _, x = linear
    model = LatentModel(LinearNetwork(), FullGaussian(), Gaussian(1.0), StandardNormal()).build(
        Sizes((4,), 3)
    )
    with pytest.raises(ValueError, match="a diagonal Gaussian posterior and prior"):
        ELBO(free_bits=0.1)(model.evaluate(x[:5]))


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (ELBO(free_bits=-1), "free_bits must be"),
        (ELBO(free_bits=1, gradient="sticking_the_landing"), "closed form"),
        (Capacity(-1.0), "capacity must be"),
        (Capacity(1.0, gamma=0), "gamma must be"),
        (Capacity(Linear(-2.0)), "final must be"),
    ],
)
def test_wrong_objectives_are_refused(linear, objective, words):
    with pytest.raises(ValueError, match=words):
        objective.check(linear[0])
