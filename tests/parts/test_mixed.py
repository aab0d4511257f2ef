"""Columns of different kinds: against scipy column by column, what the encoder reads, and what is refused."""

import numpy as np
import pytest
import scipy.stats
import torch

from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
    Mixed,
    NegativeBinomial,
    Poisson,
)
from diabolo.likelihoods.location_scale import SCALE_FLOOR

RNG = np.random.default_rng(0)
N = 400
#: Real, 0 and 1, three categories, counts, five categories, real.
X = torch.as_tensor(
    np.column_stack(
        [
            RNG.normal(50, 10, N),
            RNG.random(N) < 0.3,
            RNG.integers(0, 3, N),
            RNG.poisson(4.0, N),
            RNG.integers(0, 5, N),
            RNG.normal(0, 0.1, N),
        ]
    )
)
PARTS = (
    (Gaussian("per_feature"), (0, 5)),
    (Categorical(), (4, 2)),
    (Bernoulli(), (1,)),
    (Poisson(), None),
)


def started(likelihood, x=X):
    statistics = Statistics.of(x, scale="column")
    likelihood = likelihood.resolve(statistics).build(Sizes(tuple(x.shape[1:]), 2)).double()
    likelihood.start(statistics)
    return likelihood


def test_columns_part_where_their_categories_differ():
    resolved = Mixed(PARTS).resolve(Statistics.of(X))
    assert [(part.get_params(), columns) for part, columns in resolved.parts] == [
        ({"scale": "per_feature"}, (0, 5)),
        ({"n_categories": 5, "one_hot": None}, (4,)),
        ({"n_categories": 3, "one_hot": None}, (2,)),
        ({"binarise": False}, (1,)),
        ({}, (3,)),
    ]
    # two parts of one kind stay two: each has its own scale
    two = Mixed(((Gaussian(), (0,)), (Gaussian(), (5,)), (Laplace(), None)))
    assert [columns for _, columns in two.resolve(Statistics.of(X)).parts] == [(0,), (5,), (1, 2, 3, 4)]


def test_log_density_is_the_sum_of_scipys():
    likelihood = started(Mixed(PARTS))
    x = X.numpy()
    p = likelihood(torch.zeros(N, 1, *likelihood.output_event((6,)), dtype=torch.float64))
    expected = np.zeros(N)
    for column in (0, 5):
        scale = x[:, column].std() * (1 + SCALE_FLOOR)
        expected += scipy.stats.norm(x[:, column].mean(), scale).logpdf(x[:, column])
    for column, k in ((2, 3), (4, 5)):
        shares = (np.bincount(x[:, column].astype(int), minlength=k) + 1 / k) / (N + 1)
        expected += np.log(shares)[x[:, column].astype(int)]
    expected += scipy.stats.bernoulli((x[:, 1].sum() + 0.5) / (N + 1)).logpmf(x[:, 1])
    expected += scipy.stats.poisson((x[:, 3].sum() + 0.5) / (N + 1)).logpmf(x[:, 3])
    np.testing.assert_allclose(p.log_prob(X).detach(), expected, rtol=1e-6)


def test_each_output_moves_its_own_column():
    likelihood = started(Mixed(PARTS))
    n = likelihood.output_event((6,))[0]
    assert n == 2 + 5 + 3 + 1 + 1
    zero = torch.zeros(1, 1, n, dtype=torch.float64)
    moved = {}
    for i in range(n):
        outputs = zero.clone()
        outputs[..., i] = 3.0
        difference = likelihood.point(likelihood(outputs)) - likelihood.point(likelihood(zero))
        moved[i] = torch.nonzero(difference[0] != 0).flatten().tolist()
    assert moved[0] == [0]
    assert moved[1] == [5]
    assert {c for i in range(2, 7) for c in moved[i]} == {4}
    assert {c for i in range(7, 10) for c in moved[i]} == {2}
    assert moved[10] == [1]
    assert moved[11] == [3]


def test_draws_are_of_each_kind_and_have_its_mean():
    likelihood = started(Mixed(PARTS))
    p = likelihood(torch.zeros(1, 1, 12, dtype=torch.float64))
    draws = p.sample((20_000,))[:, 0]
    likelihood.check(draws.numpy())
    error = draws.std(0) / 20_000**0.5
    assert ((draws.mean(0) - X.mean(0)).abs() < 4.5 * error + X.mean(0).abs() * 2e-3).all()
    torch.testing.assert_close(
        draws.var(0)[[0, 1, 3, 5]], p.variance[0, [0, 1, 3, 5]].detach(), rtol=0.06, atol=0
    )
    assert p.mean[0, [2, 4]].isnan().all()
    assert not p.has_rsample
    assert p.expand((4,)).log_prob(X[:4]).shape == (4,)


def test_the_encoder_reads_categories_as_places_and_the_others_in_their_units():
    likelihood = started(Mixed(PARTS))
    unit = X.std(0, correction=0)
    read = likelihood.read(X, (X - X.mean(0)) / unit)
    assert read.shape == (N, *likelihood.read_event((6,))) == (N, 12)
    torch.testing.assert_close(read[:, :2].std(0, correction=0), torch.ones(2, dtype=torch.float64))
    np.testing.assert_array_equal(read[:, 2:7], np.eye(5)[X[:, 4].long()])
    np.testing.assert_array_equal(read[:, 7:10], np.eye(3)[X[:, 2].long()])
    logarithms = np.log1p(X[:, 3].numpy())
    np.testing.assert_allclose(read[:, 11], (logarithms - logarithms.mean()) / logarithms.std(), atol=1e-12)


def test_between_two_categories_are_their_shares():
    likelihood = Categorical(3).build(Sizes((2,), 1))
    read = likelihood.read(torch.tensor([[0.25, 2.0]]), None)
    assert read.tolist() == [[0.75, 0.25, 0, 0, 0, 1]]
    pseudo = torch.tensor([[1.3, 0.2]], requires_grad=True)
    weights = torch.tensor([1.0, 2.0, 4.0, 1.0, 2.0, 4.0])
    (likelihood.read(pseudo, None) * weights).sum().backward()
    assert pseudo.grad.tolist() == [[2.0, 1.0]]  # the slope between the weights of the neighbours


def test_what_begins_at_a_category_can_leave_it():
    likelihood = Categorical(3).build(Sizes((3,), 1))
    pseudo = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
    read = likelihood.read(pseudo, None)
    assert read.reshape(3, 3).tolist() == torch.eye(3).tolist()
    (read * torch.tensor([1.0, 2.0, 4.0]).repeat(3)).sum().backward()
    assert pseudo.grad.tolist() == [[1.0, 2.0, -4.0]]


def test_what_is_no_category_is_read_as_none():
    likelihood = Categorical(3).build(Sizes((3,), 1))
    assert likelihood.read(torch.tensor([[-1.0, 3.0, 7.0]]), None).tolist() == [[0.0] * 9]


@pytest.mark.parametrize("kind", [torch.as_tensor, np.asarray])
def test_the_error_of_a_wrong_category_is_1(kind):
    x = kind([[0.5, 3.0, 1.0], [2.0, 0.0, 2.0]])
    found = kind([[1.0, 1.0, 1.0], [2.0, 0.0, 7.0]])
    likelihood = Mixed(((Categorical(4), (1, 2)), (Gaussian(), None)))
    assert likelihood.error(x, found).tolist() == [[0.5, 1, 0], [0, 0, 1]]
    assert likelihood.error(x, found).dtype == found.dtype
    draws = kind([[[0.0, 3.0, 1.0], [2.0, 1.0, 2.0]]])
    assert likelihood.error(x, draws).tolist() == [[[-0.5, 0, 0], [0, 1, 0]]]


def test_where_categories_are_read_as_numbers():
    scaled = torch.ones(5, 2)
    for likelihood, event in (
        (Categorical(65), (2,)),
        (Categorical(4, one_hot=False), (2,)),
        (Categorical(4), (1, 3, 3)),
    ):
        built = likelihood.build(Sizes(event, 1))
        assert built.read_event(event) == event
        assert built.read(None, scaled) is scaled
    assert Categorical(65, one_hot=True).build(Sizes((2,), 1)).read_event((2,)) == (130,)
    with pytest.raises(ValueError, match="one_hot must be False, or None, for signals and images"):
        Categorical(4, one_hot=True).build(Sizes((1, 3, 3), 1))


def test_what_a_batch_decides_is_decided_for_each_part():
    """The optimal scale of its own columns, and binary rows that are drawn anew."""
    grey = torch.as_tensor(RNG.random((300, 1)))
    x = torch.cat([X[:300, :1], grey, X[:300, 5:]], 1)
    likelihood = started(Mixed(((Gaussian("optimal"), (0, 2)), (Bernoulli(binarise=True), (1,)))), x)
    seen = likelihood.observe(x)
    torch.testing.assert_close(seen[:, [0, 2]], x[:, [0, 2]])
    assert set(seen[:, 1].tolist()) == {0.0, 1.0}
    assert abs(seen[:, 1].mean() - grey.mean()) < 4 * 0.5 / 300**0.5
    p = likelihood(torch.zeros(300, 1, 3, dtype=torch.float64))
    alone = started(Gaussian("optimal"), x[:, [0, 2]])
    twin = alone.follow(alone(torch.zeros(300, 1, 2, dtype=torch.float64)), x[:, [0, 2]])
    torch.testing.assert_close(likelihood.follow(p, x).groups[0].scale, twin.scale)
    assert torch.equal(started(Mixed(PARTS)).observe(X), X)


def test_what_it_says_of_itself():
    assert Mixed(PARTS).is_discrete is None
    assert Mixed(((Bernoulli(), (0,)), (Poisson(), None))).is_discrete is True
    assert Mixed(((Gaussian(), (0,)), (Laplace(), None))).is_discrete is False
    assert not Mixed(PARTS).has_distances
    assert Mixed(((Gaussian(), (0,)), (NegativeBinomial(), None))).has_distances
    assert Mixed(((Bernoulli(), (1,)), (Gaussian(), None))).is_density(X.numpy())
    assert not Mixed(((Bernoulli(), (5,)), (Gaussian(), None))).is_density(np.abs(X.numpy()))
    rows = np.array([[1.5, 0.3, 7.0, -2.0, 1.2, 0.7]])
    nearest = Mixed(PARTS).resolve(Statistics.of(X)).nearest(rows)
    assert nearest.tolist() == [[1.5, 0.3, 2.0, 0.0, 1.0, 0.7]]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((), r"each column of X once: \[0, 1, 2, 3, 4, 5\] do not stand in it"),
        (((Gaussian(), (0, 1)),), r"\[2, 3, 4, 5\] do not stand in it \(None stands for all others\)"),
        (((Gaussian(), (0, 1)), (Poisson(), (1,)), (Laplace(), None)), r"\[1\] stand in it twice"),
        (((Gaussian(), (0, 6)), (Laplace(), None)), r"\[6\] are not among its 6 columns"),
        (((Gaussian(), None), (Laplace(), None)), "None stands in it twice"),
        ((("gaussian", (0, 1)),), r"parts must be a sequence of \(Likelihood, columns\)"),
        (((Gaussian(), ("a",)),), "parts must be a sequence"),
        (((Gaussian(), (True,)),), "parts must be a sequence"),
        (3, "parts must be a sequence"),
    ],
)
def test_columns_without_a_place_are_refused(parts, said):
    for use in (
        lambda m: m.build(Sizes((6,), 2)),
        lambda m: m.resolve(Statistics.of(X)),
        lambda m: m.check(X.numpy()),
    ):
        with pytest.raises(ValueError, match=said):
            use(Mixed(parts))


def test_values_outside_a_part_are_named_by_the_column_of_the_table():
    x = X.numpy().copy()
    x[7, 4] = 2.5
    likelihood = Mixed(PARTS)
    with pytest.raises(ValueError, match=r"likelihood='categorical'.*first: column 4, e.g. 2.5"):
        likelihood.check(x)
    with pytest.raises(ValueError, match=r"first: column 'city', e.g. 2.5"):
        likelihood.check(x, ["a", "b", "c", "d", "city", "f"])


def test_a_binary_column_makes_a_gaussian_as_dense_as_its_scale_is_small():
    """Why there is a likelihood of its own for 0 and 1: what this one says stays below 0."""
    columns = X[:, [0, 1]]
    gaussian = started(Gaussian("per_feature"), columns)
    mixed = started(Mixed(((Gaussian("per_feature"), (0,)), (Bernoulli(), (1,)))), columns)
    right = (columns - columns.mean(0)) / columns.std(0, correction=0)  # outputs that say each value
    with torch.no_grad():
        gaussian.log_scale[1] = -9.0
        wild = gaussian(right.unsqueeze(1)).log_prob(columns).mean()
        logits = torch.stack([right[:, 0], 40 * (columns[:, 1] - 0.5)], -1)
        sound = mixed(logits.unsqueeze(1)).log_prob(columns).mean()
    alone = started(Gaussian("per_feature"), columns[:, :1])(right[:, :1].unsqueeze(1)).log_prob(
        columns[:, :1]
    )
    assert wild > alone.mean() + 5
    assert float(sound) == pytest.approx(float(alone.detach().mean()), abs=1e-6)
