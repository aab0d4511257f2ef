"""Densities of codes in words and in numbers: the prior of a model, or one that was fitted afterwards."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import torch
from torch.distributions import Distribution, Independent, Normal

from diabolo.contracts import seeded

#: What each density of the house is in words, and what its formula is, in HTML; with its own settings.
_OWN = {
    "StandardNormal": ("N(0, I)", "N(0, I)"),
    "VampPrior": (
        "the mixture of the posteriors of {n_pseudo} learned pseudo-inputs",
        "(1/K) Σₖ q(z|uₖ)",
    ),
    "LearnedMixture": ("a mixture of {n_modes} Gaussians", "Σₖ wₖ N(z; mₖ, diag sₖ²)"),
    "GaussianMixture": ("a mixture of {n_modes} Gaussians", "Σₖ wₖ N(z; mₖ, Sₖ)"),
    "FittedGaussian": ("one Gaussian with its correlations", "N(m, S)"),
    "Flow": ("a normalising flow", "N(T(z); 0, I) |det dT/dz|"),
    "SecondStage": ("a second VAE, of codes", "E<sub>p(u)</sub> p(z|u)"),
}


def single(estimator: Any) -> Any:
    """Return the estimator itself, or of a family over beta its member at the default beta."""
    return estimator.at() if hasattr(estimator, "at") else estimator


def in_words(part: Any) -> tuple[str, str]:
    """Return what a prior is and its formula, both in HTML; no formula for a class of the user's own.

    Examples
    --------
    >>> from diabolo.priors import VampPrior
    >>> in_words(VampPrior(20))[0]
    'the mixture of the posteriors of 20 learned pseudo-inputs'
    """
    name = type(part).__name__
    if not type(part).__module__.startswith("diabolo.") or name not in _OWN:
        return f"a density of the class <code>{escape(name)}</code>", ""
    words, formula = _OWN[name]
    return words.format(**part.get_params(deep=False)), formula


def is_gaussian_product(p: Distribution) -> bool:
    """Whether the dimensions are independent Gaussians."""
    return isinstance(p, Independent) and isinstance(p.base_dist, Normal)


def is_standard_normal(p: Distribution) -> bool:
    """Whether p(z) = N(0, I).

    Examples
    --------
    >>> normal = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    >>> is_standard_normal(normal), is_standard_normal(Independent(Normal(torch.ones(2), torch.ones(2)), 1))
    (True, False)
    """
    return is_gaussian_product(p) and bool((p.mean == 0).all() and (p.variance == 1).all())


class Prior:
    """The prior p(z) of a fitted VAE in NumPy: draws and log-densities, the same at each call.

    Parameters
    ----------
    estimator : VAE
        A fitted one.
    """

    def __init__(self, estimator: Any) -> None:
        model = single(estimator).model_
        self._like = next(model.parameters())
        with torch.no_grad():
            self.distribution: Distribution = model.latent_prior()

    @property
    def is_standard_normal(self) -> bool:
        """Whether it is N(0, I)."""
        return is_standard_normal(self.distribution)

    def draws(self, n: int) -> np.ndarray:
        """Return n codes, shape (n, n_components)."""
        with seeded(0), torch.no_grad():
            return self.distribution.sample(torch.Size((n,))).double().cpu().numpy()

    def log_density(self, codes: np.ndarray) -> np.ndarray:
        """Return log p(z) in nats of codes (n, n_components), shape (n,)."""
        with seeded(0), torch.no_grad():  # some log-densities are estimated by draws
            z = torch.as_tensor(codes, dtype=self._like.dtype, device=self._like.device)
            return self.distribution.log_prob(z).double().cpu().numpy()
