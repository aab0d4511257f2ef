"""What training makes small."""

from diabolo.objectives.capacity import Capacity
from diabolo.objectives.constrained import Constrained
from diabolo.objectives.elbo import ELBO
from diabolo.objectives.importance import ImportanceWeighted
from diabolo.objectives.reconstruction import Reconstruction

__all__ = ["ELBO", "Capacity", "Constrained", "ImportanceWeighted", "Reconstruction"]
