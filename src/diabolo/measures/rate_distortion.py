"""What a nat of the codes buys: distortion and rate over beta."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, eq=False)
class RateDistortionCurve:
    """Rate and distortion of one family of models, a point for each beta; equal-length float64 arrays.

    With rate R and distortion D, both unweighted, every point has D + R >= H, the entropy of the data
    (Alemi et al. 2018). The lines D + R = constant have one ELBO, and the best curve D(R) has the slope
    -beta at the point of beta, so the ELBO is best where beta is 1.

    Parameters
    ----------
    beta : array of shape (n_points,)
        Weights of the rate, rising.
    rate, distortion : arrays of shape (n_points,)
        KL(q(z|x) || p(z)) and -E_q log p(x|z) in nats per row, averaged over rows. The distortion of a
        density holds the density's constant and may be negative.
    mse : array of shape (n_points,)
        Squared error per value, z drawn from q, in units of X squared.
    elbo : array of shape (n_points,)
        -(distortion + rate), in nats per row.

    Examples
    --------
    >>> curve = RateDistortionCurve([0.5, 1], rate=[9, 6], distortion=[70, 72], mse=[0.1, 0.2], elbo=[-79, -78])
    >>> print(curve)
    beta   rate  distortion     elbo  mse
     0.5  9.000      70.000  -79.000  0.1
       1  6.000      72.000  -78.000  0.2
    """

    beta: np.ndarray
    rate: np.ndarray
    distortion: np.ndarray
    mse: np.ndarray
    elbo: np.ndarray

    def __post_init__(self) -> None:
        for name in self._columns():
            column = np.array(getattr(self, name), dtype=np.float64)
            if column.ndim != 1 or len(column) != np.size(self.beta):
                raise ValueError(
                    f"{name} must be one number for each of the {np.size(self.beta)} values of beta, got the shape "
                    f"{column.shape}."
                )
            column.flags.writeable = False
            object.__setattr__(self, name, column)

    @classmethod
    def of(cls, betas: Sequence[float], records: Iterable[Any]) -> Self:
        """Return the curve of what ``evaluate`` found at each beta: records, or their ``as_dict()``."""
        rows = [record if isinstance(record, Mapping) else record.as_dict() for record in records]
        columns = {name: [row[name] for row in rows] for name in cls._columns() if name != "beta"}
        return cls(np.asarray(betas), **{name: np.asarray(column) for name, column in columns.items()})

    @classmethod
    def _columns(cls) -> list[str]:
        return [field.name for field in fields(cls)]

    @property
    def entropy_bound(self) -> float:
        """Upper bound of the entropy of the data that the models give: the least -ELBO, in nats per row."""
        return -float(self.elbo.max())

    def as_dict(self) -> dict[str, list[float]]:
        """Return the columns as lists."""
        return {name: getattr(self, name).tolist() for name in self._columns()}

    def rows(self) -> list[dict[str, float]]:
        """Return one dictionary for each point."""
        return [
            dict(zip(self.as_dict(), row, strict=True)) for row in zip(*self.as_dict().values(), strict=True)
        ]

    def __str__(self) -> str:
        heads = ("beta", "rate", "distortion", "elbo", "mse")
        forms = ("{:.6g}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.6g}")
        lines = [
            list(heads),
            *(
                [form.format(row[name]) for name, form in zip(heads, forms, strict=True)]
                for row in self.rows()
            ),
        ]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
        )
