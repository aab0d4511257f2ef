"""Separated attribute predictability: can a factor be read off one code alone, in a straight line?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diabolo.measures.factors import codes_and_factors, finite_table, gaps, table, unit_codes


@dataclass(frozen=True)
class AttributePredictability:
    """How much more of a factor the best code explains than the second best, by a straight line.

    Parameters
    ----------
    score : float
        The mean over factors; 1: each factor is a line in one code, and unrelated to the others.
    per_factor : tuple of float
        The largest R^2 less the second.
    r2 : tuple of tuple of float
        A row for each code, a column for each factor.
    n_rows : int
        Rows.
    """

    score: float
    per_factor: tuple[float, ...]
    r2: tuple[tuple[float, ...], ...]
    n_rows: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and lists."""
        return asdict(self)

    def __str__(self) -> str:
        each = ", ".join(f"{value:.3f}" for value in self.per_factor)
        return f"SAP {self.score:.3f}  (factors: {each}; {self.n_rows} rows)"


def attribute_predictability(codes: Any, factors: Any) -> AttributePredictability:
    """Return the separated attribute predictability, SAP (Kumar et al. 2018, section 3).

    Of the paper's two scores it is the one for ordered factors: the share of the variance of a factor that
    a line in one code explains, the squared correlation. A factor whose values are names without an order
    (more than two of them) has no line: leave it out. A constant code explains nothing.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        A code for each row.
    factors : array of shape (n_rows, n_factors)
        The value of each factor, as numbers with an order and distances.

    Raises
    ------
    ValueError
        If the inputs are no such tables.

    Examples
    --------
    >>> grid = np.indices((5, 4)).reshape(2, -1).T
    >>> round(attribute_predictability(-2.0 * grid, grid).score, 6)
    1.0
    """
    z, _ = codes_and_factors(codes, factors)
    v = unit_codes(finite_table(factors, "factors"))
    r2 = np.zeros((z.shape[1], v.shape[1]))
    varies = z.max(0) > z.min(0)
    if varies.any():
        r2[varies] = np.square(unit_codes(z).T @ v / len(z))
    each = gaps(r2)
    return AttributePredictability(float(each.mean()), tuple(each.tolist()), table(r2), len(z))
