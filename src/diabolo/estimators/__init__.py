"""The face: scikit-learn estimators, one file for each task."""

from diabolo.estimators.autoencoder import AutoEncoder
from diabolo.estimators.clustering import DeepClustering
from diabolo.estimators.denoising import DenoisingAutoEncoder
from diabolo.estimators.mixture_vae import MixtureVAE
from diabolo.estimators.multi_rate import MultiRateVAE
from diabolo.estimators.vae import VAE

__all__ = ["VAE", "AutoEncoder", "DeepClustering", "DenoisingAutoEncoder", "MixtureVAE", "MultiRateVAE"]
