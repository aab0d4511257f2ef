"""Weights that change while a model is trained: functions of the progress, and of the measured rate."""

from diabolo.schedules.controlled import Controlled
from diabolo.schedules.cosine import Cosine
from diabolo.schedules.cyclical import Cyclical
from diabolo.schedules.linear import Linear

__all__ = ["Controlled", "Cosine", "Cyclical", "Linear"]
