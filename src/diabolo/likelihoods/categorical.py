"""The cross-entropy of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Distribution, Independent

from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods.base import Likelihood, refuse_where

#: Categories of more than this are asked for by number, unless there are as many rows.
_MOST_UNASKED = 256
#: Categories of more than this are read as numbers, unless asked for.
_MOST_ONE_HOT = 64


class Categorical(Likelihood):
    """p(x = k|z) = softmax(g(z))_k for values that are categories 0, 1, ..., n_categories - 1.

    The reconstruction is the most probable category, and its error is 1 where another is right.

    Parameters
    ----------
    n_categories : int, optional
        Number of categories, the same for every column; by default the largest value plus 1.
    one_hot : bool, optional
        Whether the encoder reads each value as n_categories numbers, a 1 at its category and 0 elsewhere (between two
        categories, where a corruption or a learned pseudo-input puts a value, their shares), or as the number that it is.
        By default so in tables of up to 64 categories; signals and images, whose values have an order, are read as numbers.
    """

    is_discrete = True
    has_distances = False

    def __init__(self, n_categories: int | None = None, *, one_hot: bool | None = None) -> None:
        super().__init__()
        self.n_categories = n_categories
        self.one_hot = one_hot

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """One logit for each category."""
        return self.n_categories or 2

    def resolve(self, statistics: Statistics) -> Categorical:
        """Return the likelihood with the number of categories of the data."""
        self._check_number_of_categories()
        found = int(statistics.high.max()) + 1
        if self.n_categories is None and found > max(_MOST_UNASKED, statistics.n_rows):
            raise ValueError(
                f"likelihood='categorical' found {found} categories (0 to {found - 1}) in {statistics.n_rows} rows, which "
                "is one output for each and every value: leave columns such as identifiers out, encode the others as "
                "0, 1, 2, ... (scikit-learn's OrdinalEncoder), or give Categorical(n_categories)."
            )
        return Categorical(self.n_categories or max(2, found), one_hot=self.one_hot)

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Check the number of categories, and make room for the shift."""
        self._check_number_of_categories()
        if self.one_hot is not None:
            self.check_flag("one_hot")
            if self.one_hot and len(sizes.event) > 1:
                raise ValueError(
                    "one_hot must be False, or None, for signals and images, whose values are read as numbers: give "
                    "categories as the columns of a table."
                )
        is_short = len(sizes.event) == 1 and self.n_outputs <= _MOST_ONE_HOT
        self.reads_one_hot = is_short if self.one_hot is None else bool(self.one_hot)
        return super().build(sizes)

    def start(self, statistics: Statistics) -> None:
        """Start at the shares of the categories among the examples, as if one value had been seen more, of all alike."""
        n, shares = len(statistics.examples), torch.full_like(self.shift, 1 / self.n_outputs)
        for category in range(self.n_outputs):
            shares[category] += (statistics.examples == category).sum(0)
        self.shift.copy_((shares / (n + 1)).log())

    def read_event(self, event: tuple[int, ...]) -> tuple[int, ...]:
        """Return (n_columns * n_categories,) where categories are read as places."""
        return (self.n_outputs * event[0],) if self.reads_one_hot else event

    def read(self, x: Tensor, scaled: Tensor) -> Tensor:
        """Return max(0, 1 - |x - k|) for each category k, or the rows as numbers in units of their scale.

        At whole numbers its derivative is the one towards the next, so that what begins as a category can learn.
        """
        if not self.reads_one_hot:
            return scaled
        categories = torch.arange(self.n_outputs, dtype=x.dtype, device=x.device)
        beyond = x.unsqueeze(-1) - categories
        share = torch.where(beyond < 0, 1 + beyond, 1 - beyond)
        return (share * ((beyond >= -1) & (beyond < 1))).flatten(1)

    def forward(self, outputs: Tensor) -> Independent:
        """Return the distributions over categories."""
        logits = (self.shift + outputs).movedim(-1 - self.n_event_dims, -1)
        return Independent(
            TorchCategorical(logits=logits, validate_args=False), self.n_event_dims, validate_args=False
        )

    def point(self, observation: Distribution) -> Tensor:
        """Return the most probable category of each value."""
        logits: Tensor = observation.base_dist.logits  # type: ignore[attr-defined]
        return logits.argmax(-1).to(logits.dtype)

    def error(self, x: Any, reconstruction: Any) -> Any:
        """Return 1 for a wrong category, and 0 for the right one."""
        difference = reconstruction - x
        return 0 * difference + (difference != 0)  # in its dtype

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """Return the nearest categories."""
        return np.rint(x).clip(0, self.n_outputs - 1)

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse what is not a category."""
        self._check_number_of_categories()
        n = self.n_categories
        no_category = (x < 0) | (x != np.floor(x))
        refuse_where(
            no_category,
            x,
            likelihood="categorical",
            needs=f"whole numbers from 0 {'on' if n is None else f'to {n - 1}'}",
            instead="encode the categories as 0, 1, 2, ... (scikit-learn's OrdinalEncoder), "
            "or use likelihood='gaussian'.",
            names=names,
        )
        if n is not None:
            refuse_where(
                x >= n,
                x,
                likelihood="categorical",
                needs=f"categories from 0 to {n - 1}, the {n} that were given or seen at fit",
                instead=f"fit anew with rows of all categories, or with Categorical(n_categories), "
                f"{int(x.max()) + 1} or more.",
                names=names,
            )

    def _check_number_of_categories(self) -> None:
        if self.n_categories is not None:
            self.check_whole("n_categories", least=2)
