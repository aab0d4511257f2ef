"""What kind of values each column of a table holds, as far as asked for, and else by its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diabolo.contracts import Statistics
from diabolo.estimators.naming import close, part_named
from diabolo.likelihoods import BY_NAME, Bernoulli, Categorical, Gaussian, Likelihood, Mixed

#: How far apart the ranges of a table's columns lie before each is given a scale of its own.
_UNIT_RATIO = 10.0
_MOST_NAMED = 5
#: Tables of no more columns than this, those of 0 and 1 aside, are not taken for pixels or words.
_FEW_COLUMNS = 20
_FEW_RANGES = 10
#: Scales that all columns of one likelihood share.
_SHARED = ("learned", "optimal")
#: Columns of no more values than this may be categories.
_FEW_VALUES = 10
#: Rounding of the moments of a column of 0 and 1.
_ROUNDING = 1e-9

#: What a likelihood may be called: its name, or "mixed" for columns by their values.
NAMES = {**BY_NAME, "mixed": Mixed}

#: What ``likelihood`` of an estimator may be: a name or an object, or one for each of some columns.
AnyLikelihood = str | Likelihood | Mapping[str | int, str | Likelihood]
Parts = list[tuple[Likelihood, tuple[int, ...]]]


def asked_for(kinds: Mapping[Any, Any], names: Sequence[str] | None, n_columns: int) -> Parts:
    """Return the likelihoods that a mapping of columns gives, with the columns of each.

    Columns of one name, or of one object, share one likelihood; those of equal objects too, where it learns nothing that
    all its columns share.

    Raises
    ------
    ValueError
        If there is no such column or likelihood, or a column stands there by its name and by its number.
    """
    known = None if names is None else {str(name): number for number, name in enumerate(names)}
    found: dict[Any, tuple[Any, list[int]]] = {}
    given: set[int] = set()
    for column, value in kinds.items():
        number = place(column, known, n_columns)
        if number in given:
            raise ValueError(
                f"likelihood must have each column once, got column {column!r} (number {number}) twice."
            )
        given.add(number)
        key = id(value) if getattr(value, "scale", None) in _SHARED else repr(value)
        found.setdefault(key, (value, []))[1].append(number)
    return [
        (part_named("likelihood of a column", value, BY_NAME, Likelihood), tuple(columns))
        for value, columns in found.values()
    ]


def refuse_numbered(kinds: Mapping[Any, Any], X: Any) -> None:
    """Raise for numbers of columns where X is a data frame whose columns have other numbers as their names."""
    labels = list(getattr(X, "columns", ()))
    is_named = not all(isinstance(label, int | np.integer) for label in labels)
    if is_named or labels == list(range(len(labels))):
        return
    numbers = [column for column in kinds if not isinstance(column, str)]
    if numbers:
        raise ValueError(
            f"likelihood counts columns from 0, so its column {numbers[0]} may not be the one that X calls so, with columns "
            f"named {_shortened([str(label) for label in labels])}: name them by words, X.set_axis([str(c) for c in "
            "X.columns], axis=1), and so in likelihood."
        )


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
        said.append(
            f"gaussian_per_feature for {_listed(real, names)}{note_of_few_values(statistics, real, names)}"
        )
    return Mixed(tuple(parts)), f"likelihood='mixed': {'; '.join(said)}"


def are_mixed(statistics: Statistics) -> bool:
    """Whether some columns of a table hold 0 and 1, and others what these may not be taken for.

    These others reach below 0 or above 1, and are not of one kind with the binary ones. Many columns are, if most begin at 0
    and they hold whole numbers, as counts of words do, or a good part of them ends where all end, as pixels do: a few
    words, or pixels along the border, may be 0 and 1 in all rows.
    """
    binary = is_binary(statistics)
    others = np.flatnonzero(~binary & (statistics.deviation > 0).numpy(force=True))
    if not binary.any() or not len(others):
        return False
    low, high = (ends.numpy(force=True)[others] for ends in (statistics.low, statistics.high))
    if low.min() >= 0 and high.max() <= 1:
        return False
    if len(others) <= _FEW_COLUMNS or (low == 0).mean() <= 0.5:
        return True
    examples = statistics.examples[:, others]
    whole = bool((examples == examples.round()).all())
    return not whole and bool((high == high.max()).mean() <= 0.2)


def is_binary(statistics: Statistics) -> np.ndarray:
    """Say of each column whether it holds 0 and 1 and nothing else, shape (n_columns,).

    Between 0 and 1 the mean of x^2 is at most that of x, and equal to it for no other values; in rounded moments a few
    that are nearly 0 or 1 hide, unless they are among the examples.
    """
    mean = statistics.mean.double()
    square = mean.square() + statistics.deviation.double().square()
    examples = statistics.examples
    ends = (statistics.low == 0) & (statistics.high == 1) & ((examples == 0) | (examples == 1)).all(0)
    return (ends & ((square - mean).abs() < _ROUNDING)).numpy(force=True)


def note_of_few_values(
    statistics: Statistics, columns: np.ndarray, names: Sequence[str] | None = None
) -> str:
    """Return, where some columns that are taken for real numbers hold few values, a clause that says so."""
    examples = statistics.examples[:, columns].numpy(force=True)
    most = min(_FEW_VALUES, len(examples) // _FEW_VALUES)
    numbers = [len(np.unique(values)) for values in examples.T]
    few = [column for column, n in zip(columns, numbers, strict=True) if 1 < n <= most]
    if not few:
        return ""
    return (
        f", of which {_listed(few, names)} may be categories or counts, with {most} values at most: "
        "likelihood={column: 'categorical' or 'poisson'} takes them for these"
    )


def units_differ(statistics: Statistics) -> tuple[float, float] | None:
    """Return a small and a large range of columns that vary if they are so far apart that units differ, otherwise None."""
    ranges = (statistics.high.double() - statistics.low.double()).numpy(force=True)
    ranges = ranges[ranges > 0]
    if not len(ranges):
        return None
    outermost = 10 if len(ranges) > _FEW_RANGES else 0  # of few columns, percentiles lie between all
    small, large = np.percentile(ranges, [outermost, 100 - outermost])
    return (small, large) if large > _UNIT_RATIO * small else None


def place(column: Any, names: Mapping[str, int] | None, n_columns: int) -> int:
    """Return the number of a column that is given by its name, whose number is among the names, or by its number.

    Raises
    ------
    ValueError
        If there is none; the message has what was meant, or what there is.

    Examples
    --------
    >>> place("b", {"a": 0, "b": 1}, 2), place(1, None, 2)
    (1, 1)
    """
    if isinstance(column, int | np.integer) and not isinstance(column, bool) and 0 <= column < n_columns:
        return int(column)
    if isinstance(column, str) and names is not None and column in names:
        return names[column]
    if isinstance(column, str) and names is None:
        way_out = f"X has no names of columns: say their numbers, 0 to {n_columns - 1}, or give a data frame"
    elif isinstance(column, str) and (alike := close(column, names or ())):
        raise ValueError(
            f"likelihood has a column {column!r} that X does not have. Did you mean {alike[0]!r}?"
        )
    else:
        shown = f", and the names {_shortened(list(names))}" if names else ""
        way_out = f"there are the numbers 0 to {n_columns - 1}{shown}"
    raise ValueError(f"likelihood has a column {column!r} that X does not have: {way_out}.")


def _called(likelihood: Likelihood) -> str:
    """Return a likelihood by its short name, where it has one; of categories their number aside."""
    if isinstance(likelihood, Categorical) and likelihood.one_hot is None:
        return "categorical"
    return next(
        (name for name, make in BY_NAME.items() if repr(make()) == repr(likelihood)), repr(likelihood)
    )


def _listed(columns: Sequence[int] | np.ndarray, names: Sequence[str] | None) -> str:
    shown = _shortened([str(c if names is None else names[c]) for c in columns])
    return f"column {shown}" if len(columns) == 1 else f"{len(columns)} columns ({shown})"


def _shortened(words: Sequence[str]) -> str:
    return ", ".join(words[:_MOST_NAMED]) + (", ..." if len(words) > _MOST_NAMED else "")
