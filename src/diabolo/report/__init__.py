"""Pictures of what a model has learned, each a Matplotlib figure, and a page that holds them all."""

from diabolo.report.clusters import plot_centres, plot_confusion, plot_members
from diabolo.report.compression import plot_compression
from diabolo.report.diagnosis import plot_continuity, plot_surgery
from diabolo.report.latent import plot_latent, plot_rates
from diabolo.report.learning import plot_history
from diabolo.report.observations import plot_denoising, plot_features, plot_reconstructions, plot_samples
from diabolo.report.paths import plot_interpolation, plot_traversal
from diabolo.report.rate_distortion import plot_rate_distortion, plot_sweep
from diabolo.report.view import View
from diabolo.report.write import write_report

__all__ = [
    "View",
    "plot_centres",
    "plot_compression",
    "plot_confusion",
    "plot_continuity",
    "plot_denoising",
    "plot_features",
    "plot_history",
    "plot_interpolation",
    "plot_latent",
    "plot_members",
    "plot_rate_distortion",
    "plot_rates",
    "plot_reconstructions",
    "plot_samples",
    "plot_surgery",
    "plot_sweep",
    "plot_traversal",
    "write_report",
]
