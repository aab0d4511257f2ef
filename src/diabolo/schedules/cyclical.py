"""A weight that rises again and again."""

from __future__ import annotations

from numbers import Integral

from diabolo.contracts import Schedule
from diabolo.schedules.base import check_ramp


class Cyclical(Schedule):
    """Equal cycles, each a straight line from ``initial`` to ``final`` and then ``final`` (Fu et al. 2019).

    Each restart lets the codes be used anew, from where the cycle before has brought them.

    Parameters
    ----------
    final : float
        The weight at the end of each cycle, 0 or more.
    initial : float
        The weight at its beginning, 0 or more.
    n_cycles : int
        How many cycles the training has.
    share : float
        Share of a cycle in which the weight rises, above 0 and at most 1.

    Examples
    --------
    >>> schedule = Cyclical(n_cycles=2)
    >>> [schedule(progress) for progress in (0.0, 0.125, 0.25, 0.4, 0.5, 1.0)]
    [0.0, 0.5, 1.0, 1.0, 0.0, 1.0]
    """

    def __init__(
        self, final: float = 1.0, *, initial: float = 0.0, n_cycles: int = 4, share: float = 0.5
    ) -> None:
        super().__init__()
        self.final = final
        self.initial = initial
        self.n_cycles = n_cycles
        self.share = share

    def check(self) -> None:
        """Refuse weights below 0, a share outside (0, 1] and fewer than one cycle."""
        check_ramp(self, self.share, self.initial, self.final)
        if not (isinstance(self.n_cycles, Integral) and int(self.n_cycles) >= 1):
            raise ValueError(f"n_cycles must be a whole number, 1 or more, got {self.n_cycles!r}.")

    def forward(self, progress: float, rate: float | None = None) -> float:
        """Return the weight at ``progress``; the training ends at ``final``."""
        if progress >= 1:
            return self.final
        within = (progress * self.n_cycles) % 1
        return self.initial + (self.final - self.initial) * min(1.0, within / self.share)
