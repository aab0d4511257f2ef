"""What fitted estimators are used for: every method, and the measures that take tensors."""

from __future__ import annotations

import dataclasses
import importlib.util
from functools import partial
from unittest.mock import patch

import numpy as np
import torch

from diabolo import (
    VAE,
    AutoEncoder,
    DeepClustering,
    DenoisingAutoEncoder,
    MixtureVAE,
    MultiRateVAE,
    measures,
    rate_distortion,
)
from diabolo.estimators import diagnosing
from diabolo.likelihoods import Gaussian
from diabolo.models import LatentModel
from diabolo.networks import MLP, Conv2d
from diabolo.posteriors import DiagonalGaussian
from diabolo.priors import Flow, SecondStage, StandardNormal, VampPrior

from .rows import COUNTS, GROUPED, IMAGES, KINDS, MIXED, TABLE

SMALL = {"max_epochs": 1, "batch_size": 20, "random_state": 0, "network": MLP((8,))}
HAS_FLOWS = importlib.util.find_spec("zuko") is not None
WALK = {"n_chains": 2, "n_temperatures": 2, "n_leapfrog": 2}


def plain(value):
    """Return what a use gives as numbers in lists and mappings, without its sentences."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items() if not isinstance(inner, str)}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value if not isinstance(inner, str)]
    return np.asarray(value, float).tolist() if value is not None else None


def codes_and_back(model, rows):
    """Return what every estimator can do."""
    codes = model.transform(rows)
    return {
        "codes": codes,
        "codes of float64": model.transform(rows.astype(np.float64)),
        "decoded": model.inverse_transform(codes),
        "reconstructed": model.reconstruct(rows),
        "interpolated": model.interpolate(rows[0], rows[1], 4),
        "traversed": model.traverse(0, [-1.0, 1.0], rows[0]),
        "score": model.score(rows),
        "evaluated": model.evaluate(rows),
    }


def diagnosis(model, rows):
    """Return what is said of the codes, without the share of Gaussian draws that lie in holes.

    They are drawn along eigenvectors, whose signs hang on the last digit of a code.
    """
    found = model.diagnose(rows).as_dict()
    kept = {name: v for name, v in found["continuity"].items() if "gaussian" not in name}
    return {"numbers": {**found, "continuity": kept}}


def chance(model, rows):
    """Return what every model with a density can do."""
    return {
        "encoded": model.encode(rows),
        "codes drawn": model.sample_codes(rows, 3),
        **{
            f"{observation} from {latent}": model.sample(4, latent=latent, observation=observation)
            for latent in ("prior", "aggregate")
            for observation in ("draw", "mean")
        },
        "scores": model.score_samples(rows, 5),
        "scores of float64": model.score_samples(rows.astype(np.float64), 5, latent="aggregate"),
        "likelihood": model.estimate_likelihood(rows, 5),
        "samples judged": model.judge_samples(rows, k=2),
        "gap": model.inference_gap(rows[:5], n_steps=3, n_draws=5),
        "subsampled": measures.subsampling_divergence(
            model.aggregate_posterior_, 10, n_subsamples=2, n_codes=20
        ),
    }


def walks(model, rows):
    """Return log-likelihoods by annealing."""
    return {
        "annealed": model.annealed_importance(rows[:3], **WALK),
        "there and back": model.bidirectional(3, **WALK, start="prior"),
    }


def clusters(model, rows):
    """Return what a clustering can do."""
    return {
        "shares": model.predict_proba(rows),
        "labels": model.predict(rows),
        "learned": model.labels_,
        "centres": model.cluster_centers_,
    }


def priors_fitted(model, rows):
    """Return samples of every density that can be fitted to codes, and scores under it where x has one."""
    kinds = {
        "gaussian": "gaussian",
        "mixture": "gaussian_mixture",
        "second stage": SecondStage(
            LatentModel(MLP((6,)), DiagonalGaussian(), Gaussian(), StandardNormal()), n_draws=3, n_steps=4
        ),
    }
    if HAS_FLOWS:
        kinds["flow"] = Flow("realnvp", n_transforms=2, hidden=(6,), n_steps=4)
    found = {}
    for name, prior in kinds.items():
        model.fit_prior(rows, prior)
        found[f"samples, {name}"] = model.sample(4, latent="ex_post", observation="mean")
        if hasattr(model, "sample_codes"):
            found[f"scores, {name}"] = model.score_samples(rows, 4, latent="ex_post")
    return found


def denoised(model, rows):
    """Return what a denoising auto-encoder can do."""
    return {
        "corrupted": model.corrupt(rows),
        "denoised": model.denoise(rows),
        "given noise": model.evaluate(rows, X_noisy=model.corrupt(rows, random_state=1)),
    }


def at_a_beta(model, rows):
    """Return what a model of many betas can do at one."""
    one = model.at(0.5, rows)
    return {
        "codes": model.transform(rows, beta=0.5),
        "scores": model.score_samples(rows, 4, beta=2.0),
        "samples": one.sample(3, latent="aggregate"),
        "curve": rate_distortion(model, rows, [0.5, 2.0], n_draws=2),
    }


def bits(model, rows):
    """Return the bits that whole numbers take."""
    return {"bits": model.bits_per_dimension(rows, 4)}


#: For each case how to make the estimator on a device, its rows, and what is done with it.
CASES = {
    "table": (partial(VAE, 2), TABLE, (codes_and_back, diagnosis, chance, walks, priors_fitted)),
    "images": (
        partial(VAE, 2, network=Conv2d((4,)), posterior="full_gaussian"),
        IMAGES,
        (codes_and_back, chance),
    ),
    "pseudo-inputs": (partial(VAE, 2, prior=VampPrior(4)), TABLE, (codes_and_back, chance)),
    "columns of several kinds": (partial(VAE, 2, likelihood=KINDS), MIXED, (codes_and_back, chance)),
    "whole numbers": (partial(VAE, 2), (COUNTS * 9).astype(np.uint8), (codes_and_back, bits)),
    "auto-encoder": (partial(AutoEncoder, 2), TABLE, (codes_and_back, diagnosis, priors_fitted)),
    "denoising": (partial(DenoisingAutoEncoder, 2), TABLE, (codes_and_back, denoised)),
    "mixture": (
        partial(MixtureVAE, 3, n_components=2),
        GROUPED,
        (codes_and_back, diagnosis, chance, clusters),
    ),
    "many betas": (partial(MultiRateVAE, 2), TABLE, (codes_and_back, at_a_beta)),
    "clusters": (
        partial(DeepClustering, 3, n_components=2, max_iter=4, init="k-means"),
        GROUPED,
        (codes_and_back, clusters),
    ),
}


def outcome(name, device):
    """Return what the uses of a case give on a device."""
    make, rows, uses = CASES[name]
    model = make(**{**SMALL, **make.keywords}, device=device).fit(rows)
    with patch.object(diagnosing, "_PRIOR_DRAWS", 40):  # which go through classifiers that know no device
        return {use.__name__: plain(use(model, rows)) for use in uses}
