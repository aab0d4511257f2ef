"""Scalar tensors as numbers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def read_at_once(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Return scalar tensors as numbers; another device than the processor is waited for once.

    Examples
    --------
    >>> read_at_once({"a": torch.tensor(1.5), "b": torch.tensor(2.0, dtype=torch.float64)})
    {'a': 1.5, 'b': 2.0}
    """
    return dict(zip(values, torch.stack(tuple(values.values())).tolist(), strict=True))
