"""The objectives of disentanglement: enumeration, numpy, closed forms, the surgery of the same draws, who moves what."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from diabolo import VAE
from diabolo.contracts import Evaluation, Sizes, Statistics
from diabolo.distributions import DiagonalNormal, MixtureOfNormals
from diabolo.likelihoods import Gaussian
from diabolo.measures import elbo_surgery
from diabolo.models import LatentModel
from diabolo.networks import Linear
from diabolo.objectives import (
    ELBO,
    AdversarialTotalCorrelation,
    Capacity,
    DisentangledInferredPrior,
    TotalCorrelation,
)
from diabolo.objectives.adversarial import permuted
from diabolo.objectives.total_correlation import log_aggregated, stratified_log_weights
from diabolo.posteriors import DiagonalGaussian, FullGaussian
from diabolo.priors import StandardNormal
from diabolo.schedules import Controlled
from diabolo.schedules import Linear as Ramp
from diabolo.training import Plan, train

TERMS = ("weighted_mutual_information", "weighted_total_correlation", "weighted_dimension_wise_kl")


def posteriors(n, d):
    """Gaussians that overlap in part, in float64."""
    return 0.8 * torch.randn(n, d, dtype=torch.float64), 0.3 + 0.5 * torch.rand(n, d, dtype=torch.float64)


def evaluation(mean, scale, z):
    """A model's evaluation of which only codes matter."""
    d = mean.shape[-1]
    prior = DiagonalNormal(torch.zeros(d).to(mean), torch.ones(d).to(mean))
    x = torch.zeros(len(mean), 1).to(mean)
    observation = DiagonalNormal(torch.zeros(1).to(mean), torch.ones(1).to(mean))
    return Evaluation(x, z, DiagonalNormal(mean, scale), prior, observation.expand(z.shape[:2]))


def model(d=2, posterior=None):
    parts = (Linear(), posterior or DiagonalGaussian(), Gaussian(1.0), StandardNormal())
    return LatentModel(*parts).build(Sizes((6,), d))


@pytest.mark.parametrize(("n", "m"), [(6, 2), (6, 3), (5, 4)])
def test_a_batch_estimates_the_aggregated_posterior_without_bias(n, m):
    """Over all batches {n*, m others of n - 1}, for codes of each row n*, of q(z) and of every q(z_k)."""
    mean, scale = posteriors(n, 3)
    exact = MixtureOfNormals(mean, scale)
    for own in range(n):
        z = mean[own] + scale[own] * torch.randn(3, dtype=torch.float64)
        rest = [row for row in range(n) if row != own]
        joint, marginals = [], []
        for others in combinations(rest, m):
            batch = list(others)
            place = own % (m + 1)  # the code's own row stands anywhere in the batch
            batch.insert(place, own)
            codes = torch.zeros(1, m + 1, 3, dtype=torch.float64)
            codes[0, place] = z
            estimate = log_aggregated(
                DiagonalNormal(mean[batch], scale[batch]), codes, stratified_log_weights(m + 1, n)
            )
            joint.append(estimate[0][0, place].exp())
            marginals.append(estimate[1][0, place].exp())
        densities = exact.component_log_prob(z).exp().mean()
        assert float(torch.stack(joint).mean()) == pytest.approx(float(densities), rel=1e-12)
        each = DiagonalNormal(mean, scale).base_dist.log_prob(z).exp().mean(0)
        torch.testing.assert_close(torch.stack(marginals).mean(0), each, rtol=1e-12, atol=0)


def test_the_weights_are_the_mean_of_those_of_the_paper():
    """Appendix C.2: 1/N for the own row, 1/M for the others but one, (N - M)/(N M) for that one."""
    n, m = 7, 3
    paper = torch.tensor([1 / m] * (m - 1) + [(n - m) / (n * m)], dtype=torch.float64)
    over_orders = torch.stack([paper[list(order)] for order in permutations(range(m))]).mean(0)
    ours = stratified_log_weights(m + 1, n).exp()
    torch.testing.assert_close(ours[0, 1:], over_orders, rtol=1e-14, atol=0)
    torch.testing.assert_close(ours.diagonal(), torch.full((m + 1,), 1 / n).double(), rtol=1e-7, atol=0)
    torch.testing.assert_close(ours.sum(1), torch.ones(m + 1).double(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("n_rows", [40, 1000, 3])
def test_the_three_parts_sum_to_the_rate_of_the_draws(n_rows):
    mean, scale = posteriors(40, 4)
    e = evaluation(mean, scale, mean + scale * torch.randn(2, 40, 4, dtype=torch.float64))
    objective = TotalCorrelation(1.0)
    objective.begin(model(4), n_rows)
    terms = objective(e)
    assert sum(float(terms[name]) for name in TERMS) == pytest.approx(
        float((e.log_qz - e.log_pz).mean()), abs=1e-12
    )
    weighted = TotalCorrelation(Ramp(5.0, initial=3.0, share=1.0), alpha=2.0, gamma=0.5)
    weighted.begin(model(4), n_rows)
    for name, weight in zip(TERMS, (2.0, 4.0, 0.5), strict=True):
        assert float(weighted(e, 0.5)[name]) == pytest.approx(weight * float(terms[name]))


def test_a_batch_of_all_rows_is_the_surgery_of_the_same_draws(monkeypatch):
    mean, scale = posteriors(60, 3)
    prior = DiagonalNormal(torch.zeros(3).double(), torch.ones(3).double())
    noise = torch.randn(2, 60, 3, dtype=torch.float64)
    monkeypatch.setattr("diabolo.measures.surgery._blocks", lambda members, *_: [(members, noise)])
    exact = elbo_surgery(MixtureOfNormals(mean, scale), prior, n_draws=2)
    objective = TotalCorrelation(1.0)
    objective.begin(model(3), 60)
    terms = objective(evaluation(mean, scale, mean + scale * noise))
    for name in TERMS:
        wanted = getattr(exact, name.removeprefix("weighted_"))
        assert float(terms[name]) == pytest.approx(wanted, abs=1e-6)  # the mixture's own accuracy


def test_blocks_do_not_change_the_estimate(monkeypatch):
    mean, scale = posteriors(30, 2)
    arguments = DiagonalNormal(mean, scale), mean.unsqueeze(0), stratified_log_weights(30, 100)
    whole = log_aggregated(*arguments)
    monkeypatch.setattr("diabolo.objectives.total_correlation._BLOCK_VALUES", 400)
    for a, b in zip(log_aggregated(*arguments), whole, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-14, atol=0)


def test_one_row_is_refused_in_training_and_says_nothing_of_correlation_in_judging():
    mean, scale = posteriors(1, 3)
    e = evaluation(mean, scale, mean.unsqueeze(0))
    for objective in (TotalCorrelation(), DisentangledInferredPrior(), AdversarialTotalCorrelation()):
        objective.begin(model(3).double(), 10)
        with pytest.raises(ValueError, match="got a batch of one row: use a batch_size of 3 or more"):
            objective(e)
        assert all(torch.isfinite(term) for term in objective.eval()(e).values())
    assert float(
        TotalCorrelation.forward(_begun(TotalCorrelation().eval(), 3), e)[TERMS[1]]
    ) == pytest.approx(0)


def _begun(objective, d):
    objective.begin(model(d), 10)
    return objective


@pytest.mark.parametrize("full", [False, True])
def test_dip_against_numpy(full):
    """II: the covariance of very many codes of the aggregated posterior; I: that of the means. By hand from there."""
    n, d = 8, 3
    mean, scale = posteriors(n, d)
    tril = torch.diag_embed(scale)
    if full:
        tril = tril + 0.4 * torch.randn(n, d, d, dtype=torch.float64).tril(-1)
    e = evaluation(mean, scale, mean.unsqueeze(0))
    if full:
        e = Evaluation(e.x, e.z, MultivariateNormal(mean, scale_tril=tril), e.prior, e.observation)
    # codes of rows that come again and again about means with numpy's n - 1: what is left is Monte Carlo
    draws = mean + (tril @ torch.randn(50_000, n, d, 1, dtype=torch.float64)).squeeze(-1)
    within = np.mean([np.cov(draws[:, i].numpy(), rowvar=False) for i in range(n)], axis=0)
    between = np.cov(mean.numpy(), rowvar=False)
    whole = np.cov(draws.reshape(-1, d).numpy(), rowvar=False)
    np.testing.assert_allclose(
        whole, within + between * (n - 1) / n, atol=1.2e-2
    )  # Cov[z] = E[Sigma] + Cov[mu]
    for covariance, c, tolerance in (("means", between, 1e-12), ("codes", within + between, 2e-2)):
        terms = DisentangledInferredPrior(2.0, 7.0, covariance=covariance)(e)
        off = 2 * sum(c[j, k] ** 2 for j in range(d) for k in range(d) if j != k)
        on = 7 * sum((c[k, k] - 1) ** 2 for k in range(d))
        assert float(terms["weighted_off_diagonal"]) == pytest.approx(off, rel=tolerance)
        assert float(terms["weighted_diagonal"]) == pytest.approx(on, rel=tolerance)
        assert float(terms["distortion"] + terms["rate"]) == pytest.approx(float(sum(ELBO()(e).values())))


def test_permutation_keeps_each_marginal_and_is_of_each_dimension():
    z = torch.randn(500, 4)
    moved = permuted(z)
    assert torch.equal(moved.sort(0).values, z.sort(0).values)
    orders = [[int((z[:, k] == value).nonzero()) for value in moved[:, k]] for k in range(4)]
    for a, b in combinations(orders, 2):  # equal places: Poisson with mean 1
        assert sum(i == j for i, j in zip(a, b, strict=True)) < 8
    assert abs(float(torch.corrcoef(permuted(z[:, :1].expand(-1, 3).clone()).T)[0, 1])) < 4 / math.sqrt(500)


def test_the_discriminator_approaches_the_closed_form():
    """TC = -1/2 ln det Corr of Gaussian codes; over seeds the estimate scattered by about a tenth."""
    correlation = torch.tensor([[1.0, 0.8], [0.8, 1.0]])
    tril = torch.linalg.cholesky(correlation) * torch.tensor([[1.0], [0.5]])  # a scale makes no difference
    objective = AdversarialTotalCorrelation(hidden=(32,), learning_rate=1e-2)
    objective.begin(model(2), 10)
    (player,) = objective.players()
    for _ in range(300):
        player.move(Evaluation(None, torch.randn(1, 512, 2) @ tril.T, None, None, None))
    estimate = float(objective.log_ratio(torch.randn(20_000, 2) @ tril.T).mean())
    assert estimate == pytest.approx(-0.5 * float(torch.logdet(correlation)), rel=0.15)


def copied(module):
    return [p.detach().clone() for p in module.parameters()]


def same(module, before):
    return all(torch.equal(a, b) for a, b in zip(module.parameters(), before, strict=True))


def test_each_player_moves_its_own():
    vae, x = model(), torch.randn(16, 6)
    objective = AdversarialTotalCorrelation(hidden=(5,))
    objective.begin(vae, 16)
    optimiser = torch.optim.SGD(vae.parameters(), lr=0.1)
    e = vae.evaluate(x)
    before, theirs = copied(vae), copied(objective.discriminator)
    sum(objective(e).values()).backward()
    optimiser.step()
    assert not same(vae, before)
    assert same(objective.discriminator, theirs)
    assert all(p.grad is None for p in objective.discriminator.parameters())
    vae.zero_grad()
    before = copied(vae)
    for player in objective.players():
        player.move(e)
    assert same(vae, before)
    assert all(p.grad is None for p in vae.parameters())
    assert not same(objective.discriminator, theirs)


def test_the_loop_moves_the_discriminator_and_judging_does_not(monkeypatch):
    monkeypatch.setattr(
        AdversarialTotalCorrelation, "judge", lambda self, row: (-row["step"],)
    )  # keeps the last
    x = torch.randn(64, 6)
    plan = Plan(n_steps=4, batch_size=16, learning_rate=1e-3, check_every=1)
    moved = []
    for valid in (None, x[:20]):
        torch.manual_seed(3)
        vae, objective = model(), AdversarialTotalCorrelation(hidden=(5,))
        vae.start(Statistics.of(x))
        objective.begin(vae, 64)
        before = copied(objective.discriminator)
        train(vae, objective, x, plan=plan, x_valid=valid)  # goes on with the discriminator that is there
        moved.append(copied(objective.discriminator))
        assert not same(objective.discriminator, before)
    assert same(objective.discriminator, moved[0])  # bit by bit, whether rows were held out or not


X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)


def test_the_same_seed_gives_the_same_bits_and_pieces_go_on():
    objective = AdversarialTotalCorrelation(hidden=(4,))
    vaes = [
        VAE(2, objective=objective, network="linear", max_epochs=2, random_state=0).fit(X) for _ in range(2)
    ]
    assert np.array_equal(*[vae.transform(X) for vae in vaes])
    assert not hasattr(objective, "discriminator")
    vae = VAE(2, objective=objective, network="linear", random_state=0).partial_fit(X)
    discriminator = vae._minimised.discriminator
    assert vae.partial_fit(X)._minimised.discriminator is discriminator
    vae.set_params(objective__gamma=3.0).partial_fit(X)
    assert vae._minimised.discriminator is not discriminator
    assert vae.set_params(warm_start=True, max_epochs=1).fit(X).n_steps_ == 4


def test_a_controller_goes_on_in_pieces():
    vae = VAE(2, beta=Controlled(0.01, integral=0.1), network="linear", batch_size=20, random_state=0)
    weights = [vae.partial_fit(X)._minimised.beta.total for _ in range(3)]
    assert weights == sorted(weights)
    assert weights[2] > 1.5 * weights[0] > 0


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (TotalCorrelation(-1.0), "beta must be a number, 0 or more, or a schedule, got -1.0"),
        (TotalCorrelation(alpha="1"), "alpha must be"),
        (TotalCorrelation(gamma=Ramp(-1.0)), "final must be"),
        (
            TotalCorrelation(Ramp(share=1.5)),
            "share must be a share above 0 and at most 1.*train longer.*got 1.5",
        ),
        (DisentangledInferredPrior(-1.0), "off_diagonal must be"),
        (DisentangledInferredPrior(covariance="II"), "covariance must be one of"),
        (AdversarialTotalCorrelation(-1.0), "gamma must be"),
        (AdversarialTotalCorrelation(hidden=()), "hidden must be"),
        (AdversarialTotalCorrelation(learning_rate=0), "learning_rate must be"),
        (Capacity(1.0, gamma=Ramp(share=2.0)), "share must be"),
    ],
)
def test_wrong_settings_are_refused_before_the_first_step(objective, words):
    with pytest.raises(ValueError, match=words):
        objective.check(model())


def test_what_has_not_begun_is_refused():
    x = torch.randn(4, 6)
    for objective in (TotalCorrelation(), AdversarialTotalCorrelation()):
        with pytest.raises(ValueError, match=r"call its begin\(model, n_rows\) before the first step"):
            objective(model().evaluate(x))


def test_another_posterior_is_refused():
    vae = model(posterior=FullGaussian())
    objective = _begun(TotalCorrelation(), 2)
    with pytest.raises(ValueError, match="needs a diagonal Gaussian posterior and a factorised prior"):
        objective(vae.evaluate(torch.randn(4, 6)))


def test_the_hold_on_a_capacity_may_be_a_schedule():
    e = model().evaluate(torch.randn(8, 6))
    held = Capacity(2.0, gamma=Ramp(4.0, initial=2.0, share=1.0))(e, 0.5)["capacity_error"]
    assert float(held) == pytest.approx(3 * abs(float(e.rate.mean()) - 2.0), rel=1e-5)
