"""The statistics of the noise, within standard errors; who sees the corrupted rows."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from diabolo.contracts import Sizes, Statistics
from diabolo.corruptions import Gaussian, Masking, Motion, SaltAndPepper
from diabolo.corruptions.motion import moved
from diabolo.likelihoods import Bernoulli

N = 100_000


def started(corruption, x):
    corruption.build(Sizes(tuple(x.shape[1:]), 2))
    corruption.start(Statistics.of(x))
    return corruption


def within(value, expected, standard_error, n_errors=4):
    assert abs(float(value) - expected) < n_errors * standard_error


@pytest.mark.parametrize("scale", [0.3, None])
def test_gaussian_noise_has_mean_zero_and_its_scale(scale):
    x = torch.linspace(-1, 5, 2 * N).reshape(N, 2)
    noise = started(Gaussian(scale), x)(x).double() - x.double()
    expected = scale or 0.25 * float(np.sqrt(x.numpy().astype(float).var(0).mean()))
    within(noise.mean(), 0, expected / (2 * N) ** 0.5)
    within(noise.std(), expected, expected / (4 * N) ** 0.5)
    within(np.corrcoef(noise.numpy().T)[0, 1], 0, N**-0.5)  # independent from column to column
    assert noise.abs().max() > 3.5 * expected  # and not clipped


def test_default_gaussian_noise_follows_each_column():
    x = torch.stack([torch.linspace(0, 1, N), torch.linspace(0, 1000, N)], 1)
    corruption = Gaussian().build(Sizes((2,), 1))
    corruption.start(Statistics.of(x, scale="column"))
    ratio = (corruption(x) - x).std(0) / x.std(0)
    within(ratio[0], 0.25, 0.25 / (2 * N) ** 0.5)
    within(ratio[1], 0.25, 0.25 / (2 * N) ** 0.5)


@pytest.mark.parametrize("value", [0.0, -2.5])
def test_masking_replaces_its_fraction(value):
    x = 1 + torch.rand(N, 3)
    seen = started(Masking(0.3, value=value), x)(x)
    masked = seen != x
    within(masked.double().mean(), 0.3, (0.21 / (3 * N)) ** 0.5)
    assert (seen[masked] == value).all()
    within(np.corrcoef(masked.double().numpy().T)[0, 1], 0, N**-0.5)


def test_salt_and_pepper_are_halves_of_its_fraction():
    x = 1 + torch.rand(N, 3)
    x[0, 0], x[0, 1] = 0.5, 7.0  # the range of the whole array
    seen = started(SaltAndPepper(0.2), x)(x)[1:]
    error = (0.1 * 0.9 / (3 * N)) ** 0.5
    within((seen == 0.5).double().mean(), 0.1, error)
    within((seen == 7.0).double().mean(), 0.1, error)
    untouched = (seen != 0.5) & (seen != 7.0)
    assert torch.equal(seen[untouched], x[1:][untouched])


class TestAnyCorruption:
    def test_leaves_x_alone_and_draws_anew(self, make_corruption, event_for):
        x = torch.rand(50, *event_for(make_corruption()))
        corruption, before = started(make_corruption(), x), x.clone()
        first, second = corruption(x), corruption(x)
        assert torch.equal(x, before)
        assert first.shape == x.shape
        assert not torch.equal(first, x)
        assert not torch.equal(first, second)

    def test_draws_with_torchs_generator(self, make_corruption, event_for):
        x = torch.rand(50, *event_for(make_corruption()))
        corruption = started(make_corruption(), x)
        torch.manual_seed(1)
        first = corruption(x)
        torch.manual_seed(1)
        assert torch.equal(corruption(x), first)

    def test_the_encoder_sees_the_corrupted_and_the_likelihood_explains_the_clean(
        self, make_corruption, compose, event_for
    ):
        x = torch.rand(40, *event_for(make_corruption())).round()
        model = compose(x, likelihood=Bernoulli(), corruption=make_corruption())
        torch.manual_seed(2)
        seen = model.corruption(x)
        torch.manual_seed(2)
        e = model.evaluate(x)
        assert torch.equal(e.x, x)
        assert torch.equal(e.posterior.mean, model.encode(seen).mean)
        assert not torch.equal(e.posterior.mean, model.encode(x).mean)
        assert torch.equal(e.log_px, e.observation.log_prob(x))

    def test_what_is_seen_can_be_given(self, make_corruption, compose, event_for):
        x = torch.rand(40, *event_for(make_corruption()))
        model = compose(x, corruption=make_corruption())
        seen = torch.zeros_like(x)
        e = model.evaluate(x, {"seen": seen})
        assert torch.equal(e.posterior.mean, model.encode(seen).mean)
        assert torch.equal(e.x, x)
        assert torch.equal(e.context["seen"], seen)


class TestMotion:
    x = torch.rand(2, 3, 6, 8, dtype=torch.float64)

    def still(self, value=0.0):
        return torch.full((2,), value, dtype=torch.float64)

    def test_nothing_is_nothing(self):
        torch.testing.assert_close(moved(self.x, self.still(), self.still(), self.still()), self.x)

    def test_whole_pixels_are_numpys_roll_with_the_border_repeated(self):
        right_2_up_1 = moved(self.x, self.still(), self.still(2 / 8), self.still(-1 / 6)).numpy()
        edged = np.pad(self.x.numpy(), ((0, 0), (0, 0), (0, 1), (2, 0)), mode="edge")
        np.testing.assert_allclose(right_2_up_1, edged[:, :, 1:, :8], atol=1e-12)

    def test_a_right_angle_is_numpys_rot90(self):
        square = self.x[..., :6]
        turned = moved(square, self.still(np.pi / 2), self.still(), self.still()).numpy()
        np.testing.assert_allclose(turned, np.rot90(square.numpy(), k=-1, axes=(2, 3)), atol=1e-12)

    @pytest.mark.parametrize("degrees", [7.0, -25.0])
    def test_a_turn_is_one_of_pixels_in_oblong_images_too(self, degrees):
        row, column = np.mgrid[:20, :30]
        smooth = np.exp(-((row - 12) ** 2 + (column - 18) ** 2) / 18.0)
        turned = moved(torch.tensor(smooth)[None, None], *torch.tensor([[np.radians(degrees)], [0], [0]]))
        expected = ndimage.rotate(smooth, -degrees, reshape=False, order=1, mode="nearest")
        np.testing.assert_allclose(turned[0, 0].numpy(), expected, atol=1e-9)

    def test_amounts_are_uniform_up_to_the_largest(self):
        # of an image whose value is the column, the middle says how far it was shifted
        x = torch.linspace(0, 99, 100).expand(2000, 1, 5, 100)
        shifts = (x - Motion(0.0, shift=0.2).build(Sizes((1, 5, 100), 2))(x))[:, 0, 2, 50].double()
        assert shifts.abs().max() <= 20.01
        within(shifts.mean(), 0, 20 / (3 * 2000) ** 0.5)
        within(shifts.square().mean(), 400 / 3, 400 * (4 / 45 / 2000) ** 0.5)

    @pytest.mark.parametrize(("name", "value"), [("degrees", -1.0), ("degrees", 181), ("shift", 1.5)])
    def test_wrong_amounts(self, name, value):
        with pytest.raises(ValueError, match=f"{name} must be a number from 0 to (180|1), got {value}"):
            Motion().set_params(**{name: value}).build(Sizes((1, 8, 8), 2))

    def test_tables_do_not_move(self):
        with pytest.raises(ValueError, match=r"turns and shifts images .* has the shape \(6,\)"):
            Motion().build(Sizes((6,), 2))


@pytest.mark.parametrize("make", [Masking, SaltAndPepper])
@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_wrong_fraction_is_refused(make, fraction):
    with pytest.raises(ValueError, match="fraction must lie strictly between 0 and 1"):
        make(fraction).build(Sizes((2,), 1))


@pytest.mark.parametrize("scale", [0, -1.0, float("nan")])
def test_a_wrong_scale_is_refused(scale):
    with pytest.raises(ValueError, match="scale must be above 0, in units of X"):
        Gaussian(scale).build(Sizes((2,), 1))
