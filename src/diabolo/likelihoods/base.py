"""What a likelihood is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Part, Sizes, Statistics


class Likelihood(Part, ABC):
    """A module that turns the decoder's outputs into p(x|z), in units of X.

    It owns the last step of the decoder: a shift (and a scale) for each value, started from the
    data and kept with the model, so that a network whose outputs are 0 already predicts the mean. It knows
    what kind of values these are, so it also says how an encoder reads them.
    """

    n_outputs: int = 1
    per_feature: bool = False
    #: Whether p(x|z) is a probability of x, and not a density; None where it is the one for some columns, the other for others.
    is_discrete: bool | None = False
    #: Whether values are numbers, so that there are distances between x and its reconstruction.
    has_distances: bool = True
    #: Whether values lie in [0, 1].
    in_unit_interval: bool = False
    shift: Tensor

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make room for the shift."""
        self.n_event_dims = len(sizes.event)
        self.register_buffer("shift", torch.zeros(self.n_outputs, *sizes.event).squeeze(0))
        return self

    @abstractmethod
    def forward(self, outputs: Tensor) -> Distribution:
        """Return p(x|z) for outputs of shape (*batch, n_outputs, *event)."""

    def output_event(self, event: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of what a decoder gives ``n_outputs`` times: that of one observation."""
        return event

    def read_event(self, event: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of what an encoder reads of one observation; called when the likelihood has been built."""
        return event

    def read(self, x: Tensor, scaled: Tensor) -> Tensor:
        """Return what an encoder reads, shape (batch, *read_event): the rows in units of their scale, or else of x itself."""
        return scaled

    def point(self, observation: Distribution) -> Tensor:
        """Return the reconstruction that p(x|z) stands for, its mean, shape (*batch, *event)."""
        return observation.mean

    def predict(self, outputs: Tensor) -> Tensor:
        """Return ``point(self(outputs))`` where nothing else of p(x|z) is asked for; may overwrite the outputs."""
        return self.point(self(outputs))

    def observe(self, x: Tensor) -> Tensor:
        """Return what is observed of stored rows, shape (batch, *event): x itself, or a draw made from it.

        Called on every batch of training, with torch's generator as the source of chance.
        """
        return x

    def follow(self, observation: Distribution, x: Tensor) -> Distribution:
        """Return p(x|z) with what the batch itself decides, x of shape (batch, *event); nothing by default.

        Called on every batch of training, after ``forward``.
        """
        return observation

    def is_density(self, x: np.ndarray) -> bool:
        """Whether log p(x|z) is the log-probability or log-density of these values."""
        return True

    def error(self, x: Any, reconstruction: Any) -> Any:
        """Return how far reconstructions are from rows, arrays or tensors of shape (..., *event): the differences."""
        return reconstruction - x

    def are_numbers(self, event: tuple[int, ...]) -> np.ndarray:
        """Say of each value whether it is a number, so that its error is a difference, bool, shape event."""
        return np.full(event, self.has_distances)

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """Return the values nearest to these that p(x|z) is of; where all real numbers will do, these themselves."""
        return x

    def check(self, x: np.ndarray, names: Sequence[str] | None = None) -> None:
        """Refuse values outside the support, naming columns, counts and a likelihood that fits."""

    def single(self, outputs: Tensor) -> Tensor:
        """Drop the dimension of the outputs when there is one for each value."""
        return outputs.squeeze(-1 - self.n_event_dims)


def refuse_outside_unit_interval(x: np.ndarray, likelihood: str, names: Sequence[str] | None) -> None:
    """Raise for values below 0 or above 1; nothing as large as x is made where there are none."""
    if x.min() < 0 or x.max() > 1:
        refuse_where(
            (x < 0) | (x > 1),
            x,
            likelihood=likelihood,
            needs="values in [0, 1]",
            instead="bring X to [0, 1] (bytes: divide by 255; else scikit-learn's MinMaxScaler), or use likelihood='gaussian' ('squared_error' for an auto-encoder).",
            names=names,
        )


def refuse_where(
    bad: np.ndarray, x: np.ndarray, *, likelihood: str, needs: str, instead: str, names: Sequence[str] | None
) -> None:
    """Raise for the values that ``bad`` marks, shape (n_rows, *event)."""
    if not bad.any():
        return
    counts = bad.reshape(len(bad), -1).sum(0)
    first = int(np.flatnonzero(counts)[0])
    value = x.reshape(len(x), -1)[bad.reshape(len(bad), -1)[:, first].argmax(), first]
    if x.ndim == 2:
        name = first if names is None else names[first]
        column = str(name) if isinstance(name, int) else repr(str(name))
    else:
        column = str(tuple(int(i) for i in np.unravel_index(first, x.shape[1:])))
    raise ValueError(
        f"likelihood={likelihood!r} needs {needs}, but X has {int(counts.sum())} values outside, "
        f"in {np.count_nonzero(counts)} columns (first: column {column}, e.g. {value}): {instead}"
    )


def smoothed_mean(statistics: Statistics) -> Tensor:
    """Mean of each column, as if one value of 1/2 had been seen more."""
    n = statistics.n_rows
    return (statistics.mean * n + 0.5) / (n + 1)
