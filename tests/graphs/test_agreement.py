"""What several clusterings say together, by hand."""

import numpy as np

from diabolo.graphs import agreed


def test_opinions_are_numbered_alike_before_their_mean():
    """As the one that agrees with most rows of the others has it; by hand, with numbers of clusters drawn anew."""
    labels = np.repeat([0, 1, 2, 3], 10)
    odd, odder, lost = labels.copy(), labels.copy(), labels.copy()
    odd[:2], odder[:2], odder[10:12], lost[:10] = 1, 1, 2, 2
    plain = [np.eye(4)[each] for each in (labels, odd, odder, lost)]
    orders = [2, 0, 3, 1], [1, 3, 0, 2], [3, 2, 1, 0], [0, 1, 2, 3]
    found = agreed([each[:, order] for each, order in zip(plain, orders, strict=True)])
    # the second is between the others; the last has two kinds in one cluster, and is left out
    np.testing.assert_allclose(found, np.mean(plain[:3], axis=0)[:, [1, 3, 0, 2]])
