"""Functions of the progress of training."""

from __future__ import annotations

import math

#: Share of the steps over which the learning rate rises.
WARM_UP = 0.15


def warm_up_cosine(progress: float, warm_up: float = WARM_UP) -> float:
    """Return the share of the learning rate at ``progress`` in [0, 1]: linear up, then a half cosine to 0.

    Parameters
    ----------
    progress : float
        Share of the steps that is done.
    warm_up : float
        Share of the steps over which the rate rises.

    Examples
    --------
    >>> warm_up_cosine(0.15), round(warm_up_cosine(1.0), 12)
    (1.0, 0.0)
    """
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
