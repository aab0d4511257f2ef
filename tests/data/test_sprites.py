"""Sprites against their own factors: where the mass lies, how much there is, and what turning does."""

import math

import numpy as np
import pytest

from diabolo.data import Sprites, named

MIDDLE = np.arange(32) + 0.5
AREAS = {"square": 2.0, "ellipse": 0.6 * math.pi, "heart": (2 + math.pi / 2) * 0.761429**2}


def moments(images):
    mass = images.sum((1, 2))
    return mass, images.sum(1) @ MIDDLE / mass, images.sum(2) @ MIDDLE / mass


@pytest.mark.parametrize("shape", AREAS)
def test_mass_and_centroid_are_those_of_the_factors(shape):
    sprites = Sprites(32, (shape,), n_scales=4, n_orientations=5, n_positions=4)
    images, values = sprites[:], dict(zip(sprites.names, sprites.values.T, strict=True))
    assert sprites.names == ("scale", "orientation", "x", "y")
    mass, x, y = moments(images)
    np.testing.assert_allclose(x, values["x"], atol=0.08)
    np.testing.assert_allclose(y, values["y"], atol=0.08)
    np.testing.assert_allclose(mass, AREAS[shape] * (0.2 * 32 * values["scale"]) ** 2, rtol=0.04)
    assert images[:, [0, -1]].max() == images[:, :, [0, -1]].max() == 0
    assert (images.min(), images.max(), images.dtype) == (0, 1, np.float32)


def test_a_quarter_of_a_turn():
    turned = Sprites(33, n_scales=2, n_orientations=4, n_positions=1)[:].reshape(3, 2, 4, 33, 33)
    for k in range(1, 4):
        np.testing.assert_allclose(turned[:, :, k], np.rot90(turned[:, :, 0], k, axes=(2, 3)), atol=2e-6)
    np.testing.assert_allclose(turned[0, :, 1], turned[0, :, 0], atol=2e-6)  # the square
    np.testing.assert_allclose(turned[1, :, 2], turned[1, :, 0], atol=2e-6)  # the ellipse
    heart = turned[2, 1, 0]
    assert abs(heart - turned[2, 1, 2]).max() > 0.5
    np.testing.assert_allclose(heart, heart[:, ::-1], atol=2e-6)
    lit = np.flatnonzero(heart.sum(1) > 0.5)
    assert heart[lit[1]].sum() > 2 * heart[lit[-2]].sum()  # two lobes above, a corner below


def test_rows_slices_and_draws():
    sprites = Sprites(16, ("heart", "square"), n_scales=2, n_orientations=1, n_positions=3)
    everything = sprites[:]
    assert (len(sprites), everything.shape, sprites.names) == (36, (36, 16, 16), ("shape", "scale", "x", "y"))
    np.testing.assert_array_equal(sprites[7], everything[7])
    np.testing.assert_array_equal(sprites[np.array([[3, -1]])], everything[[[3, 35]]])
    assert sprites.factors.tolist()[:4] == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 1, 0]]
    images, factors = sprites.draw(50, seed=4)
    rows = [sprites.factors.tolist().index(row) for row in factors.tolist()]
    np.testing.assert_array_equal(images, everything[rows])
    np.testing.assert_array_equal(sprites.draw(50, seed=4)[0], images)
    assert (sprites.draw(50, seed=5)[1] != factors).any()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"shapes": ("circle",)}, "shapes must be a tuple of some of square, ellipse, heart, got"),
        ({"shapes": "heart"}, r"write \('heart',\) for one"),
        ({"n_positions": 0}, "n_positions must be a whole number of 1 or more, got 0"),
        ({"size": 4}, "size must be a whole number of 8 or more, got 4"),
    ],
)
def test_refusals(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Sprites(**settings)


def test_by_name():
    data = named("sprites")
    assert (data.X.shape, data.X.dtype, np.bincount(data.y).tolist()) == (
        (9216, 32, 32),
        np.float32,
        [3072] * 3,
    )
    with pytest.raises(ValueError, match="subset must be one of train, all for sprites, got 'test'"):
        named("sprites", subset="test")
