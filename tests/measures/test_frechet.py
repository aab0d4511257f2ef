"""The Fréchet distance where it has a closed form, and against the root of a matrix."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from diabolo.measures import frechet_distance

RNG = np.random.default_rng(0)


def rows_with(mean, root, n_rows=50):
    """Rows whose mean and covariance root' root are exact."""
    white = np.linalg.qr(np.c_[np.ones(n_rows), RNG.normal(size=(n_rows, len(root)))])[0][:, 1:]
    return mean + np.sqrt(n_rows - 1) * white @ root


def by_sqrtm(a, b):
    s, t = np.cov(a.T), np.cov(b.T)
    return np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)


def test_diagonal_gaussians():
    """|m1 - m2|^2 + sum (s1 - s2)^2."""
    s, t, m, n = RNG.uniform(0.1, 3, (4, 6))
    exact = np.square(m - n).sum() + np.square(s - t).sum()
    assert frechet_distance(rows_with(m, np.diag(s)), rows_with(n, np.diag(t))) == pytest.approx(
        exact, rel=1e-12
    )


def test_covariances_that_commute():
    """One set of axes, other deviations along them."""
    axes = ortho_group.rvs(5, random_state=1)
    s, t = RNG.uniform(0.1, 3, (2, 5))
    found = frechet_distance(rows_with(0, s[:, None] * axes), rows_with(1, t[:, None] * axes))
    assert found == pytest.approx(5 + np.square(s - t).sum(), rel=1e-12)


def test_against_the_root_of_the_product():
    a, b = (
        RNG.normal(size=(40, 7)) @ RNG.normal(size=(7, 7)),
        1 + RNG.normal(size=(90, 7)) @ RNG.normal(size=(7, 7)),
    )
    assert frechet_distance(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-10)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-12)


def test_covariances_of_rank_one():
    """S1 = u u', S2 = v v': the trace of the root of the product is |u'v|."""
    u, v = RNG.normal(size=(2, 30))
    a, b = (np.array([-1.0, 0.0, 1.0])[:, None] * w for w in (u, v))
    assert frechet_distance(a, b) == pytest.approx(u @ u + v @ v - 2 * abs(u @ v), rel=1e-12)


def test_fewer_rows_than_columns():
    """The eigenvalues of S1^(1/2) S2 S1^(1/2), to the half of the digits that their roots keep."""
    a, b = RNG.normal(size=(10, 25)), RNG.normal(size=(15, 25))
    values, vectors = np.linalg.eigh(np.cov(a.T))
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ np.cov(b.T) @ root).clip(0)).sum()
    exact = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(np.cov(a.T) + np.cov(b.T)) - 2 * overlap
    assert frechet_distance(a, b) == pytest.approx(exact, rel=1e-6)


def test_nothing_between_equal_sets():
    a = RNG.normal(size=(20, 40)) @ RNG.normal(size=(40, 40))
    assert 0 <= frechet_distance(a, a) < 1e-12 * np.square(a).sum()
    assert 0 <= frechet_distance(a, a[::-1]) < 1e-12 * np.square(a).sum()


def test_a_rotation_and_an_offset_change_nothing():
    a, b = RNG.normal(size=(50, 6)), 2 * RNG.normal(size=(60, 6)) + 1
    turn = ortho_group.rvs(6, random_state=2)
    assert frechet_distance(a @ turn + 1e3, b @ turn + 1e3) == pytest.approx(frechet_distance(a, b), rel=1e-9)
    assert frechet_distance(3 * a, 3 * b) == pytest.approx(9 * frechet_distance(a, b), rel=1e-12)


def test_images_are_flattened_and_single_precision_is_enough():
    a, b = RNG.normal(size=(50, 2, 3)), RNG.normal(size=(60, 2, 3))
    flat = frechet_distance(a.reshape(50, 6), b.reshape(60, 6))
    assert frechet_distance(a, b) == flat
    assert frechet_distance(a.astype(np.float32), b.astype(np.float32)) == pytest.approx(flat, rel=1e-4)
    assert type(flat) is float


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((5, 2)), np.zeros((5, 3)), "a and b must have rows of equal length, got 2 and 3"),
        (np.zeros((1, 2)), np.zeros((5, 2)), "at least two rows, got 1 and 5"),
        (np.zeros((5, 2)), np.full((5, 2), np.inf), "b must be finite"),
    ],
)
def test_refusals(a, b, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, b)
