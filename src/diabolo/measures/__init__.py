"""What is known of a trained model, in numbers."""

from diabolo.measures.annealing import (
    AnnealedEstimate,
    BidirectionalEstimate,
    annealed_importance,
    bidirectional,
)
from diabolo.measures.attribute_predictability import AttributePredictability, attribute_predictability
from diabolo.measures.bits import BitsEstimate, bits_per_dimension, dequantise
from diabolo.measures.clustering import ClusteringScores, clustering_scores
from diabolo.measures.compression import CompressionCurve, compression_curve
from diabolo.measures.continuity import Continuity, latent_continuity, spherical, straight
from diabolo.measures.dci import DCI, dci
from diabolo.measures.diagnosis import COLLAPSE_NATS, COLLAPSE_SHARE, Diagnosis, GenerativeDiagnosis
from diabolo.measures.diagnostics import active_units, rate_per_dimension
from diabolo.measures.error_curve import ErrorCurve
from diabolo.measures.factor_scores import FixedFactorScore, beta_vae_score, factor_vae_score
from diabolo.measures.features import LocalFeatures, StandardisedRows, local_features
from diabolo.measures.frechet import frechet_distance
from diabolo.measures.gap import InferenceGap, inference_gap
from diabolo.measures.likelihood import LikelihoodEstimate, importance_estimate
from diabolo.measures.means import error_of_mean, mean_and_error
from diabolo.measures.mutual_information_gap import MutualInformationGap, mutual_information_gap
from diabolo.measures.neighbours import NeighbourRecord, precision_recall_density_coverage
from diabolo.measures.noise import RowNoise, row_noise
from diabolo.measures.pareto import largest_k, pareto_k
from diabolo.measures.rate_distortion import RateDistortionCurve
from diabolo.measures.records import DenoisingRecord, GenerativeRecord, ReconstructionRecord
from diabolo.measures.sample_quality import SampleQuality, judge_samples
from diabolo.measures.structure import Structure, StructureScores, structure
from diabolo.measures.surgery import (
    CrossEntropy,
    SubsamplingDivergence,
    Surgery,
    aggregate_cross_entropy,
    elbo_surgery,
    subsampling_divergence,
)
from diabolo.measures.target import Target, TargetWarning
from diabolo.measures.two_sample import TwoSample, classifier_two_sample

__all__ = [
    "AnnealedEstimate",
    "AttributePredictability",
    "BidirectionalEstimate",
    "BitsEstimate",
    "COLLAPSE_NATS",
    "COLLAPSE_SHARE",
    "ClusteringScores",
    "CompressionCurve",
    "Continuity",
    "CrossEntropy",
    "DCI",
    "DenoisingRecord",
    "Diagnosis",
    "ErrorCurve",
    "FixedFactorScore",
    "GenerativeDiagnosis",
    "GenerativeRecord",
    "InferenceGap",
    "LikelihoodEstimate",
    "LocalFeatures",
    "MutualInformationGap",
    "NeighbourRecord",
    "RateDistortionCurve",
    "ReconstructionRecord",
    "RowNoise",
    "SampleQuality",
    "StandardisedRows",
    "Structure",
    "StructureScores",
    "SubsamplingDivergence",
    "Surgery",
    "Target",
    "TargetWarning",
    "TwoSample",
    "active_units",
    "annealed_importance",
    "attribute_predictability",
    "beta_vae_score",
    "bidirectional",
    "aggregate_cross_entropy",
    "bits_per_dimension",
    "classifier_two_sample",
    "clustering_scores",
    "compression_curve",
    "dci",
    "dequantise",
    "elbo_surgery",
    "error_of_mean",
    "factor_vae_score",
    "frechet_distance",
    "importance_estimate",
    "inference_gap",
    "judge_samples",
    "largest_k",
    "latent_continuity",
    "local_features",
    "mean_and_error",
    "pareto_k",
    "mutual_information_gap",
    "precision_recall_density_coverage",
    "rate_per_dimension",
    "row_noise",
    "spherical",
    "straight",
    "structure",
    "subsampling_divergence",
]
