"""A weight that rises or falls along half a cosine."""

from __future__ import annotations

import math

from diabolo.contracts import Schedule


class Cosine(Schedule):
    """From ``initial`` to ``final`` along half a cosine over a share of the training, then ``final``.

    Parameters
    ----------
    final : float
        The weight at the end, 0 or more.
    initial : float
        The weight at the first step, 0 or more.
    share : float
        Share of the training that the change takes, above 0 and at most 1.

    Examples
    --------
    >>> schedule = Cosine(share=0.5)
    >>> schedule(0.0), round(schedule(0.25), 12), schedule(1.0)
    (0.0, 0.5, 1.0)
    """

    reads_rate = False

    def __init__(self, final: float = 1.0, *, initial: float = 0.0, share: float = 0.25) -> None:
        super().__init__()
        self.final = final
        self.initial = initial
        self.share = share

    def check(self) -> None:
        """Refuse weights below 0 and a share outside (0, 1]."""
        for name in ("final", "initial"):
            self.check_number(name, "a number, 0 or more", least=0)
        self.check_share("share")

    def forward(self, progress: float, rate: float | None = None) -> float:
        """Return the weight at ``progress``."""
        done = 0.5 * (1 - math.cos(math.pi * min(1.0, progress / self.share)))
        return self.initial + (self.final - self.initial) * done
