"""Grey values as probabilities of binary ones."""

import numpy as np
from numpy.typing import ArrayLike


def binarise(X: ArrayLike, random_state: int = 0) -> np.ndarray:
    """Draw binary values, each 1 with the probability that the grey value gives.

    What dynamic binarisation does at every step of training, done once and by seed for the rows
    that a number is reported on (Salakhutdinov & Murray 2008).

    Parameters
    ----------
    X : array of any shape
        Values in [0, 1].
    random_state : int
        Seed.

    Returns
    -------
    array of X's shape, 0 or 1, float32 (float64 for float64 input)

    Raises
    ------
    ValueError
        If a value lies outside [0, 1].

    Examples
    --------
    >>> binarise([[0.0, 1.0, 0.5]]).tolist()[0][:2]
    [0.0, 1.0]
    """
    grey = np.asarray(X)
    if not ((grey >= 0) & (grey <= 1)).all():
        raise ValueError(
            f"binarise needs values in [0, 1], which are probabilities, got values from {grey.min()} to {grey.max()}: "
            "divide X by its largest value (255 for bytes)."
        )
    drawn = np.random.default_rng(random_state).random(grey.shape) < grey
    return drawn.astype(np.float64 if grey.dtype == np.float64 else np.float32)
