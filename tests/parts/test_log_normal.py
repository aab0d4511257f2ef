"""The likelihood of values with a long tail, against scipy's and against the Gaussian of their logarithms."""

import numpy as np
import pytest
import scipy.stats
import torch

from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods import Gaussian, LogNormal

X = torch.as_tensor(np.random.default_rng(0).lognormal([0, 5, -3], [1, 0.3, 2], (400, 3)))


def started(likelihood, x=X, scale="column"):
    likelihood = likelihood.build(Sizes(tuple(x.shape[1:]), 2)).double()
    likelihood.start(Statistics.of(x, scale=scale))
    return likelihood


def test_it_is_scipys():
    likelihood = started(LogNormal())
    outputs = torch.randn(400, 1, 3, dtype=torch.float64)
    logarithms = np.log(X.numpy())
    unit = logarithms.std(0)
    location = logarithms.mean(0) + unit * outputs[:, 0].numpy()
    twin = scipy.stats.lognorm(unit * (1 + 1e-4), scale=np.exp(location))
    p = likelihood(outputs)
    np.testing.assert_allclose(p.log_prob(X).detach(), twin.logpdf(X.numpy()).sum(1), rtol=1e-12)
    np.testing.assert_allclose(p.mean.detach(), twin.mean(), rtol=1e-12)
    np.testing.assert_allclose(likelihood.point(p).detach(), twin.median(), rtol=1e-12)
    np.testing.assert_allclose(likelihood.predict(outputs).detach(), twin.median(), rtol=1e-12)


@pytest.mark.parametrize("scale", ["per_feature", "learned", "data", 0.5])
def test_it_is_the_gaussian_of_the_logarithms_with_their_slope(scale):
    """log p(x) = log p(log x) - log x, for each way to a scale."""
    outputs = torch.randn(400, 1, 3, dtype=torch.float64)
    for unit in ("column", "global"):
        gaussian, own = started(Gaussian(scale), X.log(), unit), started(LogNormal(scale), X, unit)
        slope = X.log().sum(1)
        torch.testing.assert_close(own(outputs).log_prob(X), gaussian(outputs).log_prob(X.log()) - slope)


def test_the_encoder_reads_standardised_logarithms():
    read = started(LogNormal()).read(X, X * np.nan)
    torch.testing.assert_close(read.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(read.std(0, correction=0), torch.ones(3, dtype=torch.float64))
    masked = X.clone()
    masked[:, 1] = 0
    assert (started(LogNormal()).read(masked, X)[:, 1] == 0).all()  # as a value in the middle
    torch.testing.assert_close(started(LogNormal()).read(masked, X)[:, 0], read[:, 0])


def test_constant_columns_keep_the_scale_1():
    x = torch.cat([X, torch.full((400, 1), 7.0, dtype=torch.float64)], 1)
    assert started(LogNormal(), x).scales()[-1] == 1


def test_columns_that_vary_elsewhere_than_in_the_examples_are_not_constant():
    x = torch.ones(3000, 1, dtype=torch.float64)
    x[1] = 50.0
    assert not torch.isin(torch.tensor(50.0), Statistics.of(x).examples)
    likelihood = started(LogNormal(), x)
    assert not likelihood.constant.any()
    assert likelihood.is_discrete is False


@pytest.mark.parametrize("value", [0.0, -2.0, 1e-50])
def test_what_is_not_above_0_is_refused(value):
    x = np.array([[0.5, 1.0], [value, 7.0]])
    with pytest.raises(
        ValueError,
        match=rf"'log_normal' needs values above 0 .1e-37 or more., but .*column 'a', e.g. {value}",
    ):
        LogNormal().check(x, ["a", "b"])
    LogNormal().check(x[:1], ["a", "b"])
    LogNormal().check(LogNormal().nearest(x))
