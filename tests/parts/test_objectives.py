"""Gradients of the objectives, against the plain ones, quadrature and each other."""

import math

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss

from diabolo.contracts import Sizes
from diabolo.likelihoods import Bernoulli
from diabolo.models import LatentModel
from diabolo.networks import MLP
from diabolo.objectives import ELBO, ImportanceWeighted
from diabolo.posteriors import DiagonalGaussian
from diabolo.priors import StandardNormal
from diabolo.schedules import Linear


@pytest.fixture
def model():
    model = LatentModel(MLP((5,), activation="tanh"), DiagonalGaussian(), Bernoulli(), StandardNormal())
    model = model.build(Sizes((4,), 1)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.4 * torch.randn_like(p))
    return model


@pytest.fixture
def x():
    return torch.tensor([[1.0, 0, 1, 1], [0, 0, 1, 0]], dtype=torch.float64)


def gradients(model, objective, x, repeats):
    """Mean and standard error of the gradient of the loss, flat, over 40 groups of repeats; and the encoder's part."""
    seen = []
    x = x.repeat(repeats // 40, 1)
    for _ in range(40):
        model.zero_grad()
        sum(objective(model.evaluate(x, n_draws=objective.n_draws)).values()).backward()
        seen.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    seen = torch.stack(seen)
    encoder = torch.cat(
        [torch.full((p.numel(),), not name.startswith("decoder")) for name, p in model.named_parameters()]
    )
    return seen.mean(0), seen.std(0) / math.sqrt(40) + 1e-15, encoder


def near(model, x):
    """Bring q(z|x) near the posterior by training the encoder alone."""
    encoder = [p for name, p in model.named_parameters() if not name.startswith("decoder")]
    optimiser = torch.optim.Adam(encoder, lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        sum(ELBO()(model.evaluate(x, n_draws=20)).values()).backward()
        optimiser.step()


def exact_elbo_gradient(model, x):
    """The gradient of minus the ELBO by Gauss-Hermite quadrature of the noise."""
    nodes, weights = (torch.from_numpy(a) for a in hermegauss(60))
    weights = weights / weights.sum()
    model.zero_grad()
    e = model.evaluate(x, noise=nodes[:, None, None].expand(-1, len(x), 1))
    (-(weights[:, None] * e.log_px).sum(0) + e.kl).mean().backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


@pytest.mark.parametrize(
    "log_scale", [0.0, -1.6, -3.0]
)  # some rows of the second are narrow, all of the third
@pytest.mark.parametrize("gradient", ["mixed", "reparametrised", "sticking_the_landing"])
def test_all_gradients_of_the_elbo_have_the_exact_mean(model, x, gradient, log_scale):
    model.posterior.head.bias.data[1] += log_scale
    mean, error, _ = gradients(model, ELBO(gradient=gradient, n_draws=20), x, 4000)
    exact = exact_elbo_gradient(model, x)
    assert ((mean - exact).abs() < 4.5 * error + 1e-12).all()


def test_sticking_the_landing_has_no_variance_at_the_exact_posterior():
    """q = p(z|x) for a decoder that ignores z: the posterior is the prior."""
    model = (
        LatentModel(MLP((5,)), DiagonalGaussian(), Bernoulli(), StandardNormal())
        .build(Sizes((4,), 2))
        .double()
    )
    with torch.no_grad():
        model.posterior.head.weight.zero_()
        model.decoder[0].weight.zero_()
    x = torch.ones(3, 4, dtype=torch.float64)
    for gradient in ("mixed", "sticking_the_landing", "reparametrised"):
        e = model.evaluate(x)
        model.zero_grad()
        sum(ELBO(gradient=gradient)(e).values()).backward()
        assert model.posterior.head.bias.grad.abs().max() < 1e-12
    # the same estimate with the score left in is noisy
    e = model.evaluate(x)
    model.zero_grad()
    (-e.log_weight.mean()).backward()
    assert model.posterior.head.bias.grad.abs().max() > 1e-3


def test_the_mixed_gradient_lands_in_wide_dimensions_and_has_the_entropy_of_narrow_ones():
    model = (
        LatentModel(MLP((5,)), DiagonalGaussian(), Bernoulli(), StandardNormal())
        .build(Sizes((4,), 2))
        .double()
    )
    model.posterior.head.bias.data[2:] = torch.tensor([-0.5, -2.5])  # sigma about .6 and .08
    x, noise = torch.rand(6, 4, dtype=torch.float64), torch.randn(3, 6, 2, dtype=torch.float64)

    def gradient(loss_of):
        model.zero_grad()
        evaluation = model.evaluate(x, noise=noise)
        loss_of(evaluation).backward()
        return model.posterior.head.bias.grad.clone().view(2, 2)

    def from_objective(name):
        return gradient(lambda e: sum(ELBO(gradient=name)(e).values()))

    mixed, landing = from_objective("mixed"), from_objective("sticking_the_landing")
    entropy = gradient(lambda e: (e.distortion - e.log_pz - e.posterior.entropy()).mean())
    assert torch.allclose(mixed[:, 0], landing[:, 0], rtol=1e-12)
    assert torch.allclose(mixed[:, 1], entropy[:, 1], rtol=1e-12)
    assert not torch.isclose(landing[:, 1], entropy[:, 1], rtol=1e-3).any()
    e = model.evaluate(x, noise=noise)
    values = [sum(ELBO(gradient=g)(e).values()).item() for g in ("mixed", "reparametrised")]
    assert values[0] == pytest.approx(values[1], abs=1e-12)


def test_the_doubly_reparametrised_gradient_has_the_mean_of_the_plain_one(model, x):
    near(model, x)
    plain, plain_error, _ = gradients(model, ImportanceWeighted(8, gradient="reparametrised"), x, 40_000)
    doubly, doubly_error, encoder = gradients(model, ImportanceWeighted(8), x, 40_000)
    z = (plain - doubly) / (plain_error**2 + doubly_error**2).sqrt()
    assert z.abs().max() < 4.5
    # and far less noise in the encoder once q is near p(z|x)
    assert doubly_error[encoder].norm() < 0.1 * plain_error[encoder].norm()


def test_the_value_of_the_bound_does_not_depend_on_the_gradient(model, x):
    noise = torch.randn(6, 2, 1, dtype=torch.float64)
    values = [
        ImportanceWeighted(6, gradient=g)(model.evaluate(x, noise=noise))["importance_bound"].item()
        for g in ("reparametrised", "doubly_reparametrised")
    ]
    by_hand = -torch.log(model.evaluate(x, noise=noise).log_weight.exp().mean(0)).mean()
    assert values == pytest.approx([by_hand.item()] * 2, abs=1e-12)


def test_one_importance_draw_is_the_elbo_from_draws(model, x):
    noise = torch.randn(1, 2, 1, dtype=torch.float64)
    e = model.evaluate(x, noise=noise)
    bound = ImportanceWeighted(1)(e)["importance_bound"]
    assert float(bound) == pytest.approx(
        float(sum(ELBO(gradient="sticking_the_landing")(e).values())), abs=1e-12
    )


def test_a_schedule_weights_the_rate(model, x):
    e = model.evaluate(x)
    objective = ELBO(Linear(4.0, initial=1.0, share=0.5))
    for progress, beta in ((0.0, 1.0), (0.25, 2.5), (0.5, 4.0), (1.0, 4.0)):
        assert float(objective(e, progress)["weighted_rate"]) == pytest.approx(beta * float(e.rate.mean()))
    assert float(objective(e)["weighted_rate"]) == pytest.approx(4 * float(e.rate.mean()))


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (ELBO(-1), "beta must be"),
        (ELBO("1"), "beta must be"),
        (ELBO(float("nan")), "beta must be"),
        (ELBO(None), "beta must be"),
        (ELBO(n_draws=0), "n_draws must be"),
        (ELBO(gradient="stl"), "gradient must be one of"),
        (ELBO(Linear(share=0)), "share must be"),
        (ImportanceWeighted(0), "n_draws must be"),
        (ImportanceWeighted(gradient="dreg"), "gradient must be one of"),
    ],
)
def test_wrong_settings_are_refused_before_the_first_step(model, objective, words):
    with pytest.raises(ValueError, match=words):
        objective.check(model)
