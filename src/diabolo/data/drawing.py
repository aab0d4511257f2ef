"""Some rows of many."""

import numpy as np

_ORDERED = 1 << 20


def draw_rows(n_rows: int, n: int, seed: int, *, sparingly: bool = False) -> np.ndarray:
    """Draw different rows by a seed.

    Parameters
    ----------
    n_rows : int
        How many there are.
    n : int
        How many to draw.
    seed : int
        The same seed draws the same rows.
    sparingly : bool
        Take memory for no more than the drawn rows where there are more than 1,048,576 (Floyd's algorithm, which
        draws others). Otherwise an order of all is drawn, of which they are the first.

    Returns
    -------
    array of int, shape (n,)
        Their numbers, sorted.

    Examples
    --------
    >>> draw_rows(5, 5, 0).tolist(), len(draw_rows(1 << 40, 3, 0, sparingly=True))
    ([0, 1, 2, 3, 4], 3)
    """
    rng = np.random.default_rng(seed)
    if sparingly and n_rows > _ORDERED:
        return np.sort(rng.choice(n_rows, n, replace=False, shuffle=False))
    return np.sort(rng.permutation(n_rows)[:n])
