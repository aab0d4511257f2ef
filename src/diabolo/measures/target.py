"""A target of the training, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: A target is met when what was reached is within this share of it.
MET = 0.02


class TargetWarning(UserWarning):
    """A target was not met within 2 %; the sentence says what was reached."""


@dataclass(frozen=True)
class Target:
    """A target that beta was steered to, and what was reached on the rows that it was steered on.

    Parameters
    ----------
    name : {"target_distortion", "target_rate"}
        What was asked for.
    unit : {"rmse", "mse", "nats"}
        Its unit: per value in units of X (squared), or nats per row.
    wanted : float
        The target.
    reached : float
        The same of the kept weights, codes drawn from q.
    rows : {"held-out", "training"}
        Rows that it was steered on and that ``reached`` is about; for training rows a mean over the last batches.

    Examples
    --------
    >>> print(Target("target_rate", "nats", 5.0, 5.05, "held-out").line(rate=5.2, distortion=90.0, mse=0.03))
    5 nats; held-out rows 5.05 (+1.0 %), these rows 5.2 (+4.0 %)
    """

    name: str
    unit: str
    wanted: float
    reached: float
    rows: str

    def miss(self, shown: float) -> float:
        """Return how far a value is above the target, as a share of it (of one nat where that is more)."""
        least = 1.0 if self.unit == "nats" else 0.0
        return (shown - self.wanted) / max(abs(self.wanted), least)

    @property
    def is_met(self) -> bool:
        """Whether ``reached`` is within 2 % of ``wanted``."""
        return abs(self.miss(self.reached)) <= MET

    def line(self, *, rate: float, distortion: float, mse: float) -> str:
        """Return the target beside what was reached, and what other rows show."""
        if self.name == "target_rate":
            shown = rate
        else:
            shown = {"rmse": math.sqrt(mse), "mse": mse, "nats": distortion}[self.unit]
        return (
            f"{self.wanted:.6g} {self.unit}; {self.rows} rows {self.reached:.4g} ({self.miss(self.reached):+.1%}), "
            f"these rows {shown:.4g} ({self.miss(shown):+.1%})".replace("%", " %")
        )
