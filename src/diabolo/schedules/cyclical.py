"""A weight that rises again and again."""

from __future__ import annotations

from diabolo.contracts import Schedule


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

    reads_rate = False

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
        for name in ("final", "initial"):
            self.check_number(name, "a number, 0 or more", least=0)
        self.check_share("share")
        self.check_whole("n_cycles")

    def forward(self, progress: float, rate: float | None = None) -> float:
        """Return the weight at ``progress``; the training ends at ``final``."""
        if progress >= 1:
            return self.final
        within = (progress * self.n_cycles) % 1
        return self.initial + (self.final - self.initial) * min(1.0, within / self.share)
