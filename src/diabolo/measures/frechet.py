"""The Fréchet distance between two sets of features."""

from __future__ import annotations

from typing import Any

import numpy as np

from diabolo.measures.neighbours import check_columns, flat_rows


def frechet_distance(a: Any, b: Any) -> float:
    """Return the squared Fréchet distance between Gaussians with the moments of two sets.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Dowson and Landau 1982), covariances with n - 1,
    in squared units of the features. With the centred sets R1 and R2, S = R'R, the last trace is the
    sum of the singular values of R1 R2', so no square root of a covariance is taken, and a
    covariance without full rank costs no digits.

    The estimate is biased upwards for few rows: compare it with that of a second real set of the
    same size. On features of a local classifier it is never comparable with an Inception FID.

    Parameters
    ----------
    a : array of shape (n_a, ...)
        Features, flattened; at least two rows.
    b : array of shape (n_b, ...)
        Features, flattened; at least two rows.

    Raises
    ------
    ValueError
        When the rows differ in length, hold no numbers, or are fewer than two.

    Examples
    --------
    >>> round(frechet_distance([[-1.0], [0.0], [1.0]], [[0.0], [2.0], [4.0]]), 6)  # (0 - 2)^2 + (1 - 2)^2
    5.0
    """
    x, y = flat_rows(a, "a"), flat_rows(b, "b")
    check_columns(x, y, "a", "b")
    if min(len(x), len(y)) < 2:
        raise ValueError(f"A covariance needs at least two rows, got {len(x)} and {len(y)}: give more rows.")
    (mean_x, root_x), (mean_y, root_y) = _moments(x), _moments(y)
    traces = np.square(root_x).sum() + np.square(root_y).sum()
    overlap = np.linalg.svd(root_x @ root_y.T, compute_uv=False).sum()
    return float(max(np.square(mean_x - mean_y).sum() + traces - 2 * overlap, 0.0))


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and a triangular R with R'R the covariance."""
    mean = x.mean(0)
    return mean, np.asarray(np.linalg.qr((x - mean) / np.sqrt(len(x) - 1), mode="r"))
