"""What kind of values each column of a table holds, as far as asked for, and else by its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diabolo.contracts import Statistics
from diabolo.estimators.naming import close, part_named
from diabolo.likelihoods import BY_NAME, Bernoulli, Gaussian, Likelihood, Mixed

#: How far apart the ranges of a table's columns lie before each is given a scale of its own.
_UNIT_RATIO = 10.0
_MOST_NAMED = 5
#: Rounding of the moments of a column, in units of its largest value.
_ROUNDING = 1e-9

#: What a likelihood may be called: its name, or "mixed" for columns by their values.
NAMES = {**BY_NAME, "mixed": Mixed}

#: What ``likelihood`` of an estimator may be: a name or an object, or one for each of some columns.
AnyLikelihood = str | Likelihood | Mapping[str | int, str | Likelihood]
Parts = list[tuple[Likelihood, tuple[int, ...]]]


def asked_for(kinds: Mapping[Any, Any], names: Sequence[str] | None, n_columns: int) -> Parts:
    """Return the likelihoods that a mapping of columns gives, with the columns of each.

    Columns of one name, or of one object, share one likelihood.

    Raises
    ------
    ValueError
        If there is no such column or likelihood, or a column stands there by its name and by its number.
    """
    known = None if names is None else [str(name) for name in names]
    found: dict[Any, tuple[Any, list[int]]] = {}
    for column, value in kinds.items():
        number = place(column, known, n_columns)
        if any(number in columns for _, columns in found.values()):
            raise ValueError(
                f"likelihood must have each column once, got column {column!r} (number {number}) twice."
            )
        key = value if isinstance(value, str) else id(value)
        found.setdefault(key, (value, []))[1].append(number)
    return [
        (part_named("likelihood of a column", value, BY_NAME, Likelihood), tuple(columns))
        for value, columns in found.values()
    ]


def mixed(
    kinds: Mapping[Any, Any], statistics: Statistics, names: Sequence[str] | None
) -> tuple[Likelihood, str]:
    """Return a likelihood of the kinds that are asked for, the other columns by their values, with the reason.

    Parameters
    ----------
    kinds : mapping of str or int to str or Likelihood
        By the name of a column, or its number.
    statistics : Statistics
        Of the rows of a table.
    names : sequence of str, optional
        Those of its columns.
    """
    n_columns = len(statistics.mean)
    parts = asked_for(kinds, names, n_columns)
    given = [column for _, columns in parts for column in columns]
    rest = np.setdiff1d(np.arange(n_columns), given)
    binary = rest[is_binary(statistics)[rest]]
    real = np.setdiff1d(rest, binary)
    said = [f"{_called(part)} for {_listed(columns, names)}, as asked for" for part, columns in parts]
    if len(binary):
        parts.append((Bernoulli(), tuple(binary.tolist())))
        said.append(f"bernoulli for {_listed(binary, names)}, of 0 and 1")
    if len(real):
        parts.append((Gaussian(scale="per_feature"), tuple(real.tolist())))
        said.append(f"gaussian_per_feature for {_listed(real, names)}")
    return Mixed(tuple(parts)), f"likelihood='mixed': {'; '.join(said)}"


def are_mixed(statistics: Statistics) -> bool:
    """Whether some columns of a table hold 0 and 1, and others what these may not be taken for.

    That is: these reach below 0 or above 1, and hold fractions, or are in units of their own. (Pixels are of one kind, though some along
    the border may be 0 and 1 in all rows.)
    """
    binary = is_binary(statistics)
    others = np.flatnonzero(~binary & (statistics.deviation > 0).numpy(force=True))
    if not binary.any() or not len(others):
        return False
    beyond = (statistics.low[others] < 0).any() or (statistics.high[others] > 1).any()
    examples = statistics.examples[:, others]
    fractions = bool((examples != examples.round()).any())
    return bool(beyond) and (fractions or units_differ(statistics, others) is not None)


def is_binary(statistics: Statistics) -> np.ndarray:
    """Say of each column whether it holds 0 and 1 and nothing else, shape (n_columns,).

    Between 0 and 1 the mean of x^2 is at most that of x, and equal to it for no other values.
    """
    mean, square = (
        statistics.mean.double(),
        statistics.mean.double().square() + statistics.deviation.double().square(),
    )
    ends = (statistics.low == 0) & (statistics.high == 1)
    return (ends & ((square - mean).abs() < _ROUNDING)).numpy(force=True)


def units_differ(
    statistics: Statistics, columns: np.ndarray | slice = slice(None)
) -> tuple[float, float] | None:
    """Return a small and a large range of columns that vary if they are so far apart that units differ, otherwise None."""
    ranges = (statistics.high.double() - statistics.low.double()).numpy(force=True)[columns]
    ranges = ranges[ranges > 0]
    if not len(ranges):
        return None
    small, large = np.percentile(ranges, 10, method="lower"), np.percentile(ranges, 90, method="higher")
    return (small, large) if large > _UNIT_RATIO * small else None


def place(column: Any, names: list[str] | None, n_columns: int) -> int:
    """Return the number of a column that is given by its name or its number.

    Raises
    ------
    ValueError
        If there is none; the message has what was meant, or what there is.

    Examples
    --------
    >>> place("b", ["a", "b"], 2), place(1, None, 2)
    (1, 1)
    """
    if isinstance(column, int | np.integer) and not isinstance(column, bool) and 0 <= column < n_columns:
        return int(column)
    if isinstance(column, str) and names is not None and column in names:
        return names.index(column)
    if isinstance(column, str) and names is None:
        way_out = f"X has no names of columns: say their numbers, 0 to {n_columns - 1}, or give a data frame"
    elif isinstance(column, str) and (alike := close(column, names or ())):
        way_out = f"was {alike[0]!r} meant"
    else:
        shown = f", and the names {_shortened(names)}" if names else ""
        way_out = f"there are the numbers 0 to {n_columns - 1}{shown}"
    raise ValueError(f"likelihood has a column {column!r} that X does not have: {way_out}.")


def _called(likelihood: Likelihood) -> str:
    """Return a likelihood by its short name, where it has one."""
    return next(
        (name for name, make in BY_NAME.items() if repr(make()) == repr(likelihood)), repr(likelihood)
    )


def _listed(columns: Sequence[int] | np.ndarray, names: Sequence[str] | None) -> str:
    shown = _shortened([str(c if names is None else names[c]) for c in columns])
    return f"column {shown}" if len(columns) == 1 else f"{len(columns)} columns ({shown})"


def _shortened(words: Sequence[str]) -> str:
    return ", ".join(words[:_MOST_NAMED]) + (", ..." if len(words) > _MOST_NAMED else "")
