"""What several clusterings of the same rows say together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

#: An opinion has no say if it agrees on a smaller share of the rows with the one nearest to all.
_LEAST_AGREEMENT = 0.9


def agreed(opinions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of several opinions on how far rows belong to clusters, numbered as in the one nearest to all.

    What they do not agree on is left open: a row that is half in one cluster and half in another. One that has another
    cluster than the nearest to all for more than a tenth of the rows is left out.

    Parameters
    ----------
    opinions : sequence of arrays of shape (n_rows, n_clusters)
        Their rows sum to 1; each numbers the clusters as it likes.

    Examples
    --------
    >>> one = np.eye(2)[[0] * 10 + [1] * 10]
    >>> another = np.eye(2)[[1] * 11 + [0] * 9]
    >>> agreed([one, one, another]).round(2)[9:12]
    array([[1.  , 0.  ],
           [0.33, 0.67],
           [0.  , 1.  ]])
    """
    alike = np.array([[_agreement(one, _as_in(one, other)) for other in opinions] for one in opinions])
    nearest = int(alike.sum(1).argmax())
    heard = [
        _as_in(opinions[nearest], other)
        for other, share in zip(opinions, alike[nearest], strict=True)
        if share >= _LEAST_AGREEMENT
    ]
    return np.mean(heard, axis=0)


def _agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of the rows for which both have the same cluster."""
    return float(np.mean(one.argmax(1) == other.argmax(1)))


def _as_in(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the other opinion with the numbers that make it most like the one (Hungarian matching)."""
    return other[:, linear_sum_assignment(one.T @ other, maximize=True)[1]]
