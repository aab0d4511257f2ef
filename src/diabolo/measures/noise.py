"""Noise that belongs to a row, whatever rows stand beside it."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def row_generators(rows: np.ndarray, seed: int, *, purpose: str = "") -> list[np.random.Generator]:
    """Return a generator for each row, keyed by the seed, the row's own bytes and the purpose.

    The same row has the same stream in any order and in any subset, and different rows are
    independent (Philox is a counter-based generator; the key is a BLAKE2b hash of the row). Rows
    with the same values share a stream.

    Parameters
    ----------
    rows : array of shape (n_rows, ...)
        The rows as given; hashed as float64, so a float32 array and its float64 copy agree.
    seed : int
        What else the streams depend on.
    purpose : str
        Up to 16 characters; streams of different purposes are independent.
    """
    key, person = int(seed).to_bytes(8, "little", signed=True), purpose.encode()
    generators = []
    for row in rows:
        content = (np.ascontiguousarray(row, dtype=np.float64) + 0.0).tobytes()
        digest = blake2b(content, digest_size=16, key=key, person=person).digest()
        generators.append(np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little"))))
    return generators


class RowNoise:
    """Standard normal noise for rows, drawn piece by piece from the stream of each row.

    The draws do not depend on the pieces: two calls for 10 draws give what one call for 20 gives.

    Parameters
    ----------
    rows, seed
        What keys the streams, as in :func:`row_generators`.
    n_components : int
        Numbers in one draw.

    Examples
    --------
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> noise = RowNoise(X, 0, 2)
    >>> pieces = np.concatenate([noise.draw(3), noise.draw(1)])
    >>> bool((pieces == row_noise(X, 0, 4, 2)).all())
    True
    """

    def __init__(self, rows: np.ndarray, seed: int, n_components: int) -> None:
        self.n_components = n_components
        self._generators = row_generators(rows, seed)

    def draw(self, n_draws: int) -> np.ndarray:
        """Return the next draws, shape (n_draws, n_rows, n_components), float64."""
        noise = np.empty((n_draws, len(self._generators), self.n_components))
        for i, generator in enumerate(self._generators):
            noise[:, i] = generator.standard_normal((n_draws, self.n_components))
        return noise


def row_noise(rows: np.ndarray, seed: int, n_draws: int, n_components: int) -> np.ndarray:
    """Draw standard normal noise from a stream keyed by the seed and by each row's own bytes.

    Parameters
    ----------
    rows, seed
        What keys the streams, as in :func:`row_generators`.
    n_draws, n_components : int
        Shape of the noise for one row. The first draws do not depend on how many there are.

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
    return RowNoise(rows, seed, n_components).draw(n_draws)
