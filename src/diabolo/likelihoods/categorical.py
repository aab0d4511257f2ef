"""The cross-entropy of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from torch import Tensor
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Distribution, Independent

from diabolo.contracts import Sizes, Statistics
from diabolo.likelihoods.base import Likelihood, refuse_where

#: Categories of more than this are asked for by number, unless there are as many rows.
_MOST_UNASKED = 256


class Categorical(Likelihood):
    """p(x = k|z) = softmax(g(z))_k for values that are categories 0, 1, ..., n_categories - 1.

    The reconstruction is the most probable category. The encoder reads the codes of the
    categories as numbers.

    Parameters
    ----------
    n_categories : int, optional
        Number of categories, the same for every column; by default the largest value plus 1.
    """

    is_discrete = True
    has_distances = False

    def __init__(self, n_categories: int | None = None) -> None:
        super().__init__()
        self.n_categories = n_categories

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
        return Categorical(self.n_categories or max(2, found))

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Check the number of categories."""
        self._check_number_of_categories()
        return super().build(sizes)

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

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse what is not a category."""
        self._check_number_of_categories()
        limit = np.inf if self.n_categories is None else self.n_categories
        refuse_where(
            (x < 0) | (x != np.floor(x)) | (x >= limit),
            x,
            likelihood="categorical",
            needs=f"whole numbers from 0 to {'the number of categories' if self.n_categories is None else limit} - 1",
            instead="encode the categories as 0, 1, 2, ... (scikit-learn's OrdinalEncoder), "
            "raise n_categories, or use likelihood='gaussian'.",
            names=names,
        )

    def _check_number_of_categories(self) -> None:
        if self.n_categories is not None:
            self.check_whole("n_categories", least=2)
