"""The gated model of all betas, against reverse water-filling and the ordinary models that it stands for."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods import Gaussian
from diabolo.models import LatentModel, MultiRate
from diabolo.networks import DCEC, MLP, Conv1d, Conv2d, Linear, ResNet, gates
from diabolo.objectives import ELBO, MultiRateELBO
from diabolo.posteriors import DiagonalGaussian, FullGaussian
from diabolo.priors import StandardNormal, VampPrior

RANGE = (0.05, 5.0)


@pytest.fixture
def make(compose):
    """Return a function that makes a gated model around parts, with every parameter moved off its start."""

    def make(x, *, n_components=3, beta_range=RANGE, **parts):
        parts = {"network": Linear(), "likelihood": Gaussian(1.0), **parts}
        chosen = {"posterior": DiagonalGaussian(), "prior": StandardNormal(), **parts}
        model = MultiRate(LatentModel(**chosen), beta_range).build(Sizes(tuple(x.shape[1:]), n_components))
        model.to(x.dtype).start(Statistics.of(x))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return model.eval()

    return make


def skip_what_has_no_gates(make_network):
    if isinstance(make_network(), ResNet):
        pytest.skip("no gate of x passes through x + f(x); it is refused, as tested below")


def test_at_one_beta_it_is_the_ordinary_model_with_the_gates_in_its_weights(make_network, event_for, make):
    skip_what_has_no_gates(make_network)
    x = torch.randn(4, *event_for(make_network()), dtype=torch.float64)
    model = make(x, network=make_network(), posterior=FullGaussian())
    noise = torch.randn(2, len(x), 3, dtype=x.dtype)
    for beta in (0.05, 0.7, 5.0):
        log_beta = torch.full((len(x),), math.log(beta), dtype=x.dtype)
        gated = model.evaluate(x, {"log_beta": log_beta}, noise=noise)
        folded = model.at(beta).evaluate(x, noise=noise)
        torch.testing.assert_close(gated.log_weight, folded.log_weight, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(gated.rate, folded.rate, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(model.encode(x).mean, model.at(1.0).encode(x).mean, rtol=1e-11, atol=1e-11)
    z = torch.randn(5, 3, dtype=x.dtype)
    torch.testing.assert_close(model.decode(z).mean, model.at(1.0).decode(z).mean, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("network", [DCEC(), Conv2d((2, 3, 4)), Conv1d((2, 3))])
def test_layers_that_go_another_way_in_training_do_so_between_gates_too(make, network):
    """Maps with odd margins are flipped there, and one channel overlaid; the model as it is used is the oracle."""
    event = (2, 20) if isinstance(network, Conv1d) else (1, 28, 28)
    x = torch.randn(3, *event, dtype=torch.float64)
    model = make(x, network=network)
    assert model.model.encoder[0].flipped
    noise = torch.randn(1, 3, 3, dtype=x.dtype)
    log_beta = torch.zeros(3, dtype=x.dtype)
    used = model.evaluate(x, {"log_beta": log_beta}, noise=noise)
    trained = model.train().evaluate(x, {"log_beta": log_beta}, noise=noise)
    torch.testing.assert_close(trained.log_weight, used.log_weight, rtol=1e-11, atol=1e-9)
    torch.testing.assert_close(trained.rate, used.rate, rtol=1e-11, atol=1e-11)


def test_rows_keep_their_own_beta(make):
    x = torch.randn(4, 6, dtype=torch.float64)
    model = make(x, network=MLP((8,)))
    log_beta = torch.tensor([0.05, 0.3, 1.0, 5.0], dtype=x.dtype).log()
    together = model.evaluate(x, {"log_beta": log_beta}, noise=torch.zeros(1, 4, 3, dtype=x.dtype))
    for i, beta in enumerate(log_beta.exp()):
        alone = model.at(float(beta)).evaluate(x[i : i + 1], noise=torch.zeros(1, 1, 3, dtype=x.dtype))
        torch.testing.assert_close(together.log_weight[:, i], alone.log_weight[:, 0])
    terms = MultiRateELBO()(together)
    assert terms["weighted_rate"].item() == pytest.approx((log_beta.exp() * together.rate).mean().item())


def test_the_gates_of_the_codes_hold_the_exact_linear_model_at_every_beta(make, hermite):
    """Eigenvectors and one line for each code: R = sum ln(lambda / s)+ / 2, D = sum min(lambda, s), s = beta."""
    x = torch.randn(400, 5, dtype=torch.float64) * torch.tensor([2.0, 1.4, 0.9, 0.6, 0.3])
    x = x - x.mean(0)
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    model = make(x, n_components=5)
    middle, reach = 0.5 * math.log(RANGE[0] * RANGE[1]), math.log(RANGE[1] / RANGE[0]) / math.sqrt(12)
    unit, head = model.model.unit, model.model.posterior.head
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.weight[:5] = (vectors / values.sqrt()).T * unit
        model.model.decoder[0].weight.copy_(vectors * values.sqrt() / unit[:, None])
        model.model.decoder[0].bias.zero_()
        model.code_gate.slope.fill_(reach)
        model.code_gate.offset.copy_(middle - values.log())
    nodes, log_weights = hermite(3, 5)
    for beta in (0.06, 0.5, 1.3, 4.9):
        e = model.at(beta).evaluate(x, noise=nodes.expand(-1, len(x), -1))
        squared = (e.observation.mean - x).square().sum(-1)
        distortion = (log_weights.exp()[:, None] * squared).sum(0).mean().item()
        assert e.rate.mean().item() == pytest.approx(0.5 * float((values / beta).log().clamp(min=0).sum()))
        assert distortion == pytest.approx(float(values.clamp(max=beta).sum()))


def test_with_hidden_layers_the_variances_start_as_beta_over_the_largest():
    """As those of linear codes whose variance in the data is beta_max / sigma^2; without, no bias is a line in n."""
    parts = DiagonalGaussian(), Gaussian(1.0), StandardNormal()
    model = MultiRate(LatentModel(MLP((8,)), *parts), RANGE).build(Sizes((5,), 3))
    x = torch.randn(4, 5)
    top = model.encode(x, torch.full((4,), math.log(RANGE[1]))).variance
    for beta in (0.05, 0.4, 3.0):
        scale = model.encode(x, torch.full((4,), math.log(beta))).variance / top
        torch.testing.assert_close(scale, torch.full((4, 3), beta / RANGE[1]), rtol=1e-5, atol=0)
    linear = MultiRate(LatentModel(Linear(), *parts), RANGE).build(Sizes((5,), 3))
    assert {name.split(".")[0] for name, _ in linear.named_parameters()} == {"model", "code_gate"}


def test_gates_stay_in_their_ranges_and_keep_finite_slopes():
    n = torch.linspace(-math.sqrt(3), math.sqrt(3), 501)[:, None].requires_grad_()
    codes = gates.CodeGate(40, 2.0)
    for values in (gates.SigmoidGate(3)(n), gates.RootGate(3)(n), codes(n)):
        assert (values >= 0).all()
        assert (values < 1).all()
    assert (codes.log_scale(n) <= 0).all()
    n_open = (codes(n) > 0).sum(1)
    assert (n_open.diff() <= 0).all()
    assert n_open[[0, -1]].tolist() == [40, 3]
    codes(n).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in (codes.slope, codes.offset, n))


def test_betas_are_log_uniform_and_stratified(make):
    x = torch.zeros(1000, 4)
    drawn = make(torch.randn(9, 4)).draw_log_beta(x)
    low, high = np.log(RANGE)
    ranks = (drawn.sort().values - low) / (high - low) * len(x)
    assert ((ranks - torch.arange(1000)).sub(0.5).abs() <= 0.51).all()
    assert abs(float(torch.corrcoef(torch.stack([drawn, torch.arange(1000.0)]))[0, 1])) < 0.15


def test_gradients_reach_everything(make_network, event_for, make):
    skip_what_has_no_gates(make_network)
    x = torch.randn(64, *event_for(make_network()))
    model = make(x, network=make_network())
    sum(MultiRateELBO()(model.evaluate(x)).values()).backward()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def test_what_cannot_be_gated_is_refused(make):
    x = torch.randn(9, 4)

    class Normed(MLP):
        def encoder(self, event):
            encoder, n_features = super().encoder(event)
            return nn.Sequential(*encoder, nn.BatchNorm1d(n_features)), n_features

    with pytest.raises(
        ValueError, match=r"gates linear layers and convolutions.*BatchNorm1d.*use network='mlp'"
    ):
        make(x, network=Normed((4,)))

    class Unbiased(MLP):
        def encoder(self, event):
            encoder, n_features = super().encoder(event)
            return nn.Sequential(*encoder, nn.Linear(n_features, n_features, bias=False)), n_features

    with pytest.raises(ValueError, match=r"with a bias.* a Linear that is none of these.*use network='mlp'"):
        make(x, network=Unbiased((4,)))
    with pytest.raises(ValueError, match=r"gates linear layers and convolutions.*Residual.*'conv2d'"):
        make(torch.randn(9, 1, 8, 8), network=ResNet((2,), n_blocks=1))
    with pytest.raises(
        ValueError, match=r"made of posteriors, which differ with beta.*use prior=StandardNormal"
    ):
        make(x, prior=VampPrior(3)).evaluate(x)
    for pair in (2, (1, 0.5), (0, 1), (1, math.inf), (1, 2, 3), ("a", "b"), (float("nan"), 1)):
        with pytest.raises(ValueError, match="beta_range must be two numbers above 0, the smaller first"):
            make(x, beta_range=pair)
    with pytest.raises(
        ValueError, match=r"beta must be a number within beta_range = \(0.05, 5\).*got 7: choose"
    ):
        make(x).at(7)
    with pytest.raises(ValueError, match=r"this model draws none: use models.MultiRate"):
        MultiRateELBO()(make(x).at(1.0).evaluate(x))
    assert ELBO()(make(x).evaluate(x))["weighted_rate"] > 0  # one beta for all rows is no mistake
