"""What is known of a trained model, in numbers."""

from diabolo.measures.compression import CompressionCurve, compression_curve
from diabolo.measures.diagnostics import active_units, rate_per_dimension
from diabolo.measures.likelihood import LikelihoodEstimate, importance_estimate
from diabolo.measures.noise import row_noise
from diabolo.measures.records import DenoisingRecord, GenerativeRecord, ReconstructionRecord

__all__ = [
    "CompressionCurve",
    "DenoisingRecord",
    "GenerativeRecord",
    "LikelihoodEstimate",
    "ReconstructionRecord",
    "active_units",
    "compression_curve",
    "importance_estimate",
    "rate_per_dimension",
    "row_noise",
]
