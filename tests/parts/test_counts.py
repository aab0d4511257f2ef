"""Likelihoods of counts, against scipy's and against exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
import torch

from diabolo import distributions
from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods import NegativeBinomial, Poisson
from diabolo.networks import MLP

X = torch.as_tensor(np.random.default_rng(0).negative_binomial(2, 0.2, (500, 3)), dtype=torch.float64)


def started(likelihood, x=X):
    likelihood = likelihood.build(Sizes(tuple(x.shape[1:]), 2)).double()
    likelihood.start(Statistics.of(x))
    return likelihood


def test_poisson_is_scipys():
    likelihood = started(Poisson())
    outputs = torch.randn(500, 1, 3, dtype=torch.float64)
    mean = np.exp(outputs[:, 0].numpy()) * (X.numpy().sum(0) + 0.5) / 501
    expected = scipy.stats.poisson(mean).logpmf(X.numpy()).sum(1)
    np.testing.assert_allclose(likelihood(outputs).log_prob(X), expected, rtol=1e-12)


@pytest.mark.parametrize("size", [0.02, 1.0, 7.0, 99.0, 101.0, 1e4])
def test_negative_binomial_is_scipys(size):
    mean = torch.tensor([0.01, 1.0, 300.0], dtype=torch.float64)
    p = distributions.NegativeBinomial(mean.log(), torch.full((3,), size, dtype=torch.float64).log())
    x = torch.tensor([[0.0, 0, 0], [1, 3, 290], [2, 40, 2000]], dtype=torch.float64)
    twin = scipy.stats.nbinom(size, size / (size + mean.numpy()))
    np.testing.assert_allclose(p.log_prob(x), twin.logpmf(x.numpy()).sum(1), rtol=1e-9)
    np.testing.assert_allclose(p.mean, twin.mean(), rtol=1e-9)
    np.testing.assert_allclose(p.variance, twin.var(), rtol=1e-9)


def log_exact(x, size, mean):
    """log p(x) for a whole size, in rational arithmetic up to the last logarithm."""
    share = Fraction(mean, mean + size)
    p = (1 - share) ** size * share**x
    for k in range(1, x + 1):
        p *= Fraction(size + k - 1, k)
    return math.log(p.numerator) - math.log(p.denominator)


@pytest.mark.parametrize("size", [1, 50, 99, 100, 101, 500])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_negative_binomial_is_the_exact_one_on_both_sides_of_the_series(size, dtype, tolerance):
    for x, mean in ((0, 3), (5, 3), (60, 40)):
        p = distributions.NegativeBinomial(
            torch.tensor([mean], dtype=dtype).log(), torch.tensor([size], dtype=dtype).log()
        )
        assert float(p.log_prob(torch.tensor([x], dtype=dtype))) == pytest.approx(
            log_exact(x, size, mean), rel=tolerance
        )


def test_a_large_size_is_the_poisson_distribution_in_float32():
    """Where differences of logarithms of factorials have no digit left."""
    x = torch.tensor([0.0, 3.0, 50.0])
    mean = torch.tensor([1.0, 4.0, 40.0])
    expected = scipy.stats.poisson(mean.numpy()).logpmf(x.numpy()).sum()
    for log_size in (18.0, 90.0):
        p = distributions.NegativeBinomial(mean.log(), torch.full((3,), log_size))
        assert float(p.log_prob(x)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mean", [1e-3, 1.0, 15.0, 17.0, 1e3, 1e5])
def test_large_counts_keep_their_digits_in_float32(mean):
    """x log m alone is a million nats here, of which float32 knows a tenth."""
    log_mean = torch.tensor([mean]).log()
    exact = float(log_mean.double().exp())
    x = torch.poisson(torch.full((50, 1), mean), generator=torch.Generator().manual_seed(0))
    expected = scipy.stats.poisson(exact).logpmf(x.numpy()[:, 0])
    p = distributions.Poisson(log_mean.expand(50, 1))
    np.testing.assert_allclose(p.log_prob(x), expected, rtol=2e-6, atol=1e-3)
    for size in (0.1, 3.0, 100.0):
        p = distributions.NegativeBinomial(log_mean.expand(50, 1), torch.tensor([size]).log())
        known = float(p.log_size.double().exp())
        twin = scipy.stats.nbinom(known, known / (known + exact))
        np.testing.assert_allclose(p.log_prob(x), twin.logpmf(x.numpy()[:, 0]), rtol=1e-4)


def test_gradients_are_finite_and_those_of_finite_differences():
    log_mean = torch.tensor([[-3.0, 0.0, 4.0]], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[0.0, 2.0, 70.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m: distributions.Poisson(m).log_prob(x), (log_mean,))
    for log_size in (-3.0, 2.0, 4.7, 12.0):
        size = torch.full((3,), log_size, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(
            lambda m, s: distributions.NegativeBinomial(m, s).log_prob(x), (log_mean, size)
        )
    far = torch.tensor([[80.0]], requires_grad=True)
    distributions.NegativeBinomial(far, torch.zeros(1)).log_prob(torch.zeros(1, 1)).sum().backward()
    assert torch.isfinite(far.grad).all()


@pytest.mark.parametrize(
    "p",
    [
        distributions.NegativeBinomial(torch.tensor([0.0, 1.0, 3.0]), torch.tensor([-1.0, 1.0, 5.0])),
        distributions.Poisson(torch.tensor([-1.0, 1.0, 3.0])),
    ],
    ids=lambda p: type(p).__name__,
)
def test_draws_have_the_mean_and_the_variance(p):
    torch.manual_seed(0)
    x = p.sample((40_000,)).double()
    error = x.std(0) / 200
    assert ((x.mean(0) - p.mean).abs() < 4 * error).all()
    torch.testing.assert_close(x.var(0), p.variance.double(), rtol=0.1, atol=0)
    assert p.expand((7,)).sample((2,)).shape == (2, 7, 3)


@pytest.mark.parametrize("log_mean", [-200.0, 60.0, 80.0])
def test_draws_of_extreme_means_are_counts(log_mean):
    for log_size in (-90.0, 0.0, 90.0):
        x = distributions.NegativeBinomial(torch.full((99, 1), log_mean), torch.tensor([log_size])).sample()
        assert torch.isfinite(x).all()
        assert (x >= 0).all()
    x = distributions.Poisson(torch.full((99, 1), log_mean)).sample()
    assert (x == (0 if log_mean < 0 else x[0])).all()
    assert torch.isfinite(x).all()


def test_the_size_starts_at_the_likeliest():
    likelihood = started(NegativeBinomial())
    sizes = np.logspace(-2, 3, 11)
    mean = np.exp(likelihood.shift.numpy())
    best = [
        sizes[
            np.argmax(
                [
                    scipy.stats.nbinom(r, r / (r + m)).logpmf(x).mean() * (1 - 1 / 500)
                    + scipy.stats.nbinom(r, r / (r + m)).logpmf(x.max()) / 500
                    for r in sizes
                ]
            )
        ]
        for x, m in zip(X.numpy().T, mean, strict=True)
    ]
    np.testing.assert_allclose(likelihood.log_size.detach().exp(), best)
    assert set(best) <= {1.0, sizes[5]}  # the true one is 2
    even = np.random.default_rng(0).binomial(9, 0.9, (500, 2))
    assert started(NegativeBinomial(), torch.as_tensor(even).double()).log_size.exp().tolist() == (
        pytest.approx([1000.0, 1000.0])
    )


def test_one_count_that_is_far_off_does_not_set_the_size():
    """Whether it is among the examples or not; by the variance the size would be 1e-4."""
    for row in (0, 1):
        x = torch.poisson(torch.full((3000, 1), 3.0), generator=torch.Generator().manual_seed(0)).double()
        x[row] = 1e4
        assert 0.1 <= started(NegativeBinomial(), x).log_size.exp().item() <= 10


def test_the_sizes_of_many_columns_are_found_by_fewer_rows():
    x = torch.as_tensor(np.random.default_rng(0).negative_binomial(2, 0.2, (400, 30_000))).float()
    sizes = started(NegativeBinomial(), x).log_size.exp()
    assert ((sizes >= 0.5) & (sizes <= 10)).double().mean() > 0.95


@pytest.mark.parametrize("make", [Poisson, NegativeBinomial])
def test_the_encoder_reads_standardised_logarithms(make):
    likelihood = started(make())
    read = likelihood.read(X, X * np.nan)
    logarithms = np.log1p(X.numpy())
    assert read.mean(0).abs().max() < 1e-12
    overall = np.sqrt(logarithms.var(0).mean())
    np.testing.assert_allclose(read, (logarithms - logarithms.mean(0)) / overall, atol=1e-12)
    assert torch.isfinite(likelihood.read(torch.full((1, 3), -5.0), X)).all()


@pytest.mark.parametrize("make", [Poisson, NegativeBinomial])
def test_counts_that_are_rare_or_all_equal_are_read_calmly(make):
    x = torch.zeros(3000, 3, dtype=torch.float64)
    x[7, 0] = 5.0  # not among the examples
    x[:, 1] = 3.0
    x[::50, 2] = 1.0
    likelihood = started(make(), x)
    assert likelihood.read(x, x).abs().max() < 20
    assert torch.isfinite(likelihood(torch.zeros(3000, 1, 3)).log_prob(x)).all()
    assert likelihood.read(x, x)[:, 1].abs().max() < 1e-9


@pytest.mark.parametrize("make", [Poisson, NegativeBinomial])
@pytest.mark.parametrize("value", [-1.0, 0.5])
def test_what_is_no_count_is_refused(make, value):
    x = np.array([[0.0, 1.0], [value, 7.0]])
    with pytest.raises(ValueError, match=f"needs counts: whole numbers, 0 or more.*column 'a', e.g. {value}"):
        make().check(x, ["a", "b"])
    make().check(x[:1], ["a", "b"])
    np.testing.assert_array_equal(make().nearest(np.array([[-2.0, 1.4]])), [[0, 1]])


@pytest.mark.parametrize("make", [Poisson, NegativeBinomial])
def test_counts_of_images(make, compose):
    x = torch.poisson(torch.full((20, 1, 6, 6), 4.0))
    model = compose(x, likelihood=make(), network=MLP((8,)))
    e = model.evaluate(x, n_draws=2)
    assert e.log_px.shape == (2, 20)
    assert torch.isfinite(e.log_px).all()
    assert model.point(e.observation).shape == (2, 20, 1, 6, 6)
