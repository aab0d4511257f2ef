"""The base of everything that a model is composed of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, NoReturn, Self

import numpy as np
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

    Constructors store and check nothing, as scikit-learn's do, because ``set_params`` goes past
    them: hyper-parameters are checked when the part is used (``build``, a network's ``encoder``
    and ``decoder``, the ``check`` of an objective), with the methods below.

    A subclass needs an explicit ``__init__`` signature, calls ``super().__init__()`` in it and
    keeps each argument under its own name.
    """

    __repr__ = BaseEstimator.__repr__

    def __init__(self) -> None:
        super().__init__()

    def __setattr__(self, name: str, value: Any) -> None:
        # torch refuses a number in the place of a module, such as a weight in the place of its schedule
        if not isinstance(value, nn.Module):
            self.__dict__.get("_modules", {}).pop(name, None)
        super().__setattr__(name, value)

    def resolve(self, statistics: Statistics) -> Part:
        """Return this part with the hyper-parameters that the data decide filled in."""
        return self

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the tensors for the given shapes and return the part itself."""
        return self

    def start(self, statistics: Statistics) -> None:
        """Set the values that depend on the data; called once, before the first step."""

    # -- hyper-parameters that mean nothing ------------------------------------------------------

    def check_whole(self, name: str, least: int = 1) -> None:
        """Refuse a hyper-parameter that is no whole number, ``least`` or more."""
        if not _is_whole(getattr(self, name), least):
            self.refuse(name, f"a whole number, {least} or more")

    def check_wholes(self, name: str, fewest: int = 0) -> None:
        """Refuse a hyper-parameter that is no tuple of ``fewest`` or more whole numbers above 0."""
        value = getattr(self, name)
        sound = isinstance(value, tuple | list) and all(_is_whole(n, 1) for n in value)
        if not sound or len(value) < fewest:
            amount = f", {fewest} or more of them" if fewest else ""
            self.refuse(name, f"a tuple of whole numbers above 0{amount}")

    def check_number(
        self, name: str, needs: str, *, least: float = -math.inf, above: float = -math.inf
    ) -> None:
        """Refuse a hyper-parameter that is no finite number, ``least`` or more and above ``above``."""
        value = getattr(self, name)
        if not (_is_finite(value) and value >= least and value > above):
            self.refuse(name, needs)

    def check_choice(self, name: str, allowed: Iterable[str]) -> None:
        """Refuse a hyper-parameter that is not among the words."""
        words = sorted(allowed)
        if not isinstance(getattr(self, name), str) or getattr(self, name) not in words:
            self.refuse(name, f"one of {words}")

    def check_flag(self, name: str) -> None:
        """Refuse a hyper-parameter that is neither True nor False."""
        if not isinstance(getattr(self, name), bool | np.bool_):
            self.refuse(name, "True or False")

    def refuse(self, name: str, needs: str) -> NoReturn:
        """Raise the sentence about a hyper-parameter that is not what it must be."""
        raise ValueError(
            f"{name} must be {needs}, got {getattr(self, name)!r} (an argument of {type(self).__name__})."
        )


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least
