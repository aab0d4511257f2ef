"""Columns of different kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor, nn
from torch.distributions import Distribution

from diabolo.contracts import Sizes, Statistics
from diabolo.distributions import MixedColumns, put_together
from diabolo.likelihoods.base import Likelihood


class Mixed(Likelihood):
    """A likelihood for each group of columns of a table: p(x|z) is their product (as in HI-VAE, Nazabal et al. 2020).

    So 0 and 1, categories, counts and real values stand side by side, each explained as what it is, where a Gaussian
    on a column of 0 and 1 makes its density as high as its scale is small. The weights between
    the columns are those of their nats. An estimator makes one of a mapping,
    ``likelihood={"married": "bernoulli", "visits": "poisson"}``, or of ``"mixed"``.

    Parameters
    ----------
    parts : sequence of (Likelihood, columns)
        Columns are a list or tuple of whole numbers, each column of the table once; None, in one place, are all others.
        Columns of one part share what a likelihood shares, such as a learned scale; categories do not share
        their number.

    Examples
    --------
    >>> from diabolo.likelihoods import Bernoulli, Gaussian
    >>> likelihood = Mixed(((Bernoulli(), (0, 2)), (Gaussian("per_feature"), None))).build(Sizes((4,), 2))
    >>> likelihood(torch.zeros(5, 1, 4)).log_prob(torch.zeros(5, 4)).shape
    torch.Size([5])
    """

    per_feature = True
    n_event_dims = 1
    groups: Any

    def __init__(self, parts: Sequence[tuple[Likelihood, Sequence[int] | None]] = ()) -> None:
        super().__init__()
        self.parts = parts

    @property
    def is_discrete(self) -> bool | None:  # type: ignore[override]
        """Whether all parts are probabilities, or none; None where some are."""
        kinds = {part.is_discrete for part, _ in self.parts}
        return kinds.pop() if len(kinds) == 1 else None

    @property
    def has_distances(self) -> bool:  # type: ignore[override]
        """Whether no column holds categories."""
        return all(part.has_distances for part, _ in self.parts)

    def resolve(self, statistics: Statistics) -> Mixed:
        """Return the likelihood with the columns of each part, and what the data decide of them.

        Columns for which the data decide otherwise, such as those of other numbers of categories, part.
        """
        found: dict[tuple[int, str], tuple[Any, list[int]]] = {}
        for i, (part, columns) in enumerate(self._placed(statistics.mean.shape)):
            if type(part).resolve is Likelihood.resolve:  # the data decide nothing
                found[i, ""] = part, columns
                continue
            for column in columns:
                resolved = part.resolve(statistics.of_columns([column]))
                found.setdefault((i, repr(resolved)), (resolved, []))[1].append(column)
        return Mixed(tuple((part, tuple(columns)) for part, columns in found.values()))

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Build the parts, each for its own columns.

        Raises
        ------
        ValueError
            If an observation is no row of a table, or a column has no part, or two.
        """
        placed = self._placed(sizes.event)
        self.groups = nn.ModuleList(
            clone(part).build(Sizes((len(columns),), sizes.n_components)) for part, columns in placed
        )
        for i, (_, columns) in enumerate(placed):
            self.register_buffer(f"columns_{i}", torch.tensor(columns), persistent=False)
        return self

    def start(self, statistics: Statistics) -> None:
        """Start each part from the data of its columns."""
        for part, columns in self._pairs():
            part.start(statistics.of_columns(columns.tolist()))

    def output_event(self, event: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of outputs, which may be several for a column."""
        return (sum(part.n_outputs * len(columns) for part, columns in self._pairs()),)

    def read_event(self, event: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of values that an encoder reads, which may be several for a column."""
        return (sum(part.read_event((len(columns),))[0] for part, columns in self._pairs()),)

    def read(self, x: Tensor, scaled: Tensor) -> Tensor:
        """Return what an encoder reads of each part's columns, one after the other."""
        pieces = [part.read(x[:, columns], scaled[:, columns]) for part, columns in self._pairs()]
        return torch.cat(pieces, -1)

    def forward(self, outputs: Tensor) -> MixedColumns:
        """Return the product of the parts' distributions."""
        return self._joined([part(own) for part, own in self._outputs(outputs)])

    def point(self, observation: Distribution) -> Tensor:
        """Return the reconstruction of each part in its columns."""
        assert isinstance(observation, MixedColumns)
        pairs = zip(self.groups, observation.groups, strict=True)
        return self._together([part.point(own) for part, own in pairs])

    def predict(self, outputs: Tensor) -> Tensor:
        """Return the reconstruction of each part in its columns."""
        return self._together([part.predict(own) for part, own in self._outputs(outputs)])

    def observe(self, x: Tensor) -> Tensor:
        """Return what each part observes of its columns."""
        return self._together([part.observe(x[:, columns]) for part, columns in self._pairs()])

    def follow(self, observation: Distribution, x: Tensor) -> Distribution:
        """Return p(x|z) with what the batch decides for each part."""
        assert isinstance(observation, MixedColumns)
        pairs = zip(self._pairs(), observation.groups, strict=True)
        return self._joined([part.follow(own, x[:, columns]) for (part, columns), own in pairs])

    def is_density(self, x: np.ndarray) -> bool:
        """Whether each part has a probability or a density of its columns."""
        return all(part.is_density(x[:, columns]) for part, columns in self._placed(x.shape[1:]))

    def error(self, x: Any, reconstruction: Any) -> Any:
        """Return each part's errors in its columns."""
        found = reconstruction - x
        for part, columns in self._placed(x.shape[-1:]):
            found[..., columns] = part.error(x[..., columns], reconstruction[..., columns])
        return found

    def are_numbers(self, event: tuple[int, ...]) -> np.ndarray:
        """Say so of each column."""
        found = np.empty(event, bool)
        for part, columns in self._placed(event):
            found[columns] = part.are_numbers((len(columns),))
        return found

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """Return the nearest values in each part's columns."""
        found = np.array(x)
        for part, columns in self._placed(x.shape[1:]):
            found[:, columns] = part.nearest(x[:, columns])
        return found

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse values outside the support of a part, naming the columns of the table."""
        for part, columns in self._placed(x.shape[1:]):
            own: Any = [column if names is None else names[column] for column in columns]
            part.check(x[:, columns], own)

    # -- columns ------------------------------------------------------------------------------

    def _placed(self, event: Sequence[int]) -> list[tuple[Likelihood, list[int]]]:
        """Return the parts with their columns, each once and all of them."""
        if len(event) != 1:
            raise ValueError(
                f"likelihood={self!r} is for tables, and one observation has the shape {tuple(event)}: signals and "
                "images hold values of one kind."
            )
        n_columns = event[0]
        if not (isinstance(self.parts, Sequence) and all(map(_is_pair, self.parts))):
            self.refuse(
                "parts",
                "a sequence of (Likelihood, columns), columns being a list or tuple of whole numbers, or None once, and "
                "no Mixed in it",
            )
        named = [column for _, columns in self.parts if columns is not None for column in columns]
        twice = {column for column, times in Counter(named).items() if times > 1}
        outside = [column for column in named if not 0 <= column < n_columns]
        rest = sorted(set(range(n_columns)) - set(named))
        n_open = sum(columns is None for _, columns in self.parts)
        if twice or outside or n_open > 1 or (rest and not n_open):
            what = (
                f"{sorted(twice)} stand in it twice"
                if twice
                else f"{outside} are not among its {n_columns} columns"
                if outside
                else "None stands in it twice"
                if n_open > 1
                else f"{rest} do not stand in it (None stands for all others)"
            )
            raise ValueError(f"parts (of likelihood={self!r}) must have each column of X once: {what}.")
        placed = [(part, rest if columns is None else list(columns)) for part, columns in self.parts]
        return [(part, columns) for part, columns in placed if columns]

    def _pairs(self) -> Iterator[tuple[Any, Tensor]]:
        return ((part, getattr(self, f"columns_{i}")) for i, part in enumerate(self.groups))

    def _outputs(self, outputs: Tensor) -> Iterator[tuple[Any, Tensor]]:
        """Yield the parts with their own outputs, shape (*batch, n_outputs, n_columns)."""
        start = 0
        for part, columns in self._pairs():
            shape = (part.n_outputs, len(columns))
            end = start + shape[0] * shape[1]
            yield part, outputs[..., 0, start:end].unflatten(-1, shape)
            start = end

    def _joined(self, distributions: Sequence[Distribution]) -> MixedColumns:
        return MixedColumns(distributions, [columns for _, columns in self._pairs()])

    def _together(self, pieces: Sequence[Tensor]) -> Tensor:
        return put_together(pieces, [columns for _, columns in self._pairs()])


def _is_pair(value: Any) -> bool:
    if not (isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], Likelihood)):
        return False
    if isinstance(value[0], Mixed):
        return False
    columns = value[1]
    return columns is None or (
        isinstance(columns, tuple | list)
        and all(isinstance(c, int | np.integer) and not isinstance(c, bool) for c in columns)
    )
