"""The distributions against torch's generic ones, scipy, quadrature, Monte Carlo and the lecture."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.integrate import quad
from torch.distributions import MultivariateNormal
from torch.distributions.kl import _kl_multivariatenormal_multivariatenormal, kl_divergence

from diabolo.distributions import ContinuousBernoulli, DiagonalNormal, Dirac

LOGITS = [
    -1000.0,
    -60.0,
    -1.0,
    -0.501,
    -0.499,
    -0.0101,
    -1e-4,
    0.0,
    1e-9,
    0.0099,
    0.0101,
    0.499,
    0.501,
    5.0,
    1000.0,
]
LARGEST, SMALLEST = 1e30, 1e-30


def diagonal(d, batch, dtype=torch.float64):
    return DiagonalNormal(torch.randn(*batch, d, dtype=dtype), 0.3 + torch.rand(*batch, d, dtype=dtype))


def full(d, batch):
    tril = torch.randn(*batch, d, d, dtype=torch.float64).tril(-1)
    tril = tril + torch.diag_embed(0.3 + torch.rand(*batch, d, dtype=torch.float64))
    return MultivariateNormal(torch.randn(*batch, d, dtype=torch.float64), scale_tril=tril)


def as_full(g):
    return (
        g
        if isinstance(g, MultivariateNormal)
        else MultivariateNormal(g.loc, scale_tril=torch.diag_embed(g.scale))
    )


@pytest.mark.parametrize("make_q", [diagonal, full])
@pytest.mark.parametrize("make_p", [diagonal, full])
@pytest.mark.parametrize(("batch", "prior_batch"), [((4,), ()), ((4,), (4,)), ((), ())])
@pytest.mark.parametrize("d", [1, 3])
class TestGaussianDivergences:
    def test_equals_the_generic_one(self, make_q, make_p, batch, prior_batch, d):
        q, p = make_q(d, batch), make_p(d, prior_batch)
        whole_p = as_full(p).expand(batch)
        expected = _kl_multivariatenormal_multivariatenormal(as_full(q), whole_p)
        assert kl_divergence(q, p).shape == batch
        torch.testing.assert_close(kl_divergence(q, p), expected, rtol=1e-12, atol=1e-12)

    def test_equals_the_lectures_formula(self, make_q, make_p, batch, prior_batch, d):
        q = make_q(d, batch)
        mean = as_full(q).mean.reshape(-1, d).numpy()
        covariance = as_full(q).covariance_matrix.reshape(-1, d, d).numpy()
        expected = [
            0.5 * (np.trace(s) + m @ m - d - np.linalg.slogdet(s)[1])
            for m, s in zip(mean, covariance, strict=True)
        ]
        p = DiagonalNormal(torch.zeros(d).double(), torch.ones(d).double())
        if make_p is full:
            p = as_full(p)
        np.testing.assert_allclose(kl_divergence(q, p).reshape(-1).numpy(), expected, rtol=1e-12)

    def test_equals_monte_carlo(self, make_q, make_p, batch, prior_batch, d):
        q, p = make_q(d, batch), make_p(d, prior_batch)
        n = 20_000
        z = q.sample((n,))
        ratio = q.log_prob(z) - p.log_prob(z)
        assert ((ratio.mean(0) - kl_divergence(q, p)).abs() < 4.5 * ratio.std(0) / math.sqrt(n)).all()


@pytest.mark.parametrize("ratio", [SMALLEST, 1e-12])
def test_the_divergence_of_a_narrow_posterior_does_not_vanish(ratio):
    q = DiagonalNormal(torch.zeros(2), torch.full((2,), ratio))
    p = DiagonalNormal(torch.zeros(2), torch.ones(2))
    expected = 2 * (-math.log(ratio) - 0.5)
    assert float(kl_divergence(q, p)) == pytest.approx(expected, rel=1e-6)
    assert float(kl_divergence(as_full(q), p)) == pytest.approx(expected, rel=1e-6)


class TestDiagonalNormal:
    @pytest.mark.parametrize("scale_shape", [(), (3,), (2, 3), (5, 2, 3)])
    def test_log_prob_equals_scipy(self, scale_shape):
        mean = torch.randn(5, 2, 3, dtype=torch.float64)
        scale = 0.2 + torch.rand(scale_shape, dtype=torch.float64)
        x = torch.randn(7, 1, 2, 3, dtype=torch.float64)
        ours = DiagonalNormal(mean, scale, 2).log_prob(x)
        theirs = scipy.stats.norm(mean.numpy(), scale.numpy()).logpdf(x.numpy()).sum((-2, -1))
        assert ours.shape == (7, 5)
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12)

    def test_moments_and_entropy_equal_scipy(self):
        mean, scale = torch.tensor([1.0, -2.0]).double(), torch.tensor([0.5, 3.0]).double()
        ours, theirs = DiagonalNormal(mean, scale), scipy.stats.norm(mean.numpy(), scale.numpy())
        np.testing.assert_allclose(ours.mean, theirs.mean())
        np.testing.assert_allclose(ours.variance, theirs.var())
        assert float(ours.entropy()) == pytest.approx(theirs.entropy().sum(), rel=1e-12)

    def test_samples_follow_scipys_distribution_function(self):
        x = DiagonalNormal(torch.tensor([1.0]), torch.tensor([0.5])).sample((20_000,))[:, 0]
        assert scipy.stats.kstest(x.numpy(), scipy.stats.norm(1, 0.5).cdf).pvalue > 1e-3

    @pytest.mark.parametrize("unit", [SMALLEST, LARGEST])
    @pytest.mark.parametrize("shared", [True, False])
    def test_extreme_units_in_float32(self, unit, shared):
        mean = torch.tensor([[1.0, -2.0]]) * unit
        scale = torch.full((2,) if shared else (1, 2), 0.5 * unit)
        x = torch.tensor([[2.0, -2.5]]) * unit
        ours = DiagonalNormal(mean, scale).log_prob(x)
        theirs = (
            scipy.stats.norm(mean.double().numpy(), scale.double().numpy()).logpdf(x.double().numpy()).sum(-1)
        )
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6)


class TestDirac:
    def test_is_its_point(self):
        point = torch.randn(4, 2)
        q = Dirac(point)
        assert torch.equal(q.mean, point)
        assert torch.equal(q.rsample((3,)), point.expand(3, 4, 2))
        assert torch.equal(q.variance, torch.zeros(4, 2))

    def test_has_no_density(self):
        with pytest.raises(ValueError, match=r"has no density.*use posterior=DiagonalGaussian\(\)"):
            Dirac(torch.zeros(4, 2)).log_prob(torch.zeros(4, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logit", LOGITS)
class TestContinuousBernoulliByQuadrature:
    """scipy's quadrature over [0, 1] of exp(logit x), scaled by its largest value."""

    @staticmethod
    def integral(f, logit):
        edge = min(1.0, 40 / max(abs(logit), 1e-9))
        points = [edge if logit < 0 else 1 - edge]
        return quad(
            f, 0, 1, points=points if 0 < points[0] < 1 else None, epsabs=1e-14, epsrel=1e-13, limit=400
        )[0]

    def moments(self, logit):
        """The shape's integral, mean and variance."""

        def shape(x):
            return math.exp(logit * x - max(logit, 0))

        total = self.integral(shape, logit)
        mean = self.integral(lambda x: x * shape(x), logit) / total
        return total, mean, self.integral(lambda x: (x - mean) ** 2 * shape(x), logit) / total

    def test_density_integrates_to_one(self, logit, dtype):
        p = ContinuousBernoulli(torch.tensor([logit], dtype=dtype))
        total, _, _ = self.moments(float(p.logits))
        # log p(x) = logit x - log_normaliser at both ends
        ends = p.log_prob(torch.tensor([[0.0], [1.0]], dtype=dtype)).double()
        expected = np.array([0, float(p.logits)]) - max(float(p.logits), 0) - math.log(total)
        tolerance = {torch.float32: 4e-7, torch.float64: 2e-13}[dtype]
        np.testing.assert_allclose(
            ends.numpy(), expected, rtol=tolerance, atol=tolerance * max(1, abs(logit))
        )

    def test_mean_and_variance(self, logit, dtype):
        p = ContinuousBernoulli(torch.tensor([logit], dtype=dtype))
        _, mean, variance = self.moments(float(p.logits))
        tolerance = {torch.float32: 5e-6, torch.float64: 2e-12}[dtype]
        assert float(p.mean) == pytest.approx(mean, rel=tolerance)
        assert float(p.variance) == pytest.approx(variance, rel=tolerance)

    def test_gradients_are_the_moments(self, logit, dtype):
        """d log p(x) / d logit = x - mean, and d mean / d logit = variance, by autograd."""
        logits = torch.tensor([logit], dtype=dtype, requires_grad=True)
        p = ContinuousBernoulli(logits)
        tolerance = {torch.float32: 1e-5, torch.float64: 1e-11}[dtype]
        score = torch.autograd.grad(p.log_prob(torch.zeros(1, dtype=dtype)), logits)[0]
        torch.testing.assert_close(-score, p.mean.detach(), rtol=tolerance, atol=tolerance)
        slope = torch.autograd.grad(p.mean.sum(), logits)[0]
        torch.testing.assert_close(slope, p.variance.detach(), rtol=tolerance, atol=tolerance)


class TestContinuousBernoulli:
    def test_equals_torchs_in_the_moderate_range(self):
        logits = torch.linspace(-8, 8, 41, dtype=torch.float64)
        x = torch.rand(41, dtype=torch.float64)
        ours, theirs = ContinuousBernoulli(logits), torch.distributions.ContinuousBernoulli(logits=logits)
        assert ours.log_prob(x) == pytest.approx(float(theirs.log_prob(x).sum()), rel=1e-6)
        torch.testing.assert_close(ours.mean, theirs.mean, rtol=1e-5, atol=1e-5)
        # torch approximates around 0 with a shorter series
        torch.testing.assert_close(ours.variance, theirs.variance, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("logit", [-1000.0, -3.0, -0.3, 0.0, 1e-3, 0.3, 3.0, 80.0, 1000.0])
    def test_samples_follow_the_distribution_function(self, logit):
        def distribution(x):
            if logit == 0:
                return x
            if logit > 0:  # F(x) = (e^{lx} - 1) / (e^l - 1), written from the end where nothing overflows
                return (np.exp(logit * (x - 1)) - np.exp(-logit)) / -np.expm1(-logit)
            return np.expm1(logit * x) / np.expm1(logit)

        x = ContinuousBernoulli(torch.full((1,), logit, dtype=torch.float64)).sample((50_000,))[:, 0].numpy()
        assert scipy.stats.kstest(x, distribution).pvalue > 1e-3

    def test_small_logits_are_not_taken_for_zero(self):
        """At logit 0.3 the mean is 0.525: a sampler that rounds to the uniform one shows in 400,000 draws."""
        x = ContinuousBernoulli(torch.full((1,), 0.3)).sample((400_000,))
        assert float(x.mean()) == pytest.approx(0.5249, abs=4 * float(x.std()) / 400_000**0.5)

    def test_reparametrised_samples_have_finite_gradients(self):
        logits = torch.tensor([-1000.0, -1.0, 0.0, 1e-5, 1.0, 1000.0], requires_grad=True)
        ContinuousBernoulli(logits).rsample((10_000,)).sum().backward()
        assert torch.isfinite(logits.grad).all()

    def test_reparametrised_gradient_is_the_variance(self):
        """d E[x] / d logit = Var[x]; the gradient of the draws must have that mean."""
        logits = torch.full((100_000, 1), 2.0, dtype=torch.float64, requires_grad=True)
        p = ContinuousBernoulli(logits)
        slopes = torch.autograd.grad(p.rsample().sum(), logits)[0]
        error = abs(float(slopes.mean()) - float(p.variance[0].detach()))
        assert error < 4 * float(slopes.std()) / 100_000**0.5

    def test_shapes(self):
        p = ContinuousBernoulli(torch.zeros(5, 2, 3), 2)
        assert p.batch_shape == (5,)
        assert p.event_shape == (2, 3)
        assert p.log_prob(torch.rand(4, 1, 2, 3)).shape == (4, 5)


def test_diagonal_normal_expands_to_a_larger_batch():
    q = DiagonalNormal(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    wide = q.expand((3,))
    value = torch.randn(3, 2)
    assert wide.batch_shape == (3,)
    assert torch.equal(wide.log_prob(value), q.log_prob(value))
