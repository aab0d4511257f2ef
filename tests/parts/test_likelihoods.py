"""Every likelihood sums or integrates to 1 over x, starts at the data, agrees with scipy and refuses."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.base import clone

from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods import (
    BY_NAME,
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    Gaussian,
    Laplace,
    LogNormal,
    Mixed,
)
from diabolo.likelihoods.counts import Counts
from diabolo.likelihoods.location_scale import SCALE_FLOOR, LocationScale


def started(likelihood, x, **statistics):
    s = Statistics.of(x, **statistics)
    likelihood = clone(likelihood).resolve(s).build(Sizes(tuple(x.shape[1:]), 2)).double()
    likelihood.start(s)
    return likelihood


def axis_rule(likelihood, centre):
    """Return nodes and weights that integrate over all values of one column."""
    if isinstance(likelihood, Bernoulli):
        return np.array([0.0, 1.0]), np.ones(2)
    if isinstance(likelihood, Categorical):
        return np.arange(likelihood.n_categories) * 1.0, np.ones(likelihood.n_categories)
    if isinstance(
        likelihood, Counts
    ):  # until the rest of the sum, which falls at least as r / (r + m), is below 1e-11
        r = float(likelihood.log_size.detach().exp().min()) if hasattr(likelihood, "log_size") else np.inf
        n = 200 + int(centre + 20 * np.sqrt(centre) + (30 * centre / min(r, 1) if r < np.inf else 0))
        return np.arange(n) * 1.0, np.ones(n)
    nodes, weights = np.polynomial.legendre.leggauss(100)
    edges = [0, 1]
    if isinstance(likelihood, LocationScale):  # split at the kink of the Laplace density
        far = 40 * float(likelihood.scales().max().detach())
        edges = [centre - far, centre, centre + far]
    if isinstance(likelihood, LogNormal):
        edges = [np.log(centre) - far, np.log(centre), np.log(centre) + far]
    pieces = [(0.5 * (b - a) * (nodes + 1) + a, 0.5 * (b - a) * weights) for a, b in pairwise(edges)]
    if isinstance(likelihood, LogNormal):  # nodes of the logarithm
        pieces = [(np.exp(n), w * np.exp(n)) for n, w in pieces]
    return np.concatenate([n for n, _ in pieces]), np.concatenate([w for _, w in pieces])


@pytest.mark.parametrize("size", [0.0, 1.0, 12.0])
def test_integrates_to_one_over_two_columns(make_likelihood, rows, size):
    likelihood = started(make_likelihood(), rows(make_likelihood(), (2,)))
    if isinstance(likelihood, Counts):
        size = min(size, 2.0)  # of the logarithm of a mean
    outputs = size * torch.randn(likelihood.n_outputs, *likelihood.output_event((2,)), dtype=torch.float64)
    p = likelihood(outputs.unsqueeze(0))
    centre = likelihood.point(p)[0].detach()
    groups = (
        [likelihood] * 2
        if not isinstance(likelihood, Mixed)
        else [likelihood.groups[1], likelihood.groups[0]]
    )
    (x0, w0), (x1, w1) = (axis_rule(group, float(c)) for group, c in zip(groups, centre, strict=True))
    grid = torch.cartesian_prod(torch.as_tensor(x0), torch.as_tensor(x1))
    weights = torch.cartesian_prod(torch.as_tensor(w0), torch.as_tensor(w1)).prod(-1)
    assert float((weights * p.log_prob(grid).exp()).sum().detach()) == pytest.approx(1, abs=1e-10)


def test_bernoulli_sums_to_one_over_all_binary_images(rows):
    likelihood = started(Bernoulli(), rows(Bernoulli(), (1, 3, 3)))
    images = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 9).reshape(-1, 1, 3, 3)
    total = likelihood(3 * torch.randn(1, 1, 3, 3, dtype=torch.float64)).log_prob(images).exp().sum()
    assert abs(float(total) - 1) < 1e-14


def test_the_whole_model_sums_to_one_over_all_binary_rows(compose, rows, hermite):
    """Sum over x of p(x) = E_p(z) p(x|z), with the quadrature over z outside the sum."""
    model = compose(rows(Bernoulli(), (6,), dtype=torch.float64), likelihood=Bernoulli())
    x = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 6)
    z, log_weights = hermite(8, 2)
    with torch.no_grad():
        log_p = torch.logsumexp(log_weights[:, None] + model.decode(z).log_prob(x), 0)
    assert log_p.shape == (64,)
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-13)


def test_reconstruction_is_the_mean_the_mode_or_the_median(make_likelihood, rows):
    likelihood = started(make_likelihood(), rows(make_likelihood(), (2,)))
    p = likelihood(torch.randn(5, likelihood.n_outputs, *likelihood.output_event((2,)), dtype=torch.float64))
    x = p.sample((20_000,)).double()
    modes = {Categorical: [0, 1], Mixed: [1]}.get(type(likelihood), [])
    means = [column for column in (0, 1) if column not in modes]
    point = likelihood.point(p).detach()
    expected = [[np.bincount(x[:, i, j].long()).argmax() for j in modes] for i in range(5)]
    assert point[:, modes].tolist() == expected
    if isinstance(likelihood, LogNormal):
        x, point = (x < point).double(), torch.tensor(0.5)
    standard_error = x.std(0) / 20_000**0.5
    assert ((x.mean(0) - point).abs() <= 4.5 * standard_error)[:, means].all()


def test_outputs_of_zero_predict_the_mean_of_the_data(make_likelihood, rows):
    likelihood = make_likelihood()
    x = rows(likelihood, (6,), n_rows=1000, dtype=torch.float64)
    likelihood = started(likelihood, x)
    p = likelihood(torch.zeros(1, likelihood.n_outputs, *likelihood.output_event((6,)), dtype=torch.float64))
    categories = {Categorical: range(6), Mixed: [1]}.get(type(likelihood), [])
    numbers = [column for column in range(6) if column not in categories]
    expected = (x.sum(0) + 0.5) / 1001 if isinstance(likelihood, Counts) else x.mean(0)
    if isinstance(likelihood, LogNormal):  # the one that the logarithms' moments say
        variance = x.log().var(0, correction=0).mean() * (1 + SCALE_FLOOR) ** 2
        expected = (x.log().mean(0) + variance / 2).exp()
    torch.testing.assert_close(p.mean[0, numbers].detach(), expected[numbers], atol=2e-4, rtol=0)
    for column in categories:
        base = (p.groups[0] if isinstance(likelihood, Mixed) else p).base_dist
        probabilities = base.probs[0, 0 if isinstance(likelihood, Mixed) else column]
        shares = np.bincount(x[:, column].long(), minlength=len(probabilities)) / len(x)
        np.testing.assert_allclose(probabilities, shares, atol=1e-3)


@pytest.mark.parametrize("column", ["all zero", "all one"])
@pytest.mark.parametrize("make", [Bernoulli, ContinuousBernoulli])
def test_constant_binary_columns_start_finite(column, make):
    x = torch.full((10, 3), float(column == "all one"))
    p = started(make(), x)(torch.zeros(1, 1, 3, dtype=torch.float64))
    assert torch.isfinite(p.log_prob(1 - x.double())).all()
    # one value of 1/2 among 11
    np.testing.assert_allclose(p.mean.numpy(), (10.5 if column == "all one" else 0.5) / 11, rtol=1e-6)


@pytest.mark.parametrize(("make", "twin"), [(Gaussian, scipy.stats.norm), (Laplace, scipy.stats.laplace)])
class TestLocationScale:
    X = torch.tensor(
        [[1.0, 10.0, 5.0], [3.0, 40.0, 5.0], [2.0, 10.0, 5.0], [2.0, 20.0, 5.0]], dtype=torch.float64
    )

    def log_prob(self, likelihood, outputs):
        return likelihood(outputs.unsqueeze(1)).log_prob(self.X).detach().numpy()

    @pytest.mark.parametrize("statistics", ["global", "column"])
    @pytest.mark.parametrize("scale", ["learned", "per_feature", "data", 0.5])
    def test_equals_scipy_in_the_units_of_x(self, make, twin, scale, statistics):
        likelihood = started(make(scale), self.X, scale=statistics)
        deviation = self.X.numpy().std(0)
        column = np.where(deviation > 0, deviation, 1.0)
        unit = column if statistics == "column" else np.full(3, np.sqrt((deviation**2).mean()))
        expected = {
            "learned": unit * (1 + SCALE_FLOOR),
            "per_feature": unit * np.where(deviation > 0, 1 + SCALE_FLOOR, 1.0),
            "data": unit,
            0.5: 0.5 * (unit if statistics == "column" else 1),
        }[scale]
        outputs = torch.randn(4, 3, dtype=torch.float64)
        location = self.X.numpy().mean(0) + unit * outputs.numpy()
        np.testing.assert_allclose(
            self.log_prob(likelihood, outputs),
            twin(location, expected).logpdf(self.X.numpy()).sum(-1),
            rtol=1e-6,
        )

    def test_starting_twice_changes_nothing(self, make, twin):
        likelihood = started(make(0.5), self.X, scale="column")
        before = likelihood.scales().clone()
        likelihood.start(Statistics.of(self.X, scale="column"))
        assert torch.equal(likelihood.scales(), before)

    @pytest.mark.parametrize("unit", [1e-30, 1e30])
    def test_log_probability_moves_by_the_logarithm_of_the_unit(self, make, twin, unit):
        x = self.X[:, :2].contiguous()
        outputs = torch.randn(4, 1, 2, dtype=torch.float64)
        plain = started(make(), x)(outputs).log_prob(x)
        scaled = (x * unit).float()
        likelihood = started(make(), scaled).float()
        ours = likelihood(outputs.float()).log_prob(scaled)
        np.testing.assert_allclose(
            ours.detach().numpy(), plain.detach().numpy() - 2 * np.log(unit), rtol=1e-5
        )

    @pytest.mark.parametrize("scale", [0, -1.0, "learnt", None, True, float("nan"), float("inf"), (1.0, 2.0)])
    def test_a_wrong_scale_is_refused(self, make, twin, scale):
        with pytest.raises(
            ValueError, match=f"scale \\(of the {make.__name__} likelihood\\) must be a number above 0"
        ):
            make(scale).build(Sizes((3,), 2))

    @pytest.mark.parametrize("scale", [2, np.float32(2), np.int64(2)])
    def test_any_number_is_a_scale(self, make, twin, scale):
        assert make(scale).build(Sizes((3,), 2)).scales().tolist() == [2.0, 2.0, 2.0]

    def test_the_learned_scale_has_a_floor(self, make, twin):
        likelihood = started(make(), self.X)
        with torch.no_grad():
            likelihood.log_scale.fill_(-1e9)
        torch.testing.assert_close(likelihood.scales(), likelihood.unit * SCALE_FLOOR)


def test_categorical_is_the_softmax():
    likelihood = Categorical(4).build(Sizes((2, 3), 2)).double()
    outputs = torch.randn(5, 4, 2, 3, dtype=torch.float64)
    x = torch.randint(4, (5, 2, 3))
    log_softmax = outputs.numpy() - np.log(np.exp(outputs.numpy()).sum(1, keepdims=True))
    expected = np.take_along_axis(log_softmax, x.numpy()[:, None], 1).sum((1, 2, 3))
    np.testing.assert_allclose(likelihood(outputs).log_prob(x.double()).numpy(), expected, rtol=1e-12)


def test_categorical_counts_its_categories():
    x = torch.tensor([[0.0, 2.0], [1.0, 4.0]])
    assert Categorical().resolve(Statistics.of(x)).n_categories == 5
    assert Categorical(7).resolve(Statistics.of(x)).n_categories == 7
    with pytest.raises(ValueError, match="n_categories must be a whole number, 2 or more, got 1"):
        Categorical(1).build(Sizes((2,), 1))


@pytest.mark.parametrize(
    ("likelihood", "values", "needs", "way_out"),
    [
        (Bernoulli(), [[0.0, 1.0], [0.5, 3.0]], "values in \\[0, 1\\]", "bring X to \\[0, 1\\]"),
        (ContinuousBernoulli(), [[0.0, 1.0], [0.5, -3.0]], "values in \\[0, 1\\]", "likelihood='gaussian'"),
        (
            Categorical(),
            [[0.0, 1.0], [1.0, 0.5]],
            "whole numbers from 0 on",
            "Ordinal",
        ),
        (
            Categorical(3),
            [[0.0, 1.0], [1.0, 3.0]],
            "categories from 0 to 2, the 3 that were given or seen at fit",
            "4 or more",
        ),
    ],
)
def test_values_outside_the_support_are_named(likelihood, values, needs, way_out):
    x = np.array(values)
    first = f"\\(first: column 'b', e.g. {x[1, 1]}\\)"
    message = f"{needs}, but X has 1 values outside, in 1 columns {first}: .*{way_out}"
    with pytest.raises(ValueError, match=message):
        likelihood.check(x, ["a", "b"])
    with pytest.raises(ValueError, match="first: column \\(0, 1\\)"):
        likelihood.check(x[:, None])
    likelihood.check(x[:1], ["a", "b"])


def test_grey_values_have_no_bernoulli_density():
    grey = np.array([[0.0, 0.5, 1.0]])
    assert not Bernoulli().is_density(grey)
    assert Bernoulli().is_density(grey.round())
    assert ContinuousBernoulli().is_density(grey)


def test_names_of_losses_are_likelihoods():
    assert BY_NAME["squared_error"]().get_params() == {"scale": "data"}
    assert isinstance(BY_NAME["absolute_error"](), Laplace)
    assert isinstance(BY_NAME["cross_entropy"](), Bernoulli)
    assert BY_NAME["gaussian_per_feature"]().per_feature
    assert not Gaussian().per_feature
    assert issubclass(Gaussian, LocationScale)


def test_the_optimal_scale_is_where_the_learned_one_would_go(compose, rows):
    x = rows(None, (6,), dtype=torch.float64)
    model = compose(x, likelihood=Gaussian("optimal"))
    unit = model.likelihood.unit
    noise = torch.randn(1, len(x), 2, dtype=x.dtype)
    e = model.train().evaluate(x, noise=noise)
    scale = (e.observation.scale / unit).flatten()[0].detach().requires_grad_()
    normal = torch.distributions.Normal(e.observation.mean.detach(), unit * scale)
    (slope,) = torch.autograd.grad(normal.log_prob(x).sum(-1).mean(), scale)
    assert abs(slope) < 1e-9
    torch.testing.assert_close(e.log_px, normal.log_prob(x).sum(-1))
    # what is kept is the mean over the first batches
    halves = [model.evaluate(half, noise=noise[:, :6]).observation.scale for half in (x[:6], x[6:])]
    seen = [float((s / unit).flatten()[0]) ** 2 for s in (e.observation.scale, *halves)]
    kept = model.eval().likelihood.scales() / unit
    assert float(kept[0]) ** 2 == pytest.approx(sum(seen) / 3)
    assert torch.equal(model.evaluate(x[:3]).observation.scale.flatten()[:6], model.likelihood.scales())
