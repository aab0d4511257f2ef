"""Written-out gradients against those of autograd, and who has none."""

import numpy as np
import pytest
import torch
from torch import nn

from diabolo import VAE, AutoEncoder
from diabolo.contracts import Sizes, Statistics
from diabolo.corruptions import Masking
from diabolo.gradients import written_gradient
from diabolo.likelihoods import Bernoulli, Gaussian, Laplace
from diabolo.models import Clustered, LatentModel
from diabolo.networks import DCEC, MLP, Linear
from diabolo.objectives import ELBO, ImportanceWeighted, Reconstruction
from diabolo.posteriors import Deterministic, DiagonalGaussian, FullGaussian
from diabolo.priors import StandardNormal, VampPrior
from diabolo.schedules import Linear as Rising
from diabolo.training.gradient import Autograd
from diabolo.training.loop import adam
from diabolo.training.sharing import Alone

GRADIENTS = ("mixed", "reparametrised", "sticking_the_landing")
LIKELIHOODS = [Bernoulli(), Gaussian(), Gaussian("per_feature"), Gaussian("data"), Gaussian(0.3)]
NETWORKS = [
    Linear(),
    *(MLP((16, 7), activation=a) for a in ("relu", "silu", "gelu", "tanh", "elu", "softplus")),
]


def built(network, likelihood, *, vae=True, corruption=None, event=(3, 4), dtype=torch.float32):
    """Return a model with weights away from where they start, and rows with a constant column."""
    torch.manual_seed(0)
    x = torch.rand(64, *event, dtype=dtype)
    x[:, 0, 1] = 0.5
    parts = (DiagonalGaussian(), StandardNormal()) if vae else (Deterministic(), None)
    model = LatentModel(network, parts[0], likelihood, parts[1], corruption)
    model = model.build(Sizes(event, 3)).to(dtype)
    model.start(Statistics.of(x))
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model.train(), x


def gradients(model, compute, x, context=None, progress=0.5):
    torch.manual_seed(1)
    compute(x, context or {}, progress)
    return compute.numbers(), [parameter.grad.clone() for parameter in model.parameters()]


def assert_equal(model, objective, x, tolerance, context=None):
    written = written_gradient(model, objective)
    autograd = Autograd(Alone(model, objective), adam(model, 1e-3))
    gradients(model, written, x.flip(0), context)  # what was before leaves nothing
    shown, found = gradients(model, written, x, context)
    expected_shown, expected = gradients(model, autograd, x, context)
    assert shown == pytest.approx(expected_shown, rel=tolerance)
    for a, b in zip(found, expected, strict=True):
        assert (a - b).norm() <= tolerance * b.norm()


@pytest.mark.parametrize(
    "objective", [*(ELBO(2.0, gradient=g) for g in GRADIENTS), Reconstruction()], ids=repr
)
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_gradients_are_those_of_autograd(network, likelihood, objective):
    vae = objective.needs_density
    model, x = built(network, likelihood, vae=vae)
    assert_equal(model, objective, x, 1e-5)
    model, x = built(network, likelihood, vae=vae, dtype=torch.float64)
    assert_equal(model, objective, x, 1e-12)


def test_with_a_schedule_a_corruption_and_what_is_seen():
    model, x = built(MLP((8,)), Bernoulli(), corruption=Masking(0.3))
    assert_equal(model, ELBO(Rising(4.0)), x, 1e-5)
    assert_equal(model, ELBO(), x, 1e-5, {"seen": x.flip(0)})


def test_nothing_comes_back_from_scales_beyond_their_limits():
    model, x = built(MLP((8,)), Gaussian(), dtype=torch.float64)
    model.posterior.head.bias.data[3:] = torch.tensor([-40.0, 12.1, 0.3])
    model.decoder[0].weight.data[:, 1] *= 1e-5
    for gradient in GRADIENTS:
        assert_equal(model, ELBO(gradient=gradient), x, 1e-12)


def test_a_range_of_scales_is_kept_and_has_the_gradients_of_autograd():
    parts = DiagonalGaussian(scale_range=(0.5, 2.0)), Gaussian(), StandardNormal()
    model = LatentModel(MLP((8,)), *parts).build(Sizes((12,), 3)).double()
    model.posterior.head.bias.data[3:] = torch.tensor([-1.0, 1.0, 0.1])
    x = torch.randn(20, 12, dtype=torch.float64)
    scale = model.encode(x).scale
    assert scale[:, 0].min().item() == pytest.approx(0.5)
    assert scale[:, 1].max().item() == pytest.approx(2.0)
    assert_equal(model, ELBO(), x, 1e-12)


@pytest.mark.parametrize("wrong", [(2.0, 0.5), (0.0, 1.0), 3.0, (1.0, float("inf")), ("a", "b")])
def test_a_range_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"scale_range must be two numbers, 0 < smallest < largest"):
        DiagonalGaussian(scale_range=wrong).build(Sizes((12,), 3), n_features=4)


def test_who_has_none():
    plain, _ = built(MLP((8,)), Bernoulli())
    assert written_gradient(plain, ELBO()) is not None
    for objective in (
        ELBO(n_draws=2),
        ELBO(free_bits=0.1),
        ImportanceWeighted(2),
    ):
        assert written_gradient(plain, objective) is None
    others = [
        built(MLP((8,), activation="gated"), Bernoulli())[0],
        built(MLP((8,)), Laplace())[0],
        built(MLP((8,)), Gaussian("optimal"))[0],
        LatentModel(MLP((8,)), FullGaussian(), Bernoulli(), StandardNormal()).build(Sizes((12,), 3)),
        LatentModel(MLP((8,)), DiagonalGaussian(), Bernoulli(), VampPrior(4)).build(Sizes((12,), 3)),
        LatentModel(DCEC(), DiagonalGaussian(), Bernoulli(), StandardNormal()).build(Sizes((1, 16, 16), 3)),
    ]
    for model in others:
        assert written_gradient(model, ELBO()) is None
    clustered = Clustered(LatentModel(MLP((8,)), Deterministic(), Gaussian(1.0))).build(Sizes((12,), 3))
    assert written_gradient(clustered, Reconstruction()) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.decoder[0].weight.requires_grad_(False),
        lambda model: model.register_parameter("more", nn.Parameter(torch.zeros(1))),
        lambda model: model.encoder[1].register_forward_hook(lambda *_: None),
        lambda model: model.decoder[0].weight.register_hook(lambda gradient: gradient),
        lambda model: model.encoder.append(nn.Dropout()),
        lambda model: nn.utils.parametrizations.weight_norm(model.decoder[0]),
        lambda model: model.decoder.insert(2, nn.Unflatten(1, (2, 4))),
    ],
)
def test_a_model_that_was_changed_has_none(change):
    model, _ = built(MLP((8,)), Bernoulli())
    change(model)
    assert written_gradient(model, ELBO()) is None


@pytest.mark.parametrize(
    "estimator", [VAE(2, network=MLP((8,))), AutoEncoder(2, network=MLP((8,)))], ids=repr
)
def test_a_fit_ends_near_that_of_autograd(estimator, monkeypatch):
    X = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    estimator.set_params(max_epochs=20, random_state=0)
    ours = estimator.fit(X).history_
    assert written_gradient(estimator.model_, estimator._objective()) is not None
    monkeypatch.setattr("diabolo.estimators.base.written_gradient", lambda model, objective: None)
    for row, other in zip(ours, estimator.fit(X).history_, strict=True):
        assert {**row, "seconds": 0.0} == pytest.approx({**other, "seconds": 0.0}, rel=1e-4)
