"""The literature as a table: one function for each published model, which differs from its neighbours in one part."""

from __future__ import annotations

from typing import Any

from diabolo.estimators import VAE, AutoEncoder, DenoisingAutoEncoder
from diabolo.likelihoods import Bernoulli, Gaussian
from diabolo.networks import DCEC, MLP, Linear


def pca(n_components: int = 10, **settings: Any) -> AutoEncoder:
    """Baldi & Hornik 1989: a linear auto-encoder with the squared error spans the principal subspace."""
    return AutoEncoder(n_components, **{"network": Linear(), "early_stopping": False, **settings})


def ppca(n_components: int = 10, **settings: Any) -> VAE:
    """Lucas et al. 2019: a linear VAE with one learned scale reaches probabilistic PCA."""
    parts = {"network": Linear(), "likelihood": Gaussian("learned"), "early_stopping": False}
    return VAE(n_components, **{**parts, **settings})


def factor_analysis(n_components: int = 10, **settings: Any) -> VAE:
    """A linear VAE with a learned scale per feature and a full posterior: factor analysis."""
    parts = {"network": Linear(), "likelihood": Gaussian("per_feature"), "posterior": "full_gaussian"}
    return VAE(n_components, **{**parts, "early_stopping": False, **settings})


def denoising_autoencoder(n_components: int = 10, **settings: Any) -> DenoisingAutoEncoder:
    """Vincent et al. 2008: a quarter of the values masked, cross-entropy; values in [0, 1]."""
    return DenoisingAutoEncoder(
        n_components, **{"corruption": "masking", "likelihood": "cross_entropy", **settings}
    )


def dcec_autoencoder(n_components: int = 10, **settings: Any) -> AutoEncoder:
    """Guo et al. 2017, before the clustering: the convolutional auto-encoder of deep clustering; images."""
    return AutoEncoder(n_components, **{"network": DCEC(), **settings})


def vae(n_components: int = 20, **settings: Any) -> VAE:
    """Kingma & Welling 2014: one hidden layer, Bernoulli likelihood; values in [0, 1]."""
    return VAE(n_components, **{"network": MLP((400,)), "likelihood": Bernoulli(), **settings})


def beta_vae(n_components: int = 10, **settings: Any) -> VAE:
    """Higgins et al. 2017: the rate weighted by beta, 4 here."""
    return VAE(n_components, **{"beta": 4.0, **settings})


def geco(n_components: int = 10, *, target_distortion: float = 0.1, **settings: Any) -> VAE:
    """Rezende & Viola 2018: the smallest rate with a root mean squared error of at most 0.1 (values in [0, 1])."""
    return VAE(n_components, **{"target_distortion": target_distortion, **settings})


def sigma_vae(n_components: int = 10, **settings: Any) -> VAE:
    """Rybkin et al. 2021: the Gaussian scale is learned, so the data balance the two terms."""
    return VAE(n_components, **{"likelihood": Gaussian("learned"), **settings})


__all__ = [
    "beta_vae",
    "dcec_autoencoder",
    "denoising_autoencoder",
    "factor_analysis",
    "geco",
    "pca",
    "ppca",
    "sigma_vae",
    "vae",
]
