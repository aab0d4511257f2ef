"""What training makes small."""

from diabolo.objectives.adversarial import AdversarialTotalCorrelation
from diabolo.objectives.capacity import Capacity
from diabolo.objectives.clustering import Clustering
from diabolo.objectives.constrained import Constrained
from diabolo.objectives.elbo import ELBO
from diabolo.objectives.importance import ImportanceWeighted
from diabolo.objectives.inferred_prior import DisentangledInferredPrior
from diabolo.objectives.multi_rate import MultiRateELBO
from diabolo.objectives.reconstruction import Reconstruction
from diabolo.objectives.total_correlation import TotalCorrelation

__all__ = [
    "ELBO",
    "AdversarialTotalCorrelation",
    "Capacity",
    "Clustering",
    "Constrained",
    "DisentangledInferredPrior",
    "ImportanceWeighted",
    "MultiRateELBO",
    "Reconstruction",
    "TotalCorrelation",
]
