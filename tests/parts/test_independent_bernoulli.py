"""Independent binary values against torch's generic class and scipy: values, derivatives, moments, extremes."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch.distributions import Bernoulli, Independent

from diabolo.distributions import IndependentBernoulli


def torchs(logits, n_event_dims=1):
    return Independent(Bernoulli(logits=logits, validate_args=False), n_event_dims, validate_args=False)


SHAPES = [  # of the logits and of x, with the number of event dimensions
    ((4, 5, 7), (5, 7), 1),
    ((1, 5, 7), (5, 7), 1),
    ((5, 7), (5, 7), 1),
    ((7,), (9, 7), 1),
    ((6, 1, 7), (5, 7), 1),
    ((5, 7), (3, 1, 7), 1),
    ((4, 5, 2, 3, 3), (5, 2, 3, 3), 3),
    ((4, 1), (3, 1, 1), 1),
]


@pytest.mark.parametrize(("shape", "x_shape", "n"), SHAPES)
@pytest.mark.parametrize("grey", [False, True])
class TestAgainstTorch:
    def rows(self, shape, x_shape, grey):
        logits = 3 * torch.randn(shape, dtype=torch.float64)
        x = torch.rand(x_shape, dtype=torch.float64)
        return (x if grey else x.round()).requires_grad_(), logits.requires_grad_()

    def test_log_probability(self, shape, x_shape, n, grey):
        x, logits = self.rows(shape, x_shape, grey)
        ours, theirs = (p(logits, n).log_prob(x) for p in (IndependentBernoulli, torchs))
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)

    def test_derivatives(self, shape, x_shape, n, grey):
        x, logits = self.rows(shape, x_shape, grey)
        weight = torch.randn(torchs(logits, n).log_prob(x).shape, dtype=torch.float64)
        ours, theirs = (
            torch.autograd.grad((weight * p(logits, n).log_prob(x)).sum(), (x, logits))
            for p in (IndependentBernoulli, torchs)
        )
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_second_derivatives_and_transforms():
    x, logits = torch.rand(3, 4, dtype=torch.float64), torch.randn(2, 3, 4, dtype=torch.float64)
    x.requires_grad_()
    logits.requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x, g: IndependentBernoulli(g).log_prob(x), (x, logits))
    ours, theirs = (
        torch.func.hessian(lambda g, p=p: p(g).log_prob(x).sum())(logits.detach())
        for p in (IndependentBernoulli, torchs)
    )
    torch.testing.assert_close(ours, theirs)
    tangents = (torch.rand_like(x), torch.rand_like(logits))
    ours, theirs = (
        torch.func.jvp(lambda x, g, p=p: p(g).log_prob(x), (x.detach(), logits.detach()), tangents)[1]
        for p in (IndependentBernoulli, torchs)
    )
    torch.testing.assert_close(ours, theirs)
    mapped = torch.func.vmap(lambda g: IndependentBernoulli(g).log_prob(x))(logits.detach())
    torch.testing.assert_close(mapped, IndependentBernoulli(logits.detach()).log_prob(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1.0, 15.0, 25.0, 39.9, 40.1, 89.0, 1e4])
def test_one_value_equals_scipy_for_any_logit(size, dtype):
    logits = torch.tensor([[size], [-size]], dtype=dtype, requires_grad=True)
    x = torch.tensor([[[0.0]], [[1.0]], [[0.25]]], dtype=dtype)
    ours = IndependentBernoulli(logits).log_prob(x)
    g, v = logits.detach().double().numpy(), x.double().numpy()
    expected = v * -np.logaddexp(0, -g) + (1 - v) * -np.logaddexp(0, g)
    tolerance = 4 * torch.finfo(dtype).eps
    np.testing.assert_allclose(ours.detach().numpy(), expected[..., 0], rtol=tolerance, atol=tolerance * size)
    slope = torch.autograd.grad(ours.sum(), logits)[0]
    np.testing.assert_allclose(
        slope.numpy(), (v - scipy.special.expit(g)).sum(0), rtol=1e-5, atol=2 * tolerance
    )


def test_rounding_in_float32_is_far_below_a_nat():
    logits, x = 8 * torch.randn(50, 784), (torch.rand(784) < 0.2).float()
    ours = IndependentBernoulli(logits).log_prob(x).double()
    exact = torchs(logits.double()).log_prob(x.double())
    bound = torch.finfo(torch.float32).eps * logits.abs().sum(-1)
    assert bound.max() < 1e-3
    assert ((ours - exact).abs() < bound).all()


def test_binary_values_of_another_type():
    logits, x = torch.randn(5, 3), torch.tensor([True, False, True])
    torch.testing.assert_close(IndependentBernoulli(logits).log_prob(x), torchs(logits).log_prob(x.float()))


def test_moments_entropy_and_expansion_equal_torchs():
    logits = torch.tensor([[-1e4, -2.0, 0.0], [1.0, 30.0, 1e4]], dtype=torch.float64)
    ours, theirs = IndependentBernoulli(logits), torchs(logits)
    for name in ("mean", "variance", "batch_shape", "event_shape"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    scipys = scipy.stats.bernoulli(theirs.mean.numpy())
    np.testing.assert_allclose(ours.entropy().numpy(), scipys.entropy().sum(-1), atol=1e-12)
    wide, x = ours.expand((4, 2)), torch.rand(4, 2, 3, dtype=torch.float64).round()
    assert wide.batch_shape == (4, 2)
    assert isinstance(wide, IndependentBernoulli)
    torch.testing.assert_close(wide.log_prob(x), theirs.expand((4, 2)).log_prob(x))


def test_samples_have_the_means():
    p = IndependentBernoulli(torch.tensor([-1e4, -1.0, 2.0, 1e4]))
    x = p.sample((40_000,))
    assert ((x == 0) | (x == 1)).all()
    standard_error = (p.variance / 40_000).sqrt()
    assert ((x.mean(0) - p.mean).abs() <= 4 * standard_error).all()
