"""The base of everything that a model is composed of."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator
from torch import nn

from diabolo.contracts.sizes import Sizes
from diabolo.contracts.statistics import Statistics


class Part(nn.Module, BaseEstimator):
    """A piece of a model whose constructor arguments are its whole configuration.

    The life of a part has three steps. ``__init__`` stores the hyper-parameters untouched, so
    that scikit-learn's ``get_params``, ``set_params`` and ``clone`` work on it and a grid search
    reaches them (``likelihood__scale``). ``build`` makes the tensors for given shapes. ``start``
    sets the values that depend on the data (a shift, a scale, the bias of an output).

    A subclass needs an explicit ``__init__`` signature, calls ``super().__init__()`` in it and
    keeps each argument under its own name.
    """

    __repr__ = BaseEstimator.__repr__

    def __init__(self) -> None:
        super().__init__()

    def resolve(self, statistics: Statistics) -> Part:
        """Return this part with the hyper-parameters that the data decide filled in."""
        return self

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the tensors for the given shapes and return the part itself."""
        return self

    def start(self, statistics: Statistics) -> None:
        """Set the values that depend on the data; called once, before the first step."""
