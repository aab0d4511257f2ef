"""The surgery of the rate against quadrature, closed forms, its identities and its own standard errors."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch.distributions import MultivariateNormal
from torch.distributions.kl import kl_divergence

from diabolo.distributions import DiagonalNormal, Dirac, MixtureOfNormals
from diabolo.measures import aggregate_cross_entropy, elbo_surgery, subsampling_divergence

TERMS = ("rate_drawn", "mutual_information", "marginal_kl", "total_correlation", "dimension_wise_kl")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def standard_normal(d, dtype=torch.float64):
    return DiagonalNormal(torch.zeros(d, dtype=dtype), torch.ones(d, dtype=dtype))


def posteriors(n, d, *, full=False, dtype=torch.float64):
    """A mixture whose components overlap in part."""
    g = generator(1)
    mean = torch.randn(n, d, generator=g, dtype=dtype)
    scale = 0.2 + 0.6 * torch.rand(n, d, generator=g, dtype=dtype)
    if not full:
        return MixtureOfNormals(mean, scale)
    tril = 0.5 * torch.randn(n, d, d, generator=g, dtype=dtype).tril(-1) + torch.diag_embed(scale)
    return MixtureOfNormals(mean, scale_tril=tril)


def within(record, name, exact, errors=4):
    value, error = getattr(record, name), getattr(record, f"{name}_se")
    assert abs(value - exact) < errors * error, (name, value, error, exact)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_draws", [1, 3])
class TestIdentities:
    def test_terms_add_up_and_meet_the_closed_form(self, full, dtype, n_draws):
        q = posteriors(300, 4, full=full, dtype=dtype)
        s = elbo_surgery(q, standard_normal(4, dtype), n_draws=n_draws)
        assert s.mutual_information + s.marginal_kl == pytest.approx(s.rate_drawn, abs=1e-6)
        assert s.total_correlation + s.dimension_wise_kl == pytest.approx(s.marginal_kl, abs=1e-6)
        assert sum(s.kl_per_dimension) == pytest.approx(s.dimension_wise_kl, abs=1e-6)
        within(s, "rate_drawn", s.rate, errors=3)
        exact = kl_divergence(q.components(), standard_normal(4, dtype))
        assert s.rate == pytest.approx(float(exact.double().mean()), abs=1e-6)
        assert s.rate_se == pytest.approx(float(exact.double().std()) / math.sqrt(300), rel=1e-5)
        assert (s.n_rows, s.n_components_of_mixture, s.n_draws) == (300, 300, n_draws)

    def test_nothing_is_known_where_posteriors_are_equal(self, full, dtype, n_draws):
        one = posteriors(1, 3, full=full, dtype=dtype).components()
        tril = one.scale_tril if full else torch.diag_embed(one.scale)
        q = (
            MixtureOfNormals(one.loc.expand(50, 3), scale_tril=tril.expand(50, 3, 3))
            if full
            else MixtureOfNormals(one.loc.expand(50, 3), one.scale.expand(50, 3))
        )
        s = elbo_surgery(q, standard_normal(3, dtype), n_draws=n_draws)
        assert s.mutual_information == pytest.approx(0, abs=1e-6)
        if not full:  # correlations are a total correlation
            assert s.total_correlation == pytest.approx(0, abs=3e-6)
        assert s.marginal_kl == pytest.approx(s.rate_drawn, abs=1e-6)

    def test_all_is_known_where_posteriors_are_apart(self, full, dtype, n_draws):
        q = posteriors(200, 4, full=full, dtype=dtype)
        scale = {"scale_tril": 1e-5 * q.scale_tril} if full else {"scale": 1e-5 * q.component_scale}
        s = elbo_surgery(
            MixtureOfNormals(q.component_mean, **scale), standard_normal(4, dtype), n_draws=n_draws
        )
        assert s.mutual_information == pytest.approx(math.log(200), abs=1e-6)
        assert s.largest_mutual_information == math.log(200)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 0.3])
def test_the_mutual_information_is_at_most_ln_n(scale):
    """Of every draw, so also where most posteriors overlap with none."""
    q = posteriors(64, 2, dtype=torch.float32)
    q = MixtureOfNormals(q.component_mean, scale * q.component_scale)
    for row in range(0, 64, 7):
        s = elbo_surgery(q, standard_normal(2, torch.float32), rows=torch.tensor([row]))
        assert s.mutual_information <= math.log(64) + 1e-6


class TestByQuadrature:
    def test_one_dimension(self):
        q = posteriors(5, 1)
        mean, scale = q.component_mean[:, 0].numpy(), q.component_scale[:, 0].numpy()
        p = DiagonalNormal(torch.tensor([0.3]).double(), torch.tensor([1.2]).double())

        def log_q(z):
            return math.log(norm.pdf(z, mean, scale).mean())

        def expectation(f, m, s):
            return quad(lambda z: norm.pdf(z, m, s) * f(z), m - 12 * s, m + 12 * s, limit=200)[0]

        components = list(zip(mean, scale, strict=True))
        entropy = np.mean([expectation(log_q, m, s) for m, s in components])
        information = np.mean([norm(m, s).entropy() for m, s in components])
        prior = np.mean([expectation(norm(0.3, 1.2).logpdf, m, s) for m, s in components])
        s = elbo_surgery(q, p, n_draws=4000)
        spread = kl_divergence(q.components(), p).std() / math.sqrt(5)
        assert s.rate_se == pytest.approx(float(spread), rel=1e-9)
        # five rows are all there are: what is left is the noise of 20,000 draws, of deviation about 1
        for name, exact in (
            ("mutual_information", -information - entropy),
            ("marginal_kl", entropy - prior),
            ("dimension_wise_kl", entropy - prior),
        ):
            assert getattr(s, name) == pytest.approx(exact, abs=4 / math.sqrt(20_000))
        assert s.total_correlation == pytest.approx(0, abs=1e-9)

    @pytest.mark.parametrize("full", [False, True])
    def test_two_dimensions(self, full):
        """The trapezium rule on a grid. Forty rows are all there are: what is left is the noise of 20,000 draws."""
        q = posteriors(40, 2, full=full)
        axis = torch.linspace(-7, 7, 421, dtype=torch.float64)
        cell = float(axis[1] - axis[0])
        grid = torch.cartesian_prod(axis, axis)
        log_q, log_p = q.log_prob(grid), standard_normal(2).log_prob(grid)
        marginals = q.marginal_log_prob(axis.unsqueeze(-1).expand(-1, 2))
        assert float(log_q.exp().sum()) * cell**2 == pytest.approx(1, abs=1e-4)
        marginal_kl = float((log_q.exp() * (log_q - log_p)).sum()) * cell**2
        one = standard_normal(1).log_prob(axis.unsqueeze(-1)).unsqueeze(-1)
        each = (marginals.exp() * (marginals - one)).sum(0) * cell
        s = elbo_surgery(q, standard_normal(2), n_draws=500)
        noise = 4 / math.sqrt(20_000)  # times the deviation of a term over draws, about 1
        assert s.marginal_kl == pytest.approx(marginal_kl, abs=noise)
        assert s.dimension_wise_kl == pytest.approx(float(each.sum()), abs=noise)
        assert s.total_correlation == pytest.approx(marginal_kl - float(each.sum()), abs=noise)
        assert s.mutual_information == pytest.approx(s.rate - marginal_kl, abs=noise)
        assert s.kl_per_dimension == pytest.approx(each.tolist(), abs=noise)


def test_gaussian_aggregate_has_closed_forms():
    """Means N(0, A) and scales 1 tend to N(0, A + I): KL 1/2 (tr C - d - ln det C), TC by the correlation."""
    a = torch.tensor([[1.5, 1.2], [1.2, 2.0]]).double()
    mean = torch.randn(3000, 2, generator=generator(), dtype=torch.float64) @ torch.linalg.cholesky(a).T
    s = elbo_surgery(MixtureOfNormals(mean, torch.ones_like(mean)), standard_normal(2))
    c = a + torch.eye(2)
    within(s, "marginal_kl", float(0.5 * (c.trace() - 2 - c.logdet())))
    within(s, "dimension_wise_kl", float(0.5 * (c.trace() - 2 - c.diagonal().log().sum())))
    within(s, "total_correlation", float(0.5 * (c.diagonal().log().sum() - c.logdet())))
    within(s, "mutual_information", float(0.5 * c.logdet()))


def test_standard_errors_are_the_spread_over_seeds():
    q = posteriors(1500, 3)
    runs = [elbo_surgery(q, standard_normal(3), max_rows=60, seed=seed) for seed in range(60)]
    for name in (*TERMS, "rate"):
        values = np.array([getattr(run, name) for run in runs])
        claimed = np.mean([getattr(run, f"{name}_se") for run in runs])
        assert values.std(ddof=1) / claimed == pytest.approx(1, abs=0.4)


def test_the_seed_that_made_the_means_does_not_make_the_noise():
    mean = torch.randn(3000, 2, generator=generator(0), dtype=torch.float64)
    s = elbo_surgery(MixtureOfNormals(mean, torch.ones_like(mean)), standard_normal(2), seed=0)
    within(s, "rate_drawn", s.rate, errors=3)


class TestRows:
    def test_all_by_default_a_seeded_subset_of_more(self):
        q, p = posteriors(50, 2), standard_normal(2)
        assert elbo_surgery(q, p) == elbo_surgery(q, p, rows=torch.arange(50))
        assert elbo_surgery(q, p, max_rows=None).n_rows == 50
        few = elbo_surgery(q, p, max_rows=20, seed=1)
        assert few.n_rows == 20
        assert few.n_components_of_mixture == 50
        assert few == elbo_surgery(q, p, max_rows=20, seed=1)
        assert few != elbo_surgery(q, p, max_rows=20, seed=2)

    def test_the_callers_generator_is_untouched(self):
        state = torch.get_rng_state()
        q = posteriors(50, 2)
        elbo_surgery(q, standard_normal(2), max_rows=20)
        aggregate_cross_entropy(q, q.components())
        subsampling_divergence(q, 10, n_codes=10)
        assert torch.equal(torch.get_rng_state(), state)

    @pytest.mark.parametrize("rows", [[-1], [50], [0.0], [[0]], []])
    def test_no_members(self, rows):
        with pytest.raises(ValueError, match=r"indices of the 50 members.*use aggregate_cross_entropy"):
            elbo_surgery(posteriors(50, 2), standard_normal(2), rows=torch.tensor(rows))

    def test_weights_and_no_draws_are_refused(self):
        q = posteriors(5, 2)
        weighted = MixtureOfNormals(q.component_mean, q.component_scale, log_weights=torch.randn(5))
        with pytest.raises(ValueError, match="got a mixture with weights"):
            elbo_surgery(weighted, standard_normal(2))
        with pytest.raises(ValueError, match="n_draws must be 1 or more, got 0"):
            elbo_surgery(q, standard_normal(2), n_draws=0)


class TestPriors:
    def test_a_correlated_prior_has_no_terms_of_dimensions(self):
        p = MultivariateNormal(
            torch.zeros(2).double(), scale_tril=torch.tensor([[1.0, 0], [0.5, 1]]).double()
        )
        s = elbo_surgery(posteriors(400, 2), p)
        assert s.dimension_wise_kl is s.kl_per_dimension is None
        # the aggregated posterior is as dependent as it is, whatever the prior
        assert (
            s.total_correlation == elbo_surgery(posteriors(400, 2), standard_normal(2)).total_correlation > 0
        )
        within(s, "rate_drawn", s.rate, errors=3)

    def test_a_mixture_has_no_closed_form(self):
        q = posteriors(400, 2)
        s = elbo_surgery(q, q)
        assert s.rate is s.rate_se is None
        assert s.marginal_kl == pytest.approx(0, abs=1e-12)
        assert s.mutual_information == pytest.approx(s.rate_drawn, abs=1e-12)

    def test_a_float32_prior_reads_float32_codes(self):
        class Strict(MultivariateNormal):
            def log_prob(self, value):
                assert value.dtype == torch.float32
                return super().log_prob(value)

        s = elbo_surgery(posteriors(9, 2, dtype=torch.float32), Strict(torch.zeros(2), torch.eye(2)))
        assert math.isfinite(s.marginal_kl)


@pytest.mark.parametrize("full", [False, True])
def test_cross_entropy_of_other_rows(full):
    """Under one component it is the closed form -E log N; under more, quadrature."""
    held_out = posteriors(2000, 2, full=full).components()
    alone = DiagonalNormal(torch.tensor([[0.3, -1.0]]).double(), torch.tensor([[0.7, 1.5]]).double())
    c = aggregate_cross_entropy(MixtureOfNormals.of(alone), held_out)
    error = (held_out.variance + (held_out.mean - alone.loc).square()) / alone.scale.square()
    exact = (0.5 * error + alone.scale.log() + 0.5 * math.log(2 * math.pi)).sum(-1).mean()
    within(c, "value", float(exact))
    assert (c.n_rows, c.n_draws, c.n_components_of_mixture) == (2000, 1, 1)
    assert "cross-entropy" in str(c)


def test_cross_entropy_by_quadrature():
    mixture, row = (
        posteriors(5, 1),
        DiagonalNormal(torch.tensor([[0.4]]).double(), torch.tensor([[0.6]]).double()),
    )
    mean, scale = mixture.component_mean[:, 0].numpy(), mixture.component_scale[:, 0].numpy()
    exact = -quad(lambda z: norm.pdf(z, 0.4, 0.6) * math.log(norm.pdf(z, mean, scale).mean()), -7, 8)[0]
    row = DiagonalNormal(row.loc.expand(5000, 1), row.scale.expand(5000, 1))
    within(aggregate_cross_entropy(mixture, row), "value", exact)


def test_cross_entropy_needs_densities():
    with pytest.raises(TypeError, match="a mixture of normals is made of Gaussians, got a Dirac"):
        aggregate_cross_entropy(posteriors(5, 2), Dirac(torch.zeros(3, 2)))


class TestSubsampling:
    def test_two_components_by_quadrature(self):
        """Half of the subsamples keep either component, so it is the mean of KL(q || q_j)."""
        q = MixtureOfNormals(torch.tensor([[0.0], [1.5]]).double(), torch.tensor([[1.0], [0.8]]).double())
        components = [norm(0, 1), norm(1.5, 0.8)]

        def divergence(one):
            def integrand(z):
                whole = np.mean([c.pdf(z) for c in components])
                return whole * (math.log(whole) - one.logpdf(z))

            return quad(integrand, -9, 10)[0]

        exact = np.mean([divergence(one) for one in components])
        within(subsampling_divergence(q, 1, n_subsamples=200, n_codes=40), "value", exact)

    @pytest.mark.parametrize("full", [False, True])
    def test_falls_to_zero_with_all(self, full):
        q = posteriors(100, 3, full=full)
        values = [subsampling_divergence(q, n, n_codes=200).value for n in (5, 40, 100)]
        assert values[0] > values[1] > 0.1
        assert values[2] == pytest.approx(0, abs=1e-12)


def test_records_are_plain_numbers_and_print():
    s = elbo_surgery(posteriors(50, 2), standard_normal(2))
    assert json.loads(json.dumps(s.as_dict()))["kl_per_dimension"] == list(s.kl_per_dimension)
    text = str(s)
    for name in TERMS:
        assert name in text
    assert "at most ln 50 = 3.912" in text
    assert math.isnan(elbo_surgery(posteriors(50, 2), standard_normal(2), rows=torch.tensor([3])).rate_se)
    assert "dimension_wise" not in str(elbo_surgery(posteriors(50, 2), posteriors(50, 2)))
    assert "10 of 50 components" in str(subsampling_divergence(posteriors(50, 2), 10, n_codes=10))
