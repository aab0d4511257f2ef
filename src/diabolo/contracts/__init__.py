"""What passes between the rooms of the house: read this first."""

from diabolo.contracts.batch import averaged, batch_mean
from diabolo.contracts.chance import seeded
from diabolo.contracts.evaluation import Evaluation
from diabolo.contracts.model import Model
from diabolo.contracts.moments import Moments
from diabolo.contracts.numbers import read_at_once
from diabolo.contracts.objective import Objective, Player
from diabolo.contracts.part import Part
from diabolo.contracts.schedule import Schedule
from diabolo.contracts.sizes import Sizes
from diabolo.contracts.source import BatchSource
from diabolo.contracts.statistics import Statistics

__all__ = [
    "BatchSource",
    "Evaluation",
    "Model",
    "Moments",
    "Objective",
    "Part",
    "Player",
    "Schedule",
    "Sizes",
    "Statistics",
    "averaged",
    "batch_mean",
    "read_at_once",
    "seeded",
]
