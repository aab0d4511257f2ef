"""The inference gap of linear models, where every part of it has a closed form, and of a grid in two dimensions."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from diabolo.contracts import Sizes
from diabolo.distributions import MixtureOfNormals
from diabolo.likelihoods import Bernoulli, Gaussian
from diabolo.measures import inference_gap
from diabolo.models import LatentModel
from diabolo.networks import MLP, Linear
from diabolo.posteriors import Deterministic, DiagonalGaussian, FullGaussian
from diabolo.priors import StandardNormal

P, D, NOISE, ROWS = 5, 2, 0.5, 20
QUICK = {"n_steps": 80, "learning_rate": 0.05}
#: How far Adam may stop short of the best q in these few steps, in nats.
SHORT = 0.01


class LinearCase:
    """p(x|z) = N(W z, NOISE^2 I) with the best posterior of its family, rows of it and the closed forms."""

    def __init__(self, posterior):
        torch.manual_seed(0)
        self.model = LatentModel(Linear(), posterior, Gaussian(scale=NOISE), StandardNormal())
        self.model.build(Sizes((P,), D)).double()
        loadings = torch.randn(P, D).double()
        self.m = loadings.T @ loadings / NOISE**2 + torch.eye(D)
        self.covariance = torch.linalg.inv(self.m)
        self.gain = self.covariance @ loadings.T / NOISE**2
        full = isinstance(posterior, FullGaussian)
        tril = torch.linalg.cholesky(self.covariance) if full else self.m.diagonal().rsqrt().diag()
        with torch.no_grad():
            self.model.decoder[0].weight.copy_(loadings)
            self.model.decoder[0].bias.zero_()
            self.head = self.model.posterior.head
            self.head.weight.zero_()
            self.head.weight[:D] = self.gain
            self.head.bias.copy_(torch.cat([torch.zeros(D), tril.diagonal().log(), tril[1:, 0][: int(full)]]))
        p = MultivariateNormal(torch.zeros(P).double(), loadings @ loadings.T + NOISE**2 * torch.eye(P))
        self.x = p.sample((ROWS,))
        self.log_p = p.log_prob(self.x)

    @torch.no_grad()
    def disturb(self):
        """Move the means by a gain of their own for each row, and widen."""
        self.head.weight[:D] += 0.1 * torch.randn(D, P)
        self.head.bias[D : 2 * D] += 0.4
        return self

    def gap(self, log_p=None, **options):
        return inference_gap(
            self.model, self.x, self.log_p if log_p is None else log_p, **{**QUICK, **options}
        )

    @torch.no_grad()
    def divergence(self):
        """KL(q || p(z|x)) of each row, by torch's generic Gaussians."""
        q = self.model.encode(self.x)
        covariance = q.covariance_matrix if hasattr(q, "covariance_matrix") else torch.diag_embed(q.variance)
        exact = MultivariateNormal(self.x @ self.gain.T, self.covariance)
        return kl_divergence(MultivariateNormal(q.mean, covariance), exact)


def known_gap(case):
    """What the best diagonal posterior leaves: 1/2 (sum ln M_ii - ln det M)."""
    return 0.5 * float(case.m.diagonal().log().sum() - torch.linalg.slogdet(case.m)[1])


def close(values, errors, expected, short=0.0):
    """Whether each value is expected within 4.5 standard errors and what the optimisation may lack."""
    return bool(((values - expected).abs() < 4.5 * errors + short).all())


def test_the_best_diagonal_encoder_has_the_known_approximation_gap_alone():
    case = LinearCase(DiagonalGaussian())
    known = known_gap(case)
    assert known > 0.05
    gap = case.gap()
    assert close(gap.total, gap.elbo_error, known)
    assert close(gap.approximation, gap.best_elbo_error, known, SHORT)
    assert close(gap.amortisation, gap.amortisation_error, 0.0, 1e-3)
    mean, error = gap.means()["amortisation"]
    assert abs(mean) < 4 * error + 1e-3


@pytest.mark.parametrize(("make", "n_steps"), [(DiagonalGaussian, 80), (FullGaussian, 300)])
def test_a_disturbed_encoder_pays_the_difference_as_amortisation(make, n_steps):
    case = LinearCase(make()).disturb()
    known = known_gap(case) if make is DiagonalGaussian else 0.0
    divergence = case.divergence()
    assert divergence.max() > 2 * divergence.min() > 0.2  # rows differ
    gap = case.gap(n_steps=n_steps, n_test_draws=2000)
    assert not gap.kept.any()
    assert close(gap.total, gap.elbo_error, divergence)
    assert close(gap.approximation, gap.best_elbo_error, known, SHORT)
    assert close(gap.amortisation, gap.amortisation_error, divergence - known, SHORT)
    torch.testing.assert_close(gap.total, gap.approximation + gap.amortisation)
    for name, (mean, error) in gap.means().items():
        values = getattr(gap, name).numpy()
        assert mean == pytest.approx(values.mean())
        assert error == pytest.approx(values.std(ddof=1) / math.sqrt(ROWS))
        assert f"{name:<14} {mean:10.4f} +- {error:.4f}" in str(gap)


def test_a_better_encoder_is_kept_and_choosing_does_not_flatter():
    case = LinearCase(DiagonalGaussian())
    # one wild step makes every q worse
    wild = case.gap(n_steps=1, learning_rate=3.0)
    assert wild.kept.all()
    assert (wild.amortisation == 0).all()
    assert (wild.amortisation_error == 0).all()
    # steps too small to matter win and lose by chance; had the noise of the choice been reported, the gain
    # would be positive for every row where q* was taken
    tiny = case.gap(n_steps=1, learning_rate=1e-3, n_test_draws=20)
    taken = tiny.amortisation[~tiny.kept]
    assert len(taken) > 3
    assert (taken < 0).any()


def test_a_divergence_without_closed_form_is_taken_from_the_draws():
    case = LinearCase(DiagonalGaussian()).disturb()
    prior = MixtureOfNormals(torch.zeros(3, D).double(), torch.ones(3, D).double())  # three times N(0, I)
    gap = case.gap(prior=prior, n_test_draws=2000)
    assert close(gap.total, gap.elbo_error, case.divergence())
    assert close(gap.approximation, gap.best_elbo_error, known_gap(case), 2 * SHORT)


def test_against_a_search_over_all_gaussians_on_a_grid():
    """One latent dimension: the best q of a Bernoulli decoder by brute force, ELBOs by Gauss-Hermite."""
    torch.manual_seed(0)
    model = LatentModel(MLP((8,), activation="tanh"), DiagonalGaussian(), Bernoulli(), StandardNormal())
    model = model.build(Sizes((6,), 1)).double()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.normal_(0, 1.5)
    x = torch.randint(2, (6, 6)).double()
    nodes, weights = (torch.as_tensor(a) for a in np.polynomial.hermite_e.hermegauss(60))
    weights = weights / weights.sum()

    def elbo(mean, scale):
        z = (mean + scale * nodes.reshape(-1, *[1] * mean.dim())).unsqueeze(-1)
        log_px = model.decode(z.unsqueeze(-2)).log_prob(x)
        kl = 0.5 * (mean**2 + scale**2 - 1) - scale.log()
        return torch.tensordot(weights, log_px, 1) - kl.unsqueeze(-1)

    with torch.no_grad():
        q = model.encode(x)
        mine = torch.stack([elbo(m, s)[0, i] for i, (m, s) in enumerate(zip(q.mean, q.stddev, strict=True))])
        mean, scale = torch.meshgrid(
            torch.linspace(-4, 4, 121).double(), torch.linspace(-3, 0.5, 71).double().exp(), indexing="ij"
        )
        surface = elbo(mean, scale)
        best = surface.flatten(0, 1).amax(0)
        axis = torch.linspace(-9, 9, 2001).double()[:, None, None]
        log_pz = model.latent_prior().log_prob(axis)
        log_p = (log_pz + model.decode(axis).log_prob(x)).logsumexp(0) + math.log(18 / 2000)
    gap = inference_gap(model, x, log_p, n_steps=150, learning_rate=0.1, n_test_draws=4000)
    assert close(gap.elbo, gap.elbo_error, mine)
    assert (gap.best_elbo - 4.5 * gap.best_elbo_error < best + 0.01).all()  # the grid is that coarse
    assert (gap.best_elbo + 4.5 * gap.best_elbo_error > best - 0.02).all()
    assert (best - mine).max() > 0.5
    assert (gap.approximation > -4.5 * gap.best_elbo_error).all()


def test_blocks_precision_arrays_and_parameters_left_alone():
    case = LinearCase(DiagonalGaussian()).disturb()
    divergence = case.divergence()
    case.model.float()
    case.x = case.x.float()
    gap = case.gap(case.log_p.numpy(), block_rows=13)
    assert gap.total.dtype == torch.float
    assert gap.kept.shape == gap.total.shape == (ROWS,)
    assert close(gap.total, gap.elbo_error, divergence)
    assert close(gap.approximation, gap.best_elbo_error, known_gap(case), SHORT)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in case.model.parameters())


def test_one_row_has_no_standard_error():
    case = LinearCase(DiagonalGaussian())
    case.x, case.log_p = case.x[:1], case.log_p[:1]
    gap = case.gap(n_steps=1, n_test_draws=2)
    assert all(math.isnan(error) for _, error in gap.means().values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_steps": 0}, "n_steps must be 1 or more, got 0"),
        ({"n_draws": 0}, "n_draws must be 1 or more, got 0"),
        ({"n_test_draws": 1}, "n_test_draws must be 2 or more, got 1"),
        ({"block_rows": 0}, "block_rows must be 1 or more, got 0"),
        ({"log_p": np.zeros(3)}, r"one number for each of the 20 rows, got the shape \(3,\)"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        LinearCase(DiagonalGaussian()).gap(**arguments)


def test_models_without_the_parts_are_refused():
    case = LinearCase(DiagonalGaussian())
    with pytest.raises(TypeError, match="use a LatentModel"):
        inference_gap(torch.nn.Linear(2, 2), case.x, case.log_p)
    plain = LatentModel(Linear(), Deterministic(), Gaussian()).build(Sizes((P,), D)).double()
    with pytest.raises(ValueError, match="this model has no prior"):
        inference_gap(plain, case.x, case.log_p)
    with pytest.raises(ValueError, match="a posterior without a density"):
        inference_gap(plain, case.x, case.log_p, prior=case.model.latent_prior())
