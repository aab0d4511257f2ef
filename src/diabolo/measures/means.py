"""Means over rows with their standard errors."""

from __future__ import annotations

import math

from torch import Tensor


def error_of_mean(values: Tensor) -> float:
    """Return the standard error of the mean of independent values, shape (n,); NaN for one.

    Examples
    --------
    >>> import torch
    >>> error_of_mean(torch.tensor([1.0, 3.0])), error_of_mean(torch.tensor([1.0]))
    (1.0, nan)
    """
    return float(values.double().std()) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Return the mean of independent values, shape (n,), and its standard error."""
    return float(values.double().mean()), error_of_mean(values)
