"""Priors against scipy, scikit-learn, torch's generic mixtures, quadrature, autograd and closed forms."""

import copy
import math
import pickle
import sys

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture as ScikitMixture
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)
from torch.distributions.kl import kl_divergence

from diabolo import corruptions, likelihoods, models, networks, posteriors, priors
from diabolo.contracts import Part, Sizes, Statistics
from diabolo.distributions import DiagonalNormal
from diabolo.likelihoods.location_scale import SCALE_FLOOR
from diabolo.objectives import ELBO
from diabolo.priors.descent import descend
from diabolo.priors.flow import _zuko

DOUBLE = torch.float64


def linear_vae():
    return models.LatentModel(
        networks.Linear(), posteriors.DiagonalGaussian(), likelihoods.Gaussian(), priors.StandardNormal()
    )


PRIORS = {
    "gaussian": priors.FittedGaussian,
    "mixture": lambda: priors.GaussianMixture(3),
    "mixture_diagonal": lambda: priors.GaussianMixture(2, "diagonal", seed=4),
    "learned_mixture": lambda: priors.LearnedMixture(3),
    "nsf": lambda: priors.Flow(n_transforms=2, hidden=(8,), n_steps=3),
    "maf": lambda: priors.Flow("maf", n_transforms=2, hidden=(8,), n_steps=3),
    "realnvp": lambda: priors.Flow("realnvp", n_transforms=2, hidden=(8,), n_steps=3),
    "vamp": lambda: priors.VampPrior(5),
    "second_stage": lambda: priors.SecondStage(linear_vae(), n_draws=3, n_steps=3),
}
FITTED = ["gaussian", "mixture", "mixture_diagonal"]
FLOWS = ["nsf", "maf", "realnvp"]
TRAINED = [*FLOWS, "learned_mixture", "vamp", "second_stage"]


def same(a, b):
    """Whether two parts are the same configuration, nested parts compared by their own."""
    if not isinstance(a, Part):
        return a == b
    ours, theirs = a.get_params(deep=False), b.get_params(deep=False)
    return type(a) is type(b) and ours.keys() == theirs.keys() and all(same(ours[n], theirs[n]) for n in ours)


def random_codes(n=200, d=2, dtype=torch.float32, seed=1):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.tensor([[2.0, 0.0, 0.0], [0.7, 0.3, 0.0], [-0.2, 0.4, 1.0]], dtype=dtype)[:d, :d]
    return torch.randn(n, d, generator=generator, dtype=dtype) @ mixing.T + 1.5


def fitted(make, codes):
    """Build for codes, in their precision, and fit."""
    return make().build(Sizes((6,), codes.shape[1])).to(codes.dtype).fit(codes)


def three_modes(dtype=DOUBLE):
    means = torch.tensor([[3.0, 0.0], [-3.0, 1.0], [0.0, 4.0]], dtype=dtype)
    tril = torch.tensor(
        [[[0.5, 0.0], [0.4, 1.2]], [[1.0, 0.0], [-0.6, 0.5]], [[0.7, 0.0], [0.0, 0.7]]], dtype=dtype
    )
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=dtype)
    return MixtureSameFamily(Categorical(weights), MultivariateNormal(means, scale_tril=tril))


def drawn(truth, n, seed):
    torch.default_generator.manual_seed(seed)
    return truth.sample((n,))


@torch.no_grad()
def divergence(truth, p, n=4000):
    """Return the Monte Carlo estimate of KL(truth || p) in nats, and its standard error."""
    z = drawn(truth, n, seed=99)
    gap = truth.log_prob(z) - p.log_prob(z)
    return float(gap.mean()), float(gap.std() / math.sqrt(n))


def seeded_log_prob(model, z):
    """Return log p(z), with the same noise at each call where it is an estimate."""
    torch.default_generator.manual_seed(1)
    return model.latent_prior().log_prob(z)


def grid_of(d, half=14.0, n=201):
    """Return points that fill [-half, half]^d, and the volume that each stands for."""
    side = torch.linspace(-half, half, n, dtype=DOUBLE)
    points = side[:, None] if d == 1 else torch.cartesian_prod(side, side)
    return points, (2 * half / (n - 1)) ** d


@pytest.fixture(params=list(PRIORS))
def make(request):
    return PRIORS[request.param]


class TestParts:
    def test_clone_repr_and_arguments(self, make):
        part = make()
        assert same(clone(part), part)
        assert part.set_params(**part.get_params(deep=False)) is part
        names = {**vars(priors), **vars(models), **vars(networks), **vars(posteriors), **vars(likelihoods)}
        assert same(eval(repr(part), names), part)
        assert same(pickle.loads(pickle.dumps(part)), part)

    def test_built_parts_survive_pickle_and_state(self, make, compose, rows):
        x = rows(None, (6,))
        model = compose(x, prior=make())
        if not isinstance(model.prior, priors.VampPrior):
            model.prior.fit(random_codes())
        z = random_codes(20)
        twin = clone(model).build(model.sizes)
        assert {n: t.shape for n, t in twin.state_dict().items()} == {
            n: t.shape for n, t in model.state_dict().items()
        }
        twin.load_state_dict(model.state_dict())
        for other in (twin, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert torch.equal(seeded_log_prob(other, z), seeded_log_prob(model, z))

    def test_double_agrees_with_single(self, make, compose, rows):
        model = compose(rows(None, (6,)), prior=make())
        if not isinstance(model.prior, priors.VampPrior):
            model.prior.fit(random_codes())
        double = copy.deepcopy(model).double()
        z = random_codes(20)
        p, q = model.latent_prior(), double.latent_prior()
        assert p.sample((4,)).dtype == torch.float32
        assert q.sample((4,)).dtype == q.log_prob(z.double()).dtype == DOUBLE
        assert q.sample((4, 3)).shape == (4, 3, 2)
        assert q.sample().shape == (2,)
        assert p.log_prob(z.reshape(4, 5, 2)).shape == (4, 5)
        assert p.log_prob(z[0]).shape == ()
        if not isinstance(model.prior, priors.SecondStage):  # whose noise differs between the precisions
            torch.testing.assert_close(q.log_prob(z.double()), p.log_prob(z).double(), rtol=1e-4, atol=1e-3)

    @pytest.mark.parametrize("name", TRAINED)
    def test_training_with_the_model_improves_the_elbo(self, name, compose, rows):
        x = rows(None, (6,), n_rows=60)
        model, objective = compose(x, prior=PRIORS[name]()), ELBO()
        noise = torch.randn(16, len(x), 2)
        optimiser = torch.optim.Adam(model.parameters(), 3e-3)

        @torch.no_grad()
        def loss():
            evaluation = model.evaluate(x, noise=noise)
            assert not evaluation.kl_is_exact
            return float(sum(objective(evaluation).values()))

        before = loss()
        for step in range(50):
            terms = objective(model.evaluate(x))
            assert all(torch.isfinite(term) for term in terms.values())
            optimiser.zero_grad()
            sum(terms.values()).backward()
            if step == 0:
                for parameter, value in model.named_parameters():
                    assert value.grad is not None, parameter
                    assert torch.isfinite(value.grad).all(), parameter
                    assert (value.grad != 0).any(), parameter
            optimiser.step()
        assert loss() < before - 0.1

    def test_every_named_prior_is_made_without_arguments(self):
        assert {name: type(make()).__name__ for name, make in priors.BY_NAME.items()} == {
            "standard_normal": "StandardNormal",
            "gaussian": "FittedGaussian",
            "gaussian_mixture": "GaussianMixture",
            "learned_mixture": "LearnedMixture",
            "flow": "Flow",
            "vamp": "VampPrior",
        }


def density(name, d):
    """Return p(z), fitted if it can be."""
    if name == "standard":
        return priors.StandardNormal().build(Sizes((6,), d)).double()(None)
    if name == "vamp":
        part = priors.VampPrior(5).build(Sizes((d,), d)).double()
        return part(lambda x: DiagonalNormal(2 * x, 0.4 + x.sigmoid()))
    return fitted(PRIORS[name], random_codes(300, d, DOUBLE))(None)


class TestDensities:
    @pytest.mark.parametrize("d", [1, 2])
    @pytest.mark.parametrize("name", ["standard", "vamp", "learned_mixture", *FITTED, *FLOWS])
    def test_densities_integrate_to_one_and_draws_follow_them(self, name, d):
        p = density(name, d)
        points, volume = grid_of(d)
        with torch.no_grad():
            mass = p.log_prob(points).exp() * volume
        assert mass.sum() == pytest.approx(1, abs=2e-3)  # the corners of splines are coarse on a grid
        z = p.sample((4000,))
        inside = [points[:, 0] < 1.0, (points[:, 0] > 0.5) & (points[:, -1] > 1.5), points.norm(dim=1) < 2]
        drawn_inside = [z[:, 0] < 1.0, (z[:, 0] > 0.5) & (z[:, -1] > 1.5), z.norm(dim=1) < 2]
        for expected, seen in zip(inside, drawn_inside, strict=True):
            share = float(mass[expected].sum())
            assert float(seen.double().mean()) == pytest.approx(
                share, abs=4 * math.sqrt(share * (1 - share) / 4000) + 3e-3
            )

    @pytest.mark.parametrize("name", FITTED)
    def test_an_unfitted_prior_says_so(self, name, compose, rows):
        x = rows(None, (6,))
        model = clone(compose(x, prior=PRIORS[name]())).build(Sizes((6,), 2))
        assert model.prior.needs_fit
        with pytest.raises(
            NotFittedError, match=r"^prior=.* has not been: call its fit\(codes\), or train with"
        ):
            model.evaluate(x)
        model.prior.fit(random_codes())
        assert torch.isfinite(model.evaluate(x).log_weight).all()

    @pytest.mark.parametrize("name", [*FITTED, "learned_mixture", *FLOWS, "second_stage"])
    @pytest.mark.parametrize(
        ("codes", "sentence"),
        [
            (torch.zeros(5, 3), r"shape \(n_rows, 2\) with 2 rows or more, got \(5, 3\): give codes"),
            (torch.zeros(5), r"shape \(n_rows, 2\) with 2 rows or more, got \(5,\): give codes"),
            (torch.zeros(1, 2), r"shape \(n_rows, 2\) with 2 rows or more, got \(1, 2\): give codes"),
            (torch.tensor([[0.0, 1.0], [math.nan, 1.0]]), "finite numbers, but 1 of 2 rows are not: train"),
            (torch.ones(9, 2), "all 9 codes are the same, .*: the encoder tells nothing apart"),
        ],
    )
    def test_codes_without_a_density_are_refused(self, name, codes, sentence):
        with pytest.raises(ValueError, match=sentence):
            PRIORS[name]().build(Sizes((6,), 2)).fit(codes)

    @pytest.mark.parametrize("name", ["gaussian", *FLOWS, "second_stage"])
    def test_two_codes_are_enough(self, name):
        codes = torch.tensor([[0.0, 1.0], [0.5, 1.0]])
        assert torch.isfinite(fitted(PRIORS[name], codes)(None).log_prob(codes)).all()

    @pytest.mark.parametrize("name", [*FITTED, "learned_mixture", *FLOWS, "second_stage"])
    def test_fits_repeat_and_leave_the_generator_alone(self, name):
        codes = random_codes()
        states = []
        for seed in (1, 2):
            torch.default_generator.manual_seed(seed)
            part = PRIORS[name]().build(Sizes((6,), 2)).fit(random_codes(50, seed=seed))
            before = torch.get_rng_state()
            part.fit(codes)
            assert torch.equal(torch.get_rng_state(), before)
            with torch.inference_mode():
                part.fit(codes)
            states.append(part.state_dict())
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


class TestFittedGaussian:
    def test_log_prob_is_that_of_the_moments(self):
        codes = random_codes(50, 3, DOUBLE)
        mean, covariance = codes.numpy().mean(0), np.cov(codes.numpy().T, bias=True)
        covariance += 1e-6 * np.diag(covariance).mean() * np.eye(3)
        p = fitted(priors.FittedGaussian, codes)(None)
        expected = multivariate_normal(mean, covariance).logpdf(codes.numpy())
        np.testing.assert_allclose(p.log_prob(codes).numpy(), expected, atol=1e-10, rtol=0)

    def test_it_is_the_maximum_of_the_likelihood(self):
        codes = random_codes(50, 3, DOUBLE)
        part = fitted(priors.FittedGaussian, codes)
        mean, tril = part.mean.clone().requires_grad_(), part.scale_tril.clone().requires_grad_()
        MultivariateNormal(mean, scale_tril=tril).log_prob(codes).mean().backward()
        assert mean.grad.abs().max() < 1e-10
        assert (tril.grad.tril() * part.scale_tril).abs().max() < 1e-4  # of the order of the ridge

    def test_a_dimension_without_variance_and_fewer_codes_than_dimensions(self):
        for codes in (random_codes(100) * torch.tensor([1.0, 0.0]), random_codes(2, 3)):
            p = fitted(priors.FittedGaussian, codes)(None)
            assert torch.isfinite(p.log_prob(codes)).all()

    @pytest.mark.parametrize("posterior", [posteriors.DiagonalGaussian(), posteriors.FullGaussian()])
    def test_the_divergence_is_exact(self, posterior, compose, rows):
        x = rows(None, (6,))
        model = compose(x, posterior=posterior, prior=priors.FittedGaussian())
        model.prior.fit(random_codes())
        evaluation = model.evaluate(x, n_draws=4000)
        assert evaluation.kl_is_exact
        draws = (evaluation.log_qz - evaluation.log_pz).detach()
        error = draws.std(0) / math.sqrt(4000)
        assert ((draws.mean(0) - evaluation.kl).abs() < 4.5 * error).all()

    def test_held_out_codes(self):
        tril = torch.eye(3, dtype=DOUBLE) + 0.5 * torch.ones(3, 3, dtype=DOUBLE).tril()
        truth = MultivariateNormal(torch.ones(3, dtype=DOUBLE), scale_tril=tril)
        p = fitted(priors.FittedGaussian, drawn(truth, 1000, seed=7))(None)
        gap, error = divergence(truth, p)
        # 9 parameters cost 9 / (2 n) nats on average, three times as much is rare
        assert -4 * error < gap < 3 * 9 / 2000 + 4 * error


class TestGaussianMixture:
    @pytest.mark.parametrize(("covariance", "theirs"), [("full", "full"), ("diagonal", "diag")])
    def test_log_prob_is_that_of_scikit_learn(self, covariance, theirs):
        codes, others = random_codes(300, 3, DOUBLE), random_codes(50, 3, DOUBLE, seed=8)
        part = fitted(lambda: priors.GaussianMixture(4, covariance, seed=2), codes)
        ridge = 1e-6 * codes.numpy().var(0).mean()
        oracle = ScikitMixture(4, covariance_type=theirs, reg_covar=ridge, max_iter=500, random_state=2)
        oracle.fit(codes.numpy())
        expected = oracle.score_samples(others.numpy())
        np.testing.assert_allclose(part(None).log_prob(others).numpy(), expected, atol=1e-10, rtol=0)

    def test_held_out_codes(self):
        truth = three_modes()
        part = fitted(lambda: priors.GaussianMixture(3), drawn(truth, 2000, seed=7))
        gap, error = divergence(truth, part(None))
        assert -4 * error < gap < 3 * 17 / 4000 + 4 * error  # 17 parameters, as above

    def test_more_modes_than_codes(self):
        with pytest.raises(
            ValueError, match="n_modes=30 needs as many codes or more, got 12: use fewer modes"
        ):
            fitted(lambda: priors.GaussianMixture(30), random_codes(12))

    @pytest.mark.parametrize(
        ("part", "sentence"),
        [
            (priors.GaussianMixture(0), "n_modes must be a whole number, 1 or more, got 0"),
            (
                priors.GaussianMixture(covariance="tied"),
                r"covariance must be one of \['diagonal', 'full'\], got 'tied'",
            ),
        ],
    )
    def test_arguments_are_checked(self, part, sentence):
        with pytest.raises(ValueError, match=sentence):
            part.build(Sizes((6,), 2))


class TestLearnedMixture:
    def test_a_fit_is_that_of_scikit_learn_and_so_are_the_responsibilities(self):
        codes, others = random_codes(300, 3, DOUBLE), random_codes(50, 3, DOUBLE, seed=8)
        p = fitted(lambda: priors.LearnedMixture(4, seed=2), codes)(None)
        ridge = 1e-6 * codes.numpy().var(0).mean()
        oracle = ScikitMixture(4, covariance_type="diag", reg_covar=ridge, max_iter=500, random_state=2)
        oracle.fit(codes.numpy())
        with torch.no_grad():
            found = p.log_prob(others), p.responsibilities(others)
        expected = oracle.score_samples(others.numpy()), oracle.predict_proba(others.numpy())
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-10, rtol=0)

    @torch.no_grad()
    def test_the_divergence_from_the_draws_beside_the_closed_form_of_the_paper(self):
        """Jiang et al. 2017, appendix A, with their p(c|z) at one code for each row: a bound from above.

        sum_c p_c [KL(q || N_c) + log(p_c / w_c)]; tight where the components are far apart.
        """
        torch.manual_seed(3)
        centres = torch.tensor([[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]], dtype=DOUBLE)
        for apart, gap in ((1.0, math.inf), (30.0, 0.01)):
            mean = apart * centres.repeat(2, 1) + torch.randn(6, 2, dtype=DOUBLE) / 2
            q = DiagonalNormal(mean, torch.rand(6, 2, dtype=DOUBLE) + 0.2)
            part = priors.LearnedMixture(3).build(Sizes((6,), 2)).double()
            part.mean.copy_(apart * centres)
            part.log_scale.copy_(torch.randn(3, 2) / 3)
            part.log_weights.copy_(torch.tensor([0.5, 0.2, 0.3]).log())
            p = part(None)
            z = q.sample((40_000,))
            sample = q.log_prob(z) - p.log_prob(z)
            exact, error = sample.mean(0), sample.std(0) / math.sqrt(len(z))
            shares = p.responsibilities(q.mean)
            to_each = torch.stack(
                [
                    kl_divergence(q, DiagonalNormal(m.expand(6, 2), s.expand(6, 2)))
                    for m, s in zip(p.component_mean, p.component_scale, strict=True)
                ],
                -1,
            )
            theirs = (shares * (to_each - p.log_weights)).sum(-1) + torch.xlogy(shares, shares).sum(-1)
            assert (theirs > exact - 4 * error).all()
            assert (theirs < exact + gap + 4 * error).all()

    def test_more_modes_than_codes(self):
        with pytest.raises(ValueError, match="n_modes=30 needs as many codes or more, got 12: use fewer"):
            fitted(lambda: priors.LearnedMixture(30), random_codes(12))


class TestFlow:
    @pytest.mark.parametrize("name", FLOWS)
    def test_log_prob_is_the_change_of_variables(self, name):
        codes = random_codes(200, 3, DOUBLE)
        p = fitted(PRIORS[name], codes)(None)
        for z in codes[:3]:
            e = p.transform(torch.linalg.inv(p.scale_tril) @ (z - p.loc))
            jacobian = torch.autograd.functional.jacobian(
                lambda z: p.transform(torch.linalg.inv(p.scale_tril) @ (z - p.loc)), z
            )
            expected = Normal(0.0, 1.0).log_prob(e).sum() + torch.linalg.slogdet(jacobian)[1]
            torch.testing.assert_close(p.log_prob(z), expected, rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("name", FLOWS)
    def test_it_starts_close_to_the_standard_normal(self, name):
        p = PRIORS[name]().build(Sizes((6,), 2))(None)
        z = torch.randn(500, 2)
        torch.testing.assert_close(p.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1), atol=0.1, rtol=0)

    def test_draws_pass_gradients(self):
        part = PRIORS["realnvp"]().build(Sizes((6,), 2))
        part(None).rsample((7,)).square().sum().backward()
        assert all((p.grad != 0).any() for p in part.parameters())

    def test_held_out_codes(self):
        truth = three_modes(torch.float32)
        codes = drawn(truth, 2000, seed=7)
        gaussian, _ = divergence(truth, fitted(priors.FittedGaussian, codes)(None))
        flow = priors.Flow(n_transforms=2, hidden=(32,), n_steps=100, batch_size=200, learning_rate=2e-2)
        gap, error = divergence(truth, fitted(lambda: flow, codes)(None))
        assert gaussian > 0.8
        assert -4 * error < gap < 0.15

    def test_a_fit_is_never_worse_than_the_gaussian_of_the_codes(self):
        codes = drawn(three_modes(torch.float32), 300, seed=7)
        flow = fitted(lambda: priors.Flow("realnvp", learning_rate=1e3, n_steps=20), codes)(None)
        gaussian = fitted(priors.FittedGaussian, codes)(None)
        assert flow.log_prob(codes).mean() > gaussian.log_prob(codes).mean() - 0.1

    def test_importing_zuko_changes_no_setting_of_torch(self, monkeypatch):
        for name in [name for name in sys.modules if name.partition(".")[0] == "zuko"]:
            monkeypatch.delitem(sys.modules, name)
        before = dict(vars(Distribution))
        zuko = _zuko.__wrapped__()
        assert dict(vars(Distribution)) == before
        with pytest.raises(ValueError, match="scale"):
            Normal(0.0, -1.0)
        assert zuko.flows.MAF(2)().log_prob(torch.zeros(2)).shape == ()

    def test_without_zuko(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "zuko", None)
        _zuko.cache_clear()
        with pytest.raises(ImportError, match=r'the prior Flow needs zuko: pip install "diabolo\[flows\]"'):
            priors.Flow().build(Sizes((6,), 2))

    @pytest.mark.parametrize(
        ("part", "sentence"),
        [
            (
                priors.Flow("glow"),
                r"kind must be one of \['maf', 'nsf', 'realnvp'\], got 'glow'",
            ),
            (priors.Flow(n_transforms=0), "n_transforms must be a whole number, 1 or more, got 0"),
        ],
    )
    def test_arguments_are_checked(self, part, sentence):
        with pytest.raises(ValueError, match=sentence):
            part.build(Sizes((6,), 2))


class TestVampPrior:
    @pytest.mark.parametrize("posterior", [posteriors.DiagonalGaussian(), posteriors.FullGaussian()])
    def test_with_the_rows_as_pseudo_inputs_it_is_the_aggregated_posterior(self, posterior, compose, rows):
        x = rows(None, (6,), n_rows=20, dtype=DOUBLE)
        model = compose(x, posterior=posterior, prior=priors.VampPrior(20))
        q = model.encode(x)
        component = (
            MultivariateNormal(q.loc, scale_tril=q.scale_tril)
            if isinstance(q, MultivariateNormal)
            else Independent(Normal(q.loc, q.scale), 1)
        )
        oracle = MixtureSameFamily(Categorical(torch.ones(20, dtype=DOUBLE)), component)
        z = 2 * torch.randn(50, 2, dtype=DOUBLE)
        p = model.latent_prior()
        torch.testing.assert_close(p.log_prob(z), oracle.log_prob(z), rtol=1e-10, atol=1e-10)
        draws = p.sample((4000,))
        error = oracle.variance.sqrt() / math.sqrt(4000)
        assert ((draws.mean(0) - oracle.mean).abs() < 4 * error).all()

    def test_pseudo_inputs_are_encoded_without_corruption(self, compose, rows):
        x = rows(None, (6,))
        plain = compose(x, prior=priors.VampPrior(5))
        noisy = compose(x, prior=priors.VampPrior(5), corruption=corruptions.Gaussian(3.0))
        noisy.load_state_dict(plain.state_dict(), strict=False)
        z = torch.randn(9, 2)
        assert torch.equal(noisy.latent_prior().log_prob(z), plain.latent_prior().log_prob(z))

    def test_a_value_that_a_step_took_out_of_the_range_comes_back_to_its_edge(self):
        part = priors.VampPrior(4).build(Sizes((1,), 2))
        part.start(Statistics.of(torch.tensor([[0.0], [1.0]])))

        def put(*values):
            with torch.no_grad():
                part.standardised.copy_((torch.tensor(values)[:, None] - 0.5) / part.unit)

        within = torch.tensor([[0.0], [0.0], [0.4], [1.0]])
        put(-0.5, 0.0, 0.4, 1.5)
        part.eval()
        torch.testing.assert_close(part.pseudo_inputs(), within)
        part.train()
        for sign in (1, -1):
            put(-0.5, 0.0, 0.4, 1.5)
            u = part.pseudo_inputs()
            torch.testing.assert_close(u, within)
            gradient = torch.autograd.grad(sign * u.sum(), part.standardised)[0]
            torch.testing.assert_close(gradient, sign * part.unit.expand(4, 1))  # linear, whatever it says
            torch.testing.assert_close(part.shift + part.unit * part.standardised.detach(), within)

    def test_rows_used_again_differ_a_little(self):
        x = torch.tensor([[0.0, 7.0, 10.0], [4.0, 7.0, 30.0]])
        part = priors.VampPrior(5).build(Sizes((3,), 2))
        part.start(Statistics.of(x))
        u = part.pseudo_inputs()
        assert (u[:, 1] == 7).all()  # a constant column stays constant
        nearest = torch.cdist(u, x).argmin(1)
        assert sorted(nearest[:2].tolist()) == [0, 1]
        torch.testing.assert_close(u[:2], x[nearest[:2]])
        assert len(u.unique(dim=0)) > 2
        assert ((u - x[nearest]).abs() <= 0.05 * part.unit).all()
        assert ((u >= x.amin(0)) & (u <= x.amax(0))).all()

    def test_the_start_is_seeded_and_knows_no_unit(self):
        x = torch.rand(40, 3)
        parts = []
        for scale in (1.0, 1.0, 1e4):
            torch.default_generator.manual_seed(3)
            part = priors.VampPrior(10).build(Sizes((3,), 2))
            part.start(Statistics.of(scale * x))
            parts.append(part)
        assert torch.equal(parts[0].standardised, parts[1].standardised)
        torch.testing.assert_close(parts[0].standardised, parts[2].standardised, rtol=1e-4, atol=1e-4)

    def test_refusals(self, compose, rows):
        x = rows(None, (6,))
        part = priors.VampPrior(3).build(Sizes((6,), 2))
        with pytest.raises(ValueError, match=r"the statistics hold none: use Statistics.of\(x\)"):
            part.start(Statistics(*[torch.zeros(6)] * 5, n_rows=12))
        with pytest.raises(
            TypeError, match="made of Gaussians, got a Dirac: use a posterior with a density, Diagonal"
        ):
            part(compose(x, posterior=posteriors.Deterministic()).encode)
        with pytest.raises(ValueError, match="n_pseudo must be a whole number, 1 or more, got 0"):
            priors.VampPrior(0).build(Sizes((6,), 2))
        with pytest.raises(ValueError, match=r"prior=VampPrior\(n_pseudo=3\) cannot be fitted to codes"):
            part.fit(random_codes())


class TestDescend:
    """The training of a prior by itself, on the mean of a number."""

    @staticmethod
    def run(loss, **options):
        module = torch.nn.Linear(1, 1, bias=False)
        codes = torch.full((50, 1), 2.0)

        options = {"n_steps": 200, "batch_size": 8, "learning_rate": 0.2, "seed": 3} | options
        descend(
            module,
            lambda: torch.nn.init.zeros_(module.weight),
            lambda codes: loss(module(codes), codes),
            codes,
            **options,
        )
        return float(module.weight.detach())

    def test_it_finds_the_minimum(self):
        weight = self.run(lambda output, codes: (output - 5 * codes).square().mean())
        assert weight == pytest.approx(5, abs=1e-3)

    def test_a_tenth_is_looked_at_with_the_same_noise(self):
        looks, steps = [], []

        def loss(output, codes):
            (steps if torch.is_grad_enabled() else looks).append(float(torch.rand(())))
            assert len(codes) == (8 if torch.is_grad_enabled() else 5)
            return -output.mean()  # better with every step

        self.run(loss, n_steps=100)
        assert len(looks) == 51
        assert len(set(looks)) == 1
        assert len(set(steps)) == 100

    def test_it_stops_when_the_held_out_codes_say_so(self):
        steps = []

        def loss(output, codes):
            if torch.is_grad_enabled():
                steps.append(1)
                return output.mean()  # leads the weight away from its start, the best for the held-out
            return output.square().mean()

        weight = self.run(loss)
        assert weight == 0
        assert len(steps) == 10 * (200 // 50)

    def test_a_loss_that_is_no_number(self):
        weight = self.run(
            lambda output, codes: output.mean() if not output.any() else output.mean() * math.nan
        )
        assert weight == 0
        with pytest.raises(
            FloatingPointError, match="loss of the prior is nan on held-out codes before the first"
        ):
            self.run(lambda output, codes: output.mean() * math.nan)


@pytest.fixture
def exact_second_stage():
    """Return a function: p(z) = N(m, WW' + s^2 I) as a second stage, with its exact posterior or a wider one."""

    def exact_second_stage(widen=1.0, n_draws=1):
        part = priors.SecondStage(linear_vae(), 2, n_draws=n_draws).build(Sizes((6,), 3)).double()
        basis = torch.linalg.qr(torch.randn(3, 2, dtype=DOUBLE))[0]
        loadings, mean, scale = (
            basis * torch.tensor([2.0, 0.7], dtype=DOUBLE),
            torch.ones(3, dtype=DOUBLE),
            0.4,
        )
        variance = 1 / (1 + loadings.square().sum(0) / scale**2)
        gain = variance[:, None] * loadings.T / scale**2
        inner = part.model
        with torch.no_grad():
            inner.decoder[0].weight.copy_(loadings)
            inner.decoder[0].bias.copy_(mean)
            inner.likelihood.log_scale.fill_(math.log(scale - SCALE_FLOOR))
            head = inner.posterior.head
            head.weight.zero_()
            head.weight[:2] = gain
            head.bias[:2] = -gain @ mean
            head.bias[2:] = variance.sqrt().log() + math.log(widen)
        truth = MultivariateNormal(mean, loadings @ loadings.T + scale**2 * torch.eye(3, dtype=DOUBLE))
        return part, truth

    return exact_second_stage


class TestSecondStage:
    def test_with_the_exact_posterior_each_draw_has_the_density(self, exact_second_stage):
        part, truth = exact_second_stage()
        z = truth.sample((30,))
        torch.testing.assert_close(part(None).log_prob(z), truth.log_prob(z), rtol=1e-10, atol=1e-10)

    def test_with_another_posterior_the_density_is_right_on_average(self, exact_second_stage):
        part, truth = exact_second_stage(widen=1.4, n_draws=4)
        z = truth.sample((5,))
        with torch.no_grad():
            log_p = part(None).log_prob(z.expand(20_000, 5, 3))
        ratio = (log_p - truth.log_prob(z)).exp()
        assert ((ratio.mean(0) - 1).abs() < 4 * ratio.std(0) / math.sqrt(20_000)).all()
        # and its logarithm is below by about Var / 2, less with more draws
        gap = (truth.log_prob(z) - log_p).mean(0)
        assert (gap > 0.01).all()
        part.n_draws = 64
        with torch.no_grad():
            better = (truth.log_prob(z) - part(None).log_prob(z.expand(2000, 5, 3))).mean(0)
        assert (better < gap / 4).all()

    def test_draws_follow_the_density(self, exact_second_stage):
        part, truth = exact_second_stage()
        z = part(None).sample((20_000,))
        assert not z.requires_grad
        error = truth.variance.sqrt() / math.sqrt(20_000)
        assert ((z.mean(0) - truth.mean).abs() < 4 * error).all()
        surprise = -truth.log_prob(z)
        assert abs(surprise.mean() - truth.entropy()) < 4 * surprise.std() / math.sqrt(20_000)
        # entropies agree for many densities; the covariance is compared too, each entry with its own error
        centred = z - z.mean(0)
        products = centred[:, :, None] * centred[:, None, :]
        error = products.std(0) / math.sqrt(20_000)
        assert ((products.mean(0) - truth.covariance_matrix).abs() < 4 * error).all()

    def test_blocks_leave_the_estimates_as_they_are(self, exact_second_stage, monkeypatch):
        part, truth = exact_second_stage()
        z = truth.sample((30,))
        whole = part(None).log_prob(z)
        monkeypatch.setattr("diabolo.priors.second_stage._BLOCK", 7)
        torch.testing.assert_close(part(None).log_prob(z), whole, rtol=1e-10, atol=1e-10)

    @pytest.mark.parametrize("mode", [True, False])
    def test_a_fit_learns_the_scale_in_either_mode_and_nothing_from_held_out_codes(self, mode):
        torch.manual_seed(0)
        inner = linear_vae().set_params(likelihood=likelihoods.Gaussian("optimal"))
        part = priors.SecondStage(inner, 1, n_steps=300, learning_rate=0.05).build(Sizes((4,), 2)).train(mode)
        codes = torch.randn(500, 1) @ torch.tensor([[2.0, 1.0]]) + 0.3 * torch.randn(500, 2)
        part.fit(codes)
        assert part.training is mode
        assert float(part.model.likelihood.scales().mean()) == pytest.approx(0.3, rel=0.1)
        assert part.model.likelihood.n_batches <= 300  # those of the steps, and no look at the others

    def test_held_out_codes(self, exact_second_stage):
        _, truth = exact_second_stage()
        part = priors.SecondStage(linear_vae(), 2, n_draws=50, n_steps=150, learning_rate=0.1)
        p = fitted(lambda: part, drawn(truth, 2000, seed=7))(None)
        gap, error = divergence(truth, p, n=1000)
        assert -4 * error < gap < 0.05 + 4 * error
        z = p.sample((1000,))
        assert abs(float(truth.log_prob(z).mean() + truth.entropy())) < 0.1 + 4 * math.sqrt(1.5 / 1000)

    def test_the_dimension_of_u_is_that_of_z_unless_given(self):
        assert priors.SecondStage(linear_vae()).build(Sizes((6,), 3)).model.sizes == Sizes((3,), 3)
        assert priors.SecondStage(linear_vae(), 2).build(Sizes((6,), 3)).model.sizes == Sizes((3,), 2)

    def test_refusals(self):
        plain = models.LatentModel(networks.Linear(), posteriors.Deterministic(), likelihoods.Gaussian())
        for wrong in (plain, networks.Linear()):
            with pytest.raises(
                ValueError, match=r"model \(of the second stage\) must be a Model with a density"
            ):
                priors.SecondStage(wrong).build(Sizes((6,), 3))
        with pytest.raises(ValueError, match="n_draws must be a whole number, 1 or more, got 0"):
            priors.SecondStage(linear_vae(), n_draws=0).build(Sizes((6,), 3))
