"""What is known of a trained model, in numbers."""

from diabolo.measures.compression import CompressionCurve, compression_curve
from diabolo.measures.continuity import Continuity, latent_continuity, spherical, straight
from diabolo.measures.diagnostics import active_units, rate_per_dimension
from diabolo.measures.features import (
    LocalFeatures,
    SampleQuality,
    StandardisedRows,
    judge_samples,
    local_features,
)
from diabolo.measures.frechet import frechet_distance
from diabolo.measures.likelihood import LikelihoodEstimate, importance_estimate
from diabolo.measures.neighbours import NeighbourRecord, precision_recall_density_coverage
from diabolo.measures.noise import row_noise
from diabolo.measures.pareto import pareto_k
from diabolo.measures.records import DenoisingRecord, GenerativeRecord, ReconstructionRecord
from diabolo.measures.surgery import (
    CrossEntropy,
    SubsamplingDivergence,
    Surgery,
    aggregate_cross_entropy,
    elbo_surgery,
    subsampling_divergence,
)
from diabolo.measures.two_sample import TwoSample, classifier_two_sample

__all__ = [
    "CompressionCurve",
    "Continuity",
    "CrossEntropy",
    "DenoisingRecord",
    "GenerativeRecord",
    "LikelihoodEstimate",
    "LocalFeatures",
    "NeighbourRecord",
    "ReconstructionRecord",
    "SampleQuality",
    "StandardisedRows",
    "SubsamplingDivergence",
    "Surgery",
    "TwoSample",
    "active_units",
    "aggregate_cross_entropy",
    "classifier_two_sample",
    "compression_curve",
    "elbo_surgery",
    "frechet_distance",
    "importance_estimate",
    "judge_samples",
    "latent_continuity",
    "local_features",
    "pareto_k",
    "precision_recall_density_coverage",
    "rate_per_dimension",
    "row_noise",
    "spherical",
    "straight",
    "subsampling_divergence",
]
