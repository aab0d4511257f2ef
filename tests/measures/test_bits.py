"""Bits per dimension against the exact probabilities of bins, and the noise that fills the bins."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from diabolo.measures import bits_per_dimension, dequantise, row_noise


def quantised(width, n_rows=2000, n_values=20):
    """Return rows of N(0.3, 1) rounded to the bins [x - h/2, x + h/2), and the exact bits of each."""
    x = width * np.round(np.random.default_rng(0).normal(0.3, 1, (n_rows, n_values)) / width)
    probability = norm.cdf(x + width / 2, 0.3) - norm.cdf(x - width / 2, 0.3)
    return x, -np.log2(probability).mean(-1)


@pytest.mark.parametrize("width", [1.5, 0.5, 0.05])
def test_dequantised_density_bounds_the_exact_bits(width):
    x, exact = quantised(width)
    log_p = norm.logpdf(dequantise(x, 0, width), 0.3).sum(-1)
    excess = bits_per_dimension(log_p, 20, bin_width=width) - exact
    standard_error = excess.std() / len(x) ** 0.5
    # by Jensen: in a bin, log of the mean against the mean of the log, here by a rule over each bin
    nodes, weights = np.polynomial.legendre.leggauss(40)
    inside = x[..., None] + width / 2 * nodes
    mean_log = (0.5 * weights * norm.logpdf(inside, 0.3)).sum(-1)
    expected = -(mean_log + math.log(width)).mean(-1) / math.log(2) - exact
    assert (expected > 0).all()
    assert excess.mean() == pytest.approx(expected.mean(), abs=4 * standard_error)
    if width == 0.05:
        # half the variance of log p in the bin, h^2 / 24 nats
        assert expected.mean() == pytest.approx(width**2 / (24 * math.log(2)), rel=0.05)


def test_bits_of_a_discrete_likelihood_are_its_entropy():
    p = np.array([0.5, 0.25, 0.125, 0.125])
    assert p @ bits_per_dimension(np.log(p), 1) == pytest.approx(1.75)


@pytest.mark.parametrize("unit", [1e-3, 1 / 255, 1000.0])
def test_bits_do_not_depend_on_the_unit(unit):
    x, _ = quantised(0.5, n_rows=200)
    noisy = dequantise(x, 0, 0.5)
    log_p = norm.logpdf(noisy, 0.3).sum(-1)
    scaled = norm.logpdf(unit * noisy, unit * 0.3, unit).sum(-1)
    np.testing.assert_allclose(
        bits_per_dimension(scaled, 20, bin_width=0.5 * unit), bits_per_dimension(log_p, 20, bin_width=0.5)
    )


def test_numbers_arrays_and_tensors():
    assert bits_per_dimension(-3 * math.log(2), 3) == pytest.approx(1)
    array = np.array([-1.0, -2.0])
    np.testing.assert_allclose(
        bits_per_dimension(torch.from_numpy(array), 2).numpy(), bits_per_dimension(array, 2)
    )


def test_noise_is_uniform_in_the_bin_and_belongs_to_the_row():
    rows = np.random.default_rng(1).integers(0, 256, (500, 20)).astype(float)
    noisy = dequantise(rows, 0, 2.0)
    assert kstest((noisy - rows).ravel(), "uniform", (-1, 2)).pvalue > 1e-3
    assert (noisy.mean() - rows.mean()) == pytest.approx(0, abs=4 * 2 / math.sqrt(12 * rows.size))
    np.testing.assert_array_equal(dequantise(rows[::-1][:7], 0, 2.0), noisy[::-1][:7])
    assert not np.array_equal(dequantise(rows, 1, 2.0), noisy)
    correlation = np.corrcoef(noisy - rows)
    assert np.abs(correlation - np.eye(500)).max() < 6 / 20**0.5
    # another stream than the importance draws of the same rows
    draws = row_noise(rows, 0, 1, 20)[0]
    assert abs(np.corrcoef(norm.cdf(draws).ravel(), (noisy - rows).ravel())[0, 1]) < 4 / 10_000**0.5


def test_bins_share_out_the_unit_interval():
    levels = np.random.default_rng(0).integers(0, 256, (500, 20)) / 255
    noisy = dequantise(levels, 0, 1 / 255, in_unit_interval=True)
    assert kstest((noisy * 256 - levels * 255).ravel(), "uniform").pvalue > 1e-3  # the k-th from k/256 on
    assert 0 <= noisy.min() <= noisy.max() <= 1


@pytest.mark.parametrize(
    ("given", "expected"), [("uint8", "float32"), ("float32", "float32"), ("int64", "float64")]
)
def test_precision_follows_the_rows(given, expected):
    rows = np.arange(12).reshape(2, 3, 2).astype(given)
    noisy = dequantise(rows, 0)
    assert noisy.dtype == expected
    assert noisy.shape == rows.shape
    np.testing.assert_allclose(noisy, dequantise(rows.astype(float), 0), atol=1e-6)


def test_refusals():
    with pytest.raises(ValueError, match=r"bin_width must be the step of the data .* got 0"):
        bits_per_dimension(-1.0, 3, bin_width=0)
    with pytest.raises(ValueError, match=r"bin_width .* got -1"):
        dequantise(np.zeros((2, 2)), 0, -1)
    with pytest.raises(ValueError, match="n_values must be the number of values in a row, at least 1, got 0"):
        bits_per_dimension(-1.0, 0)
