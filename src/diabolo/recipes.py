"""The literature as a table: one function for each published model, which differs from its neighbours in one part."""

from __future__ import annotations

from typing import Any

from diabolo import schedules
from diabolo.estimators import (
    VAE,
    AutoEncoder,
    DeepClustering,
    DenoisingAutoEncoder,
    MixtureVAE,
    MultiRateVAE,
)
from diabolo.likelihoods import Bernoulli, Gaussian
from diabolo.networks import DCEC, MLP, Linear
from diabolo.objectives import (
    ELBO,
    AdversarialTotalCorrelation,
    Capacity,
    DisentangledInferredPrior,
    ImportanceWeighted,
    TotalCorrelation,
)
from diabolo.posteriors import DiagonalGaussian
from diabolo.priors import Flow, VampPrior


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


def beta_tcvae(n_components: int = 10, **settings: Any) -> VAE:
    """Chen et al. 2018: of the rate's three parts the total correlation is weighted, by 6 here."""
    return VAE(n_components, **{"objective": TotalCorrelation(6.0), **settings})


def dip_vae_i(n_components: int = 10, **settings: Any) -> VAE:
    """Kumar et al. 2018: the covariance of the posterior means is drawn to the identity."""
    return VAE(n_components, **{"objective": DisentangledInferredPrior(10.0, 100.0), **settings})


def dip_vae_ii(n_components: int = 10, **settings: Any) -> VAE:
    """Kumar et al. 2018: the covariance of the codes is drawn to the identity."""
    objective = DisentangledInferredPrior(10.0, 10.0, covariance="codes")
    return VAE(n_components, **{"objective": objective, **settings})


def factor_vae(n_components: int = 10, **settings: Any) -> VAE:
    """Kim & Mnih 2018: a discriminator estimates the total correlation, weighted by 10; the last weights are kept."""
    parts = {"objective": AdversarialTotalCorrelation(10.0), "early_stopping": False}
    return VAE(n_components, **{**parts, **settings})


def geco(n_components: int = 10, *, target_distortion: float = 0.1, **settings: Any) -> VAE:
    """Rezende & Viola 2018: the smallest rate with a root mean squared error of at most 0.1 (values in [0, 1])."""
    return VAE(n_components, **{"target_distortion": target_distortion, **settings})


def sigma_vae(n_components: int = 10, **settings: Any) -> VAE:
    """Rybkin et al. 2021: the Gaussian scale is learned, so the data balance the two terms."""
    return VAE(n_components, **{"likelihood": Gaussian("learned"), **settings})


def warm_up_vae(n_components: int = 20, **settings: Any) -> VAE:
    """Sonderby et al. 2016: beta rises from 0 to 1 over the first quarter of the training."""
    return VAE(n_components, **{"beta": schedules.Linear(share=0.25), **settings})


def capacity_vae(n_components: int = 10, **settings: Any) -> VAE:
    """Burgess et al. 2018: the rate is held at a capacity that rises to 25 nats."""
    return VAE(n_components, **{"objective": Capacity(schedules.Linear(25.0, share=1.0)), **settings})


def control_vae(n_components: int = 10, **settings: Any) -> VAE:
    """Shao et al. 2020: a controller of beta holds the rate at 18 nats."""
    return VAE(n_components, **{"beta": schedules.Controlled(18.0), **settings})


def iwae(n_components: int = 50, **settings: Any) -> VAE:
    """Burda et al. 2016: the importance-weighted bound of 5 draws; gradients of Tucker et al. 2019; values 0 or 1."""
    parts = {"network": MLP((200, 200), activation="tanh"), "likelihood": Bernoulli(binarise=True)}
    return VAE(n_components, **{**parts, "objective": ImportanceWeighted(5), **settings})


def gated_vae(n_components: int = 40, **settings: Any) -> VAE:
    """Tomczak & Welling 2018, one layer, with N(0, I): gated units, a warm-up of beta, no score; values in [0, 1]."""
    parts = {"network": MLP((300, 300), activation="gated"), "likelihood": Bernoulli(binarise=True)}
    objective = ELBO(schedules.Linear(share=0.1), gradient="sticking_the_landing")
    posterior = DiagonalGaussian(scale_range=(0.05, 2.718))
    return VAE(n_components, **{**parts, "posterior": posterior, "objective": objective, **settings})


def flow_prior_vae(n_components: int = 40, **settings: Any) -> VAE:
    """Chen et al. 2017 (lossy VAE): a normalising flow for p(z), which is trained with the model; values in [0, 1]."""
    return gated_vae(n_components, **{"prior": Flow(), **settings})


def vampprior_vae(n_components: int = 40, **settings: Any) -> VAE:
    """Tomczak & Welling 2018, one layer: gated units, 500 pseudo-inputs, a warm-up of beta; values in [0, 1]."""
    training = {"objective": "elbo", "beta": schedules.Linear(share=0.25)}
    return gated_vae(n_components, **{"prior": VampPrior(500), **training, **settings})


def multi_rate_vae(
    n_components: int = 10, beta_range: tuple[float, float] = (0.01, 10.0), **settings: Any
) -> MultiRateVAE:
    """Bae et al. 2022: one fit for every beta of a range, which is chosen when the model is used; codes are gated too.

    With hidden layers all biases are lines in ln beta, which the paper's are not.
    """
    return MultiRateVAE(n_components, **{"beta_range": beta_range, **settings})


def dcec(n_clusters: int = 10, **settings: Any) -> DeepClustering:
    """Guo et al. 2017 (ICONIP): convolutions, reconstruction and clusters together, at the paper's length; images.

    Batches are shuffled in both stages; the authors' code takes those of the second in the order of the rows.
    """
    return DeepClustering(n_clusters, **{"network": DCEC(), "preset": "paper", **settings})


def dec_conv(n_clusters: int = 10, **settings: Any) -> DeepClustering:
    """Guo et al. 2017 (ICONIP), its ConvDEC: the same without the reconstruction beside the clusters; images."""
    return dcec(n_clusters, **{"reconstruction": False, **settings})


def dec_conv_da(n_clusters: int = 10, **settings: Any) -> DeepClustering:
    """Guo et al. 2018 (ACML), ConvDEC-DA: rows turned and shifted a little in both stages, no reconstruction; images.

    At the length of ``preset="fast"``, which is shorter than theirs, and clusters start from a graph of moved rows.
    """
    parts: dict[str, Any] = {"network": DCEC(), "augmentation": "motion", "reconstruction": False}
    return DeepClustering(n_clusters, **{**parts, **settings})


def idec(n_clusters: int = 10, **settings: Any) -> DeepClustering:
    """Guo et al. 2017 (IJCAI): fully connected layers; pretrained as a whole, with Adam, not layer by layer."""
    network = MLP((500, 500, 2000))
    return DeepClustering(n_clusters, **{"network": network, "preset": "paper", **settings})


def dec(n_clusters: int = 10, **settings: Any) -> DeepClustering:
    """Xie et al. 2016: clusters without a reconstruction; pretrained as a whole, Adam for their momentum."""
    return idec(n_clusters, **{"reconstruction": False, **settings})


def vade(n_clusters: int = 10, **settings: Any) -> MixtureVAE:
    """Jiang et al. 2017: a mixture of Gaussians for a prior; the rate from draws, pretrained as a whole; values 0 to 1."""
    parts = {"network": MLP((500, 500, 2000)), "likelihood": Bernoulli(), "effort": "thorough"}
    return MixtureVAE(n_clusters, **{**parts, **settings})


__all__ = [
    "beta_tcvae",
    "beta_vae",
    "capacity_vae",
    "control_vae",
    "dcec",
    "dcec_autoencoder",
    "dec",
    "dec_conv",
    "dec_conv_da",
    "denoising_autoencoder",
    "dip_vae_i",
    "dip_vae_ii",
    "factor_analysis",
    "idec",
    "iwae",
    "multi_rate_vae",
    "factor_vae",
    "geco",
    "pca",
    "ppca",
    "sigma_vae",
    "vade",
    "vae",
    "flow_prior_vae",
    "gated_vae",
    "vampprior_vae",
    "warm_up_vae",
]
