"""What "auto" means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from diabolo.contracts import Statistics
from diabolo.estimators.columns import are_mixed, mixed, note_of_few_values, units_differ
from diabolo.estimators.layout import Layout
from diabolo.estimators.survey import Surveyed
from diabolo.likelihoods import Bernoulli, Gaussian, Likelihood
from diabolo.networks import MLP, Conv1d, Conv2d, Network

#: Below this side, in pixels, fully connected layers learn faster and reach further in the default budget.
_SMALLEST_IMAGE = 32
_SMALLEST_SIGNAL = 16
_BLOCK_VALUES = 1 << 20
_FEW_COLUMNS = 20
#: Adam's largest rate where there are as many rows as steps, and its limits: tried on a table of 455 rows, digits
#: (1,437), signals (1,600), USPS (7,439) and MNIST (55,000), 2,000 steps each, judged by rows held out. With less
#: than the least, a learned scale does not come down to the noise of the signals in that many steps.
_FEWEST_STEPS = 2000
_RATE_OF_ONE_ROW_PER_STEP, _LOWEST_RATE, _HIGHEST_RATE = 1.2e-3, 2e-3, 6e-3
#: Rows from which a default fit has the highest rate; fewer leave a learned scale the lower rate, and all steps to go its way.
MANY_ROWS = round(_FEWEST_STEPS * (_HIGHEST_RATE / _RATE_OF_ONE_ROW_PER_STEP) ** 2)


def choose_network(layout: Layout) -> tuple[Network, str]:
    """Pick an architecture by the shape of one observation, with the reason."""
    sides = layout.event[1:]
    if layout.kind == "image" and min(sides) >= _SMALLEST_IMAGE:
        return Conv2d(), f"network='conv2d': X holds images of {' x '.join(map(str, sides))} pixels"
    if layout.kind == "signal" and min(sides) >= _SMALLEST_SIGNAL:
        return Conv1d(), f"network='conv1d': X holds signals of {sides[0]} values"
    if layout.kind == "table":
        return MLP(), "network='mlp': X is a table"
    return MLP(), f"network='mlp': {layout.kind}s of {' x '.join(map(str, sides))} are small"


def choose_likelihood(
    x: np.ndarray | Surveyed, layout: Layout, statistics: Statistics, names: Sequence[str] | None = None
) -> tuple[Likelihood, str]:
    """Pick a likelihood by the values, with the reason."""
    if isinstance(x, Surveyed):
        binary = x.is_binary
    else:
        binary = x.dtype == bool or all(bool(((rows == 0) | (rows == 1)).all()) for rows in _blocks(x))
    if binary:
        return Bernoulli(), "likelihood='bernoulli': every value is 0 or 1"
    if layout.kind == "table":
        if are_mixed(statistics):
            return mixed({}, statistics, names)
        ranges = units_differ(statistics)
        if ranges is not None:
            few = note_of_few_values(statistics, np.arange(x.shape[1]), names)
            return (
                Gaussian(scale="per_feature"),
                f"likelihood='gaussian_per_feature': the columns differ in unit (ranges from {ranges[0]:.3g} to "
                f"{ranges[1]:.3g}), so each has a scale of its own{few}",
            )
    return Gaussian(), "likelihood='gaussian': real values in one unit, with one learned scale"


def _blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """Yield x piece by piece, so that what is made of the pieces stays small."""
    n_rows = max(1, _BLOCK_VALUES * len(x) // max(1, x.size))
    return (x[start : start + n_rows] for start in range(0, len(x), n_rows))


def choose_learning_rate(n_rows: int, n_steps: int) -> tuple[float, str]:
    """Pick Adam's largest rate by how often the rows are seen, with the reason.

    Examples
    --------
    >>> for n_rows in (1500, 7000, 60_000):
    ...     print(choose_learning_rate(n_rows, n_steps=2000)[1])
    learning_rate=0.002: 2000 steps on 1500 rows
    learning_rate=0.00224: 2000 steps on 7000 rows
    learning_rate=0.006: 2000 steps on 60000 rows
    """
    often = math.sqrt(n_rows / max(n_steps, _FEWEST_STEPS))  # in a short training large first steps do harm
    rate = min(max(_RATE_OF_ONE_ROW_PER_STEP * often, _LOWEST_RATE), _HIGHEST_RATE)
    return rate, f"learning_rate={rate:.3g}: {n_steps} steps on {n_rows} rows"


def differing_deviations(statistics: Statistics) -> float:
    """Return how much larger the largest deviation is than that which a quarter of many columns that vary stay below.

    Where there are more than 20, some that hardly vary, such as pixels along a border, have no unit of their own.
    """
    deviation = statistics.deviation[statistics.deviation > 0]
    n_tiny = len(deviation) // 4 if len(deviation) > _FEW_COLUMNS else 0
    return float(deviation.max() / deviation.sort().values[n_tiny])
