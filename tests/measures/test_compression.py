"""Bits and errors of quantised codes, against what is known of them."""

import numpy as np
import pytest
from scipy.stats import entropy

from diabolo import AutoEncoder
from diabolo.measures import compression_curve
from diabolo.measures.compression import entropy_bits

RNG = np.random.default_rng(0)


def test_entropy_of_known_cells():
    p = np.array([0.5, 0.25, 0.125, 0.125])
    cells = np.repeat(np.arange(4), (8000 * p).astype(int))[:, None]
    assert entropy_bits(cells) == pytest.approx(entropy(p, base=2), abs=1e-3)
    assert entropy_bits(np.c_[cells, cells]) == pytest.approx(2 * entropy(p, base=2), abs=2e-3)
    assert entropy_bits(np.zeros((50, 3))) == 0


def test_the_bias_of_the_entropy_is_corrected():
    draws = [RNG.integers(0, 32, (200, 1)) for _ in range(200)]
    plain = np.mean([entropy(np.unique(d, return_counts=True)[1], base=2) for d in draws])
    assert abs(np.mean([entropy_bits(d) for d in draws]) - 5) < 0.5 * abs(plain - 5)


def test_gaussian_codes_follow_the_high_resolution_law():
    """A quantiser of step s costs h(z) - log2 s bits and the error s^2 / 12 (Bennett 1948)."""
    z = RNG.normal(size=(20000, 2))
    curve = compression_curve(z, z, lambda codes: codes, max_rows=20000)
    step, bits, mse = curve.step[-1], curve.bits_per_row[-1], curve.mse[-1]
    assert mse == pytest.approx(step**2 / 12, rel=0.03)
    assert bits == pytest.approx(2 * (0.5 * np.log2(2 * np.pi * np.e) - np.log2(step)), abs=0.03)


def test_a_rotation_of_pca_costs_what_pca_costs():
    z = RNG.normal(size=(5000, 3))
    curve = compression_curve(z, z, lambda codes: codes, max_rows=5000)
    np.testing.assert_allclose(curve.mse[2:], curve.pca_mse[2:], rtol=0.1)


def test_columns_of_their_own_scale_count_alike():
    """As if the rows had been divided by it, for the model and for PCA."""
    x, unit = RNG.normal(size=(500, 3)), np.array([1e3, 1.0, 1e-3])
    plain = compression_curve(x, x[:, :2], lambda z: np.c_[z, 0 * z[:, 0]])
    scaled = compression_curve(x * unit, x[:, :2], lambda z: np.c_[z, 0 * z[:, 0]] * unit, scale=unit)
    assert (plain.by_column, scaled.by_column) == (False, True)
    np.testing.assert_allclose(scaled.mse, plain.mse)
    np.testing.assert_allclose(scaled.pca_mse, plain.pca_mse)


def test_a_fit_of_columns_is_compared_in_their_scales():
    x = RNG.normal(size=(200, 4)) * [1e3, 1, 1, 1]
    ae = AutoEncoder(2, network="linear", scale="column", max_epochs=1000, random_state=0).fit(x)
    curve = ae.evaluate(x).compression
    assert curve.by_column
    assert 0 < min(curve.pca_mse) < max(curve.mse) < 1
    assert "each column in units of its scale" in str(ae.evaluate(x))


def test_one_row_has_no_pca_and_no_warning(recwarn):
    curve = compression_curve(np.ones((1, 4)), np.zeros((1, 2)), lambda codes: np.ones((1, 4)))
    assert np.isnan(curve.pca_mse).all()
    assert curve.bits_per_row == (0,) * len(curve.step)
    assert not recwarn.list
