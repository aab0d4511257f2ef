"""Small fits of every estimator and part, and what came of each."""

from __future__ import annotations

import importlib.util

import numpy as np

from diabolo import (
    VAE,
    AutoEncoder,
    DeepClustering,
    DenoisingAutoEncoder,
    MixtureVAE,
    MultiRateVAE,
    recipes,
    schedules,
)
from diabolo.likelihoods import Bernoulli, Gaussian
from diabolo.networks import MLP, Conv2d, ResNet
from diabolo.objectives import ELBO
from diabolo.posteriors import DiagonalGaussian
from diabolo.priors import Flow, LearnedMixture, VampPrior

from .rows import COUNTS, GROUPED, IMAGES, KINDS, MIXED, SHARES, SIGNALS, TABLE

HAS_FLOWS = importlib.util.find_spec("zuko") is not None
TINY = {"max_epochs": 1, "batch_size": 30, "random_state": 0, "network": MLP((8,))}
CLUSTERS = {**TINY, "max_iter": 6, "refresh_every": 3, "preset": "fast"}


def _recipe(name, **settings):
    return lambda device: getattr(recipes, name)(2, **{**TINY, "device": device, **settings})


def _made(kind, *args, **settings):
    return lambda device: kind(*args, **{**TINY, "device": device, **settings})


#: For each case how to make the estimator on a device, and the rows that it learns from.
CASES = {
    "pca": (_recipe("pca", network="linear"), TABLE),
    "ppca": (_recipe("ppca", network="linear"), TABLE),
    "factor analysis": (_recipe("factor_analysis", network="linear"), TABLE),
    "denoising": (_recipe("denoising_autoencoder"), SHARES),
    "dcec auto-encoder": (_recipe("dcec_autoencoder", network="dcec"), IMAGES),
    "vae": (_recipe("vae"), SHARES),
    "beta-vae": (_recipe("beta_vae"), TABLE),
    "beta-tcvae": (_recipe("beta_tcvae"), TABLE),
    "dip-vae i": (_recipe("dip_vae_i"), TABLE),
    "dip-vae ii": (_recipe("dip_vae_ii"), TABLE),
    "factor-vae": (_recipe("factor_vae"), TABLE),
    "geco": (_recipe("geco"), TABLE),
    "sigma-vae": (_recipe("sigma_vae"), TABLE),
    "warm-up": (_recipe("warm_up_vae"), TABLE),
    "capacity": (_recipe("capacity_vae"), TABLE),
    "control-vae": (_recipe("control_vae"), TABLE),
    "iwae": (_recipe("iwae"), SHARES),
    "gated": (_recipe("gated_vae", network=MLP((8,), activation="gated")), SHARES),
    "vamp": (_recipe("vampprior_vae", prior=VampPrior(5)), SHARES),
    "multi-rate": (_recipe("multi_rate_vae"), TABLE),
    "dcec": (_recipe("dcec", network="dcec", max_iter=4, refresh_every=2), IMAGES),
    "dec, moved rows": (
        _recipe("dec_conv_da", network="dcec", max_epochs=1, max_iter=4, refresh_every=2),
        IMAGES,
    ),
    "idec": (_recipe("idec", max_iter=4, refresh_every=2), GROUPED),
    "dec": (_recipe("dec", max_iter=4, refresh_every=2), GROUPED),
    "vade": (_recipe("vade"), SHARES),
    "auto-encoder": (_made(AutoEncoder, 2), TABLE),
    "auto-encoder, dimension found": (_made(AutoEncoder, 4, target_error=1.5), TABLE),
    "auto-encoder, absolute errors": (_made(AutoEncoder, 2, likelihood="absolute_error"), TABLE),
    "clusters from a graph": (_made(DeepClustering, 3, **CLUSTERS, init="graph"), GROUPED),
    "clusters from k-means, twice": (_made(DeepClustering, 3, **CLUSTERS, init="k-means", n_init=2), GROUPED),
    "clusters of a mixture": (_made(MixtureVAE, 3), GROUPED),
    "rate given": (_made(VAE, 2, target_rate=1.0), TABLE),
    "no rows held out": (_made(VAE, 2, early_stopping=False), TABLE),
    "conv1d": (_made(VAE, 2, network="conv1d"), SIGNALS),
    "conv2d": (_made(VAE, 2, network=Conv2d((4,))), IMAGES),
    "resnet": (_made(VAE, 2, network=ResNet((3,), n_blocks=1)), IMAGES),
    "network of the house": (_made(VAE, 2, network="auto"), TABLE),
    "bytes": (_made(VAE, 2), (16 * IMAGES).astype(np.uint8)),
    "booleans": (_made(VAE, 2), SHARES > 0.5),
    "float64": (_made(VAE, 2), TABLE + 1e6),
    "full covariance": (_made(VAE, 2, posterior="full_gaussian"), TABLE),
    "scale in a range": (_made(VAE, 2, posterior=DiagonalGaussian(scale_range=(0.05, 2.7))), TABLE),
    "learned mixture": (_made(VAE, 2, prior=LearnedMixture(3)), TABLE),
    "optimal scale": (_made(VAE, 2, likelihood=Gaussian("optimal")), TABLE),
    "drawn rows": (_made(VAE, 2, likelihood=Bernoulli(binarise=True)), SHARES),
    "free bits": (_made(VAE, 2, objective=ELBO(free_bits=0.5)), TABLE),
    "cyclical": (_made(VAE, 2, beta=schedules.Cyclical()), TABLE),
    "cosine": (_made(VAE, 2, beta=schedules.Cosine(2.0)), TABLE),
    "mixed": (_made(VAE, 2, likelihood="mixed"), MIXED),
    "kinds of columns": (_made(VAE, 2, likelihood=KINDS), MIXED),
    "kinds of columns, no density": (_made(AutoEncoder, 2, likelihood=KINDS), MIXED),
    "kinds of columns, many betas": (_made(MultiRateVAE, 2, likelihood=KINDS), MIXED),
    "kinds of columns, clusters": (_made(MixtureVAE, 2, likelihood=KINDS), MIXED),
    "kinds of columns, pseudo-inputs": (_made(VAE, 2, likelihood=KINDS, prior=VampPrior(5)), MIXED),
    **{
        f"likelihood {name}": (_made(VAE, 2, likelihood=name), rows)
        for name, rows in {
            "gaussian_per_feature": TABLE,
            "laplace": TABLE,
            "bernoulli": SHARES > 0.5,
            "continuous_bernoulli": SHARES,
            "categorical": COUNTS,
            "poisson": COUNTS,
            "negative_binomial": COUNTS,
            "log_normal": np.exp(TABLE),
        }.items()
    },
    **{
        f"corruption {name}": (_made(DenoisingAutoEncoder, 2, corruption=name), rows)
        for name, rows in {
            "gaussian": TABLE,
            "masking": TABLE,
            "motion": IMAGES,
            "salt_and_pepper": SHARES,
        }.items()
    },
}
if HAS_FLOWS:
    flow = Flow("realnvp", n_transforms=2, hidden=(6,))
    CASES["flow"] = (_recipe("flow_prior_vae", prior=flow), SHARES)


def outcome(name, device):
    """Return weights, history, choices, codes and reconstructions of a case on a device."""
    make, learned = CASES[name]
    model, rows = make(device).fit(learned), learned[:20]
    assert {tensor.device.type for tensor in model.model_.state_dict().values()} == {device}
    found = {
        "weights": {name: tensor.numpy(force=True) for name, tensor in model.model_.state_dict().items()},
        "history": [{n: v for n, v in row.items() if n != "seconds"} for row in model.history_],
        "said": [model.stopped_, *model.choices_.values()],
        "codes": model.transform(rows),
        "reconstructions": model.reconstruct(rows),
    }
    if hasattr(model, "labels_"):
        found["labels"] = model.labels_
        found["shares"] = model.predict_proba(rows)
    return found
