"""The variational auto-encoder that is trained once for every beta."""

from __future__ import annotations

import functools
import inspect
from typing import Any, NoReturn

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from diabolo.contracts import Objective
from diabolo.distributions import MixtureOfNormals
from diabolo.estimators.base import Effort
from diabolo.estimators.columns import AnyLikelihood
from diabolo.estimators.layout import ChannelAxis
from diabolo.estimators.parameters import documented
from diabolo.estimators.vae import VAE
from diabolo.models import LatentModel, MultiRate
from diabolo.networks import Network
from diabolo.objectives import MultiRateELBO
from diabolo.posteriors import Posterior
from diabolo.priors import Prior
from diabolo.training import Rows

_NOTE = """

Notes
-----
``beta`` is chosen here, within ``beta_range``: 1 by default, or the geometric middle of a range without 1.
"""


def _at_beta(method: Any) -> Any:
    """Return a method of the VAE that takes ``beta``: that of the VAE at this beta."""

    @functools.wraps(method)
    def at_beta(self: MultiRateVAE, *args: Any, beta: float | None = None, **settings: Any) -> Any:
        return method(self.at(beta), *args, **settings)

    signature = inspect.signature(method)
    beta = inspect.Parameter("beta", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="float | None")
    parameters = [*signature.parameters.values(), beta]
    at_beta.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    at_beta.__doc__ = inspect.cleandoc(method.__doc__) + _NOTE
    return at_beta


@documented
class MultiRateVAE(VAE):
    """A variational auto-encoder for every beta of a range, from one fit (Bae et al. 2022).

    It minimises distortion + beta * rate with a beta of its own for each row and step, drawn
    log-uniformly; gates that depend on ln beta open and shut the hidden units and the codes, and with hidden
    layers biases are lines in ln beta. beta is chosen when the model is used: ``transform(X, beta=0.5)``,
    ``sample(9, beta=4)``. Each method that uses the model takes it; 1 is the default, or the geometric middle of a range without 1. ``at(beta)``
    is the ordinary :class:`VAE` at one beta.

    Parameters
    ----------
    n_components : int
        Dimension d of the latent space; enough for the smallest beta.
    beta_range : (float, float)
        Smallest and largest weight of the rate.
    likelihood : str, Likelihood or mapping
        As in :class:`VAE`. A learned Gaussian scale is shared by all betas, so a fixed one,
        ``Gaussian(scale=1.0)``, is easier to read.
    posterior : str or Posterior
        As in :class:`VAE`.
    prior : str or Prior
        As in :class:`VAE`; one for all betas, so not a ``VampPrior``.
    aggregate_rows : int
        Training rows whose posteriors at the default beta are kept, as in :class:`VAE`.
    {common}

    Attributes
    ----------
    {fitted}

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import MultiRateVAE
    >>> X = load_digits().images[:200]
    >>> vae = MultiRateVAE(4, max_epochs=2, random_state=0).fit(X)
    >>> vae.transform(X, beta=0.5).shape, vae.sample(3, beta=4).shape, vae.at(0.1).beta
    ((200, 4), (3, 8, 8), 0.1)
    """

    model_: MultiRate
    _steps_of_many_rows = 1.0  # its objective draws a beta for each row

    def __init__(
        self,
        n_components: int = 10,
        *,
        beta_range: tuple[float, float] = (0.01, 10.0),
        likelihood: AnyLikelihood = "auto",
        posterior: str | Posterior = "diagonal_gaussian",
        prior: str | Prior = "standard_normal",
        aggregate_rows: int = 100_000,
        network: str | Network = "auto",
        scale: str = "auto",
        input_shape: tuple[int, ...] | None = None,
        channel_axis: ChannelAxis = "auto",
        effort: Effort = "normal",
        max_epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        device: str = "auto",
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_components,
            likelihood=likelihood,
            posterior=posterior,
            prior=prior,
            aggregate_rows=aggregate_rows,
            network=network,
            scale=scale,
            input_shape=input_shape,
            channel_axis=channel_axis,
            effort=effort,
            max_epochs=max_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        del self.beta, self.objective
        self.beta_range = beta_range

    def at(self, beta: float | None = None, X: ArrayLike | None = None) -> VAE:
        """Return the ordinary VAE at one beta: a copy with the gates in its weights, no fit needed.

        Parameters
        ----------
        beta : float, optional
            Weight of the rate, within ``beta_range``; the default beta if not given.
        X : array of shape (n_rows, ...), optional
            Rows, usually those of the training, whose posteriors stand as the aggregated posterior. Without
            them only the VAE at the default beta has one.

        Raises
        ------
        ValueError
            If beta lies outside ``beta_range``.
        """
        check_is_fitted(self)
        default = self.model_.default_beta
        beta = default if beta is None else beta
        model = self.model_.at(beta)
        kept = {name: value for name, value in vars(self).items() if name not in ("beta_range", "_optimiser")}
        if beta != default:
            kept.pop("_aggregate", None)
        vae = VAE()
        vae.__dict__.update(kept, beta=beta, beta_=float(beta), model_=model, choices_=dict(self.choices_))
        if X is not None:
            vae._after_fit(vae._tensor(vae._check_X(X, reset=False), vae._dtype))
        return vae

    transform = _at_beta(VAE.transform)
    inverse_transform = _at_beta(VAE.inverse_transform)
    reconstruct = _at_beta(VAE.reconstruct)
    interpolate = _at_beta(VAE.interpolate)
    traverse = _at_beta(VAE.traverse)
    encode = _at_beta(VAE.encode)
    sample_codes = _at_beta(VAE.sample_codes)
    sample = _at_beta(VAE.sample)
    estimate_likelihood = _at_beta(VAE.estimate_likelihood)
    score_samples = _at_beta(VAE.score_samples)
    score = _at_beta(VAE.score)
    bits_per_dimension = _at_beta(VAE.bits_per_dimension)
    evaluate = _at_beta(VAE.evaluate)
    diagnose = _at_beta(VAE.diagnose)
    annealed_importance = _at_beta(VAE.annealed_importance)
    bidirectional = _at_beta(VAE.bidirectional)
    inference_gap = _at_beta(VAE.inference_gap)
    judge_samples = _at_beta(VAE.judge_samples)

    @property
    def aggregate_posterior_(self) -> MixtureOfNormals:
        """The aggregated posterior over the training rows at the default beta; ``at(beta, X)`` has that of another."""
        return self.at().aggregate_posterior_

    def fit_prior(self, X: ArrayLike, *args: Any, **settings: Any) -> NoReturn:
        """Refuse: codes differ with beta, and a density is fitted to those of one, ``at(beta).fit_prior(X)``."""
        raise TypeError(
            "fit_prior fits a density to codes, and the codes of a MultiRateVAE differ with beta: choose one first, "
            "as in vae.at(beta).fit_prior(X)."
        )

    def _objective(self) -> Objective:
        return MultiRateELBO()

    def _composed(self, model: LatentModel) -> MultiRate:
        return MultiRate(model, self.beta_range)

    def _after_fit(self, x: Rows) -> None:
        vae = self.at()
        vae._after_fit(x)
        self._aggregate, self.choices_ = vae._aggregate, vae.choices_
