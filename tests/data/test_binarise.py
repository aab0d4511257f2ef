"""Binary values drawn from grey ones."""

import numpy as np
import pytest

from diabolo.data import binarise


def test_shares_of_ones_are_the_grey_values():
    grey = np.linspace(0, 1, 11)
    drawn = binarise(np.broadcast_to(grey, (40_000, 11)), 3)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    error = np.sqrt(grey * (1 - grey) / 40_000)
    assert (np.abs(drawn.mean(0) - grey) <= 4 * error).all()
    assert np.abs(np.corrcoef(drawn[:, 1:-1].T) - np.eye(9)).max() < 4.5 / 200


def test_the_seed_decides():
    grey = np.full((5, 7), 0.5, np.float32)
    assert (binarise(grey, 1) == binarise(grey, 1)).all()
    assert (binarise(grey, 1) != binarise(grey, 2)).any()
    assert binarise(grey).dtype == np.float32


@pytest.mark.parametrize("bad", [[2.0], [-0.1], [np.nan]])
def test_values_that_are_no_probabilities_are_refused(bad):
    with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
        binarise(bad)
