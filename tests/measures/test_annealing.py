"""HMC against known targets; annealed importance sampling and its bounds against closed forms and quadrature."""

import math

import pytest
import torch
from torch.distributions import Categorical, MultivariateNormal

from diabolo.contracts import Sizes
from diabolo.distributions import DiagonalNormal
from diabolo.likelihoods import Bernoulli, Gaussian
from diabolo.likelihoods import Categorical as CategoricalLikelihood
from diabolo.measures import annealed_importance, bidirectional
from diabolo.measures.hmc import Point, leapfrog, transition
from diabolo.models import LatentModel
from diabolo.networks import MLP, Linear
from diabolo.posteriors import Deterministic, DiagonalGaussian, FullGaussian
from diabolo.priors import StandardNormal

P, D, NOISE = 5, 2, 0.5


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def linear_case(size=0.7):
    """p(x|z) = N(W z + b, NOISE^2 I) with its exact posterior, and p(x)."""
    model = LatentModel(Linear(), FullGaussian(), Gaussian(scale=NOISE), StandardNormal())
    model = model.build(Sizes((P,), D)).double()
    with torch.no_grad():
        loadings, bias = model.decoder[0].weight.normal_(0, size), model.decoder[0].bias.normal_()
        precision = loadings.T @ loadings / NOISE**2 + torch.eye(D)
        tril = torch.linalg.cholesky(torch.linalg.inv(precision))
        head = model.posterior.head
        head.weight.zero_()
        head.weight[:D] = torch.linalg.solve(precision, loadings.T) / NOISE**2
        head.bias.zero_()
        head.bias[:D] = -head.weight[:D] @ bias
        head.bias[D:] = torch.cat([tril.diagonal().log(), tril[1:, 0]])
        p = MultivariateNormal(bias.clone(), loadings @ loadings.T + NOISE**2 * torch.eye(P).double())
    return model, p


@pytest.fixture
def linear():
    return linear_case()


@pytest.fixture
def bernoulli():
    """A Bernoulli decoder that is far from linear, and log p(x) by the trapezoidal rule."""
    model = LatentModel(MLP((8,), activation="tanh"), DiagonalGaussian(), Bernoulli(), StandardNormal())
    model = model.build(Sizes((6,), 2)).double()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.normal_(0, 1.5)
    axis = torch.linspace(-8, 8, 161).double()
    z = torch.cartesian_prod(axis, axis).unsqueeze(1)
    log_pz = model.latent_prior().log_prob(z) + 2 * math.log(axis[1] - axis[0])

    @torch.no_grad()
    def log_p(x):
        return (log_pz + model.decode(z).log_prob(x)).logsumexp(0)

    return model, log_p


def loosened(model):
    """Make q(z|x) twice as wide and move it by half a unit: no longer the posterior."""
    with torch.no_grad():
        model.posterior.head.bias[:D] += 0.5
        model.posterior.head.bias[D : 2 * D] += math.log(2)
    return model


def within(values, expected, n=4.0):
    """Whether the mean of independent values is what is expected, within n standard errors."""
    error = float(values.std()) / math.sqrt(len(values))
    return abs(float(values.mean()) - expected) < n * error


def agrees(estimate, exact):
    """Whether the mean over rows is exact within the standard error and the known bias of a logarithm."""
    bias = float(estimate.standard_error.square().mean()) / 2
    error = estimate.mean - float(exact.mean())
    return abs(error + bias) < 4 * estimate.standard_error_draws + bias


# the transitions


COVARIANCE = torch.tensor([[1.0, 0.6, 0.0], [0.6, 0.5, -0.1], [0.0, -0.1, 2.0]], dtype=torch.double)
TARGET = MultivariateNormal(torch.tensor([1.0, -2.0, 0.5], dtype=torch.double), COVARIANCE)


def target_terms(z):
    """The density of TARGET in two terms, to be weighted by 2 and 0.5."""
    return 0.25 * TARGET.log_prob(z), TARGET.log_prob(z)


WEIGHTS = (2.0, 0.5)


def test_leapfrog_turned_round_comes_back():
    z, momentum = torch.randn(2, 20, 3, dtype=torch.double)
    step = 0.3 * torch.rand(20, 1).double()
    there, arrived = leapfrog(target_terms, WEIGHTS, Point.at(target_terms, z), momentum, step, 7)
    back, returned = leapfrog(target_terms, WEIGHTS, there, -arrived, step, 7)
    assert (there.z - z).abs().max() > 0.5
    torch.testing.assert_close(back.z, z, rtol=0, atol=1e-10)
    torch.testing.assert_close(returned, -momentum, rtol=0, atol=1e-10)


def test_the_energy_error_is_of_the_order_of_the_step_squared():
    def terms(z):
        return (-z.pow(4).sum(-1) / 4 - z.prod(-1).sin(),)

    z, momentum = torch.randn(2, 50, 3, dtype=torch.double)
    start = Point.at(terms, z)
    errors = []
    for n in (40, 80, 160):
        end, arrived = leapfrog(terms, (1.0,), start, momentum, 1.0 / n, n)
        kinetic = (arrived.square() - momentum.square()).sum(-1) / 2
        errors.append((start.terms[0] - end.terms[0] + kinetic).abs().mean())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.02)


def test_leapfrog_keeps_volume():
    def terms(z):
        return (-z.pow(4).sum(-1) / 4 - z.prod(-1).sin(),)

    def flow(state):
        z, momentum = state.chunk(2)
        # written out, because Point cuts the graph
        force = torch.func.grad(lambda z: terms(z)[0])
        momentum = momentum + 0.15 * force(z)
        for i in range(3):
            z = z + 0.3 * momentum
            momentum = momentum + (0.3 if i < 2 else 0.15) * force(z)
        return torch.cat([z, momentum])

    state = torch.randn(4).double()
    end, arrived = leapfrog(terms, (1.0,), Point.at(terms, state[:2]), state[2:], 0.3, 3)
    torch.testing.assert_close(flow(state), torch.cat([end.z, arrived]))
    assert torch.linalg.det(torch.func.jacrev(flow)(state)) == pytest.approx(1, abs=1e-12)


def test_transitions_lead_to_the_target_and_leave_it_invariant():
    point = Point.at(target_terms, torch.full((4000, 3), 4.0).double())
    acceptance = []
    for _ in range(60):
        # both terms together weigh 2 * 0.25 + 0.5 = 1
        point, probability = transition(target_terms, WEIGHTS, point, 0.6 * torch.rand(4000, 1).double(), 4)
        acceptance.append(probability.mean())
    assert 0.5 < acceptance[-1] < 0.97  # the rule of acceptance has work to do
    error = point.z - TARGET.mean
    for i in range(3):
        assert within(error[:, i], 0.0)
        for j in range(i + 1):
            assert within(error[:, i] * error[:, j], COVARIANCE[i, j])
    torch.testing.assert_close(point.log_density(WEIGHTS), TARGET.log_prob(point.z))
    torch.testing.assert_close(point.gradients, Point.at(target_terms, point.z).gradients)


def test_proposals_without_density_are_rejected():
    def half_line(z):
        return (torch.where(z > 0, -z, -torch.inf).sum(-1),)

    point = Point.at(half_line, torch.rand(4000, 1).double())
    for _ in range(40):
        point, _ = transition(half_line, (1.0,), point, 0.2 + torch.rand(4000, 1).double(), 3)
    z = point.z[:, 0]
    assert z.min() > 0
    assert within(z, 1.0)
    assert within(z.square(), 2.0)


# the estimate


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_annealing_agrees_with_the_closed_form(linear, start):
    model, p = linear
    x = p.sample((60,))
    estimate = annealed_importance(
        loosened(model), x, n_chains=16, n_temperatures=40, n_leapfrog=3, start=start
    )
    assert agrees(estimate, p.log_prob(x))
    assert estimate.standard_error_draws < 0.06
    # the standard errors are of the size of the errors
    z_scores = (estimate.log_likelihood - p.log_prob(x)) / estimate.standard_error
    assert 0.5 < z_scores.square().mean() < 2
    assert estimate.acceptance.mean() == pytest.approx(0.65, abs=0.08)
    assert estimate.log_likelihood.dtype == torch.double
    assert estimate.standard_error_rows == pytest.approx(
        float(estimate.log_likelihood.std()) / math.sqrt(60), rel=1e-9
    )


def test_annealing_beats_importance_sampling_from_the_same_start(linear):
    model, p = linear
    x = p.sample((30,))
    importance = annealed_importance(model, x, n_chains=12, n_temperatures=1)
    annealed = annealed_importance(model, x, n_chains=12, n_temperatures=25, n_leapfrog=3)
    assert importance.acceptance.isnan().all()
    assert annealed.effective_sample_size.mean() > 1.5 * importance.effective_sample_size.mean()
    error = (annealed.log_likelihood - p.log_prob(x)).abs().mean()
    assert error < 0.3 * (importance.log_likelihood - p.log_prob(x)).abs().mean()


def test_one_temperature_is_importance_sampling(linear):
    model, p = linear
    x = p.sample((20,))
    estimate = annealed_importance(loosened(model), x, n_chains=4000, n_temperatures=1, start="posterior")
    assert agrees(estimate, p.log_prob(x))
    relative = 4000 / estimate.effective_sample_size - 1  # squared coefficient of variation of the weights
    torch.testing.assert_close(estimate.standard_error, (relative / 3999).sqrt())


@pytest.mark.parametrize("schedule", ["sigmoid", "linear"])
def test_from_the_exact_posterior_every_chain_is_exact(linear, schedule):
    model, p = linear
    x = p.sample((7,))
    estimate = annealed_importance(
        model, x, n_chains=3, n_temperatures=5, n_leapfrog=2, start="posterior", schedule=schedule
    )
    torch.testing.assert_close(estimate.log_likelihood, p.log_prob(x), rtol=0, atol=1e-10)
    assert estimate.standard_error.max() < 1e-10
    torch.testing.assert_close(estimate.effective_sample_size, torch.full((7,), 3.0).double())


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_another_prior_takes_the_place_of_the_models(linear, start):
    model, p = linear
    mean, scale = torch.tensor([1.0, -0.5]).double(), torch.tensor([0.5, 2.0]).double()
    loadings, bias = model.decoder[0].weight.detach(), model.decoder[0].bias.detach()
    covariance = (loadings * scale.square()) @ loadings.T + NOISE**2 * torch.eye(P)
    exact = MultivariateNormal(loadings @ mean + bias, covariance)
    x = exact.sample((30,))
    estimate = annealed_importance(
        model,
        x,
        n_chains=8,
        n_temperatures=25,
        n_leapfrog=3,
        prior=DiagonalNormal(mean, scale),
        start=start,
    )
    assert agrees(estimate, exact.log_prob(x))
    assert abs(float((exact.log_prob(x) - p.log_prob(x)).mean())) > 8 * estimate.standard_error_draws


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_annealing_agrees_with_quadrature(bernoulli, start):
    model, log_p = bernoulli
    x = torch.randint(2, (40, 6)).double()
    estimate = annealed_importance(model, x, n_chains=16, n_temperatures=30, n_leapfrog=3, start=start)
    assert agrees(estimate, log_p(x))
    assert estimate.standard_error_draws < 0.04


def test_float32_blocks_and_parameters_left_alone(bernoulli):
    model, log_p = bernoulli
    x = torch.randint(2, (11, 6)).double()
    exact = log_p(x)
    estimate = annealed_importance(
        model.float(), x.float(), n_chains=8, n_temperatures=10, n_leapfrog=2, block_rows=6
    )
    assert estimate.log_likelihood.dtype == torch.float
    assert estimate.log_likelihood.shape == estimate.acceptance.shape == (11,)
    assert agrees(estimate, exact)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_a_single_chain_has_no_standard_error(linear):
    model, p = linear
    estimate = annealed_importance(model, p.sample((3,)), n_chains=1, n_temperatures=3, n_leapfrog=1)
    assert estimate.standard_error.isnan().all()
    assert estimate.log_likelihood.isfinite().all()


def test_a_model_without_encoder_density_anneals_from_a_given_prior():
    model = LatentModel(Linear(), Deterministic(), Gaussian(scale=NOISE)).build(Sizes((P,), D)).double()
    loadings, bias = model.decoder[0].weight.detach(), model.decoder[0].bias.detach()
    exact = MultivariateNormal(bias, loadings @ loadings.T + NOISE**2 * torch.eye(P))
    x, prior = exact.sample((20,)), DiagonalNormal(torch.zeros(D).double(), torch.ones(D).double())
    assert agrees(
        annealed_importance(model, x, n_temperatures=15, n_leapfrog=3, prior=prior), exact.log_prob(x)
    )
    with pytest.raises(ValueError, match="needs a posterior with a density and a prior"):
        annealed_importance(model, x)
    with pytest.raises(ValueError, match=rf"of the shape \(n_rows, {P}\)"):
        annealed_importance(model, x[:, None], prior=prior)
    with pytest.raises(ValueError, match="use start='prior'"):
        annealed_importance(model, x, prior=prior, start="posterior")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_chains": 0}, "n_chains must be 1 or more, got 0"),
        ({"n_temperatures": 0}, "n_temperatures must be 1 or more, got 0"),
        ({"n_leapfrog": 0}, "n_leapfrog must be 1 or more, got 0"),
        ({"block_rows": 0}, "block_rows must be 1 or more, got 0"),
        ({"start": "mode"}, "start must be 'prior' or 'posterior', got 'mode'"),
        ({"schedule": "cosine"}, "schedule must be 'sigmoid' or 'linear', got 'cosine'"),
    ],
)
def test_refusals(linear, arguments, message):
    model, p = linear
    with pytest.raises(ValueError, match=message):
        annealed_importance(model, p.sample((2,)), **arguments)
    with pytest.raises(ValueError, match=message):
        bidirectional(model, 2, **arguments)


@pytest.mark.parametrize("n_temperatures", [1, 3])
def test_progress_is_told_to_its_end(linear, n_temperatures):
    model, p = linear
    few = {"n_chains": 2, "n_temperatures": n_temperatures, "n_leapfrog": 1, "block_rows": 2}
    for measure, rows, n_runs in [(annealed_importance, p.sample((5,)), 2), (bidirectional, 5, 3)]:
        told = []
        measure(model, rows, progress=lambda *steps, told=told: told.append(steps), **few)
        n = n_runs * n_temperatures * 3  # blocks
        assert told == [(i, n) for i in range(1, n + 1)]


# both bounds


@pytest.mark.parametrize("n_reverse", [1, 3])
@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_weights_and_their_reciprocals_are_unbiased(start, n_reverse):
    """E exp(lower) = p(x) given x, E exp(-upper) = 1/p(x) given x: so the logarithms are bounds."""
    model, p = linear_case(0.5)  # weights without long tails, whose standard errors can be believed
    estimate = bidirectional(
        loosened(model), 400, n_chains=3, n_reverse=n_reverse, n_temperatures=6, n_leapfrog=2, start=start
    )
    exact = p.log_prob(estimate.x)
    assert within((estimate.lower - exact).exp(), 1.0)
    assert within((exact - estimate.upper).exp(), 1.0)
    # with few temperatures the bounds are wide, and on their own sides
    assert estimate.mean_lower + 0.05 < exact.mean() < estimate.mean_upper - 0.05
    assert estimate.gap == pytest.approx(estimate.mean_upper - estimate.mean_lower, rel=1e-9)
    difference = estimate.upper - estimate.lower
    assert estimate.standard_error == pytest.approx(float(difference.std()) / 20, rel=1e-9)


def test_from_the_exact_posterior_the_bounds_meet(linear):
    model, p = linear
    estimate = bidirectional(model, 5, n_chains=2, n_temperatures=4, n_leapfrog=2, start="posterior")
    torch.testing.assert_close(estimate.lower, p.log_prob(estimate.x), rtol=0, atol=1e-10)
    torch.testing.assert_close(estimate.upper, p.log_prob(estimate.x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_the_gap_closes_around_quadrature(bernoulli, start):
    model, log_p = bernoulli
    estimate = bidirectional(model, 60, n_chains=24, n_temperatures=40, n_leapfrog=3, start=start)
    assert set(estimate.x.unique().tolist()) == {0.0, 1.0}
    exact = log_p(estimate.x)
    below, above = exact - estimate.lower, estimate.upper - exact
    for side in (below, above):
        assert side.mean() > -4 * side.std() / math.sqrt(60)
    assert estimate.gap + 2 * estimate.standard_error < 0.05


def test_the_gap_closes_around_the_closed_form(linear):
    model, p = linear
    estimate = bidirectional(
        loosened(model), 60, n_chains=24, n_temperatures=40, n_leapfrog=3, start="posterior"
    )
    exact = p.log_prob(estimate.x)
    for side in (exact - estimate.lower, estimate.upper - exact):
        assert side.mean() > -4 * side.std() / math.sqrt(60)
    assert estimate.gap + 2 * estimate.standard_error < 0.05


def test_simulated_categories_have_the_type_of_the_model():
    likelihood = CategoricalLikelihood(3)
    model = LatentModel(Linear(), DiagonalGaussian(), likelihood, StandardNormal()).build(Sizes((4,), 2))
    estimate = bidirectional(
        model, 9, n_chains=2, n_temperatures=3, n_leapfrog=2, start="posterior", block_rows=4
    )
    assert isinstance(model.decode(torch.zeros(2)).base_dist, Categorical)
    assert estimate.x.dtype == torch.float
    assert estimate.x.shape == (9, 4)
    assert estimate.lower.isfinite().all()
    assert estimate.upper.isfinite().all()
