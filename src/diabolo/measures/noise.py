"""Noise that belongs to a row, whatever rows stand beside it."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def row_noise(rows: np.ndarray, seed: int, n_draws: int, n_components: int) -> np.ndarray:
    """Draw standard normal noise from a stream keyed by the seed and by each row's own bytes.

    The same row has the same noise in any order and in any subset, and different rows are
    independent (Philox is a counter-based generator; the key is a hash of the row).

    Parameters
    ----------
    rows : array of shape (n_rows, ...)
        The rows as given; hashed as float64, so a float32 array and its float64 copy agree.
    seed : int
        What else the streams depend on.
    n_draws, n_components : int
        Shape of the noise for one row.

    Returns
    -------
    array of shape (n_draws, n_rows, n_components), float64

    Examples
    --------
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> a, b = row_noise(X, 0, 4, 2), row_noise(X[::-1], 0, 4, 2)
    >>> bool((a == b[:, ::-1]).all())
    True
    """
    noise = np.empty((n_draws, len(rows), n_components))
    key = int(seed).to_bytes(8, "little", signed=True)
    for i, row in enumerate(rows):
        content = (np.ascontiguousarray(row, dtype=np.float64) + 0.0).tobytes()
        digest = blake2b(content, digest_size=16, key=key).digest()
        generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
        noise[:, i] = generator.standard_normal((n_draws, n_components))
    return noise
