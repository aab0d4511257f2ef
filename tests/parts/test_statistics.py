"""Statistics of the rows against numpy."""

import numpy as np
import pytest
import torch

from diabolo.contracts import Moments, Sizes, Statistics, statistics


def agrees(s, x, rtol=1e-12):
    exact = x.astype(np.longdouble)
    np.testing.assert_allclose(s.mean.numpy(), exact.mean(0).astype(float), rtol=rtol)
    np.testing.assert_allclose(s.deviation.numpy(), exact.std(0).astype(float), rtol=1e-9)
    np.testing.assert_array_equal(s.low.numpy(), x.min(0))
    np.testing.assert_array_equal(s.high.numpy(), x.max(0))
    assert s.n_rows == len(x)


@pytest.mark.parametrize("n_rows", [1, 2, 999, 1000, 1001, 60_000, 2**24 + 1, 20_000_004, 10**12])
def test_examples_are_evenly_spaced_and_there(n_rows):
    rows = statistics.example_rows(n_rows)
    assert len(rows) == min(n_rows, 1000)
    assert (rows[0], rows[-1]) == (0, n_rows - 1)
    assert np.ptp(np.diff(rows)) <= 1 if n_rows > 2 else True


@pytest.mark.parametrize("shape", [(50, 3), (50, 2, 7), (50, 3, 4, 5), (1, 3)])
def test_equals_numpy(shape):
    x = np.random.default_rng(0).normal(3, 2, size=shape)
    s = Statistics.of(torch.as_tensor(x))
    agrees(s, x)
    overall = float(np.sqrt(x.var(0).mean()))
    np.testing.assert_allclose(s.unit.numpy(), np.full(shape[1:], overall or 1.0), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float16, torch.float32])
def test_other_types_are_measured_in_float64(dtype):
    x = torch.randint(0, 256, (3000, 4)).to(dtype)
    s = Statistics.of(x)
    assert s.mean.dtype == s.deviation.dtype == s.unit.dtype == torch.float64
    agrees(s, x.numpy())


def test_a_large_offset_does_not_swallow_the_deviation():
    x = 1e8 + np.random.default_rng(0).choice([-1.0, 1.0], size=(1000, 2))
    agrees(Statistics.of(torch.as_tensor(x)), x)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_extreme_units(unit):
    x = (unit * np.random.default_rng(0).normal(size=(100, 3))).astype(np.float32)
    s = Statistics.of(torch.as_tensor(x))
    agrees(s, x)
    assert (s.unit > 0).all()


@pytest.mark.parametrize("constant", [5.0, 0.1, 1e8 + 0.1, -3e-9])
def test_a_constant_column_has_no_deviation_at_all(constant):
    x = torch.stack([torch.full((999,), constant), torch.linspace(0, 1, 999)], 1)
    for scale in ("global", "column"):
        s = Statistics.of(x, scale=scale)
        assert s.deviation[0] == 0
        assert s.mean[0] == float(x[0, 0])
    assert s.unit[0] == 1  # of a scale for each column
    assert s.unit[1] == pytest.approx(float(x[:, 1].double().std(unbiased=False)), rel=1e-12)


def test_all_constant_has_unit_one():
    s = Statistics.of(torch.full((4, 3), 7.0))
    assert s.unit.tolist() == [1, 1, 1]


def test_scale_says_which():
    x = torch.tensor([[0.0, 0.0], [2.0, 20.0]])
    by_column, overall = Statistics.of(x, scale="column"), Statistics.of(x)
    assert by_column.per_column
    assert not overall.per_column
    assert by_column.unit.tolist() == [1, 10]
    np.testing.assert_allclose(overall.unit.numpy(), np.sqrt(101 / 2))


@pytest.mark.parametrize("block", [1, 7, 64, 10**9])
def test_blocks_do_not_change_the_result(block, monkeypatch):
    x = np.random.default_rng(1).normal(100, 0.01, size=(200, 2, 3))
    monkeypatch.setattr(statistics, "_BLOCK_VALUES", block)
    agrees(Statistics.of(torch.as_tensor(x)), x)


def test_sizes_count_values():
    assert Sizes((3, 4, 5), 2).n_values == 60
    assert Sizes((7,), 2).n_values == 7


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
@pytest.mark.parametrize("cuts", [[], [1], [500, 501, 990]])
def test_moments_of_blocks_are_those_of_all_rows(offset, cuts):
    x = offset + np.random.default_rng(0).normal(size=(1000, 2, 3)) * [1, 10, 100]
    moments = Moments()
    for block in np.split(x, cuts):
        moments.add(torch.as_tensor(block))
    exact = x.astype(np.longdouble)
    np.testing.assert_allclose(moments.mean, exact.mean(0).astype(float), rtol=1e-14, atol=1e-13)
    np.testing.assert_allclose(moments.variance, exact.var(0).astype(float), rtol=1e-12)
    np.testing.assert_array_equal(moments.low, x.min(0))
    np.testing.assert_array_equal(moments.high, x.max(0))
    assert moments.n_rows == 1000


def test_moments_of_one_block_are_the_statistics_to_the_bit():
    x = torch.as_tensor(np.random.default_rng(0).normal(3, 2, size=(800, 4)))
    moments = Moments()
    moments.add(x)
    s = Statistics.of(x)
    assert torch.equal(moments.mean, s.mean)
    assert torch.equal(moments.variance.sqrt(), s.deviation)
