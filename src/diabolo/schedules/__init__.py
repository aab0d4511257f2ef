"""Weights that change while a model is trained: functions of the progress."""

from diabolo.schedules.linear import Linear

__all__ = ["Linear"]
