"""The mixture of many Gaussians against torch's generic one, scipy, its own draws, and for any size of block."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.special import logsumexp
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from diabolo.distributions import DiagonalNormal, Dirac, MixtureOfNormals, mixture

KINDS = ["diagonal", "full"]
N, D = 23, 3


def parameters(kind, *, n=N, d=D, weighted=True, dtype=torch.float64):
    """Means, scales or factors by name, log-weights."""
    scale = 0.2 + torch.rand(n, d, dtype=dtype)
    if kind == "full":
        scale = torch.randn(n, d, d, dtype=dtype).tril(-1) + torch.diag_embed(scale)
    log_weights = torch.randn(n, dtype=dtype) if weighted else None
    return torch.randn(n, d, dtype=dtype), scale, log_weights


def ours(kind, mean, scale, log_weights):
    name = "scale" if kind == "diagonal" else "scale_tril"
    return MixtureOfNormals(mean, **{name: scale}, log_weights=log_weights)


def torchs(kind, mean, scale, log_weights):
    logits = torch.zeros_like(mean[:, 0]) if log_weights is None else log_weights
    components = (
        Independent(Normal(mean, scale), 1)
        if kind == "diagonal"
        else MultivariateNormal(mean, scale_tril=scale)
    )
    return MixtureSameFamily(Categorical(logits=logits), components)


def scipys_marginals(z, mean, scale, weights):
    log = scipy.stats.norm(mean.numpy(), scale.numpy()).logpdf(z.numpy()[:, None])
    return logsumexp(log, b=weights.numpy()[:, None], axis=1)


@pytest.fixture(params=[None, 64], ids=["one_block", "many_blocks"])
def blocks(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(mixture, "_BLOCK_CPU", request.param)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.usefixtures("blocks")
class TestAgainstTorchsMixture:
    @pytest.mark.parametrize("shape", [(), (1,), (40,), (4, 5)])
    def test_log_prob(self, kind, weighted, shape):
        given = parameters(kind, weighted=weighted)
        z = 2 * torch.randn(*shape, D, dtype=torch.float64)
        result = ours(kind, *given).log_prob(z)
        assert result.shape == shape
        torch.testing.assert_close(result, torchs(kind, *given).log_prob(z), rtol=1e-12, atol=1e-12)

    def test_gradients_of_codes_and_parameters(self, kind, weighted):
        given = [t for t in parameters(kind, weighted=weighted) if t is not None]
        z = 2 * torch.randn(40, D, dtype=torch.float64)
        leaves = [t.requires_grad_() for t in (z, *given)]
        gradients = []
        for make in (ours, torchs):
            density = make(kind, *[*leaves[1:], None][:3]).log_prob(z)
            gradients.append(torch.autograd.grad((density * torch.linspace(-1, 1, 40)).sum(), leaves))
        for mine, theirs in zip(*gradients, strict=True):
            mine = mine.tril() if mine.dim() == 3 else mine
            torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)

    def test_mean_and_variance(self, kind, weighted):
        given = parameters(kind, weighted=weighted)
        mine, theirs = ours(kind, *given), torchs(kind, *given)
        torch.testing.assert_close(mine.mean, theirs.mean, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(mine.variance, theirs.variance, rtol=1e-12, atol=1e-12)

    def test_component_log_prob_makes_up_the_mixture(self, kind, weighted):
        given = parameters(kind, weighted=weighted)
        q, z = ours(kind, *given), torch.randn(4, 5, D, dtype=torch.float64)
        each = q.component_log_prob(z)
        theirs = torchs(kind, *given).component_distribution.log_prob(z.unsqueeze(-2))
        torch.testing.assert_close(each, theirs, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(
            (each + q.log_weights).logsumexp(-1), q.log_prob(z), rtol=1e-12, atol=1e-12
        )

    def test_marginals_equal_scipys(self, kind, weighted):
        given = parameters(kind, weighted=weighted)
        q, z = ours(kind, *given), 3 * torch.randn(40, D, dtype=torch.float64)
        z[0] = torch.tensor([100.0, -3000.0, 0.0])  # exponentials alone would give log 0
        deviation = torchs(kind, *given).component_distribution.variance.sqrt()
        expected = scipys_marginals(z, given[0], deviation, q.log_weights.exp())
        np.testing.assert_allclose(q.marginal_log_prob(z).numpy(), expected, rtol=1e-11)
        with_gradient = q.marginal_log_prob(z.clone().requires_grad_())
        np.testing.assert_allclose(with_gradient.detach().numpy(), expected, rtol=1e-11)
        assert q.marginal_log_prob(z.reshape(4, 10, D)).shape == (4, 10, D)


@pytest.mark.usefixtures("blocks")
def test_gradients_of_the_marginals_are_those_of_torchs_mixtures():
    mean, scale, log_weights = parameters("diagonal")
    z = torch.randn(9, D, dtype=torch.float64)
    leaves = [t.requires_grad_() for t in (z, mean, scale, log_weights)]
    mine = torch.autograd.grad(
        MixtureOfNormals(*leaves[1:3], None, leaves[3]).marginal_log_prob(z).sum(), leaves
    )
    each = MixtureSameFamily(Categorical(logits=log_weights.expand(D, N)), Normal(mean.T, scale.T))
    for a, b in zip(mine, torch.autograd.grad(each.log_prob(z).sum(), leaves), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_no_codes_have_no_densities(kind):
    q, z = ours(kind, *parameters(kind)), torch.empty(0, D).double()
    assert q.log_prob(z).shape == (0,)
    assert q.marginal_log_prob(z).shape == (0, D)


def test_one_dimension_is_its_own_marginal():
    q = ours("diagonal", *parameters("diagonal", n=300, d=1))
    z = torch.linspace(-6, 6, 101, dtype=torch.float64).unsqueeze(-1)
    torch.testing.assert_close(q.marginal_log_prob(z)[:, 0], q.log_prob(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", [1, 100, 4096, 10**6])
def test_the_size_of_blocks_does_not_matter(kind, block, monkeypatch):
    q = ours(kind, *parameters(kind, n=31))
    z = q.sample((17,))
    whole = q.log_prob(z), q.marginal_log_prob(z)
    monkeypatch.setattr(mixture, "_BLOCK_CPU", block)
    for a, b in zip((q.log_prob(z), q.marginal_log_prob(z)), whole, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


def test_memory_of_the_backward_pass_is_bounded(monkeypatch):
    """No tensor that is kept for it has as many numbers as there are pairs."""
    kept = []
    monkeypatch.setattr(mixture, "_BLOCK_CPU", 1024)
    q = MixtureOfNormals(torch.randn(300, 2, requires_grad=True), torch.ones(300, 2))
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        q.log_prob(torch.randn(500, 2)).sum().backward()
    assert max(kept) < 500 * 300 / 5


class TestRounding:
    """Against the differences z - m in scipy's float64."""

    @pytest.mark.parametrize("d", [1, 50])
    @pytest.mark.parametrize("size", [1.0, 10.0])
    @pytest.mark.parametrize("scale", [1e-6, 1e-4, 1e-3, 1e-2, 1.0])
    @pytest.mark.parametrize("offset", [0.0, 1000.0])
    def test_narrow_components_far_from_zero(self, d, size, scale, offset):
        mean = offset + size * torch.randn(200, d, dtype=torch.float64)
        deviation = scale * (0.5 + torch.rand(200, d, dtype=torch.float64))
        deviation[::2] *= min(100.0, 1 / scale)
        q = MixtureOfNormals(mean, deviation)
        z = torch.cat([q.components().sample(), q.sample((50,)), offset + 2 * size * torch.randn(50, d)])
        log = scipy.stats.norm(mean.numpy(), deviation.numpy()).logpdf(z.numpy()[:, None]).sum(-1)
        expected = logsumexp(log, axis=1) - math.log(200)
        np.testing.assert_allclose(q.log_prob(z).numpy(), expected, rtol=1e-11, atol=1e-6)

    def test_both_ways_are_taken_in_one_mixture(self):
        mean, scale = 10 * torch.randn(6, 2).double(), torch.full((6, 2), 1e-2).double()
        scale[2:4] = 1e-7
        q = MixtureOfNormals(mean, scale)
        assert q._is_narrow().tolist() == [False, False, True, True, False, False]
        z = q.components().sample()
        expected = (q.component_log_prob(z) + q.log_weights).logsumexp(-1)
        torch.testing.assert_close(q.log_prob(z), expected, rtol=0, atol=1e-6)
        order = [2, 0, 3, 1, 4, 5]
        assert torch.equal(q.log_prob(z), MixtureOfNormals(mean[order], scale[order]).log_prob(z))

    @pytest.mark.parametrize("kind", KINDS)
    def test_float32_is_the_rounded_float64(self, kind):
        mean, scale, log_weights = parameters(kind, dtype=torch.float32)
        given = 10 + mean, 0.01 * scale, log_weights
        q, exact = ours(kind, *given), ours(kind, *(t.double() for t in given))
        z = q.sample((100,))
        assert q.log_prob(z).dtype == q.marginal_log_prob(z).dtype == torch.float32
        eps = torch.finfo(torch.float32).eps
        torch.testing.assert_close(
            q.log_prob(z).double(), exact.log_prob(z.double()), rtol=2 * eps, atol=10 * eps
        )
        torch.testing.assert_close(
            q.marginal_log_prob(z).double(),
            exact.marginal_log_prob(z.double()),
            rtol=10 * eps,
            atol=100 * eps,
        )

    def test_precisions_are_promoted(self):
        q = ours("diagonal", *parameters("diagonal", dtype=torch.float32))
        z = torch.randn(5, D, dtype=torch.float64)
        for density in (q.log_prob, q.marginal_log_prob, q.component_log_prob):
            assert density(z).dtype == torch.float64


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 1e15), (torch.float64, 1e120)])
def test_far_away_codes_have_a_finite_density(kind, dtype, far):
    q = ours(kind, *parameters(kind, dtype=dtype))
    z = torch.tensor([[far] * D, [-far, 0, 0]], dtype=dtype, requires_grad=True)
    density = q.log_prob(z)
    assert density.isfinite().all()
    assert density.dtype == dtype
    (slope,) = torch.autograd.grad(density.sum(), z)
    assert slope.isfinite().all()
    marginals = q.marginal_log_prob(z.detach())
    assert marginals.isfinite().all()
    expected = (q.component_log_prob(z.detach().double()) + q.log_weights.double()).logsumexp(-1)
    torch.testing.assert_close(density.detach().double(), expected, rtol=1e-6, atol=0)


class TestDraws:
    @pytest.mark.parametrize("weighted", [True, False])
    def test_follow_scipys_distribution_function(self, weighted):
        mean, scale, log_weights = parameters("diagonal", n=4, weighted=weighted, d=1)
        q = MixtureOfNormals(3 * mean, scale, log_weights=log_weights)
        components = scipy.stats.norm(3 * mean.T.numpy(), scale.T.numpy())

        def distribution(x):
            return components.cdf(x[:, None]) @ q.log_weights.exp().numpy()

        z = q.sample((50, 400))
        assert z.shape == (50, 400, 1)
        assert scipy.stats.kstest(z.flatten().numpy(), distribution).pvalue > 1e-3

    @pytest.mark.parametrize("kind", KINDS)
    def test_follow_the_density(self, kind):
        """E_q p(z) / q(z) = 1 for any p within q, and moments."""
        q = ours(kind, *parameters(kind, n=8))
        z = q.sample((20_000,))
        p = DiagonalNormal(q.component_mean[0], torch.full((D,), 0.2, dtype=torch.float64))
        ratio = (p.log_prob(z) - q.log_prob(z)).exp()
        assert abs(float(ratio.mean()) - 1) < 4 * float(ratio.std()) / math.sqrt(len(z))
        error = (z.mean(0) - q.mean).abs() / (q.variance / len(z)).sqrt()
        assert error.max() < 4
        spread = (z - q.mean).square()
        assert ((spread.mean(0) - q.variance).abs() < 4 * spread.std(0) / math.sqrt(len(z))).all()

    def test_come_from_torchs_generator(self):
        q = ours("full", *parameters("full"))
        torch.manual_seed(3)
        a = q.sample((5,))
        torch.manual_seed(3)
        assert torch.equal(a, q.sample((5,)))
        assert not torch.equal(a, q.sample((5,)))
        assert q.sample().shape == (D,)


class TestSubsampled:
    def test_averages_to_the_whole_over_all_subsets(self):
        """Its density is unbiased; so is the mean over the subsets of the same size, each as likely."""
        mean, scale, _ = parameters("diagonal", n=5)
        q, z = MixtureOfNormals(mean, scale), torch.randn(7, D, dtype=torch.float64)
        found = {}
        for seed in range(200):
            part = q.subsampled(2, seed=seed)
            members = tuple(int((mean == m).all(-1).nonzero()) for m in part.component_mean)
            found[members] = part.log_prob(z).exp()
        assert set(found) == set(itertools.combinations(range(5), 2))
        torch.testing.assert_close(torch.stack(list(found.values())).mean(0), q.log_prob(z).exp())

    @pytest.mark.parametrize("kind", KINDS)
    def test_keeps_scales_and_relative_weights(self, kind):
        mean, scale, log_weights = parameters(kind)
        part = ours(kind, mean, scale, log_weights).subsampled(6, seed=0)
        index = [int((mean == m).all(-1).nonzero()) for m in part.component_mean]
        assert len(set(index)) == len(part) == 6
        expected = ours(kind, mean[index], scale[index], log_weights[index])
        z = torch.randn(5, D, dtype=torch.float64)
        torch.testing.assert_close(part.log_prob(z), expected.log_prob(z))

    def test_seed(self):
        q = ours("diagonal", *parameters("diagonal", weighted=False))
        state = torch.get_rng_state()
        a, b, c = (q.subsampled(5, seed=s).component_mean for s in (0, 0, 1))
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
        assert torch.equal(torch.get_rng_state(), state)
        q.subsampled(5)
        assert not torch.equal(torch.get_rng_state(), state)

    @pytest.mark.parametrize("n", [0, N + 1])
    def test_refuses_a_number_it_has_not(self, n):
        with pytest.raises(ValueError, match=rf"from 1 to the number of components, {N}, got {n}"):
            ours("diagonal", *parameters("diagonal")).subsampled(n)


@pytest.mark.parametrize("kind", KINDS)
def test_components_and_the_way_back(kind):
    mean, scale, log_weights = parameters(kind)
    q = ours(kind, mean, scale, log_weights)
    again = MixtureOfNormals.of(q.components(), log_weights)
    z = torch.randn(5, D, dtype=torch.float64)
    assert torch.equal(again.log_prob(z), q.log_prob(z))
    some = q.components(torch.tensor([4, 1]))
    assert some.batch_shape == (2,)
    torch.testing.assert_close(some.log_prob(z[:, None]), q.component_log_prob(z)[:, [4, 1]])
    assert repr(q) == f"MixtureOfNormals(23 {kind} components, d=3)"
    assert len(q) == N


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_from_inference_mode_leave_codes_differentiable(kind, dtype):
    with torch.inference_mode():
        mean, scale, log_weights = parameters(kind, dtype=dtype)
        scale = scale * torch.where(torch.arange(N) < 5, 1e-7, 1.0).to(dtype).reshape(
            N, *[1] * (scale.dim() - 1)
        )
        q = ours(kind, mean, scale, log_weights)
    z = torch.randn(6, D, dtype=dtype, requires_grad=True)
    q.log_prob(z).sum().backward()
    assert z.grad.isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of scale and scale_tril, got neither"),
        ({"scale": torch.ones(4, 2), "scale_tril": torch.ones(4, 2, 2)}, "got both"),
        ({"scale": torch.ones(2)}, r"scale must have the shape \(4, 2\).*got \(2,\)"),
        ({"scale_tril": torch.ones(2, 2)}, r"scale_tril must have the shape \(4, 2, 2\).*got \(2, 2\)"),
        ({"scale": torch.ones(4, 2), "log_weights": torch.zeros(3)}, r"log_weights.*\(4,\).*got \(3,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MixtureOfNormals(torch.zeros(4, 2), **arguments)


def test_other_refusals():
    with pytest.raises(ValueError, match=r"mean must have the shape \(n, d\).*got \(2,\)"):
        MixtureOfNormals(torch.zeros(2), torch.ones(2))
    with pytest.raises(ValueError, match=r"codes must have the shape \(\*batch, 2\), got \(5, 3\)"):
        MixtureOfNormals(torch.zeros(4, 2), torch.ones(4, 2)).log_prob(torch.zeros(5, 3))
    with pytest.raises(TypeError, match="made of Gaussians, got a Dirac"):
        MixtureOfNormals.of(Dirac(torch.zeros(4, 2)))
