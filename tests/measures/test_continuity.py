"""Paths between codes: shares of holes that geometry gives, paths against scipy, invariance."""

import json
import math

import numpy as np
import pytest
import scipy.spatial
import torch
from scipy.stats import chi2, norm
from sklearn.neighbors import KernelDensity

from diabolo.measures import latent_continuity, spherical, straight

#: Of a share: the threshold is a quantile of some hundred codes, and a kernel widens what it estimates.
KERNEL = 0.02


def gaussian(n=2000, d=2, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ring(n=2000, width=0.05, seed=0):
    g = torch.Generator().manual_seed(seed)
    angle = 2 * math.pi * torch.rand(n, generator=g, dtype=torch.float64)
    radius = 1 + width * torch.randn(n, generator=g, dtype=torch.float64)
    return radius.unsqueeze(-1) * torch.stack([angle.cos(), angle.sin()], -1)


def two_clusters(distance=100.0, n=2000):
    z = gaussian(n)
    z[::2, 0] += distance
    return z


def near(record, expected, slack=KERNEL):
    assert abs(record.hole_share - expected) < 4 * record.hole_share_se + slack, (record.hole_share, expected)


def inner(n_points=21):
    return np.linspace(0, 1, n_points)[1:-1]


def gaussian_share(t, d):
    """A point at t between two draws of N(0, I) is a draw of N(0, (t^2 + (1 - t)^2) I)."""
    return chi2.sf(chi2.ppf(0.95, d) / (t**2 + (1 - t) ** 2), d)


class TestWhatGeometryGives:
    @pytest.mark.parametrize("d", [1, 2, 8])
    def test_a_gaussian_has_no_holes(self, d):
        record = latent_continuity(gaussian(d=d))
        near(record, gaussian_share(inner(), d).mean())
        assert record.hole_share < 0.05

    def test_two_clusters_are_left_by_every_second_path(self):
        record = latent_continuity(two_clusters())
        t = inner()
        # across, every inner point is at least 5 deviations from either cluster
        near(record, 0.5 + 0.5 * gaussian_share(t, 2).mean())
        assert record.hole_share > 0.35
        middle = record.hole_share_at[10]
        assert middle == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / 200))
        assert record.bandwidth < 0.1

    def test_close_clusters_are_left_in_the_middle_alone(self):
        """Clusters of one dimension, 10 deviations apart: a point is in a hole beyond 1.96 from both."""
        z = gaussian(4000, 1)
        z[::2] += 10
        record = latent_continuity(z, n_paths=400)
        t = inner()
        spread = np.sqrt(t**2 + (1 - t) ** 2)
        limit = norm.ppf(0.975)
        inside = sum(
            norm(10 * m, spread).cdf(c + limit) - norm(10 * m, spread).cdf(c - limit)
            for m in (t,)
            for c in (0, 10)
        )
        within = 2 * norm.sf(limit / spread)
        near(record, (0.5 * (1 - inside) + 0.5 * within).mean())

    def test_a_ring_is_left_by_straight_paths(self):
        record = latent_continuity(ring(4000), n_paths=400)
        t = inner()[:, None]
        angle = np.linspace(0, math.pi, 2001)
        radius = np.sqrt(t**2 + (1 - t) ** 2 + 2 * t * (1 - t) * np.cos(angle))
        # ends and widths of the ring give radius a deviation of about 0.05 sqrt(t^2 + (1 - t)^2)
        spread = 0.05 * np.sqrt(t**2 + (1 - t) ** 2)
        limit = norm.ppf(0.975) * 0.05
        is_hole = norm.cdf((1 - limit - radius) / spread) + norm.sf((1 + limit - radius) / spread)
        near(record, is_hole.mean(), slack=0.04)
        assert record.hole_share > 0.5
        assert record.hole_share > 5 * latent_continuity(ring(4000), path="spherical").hole_share

    def test_a_ring_holds_spherical_paths(self):
        """But for those of nearly half a turn, which enlarge a difference in length (here by its own draws)."""
        z = ring(20_000, seed=9)
        radius = spherical(z[::2], z[1::2], torch.from_numpy(inner())).norm(dim=-1)
        expected = ((radius - 1).abs() > norm.ppf(0.975) * 0.05).double().mean()
        near(latent_continuity(ring(4000), path="spherical", n_paths=400), float(expected))
        assert expected < 0.12

    def test_a_ball_is_convex(self):
        z = gaussian(3000, 3)
        radius = torch.rand(3000, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64) ** (
            1 / 3
        )
        assert latent_continuity(radius * z / z.norm(dim=-1, keepdim=True)).hole_share < 0.03

    def test_a_shell_in_many_dimensions_keeps_spherical_paths(self):
        z = gaussian(3000, 20)
        z = z / z.norm(dim=-1, keepdim=True)
        assert latent_continuity(z, path="spherical").hole_share < 0.1

    def test_draws_of_the_prior(self):
        prior = gaussian(1000, 2, seed=5)
        same = latent_continuity(gaussian(), prior_codes=prior)
        assert same.hole_share_prior == pytest.approx(0.05, abs=4 * same.hole_share_prior_se + KERNEL)
        # codes N(0, 1/4): outside is what is beyond the quantile of a quarter of the variance
        half = latent_continuity(0.5 * gaussian(), prior_codes=prior)
        expected = chi2.sf(chi2.ppf(0.95, 2) / 4, 2)
        assert half.hole_share_prior == pytest.approx(expected, abs=4 * half.hole_share_prior_se + KERNEL)
        p = half.hole_share_prior
        assert half.hole_share_prior_se == pytest.approx(math.sqrt(p * (1 - p) / 1000))
        assert same.hole_share_prior > 0
        assert latent_continuity(gaussian()).hole_share_prior is None

    def test_draws_of_a_gaussian(self):
        """Of a ring of radius 1 and deviation w the codes are within 1.96 w of it; r^2 of the draws is exponential."""
        for z, expected in [
            (gaussian(), 0.05),
            (ring(), 1 - math.exp(-((1 - 1.96 * 0.05) ** 2)) + math.exp(-((1 + 1.96 * 0.05) ** 2))),
        ]:
            record = latent_continuity(z)
            share, error = record.hole_share_gaussian, record.hole_share_gaussian_se
            assert share == pytest.approx(expected, abs=4 * error + KERNEL)
            assert error == pytest.approx(math.sqrt(share * (1 - share) / 2000))


class TestInvariance:
    @pytest.mark.parametrize("z", [gaussian(600, 3), two_clusters(20.0, 600)], ids=["gaussian", "clusters"])
    def test_of_straight_paths_to_a_linear_change(self, z):
        d = z.shape[1]
        change = torch.diag(torch.logspace(-2, 2, d).double()) @ gaussian(d, d, seed=7)
        a, b = latent_continuity(z), latent_continuity(z @ change + 1000 * torch.ones(d))
        assert a.bandwidth == pytest.approx(b.bandwidth)
        assert a.hole_share == pytest.approx(b.hole_share, abs=1e-9)
        assert a.log_density_at == pytest.approx(b.log_density_at, abs=1e-4)

    def test_of_spherical_paths_to_a_rotation(self):
        z = gaussian(600, 3)
        turn = torch.linalg.qr(gaussian(3, 3, seed=7)).Q
        a, b = (latent_continuity(codes, path="spherical").hole_share for codes in (z, 5 * z @ turn))
        assert a == pytest.approx(b, abs=1e-9)

    def test_to_dimensions_that_nothing_varies_in(self):
        z = gaussian(600)
        flat = torch.cat([z, z @ gaussian(2, 3), torch.full((600, 1), 0.3)], -1)
        a, b = latent_continuity(z), latent_continuity(flat)
        assert a.n_directions == b.n_directions == 2
        assert a.hole_share == pytest.approx(b.hole_share, abs=1e-9)


def test_the_density_is_scikit_learns():
    """Its threshold, from the same split of codes that are already white."""
    z = gaussian(1000, 2)
    record = latent_continuity(z)
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    covariance = torch.from_numpy(np.cov(z.T.numpy(), bias=True))
    white = torch.linalg.solve(torch.linalg.cholesky(covariance), (z[order] - z.mean(0)).T).T.numpy()
    widths = 700 ** (-1 / 6) * 2.0 ** np.arange(-6, 2)
    fitted = [KernelDensity(bandwidth=h).fit(white[:700]) for h in widths]
    best = max(fitted, key=lambda density: density.score(white[700:800]))
    assert record.bandwidth == pytest.approx(best.bandwidth)
    expected = np.quantile(best.score_samples(white[800:]), 0.05)
    assert record.threshold == pytest.approx(expected, abs=1e-6)


def test_the_standard_error_is_the_spread_over_pairs():
    z = ring(1000)
    runs = [latent_continuity(z, n_paths=30, seed=seed) for seed in range(40)]
    spread = np.std([run.hole_share for run in runs], ddof=1)
    assert spread / np.mean([run.hole_share_se for run in runs]) == pytest.approx(1, abs=0.4)


def test_record():
    z = gaussian(500).float()
    state = torch.get_rng_state()
    record = latent_continuity(z.numpy(), n_paths=50, n_points=11, quantile=0.1, prior_codes=z[:100])
    assert torch.equal(torch.get_rng_state(), state)
    assert (record.n_codes, record.n_held_out, record.n_paths) == (500, 100, 50)
    assert len(record.position) == len(record.hole_share_at) == len(record.log_density_at) == 11
    assert record.hole_share == pytest.approx(np.mean(record.hole_share_at[1:-1]))
    # the 50 pairs are the 100 held-out codes, and the threshold their quantile
    assert record.hole_share_at[0] + record.hole_share_at[-1] == pytest.approx(0.2)
    assert record == latent_continuity(z, n_paths=50, n_points=11, quantile=0.1, prior_codes=z[:100])
    assert record != latent_continuity(z, n_paths=50, n_points=11, quantile=0.1, prior_codes=z[:100], seed=1)
    assert latent_continuity(z, max_codes=100).n_codes == 100
    assert json.loads(json.dumps(record.as_dict()))["position"] == list(record.position)
    assert "50 straight paths" in str(record)
    assert "hole_share_prior" in str(record)
    assert "prior" not in str(latent_continuity(z))


class TestPaths:
    @pytest.mark.parametrize("d", [2, 3, 20])
    def test_spherical_equals_scipys_slerp(self, d):
        z = gaussian(2, d)
        z = z / z.norm(dim=-1, keepdim=True)
        t = np.linspace(0, 1, 9)
        expected = scipy.spatial.geometric_slerp(z[0].numpy(), z[1].numpy(), t)
        np.testing.assert_allclose(spherical(z[0], z[1], torch.from_numpy(t)).numpy(), expected, atol=1e-12)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("way", [straight, spherical])
    def test_shapes_and_ends(self, way, dtype):
        z = gaussian(24, 5).to(dtype).reshape(2, 3, 4, 5)
        path = way(z[0], z[1], torch.linspace(0, 1, 7, dtype=dtype))
        assert path.shape == (3, 4, 7, 5)
        assert path.dtype == dtype
        torch.testing.assert_close(path[..., 0, :], z[0])
        torch.testing.assert_close(path[..., -1, :], z[1])

    def test_straight(self):
        z, t = gaussian(2, 3), torch.tensor([0.0, 0.25, 1.0]).double()
        expected = torch.stack([z[0], 0.75 * z[0] + 0.25 * z[1], z[1]])
        torch.testing.assert_close(straight(z[0], z[1], t), expected)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("other", [[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    def test_no_angle_or_half_a_turn_is_straight(self, other, dtype):
        z0, z1 = torch.tensor([1.0, 0.0], dtype=dtype), torch.tensor(other, dtype=dtype)
        t = torch.linspace(0, 1, 5, dtype=dtype)
        torch.testing.assert_close(spherical(z0, z1, t), straight(z0, z1, t))
        torch.testing.assert_close(spherical(z1, z0, t), straight(z1, z0, t))

    def test_a_small_angle_is_nearly_straight(self):
        z0 = torch.tensor([1.0, 0.0]).double()
        t = torch.linspace(0, 1, 5).double()
        for angle in 10.0 ** torch.arange(-16, -4).double():
            z1 = torch.stack([angle.cos(), angle.sin()])
            torch.testing.assert_close(spherical(z0, z1, t), straight(z0, z1, t), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("codes", "options", "message"),
    [
        (torch.zeros(49, 2), {}, "at least 50 codes, got 49"),
        (gaussian(60), {"max_codes": 49}, "at least 50 codes, got 49"),
        (torch.ones(60, 2), {}, "codes are all the same"),
        (torch.zeros(60), {}, r"codes must be finite numbers of shape \(n, d\), got shape \(60,\)"),
        (torch.full((60, 2), math.nan), {}, "codes must be finite numbers"),
        (gaussian(60), {"path": "bent"}, "path must be 'straight' or 'spherical', got 'bent'"),
        (gaussian(60), {"n_paths": 1}, "n_paths must be 2 or more.*got 1, 21 and 0.05"),
        (gaussian(60), {"n_points": 2}, "n_points 3 or more"),
        (gaussian(60), {"quantile": 1.0}, "quantile between 0 and 1"),
        (gaussian(60), {"prior_codes": torch.zeros(3)}, "prior_codes must be finite numbers"),
        (
            gaussian(60),
            {"prior_codes": torch.zeros(3, 4)},
            "prior_codes must have 2 columns as the codes, got 4",
        ),
    ],
)
def test_refusals(codes, options, message):
    with pytest.raises(ValueError, match=message):
        latent_continuity(codes, **options)
