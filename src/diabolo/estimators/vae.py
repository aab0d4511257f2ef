"""The variational auto-encoder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from diabolo import posteriors, priors
from diabolo.contracts import Objective, Part, Schedule, Statistics, seeded
from diabolo.data import draw_rows
from diabolo.estimators.base import Effort
from diabolo.estimators.columns import AnyLikelihood
from diabolo.estimators.generating import Latent, Observation
from diabolo.estimators.inputs import one_of, positive_integer
from diabolo.estimators.layout import ChannelAxis
from diabolo.estimators.naming import part_named
from diabolo.estimators.parameters import documented
from diabolo.estimators.saving import Saved
from diabolo.estimators.steering import SteeringEstimator
from diabolo.estimators.telling import warn
from diabolo.likelihoods import Likelihood
from diabolo.networks import Network
from diabolo.objectives import ELBO
from diabolo.posteriors import Posterior
from diabolo.priors import Prior
from diabolo.training import Rows, Streamed


@dataclass(frozen=True)
class Encoding:
    """q(z|x) for some rows: Gaussians in code space.

    Parameters
    ----------
    mean : array of shape (n_rows, n_components)
        Means, which are the codes that ``transform`` gives.
    scale : array of shape (n_rows, n_components)
        Standard deviations of the dimensions.
    covariance : array of shape (n_rows, n_components, n_components) or None
        Covariances, for a full-covariance posterior.
    """

    mean: np.ndarray
    scale: np.ndarray
    covariance: np.ndarray | None = None


@documented
class VAE(SteeringEstimator):
    """A variational auto-encoder: each row has a distribution of codes, and codes can be drawn.

    The encoder predicts q(z|x) = N(mu_x, sigma_x^2), the decoder p(x|z); both are learned by
    maximising the evidence lower bound E_q log p(x|z) - beta KL(q(z|x) || p(z)) with codes
    z = mu + sigma * eps (Kingma & Welling 2014; beta: Higgins et al. 2017). beta = 1 is the true
    bound; sums run over the values of a row, means over rows.

    Parameters
    ----------
    n_components : int
        Dimension d of the latent space.
    beta : float or Schedule
        Weight of the rate: above 1 closer to the prior, below 1 better reconstructions. A
        schedule from :mod:`diabolo.schedules` changes it while the model is trained.
    target_distortion : float, optional
        In place of beta: the smallest rate with a reconstruction error of at most this, in
        ``target_unit``, for codes drawn from q. beta is steered while the model is trained, to meet the
        target within 2 % on the held-out rows; a target that cannot be met is warned of (``beta_``,
        ``target_``).
    target_rate : float, optional
        In place of beta: the best reconstruction with a rate of at most this many nats per row.
    target_unit : {"rmse", "mse", "nats"}
        Unit of ``target_distortion``: root of the mean squared error per value in units of X, the mean
        squared error per value, or -E_q log p(x|z) per row.
    objective : str or Objective
        What training makes small: ``"elbo"`` with ``beta`` or a target, or an object from
        :mod:`diabolo.objectives`, such as ``ImportanceWeighted(5)``.
    likelihood : str, Likelihood or mapping
        How x scatters around what is decoded: ``"auto"`` (looks at the data, see ``choices_``),
        ``"gaussian"`` (one learned scale), ``"gaussian_per_feature"``, ``"laplace"``,
        ``"log_normal"``, ``"bernoulli"``, ``"continuous_bernoulli"``, ``"categorical"``, ``"poisson"``,
        ``"negative_binomial"``, or an object from :mod:`diabolo.likelihoods`. For columns of several kinds a mapping from some of them, by name or
        number, ``{"city": "categorical", "visits": "poisson"}``: the others are judged by their values,
        ``"bernoulli"`` for 0 and 1 and ``"gaussian_per_feature"`` for the rest, as all are with ``"mixed"``.
        The cross-entropy of grey values (``"bernoulli"`` on values
        that are not 0 or 1) is no density; its numbers compare only with their like.
    posterior : str or Posterior
        ``"diagonal_gaussian"``, ``"full_gaussian"``, or an object from :mod:`diabolo.posteriors`.
    prior : str or Prior
        p(z), trained with the model, not afterwards: ``"standard_normal"``, ``"vamp"``, ``"flow"`` (needs the extra ``flows``),
        ``"learned_mixture"``, or an object from :mod:`diabolo.priors`.
    aggregate_rows : int
        Training rows whose posteriors are kept for ``sample(latent="aggregate")``; of more rows a
        seeded subset is kept (what was kept is said).
    {common}

    Attributes
    ----------
    beta_ : float
        Weight of the rate that the kept weights were trained with at the end; with a target, the
        multiplier that met it. Its path is the column ``beta`` of ``history_``.
    target_ : Target
        With a target: what was reached, and on which rows.
    {fitted}

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import VAE
    >>> X = load_digits().images[:200]
    >>> vae = VAE(4, max_epochs=2, random_state=0).fit(X)
    >>> vae.transform(X).shape, vae.sample(3).shape, vae.score_samples(X, n_draws=10).shape
    ((200, 4), (3, 8, 8), (200,))
    """

    #: Its gradients have less noise than those that needed all.
    _steps_of_many_rows = 0.8

    def __init__(
        self,
        n_components: int = 10,
        *,
        beta: float | Schedule = 1.0,
        target_distortion: float | None = None,
        target_rate: float | None = None,
        target_unit: Literal["rmse", "mse", "nats"] = "rmse",
        objective: str | Objective = "elbo",
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
        learning_rate: float | Literal["auto"] = "auto",
        early_stopping: bool = True,
        validation_fraction: float | Literal["auto"] = "auto",
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        device: str = "auto",
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.beta = beta
        self.target_distortion = target_distortion
        self.target_rate = target_rate
        self.target_unit = target_unit
        self.objective = objective
        self.likelihood = likelihood
        self.posterior = posterior
        self.prior = prior
        self.aggregate_rows = aggregate_rows
        self.network = network
        self.scale = scale
        self.input_shape = input_shape
        self.channel_axis = channel_axis
        self.effort = effort
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        positive_integer("aggregate_rows", self.aggregate_rows)

    def _objective(self) -> Objective:
        if isinstance(self.objective, str):
            one_of("objective", self.objective, ("elbo",))
            if self._has_target:
                return self._constrained()
            return ELBO(clone(self.beta) if isinstance(self.beta, Schedule) else self.beta)
        if not isinstance(self.objective, Objective):
            raise TypeError(
                f"objective must be 'elbo' or an object from diabolo.objectives, got {self.objective!r} of type "
                f"{type(self.objective).__name__}."
            )
        if self.beta != 1.0:
            raise ValueError(
                f"beta weights the rate of objective='elbo', and objective={self.objective!r} was given beside "
                f"beta={self.beta!r}: give the weight to the objective, as in ELBO(beta=4)."
            )
        return clone(self.objective)

    def _advise(self, statistics: Statistics, likelihood: Likelihood) -> None:
        super()._advise(statistics, likelihood)
        objective = self._objective()
        if isinstance(objective, ELBO) and objective.beta == 0:
            warn(
                "beta=0 leaves the rate out of the loss: nothing keeps the scale of q(z|x) from vanishing or its codes near "
                "the prior, and how far that goes is decided by the length of the training. Use a small beta, or AutoEncoder."
            )

    def _parts(self) -> dict[str, Part]:
        return {
            "posterior": part_named("posterior", self.posterior, posteriors.BY_NAME, Posterior),
            "prior": part_named("prior", self.prior, priors.BY_NAME, Prior),
        }

    # -- codes ---------------------------------------------------------------------------------

    def encode(self, X: ArrayLike) -> Encoding:
        """Return the distribution q(z|x) of each row.

        Parameters
        ----------
        X : array of shape (n_rows, ...)

        Returns
        -------
        Encoding
            ``mean`` and ``scale``, and ``covariance`` for a full-covariance posterior.
        """
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        model, dtype = self._model_for(array.dtype)
        q = self._posterior(model, self._tensor(array, dtype))
        full = isinstance(model.posterior, posteriors.FullGaussian)
        covariance = q.covariance_matrix.cpu().numpy() if full else None
        return Encoding(q.mean.cpu().numpy(), q.variance.sqrt().cpu().numpy(), covariance)

    def sample_codes(self, X: ArrayLike, n_draws: int = 1, *, random_state: int | None = None) -> np.ndarray:
        """Draw several codes for each row: z = mu + sigma * eps.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
        n_draws : int
            Codes for each row.
        random_state : int, optional
            Seed of the noise; the seed of the fit by default.

        Returns
        -------
        array of shape (n_draws, n_rows, n_components)
        """
        check_is_fitted(self)
        positive_integer("n_draws", n_draws)
        array = self._check_X(X, reset=False)
        model, dtype = self._model_for(array.dtype)
        x = self._tensor(array, dtype)
        shape = (n_draws, len(x), self.n_components_)
        with torch.inference_mode(), seeded(self._draw_seed(random_state)):
            noise = torch.randn(shape, dtype=dtype, device=x.device)
            return model.draw(self._posterior(model, x), noise).cpu().numpy()

    def sample(
        self,
        n: int = 1,
        *,
        latent: Latent = "prior",
        observation: Observation = "draw",
        random_state: int | None = None,
    ) -> np.ndarray:
        """Generate observations: draw codes, decode them.

        Parameters
        ----------
        n : int
            How many.
        latent : {"prior", "aggregate", "ex_post"}
            Where codes come from: the prior p(z) (option 2 of the lecture), the aggregated posterior
            (1/n) sum_i q(z|x_i) over the training rows (option 1), or the density that
            ``fit_prior`` fitted to the codes afterwards.
        observation : {"draw", "mean"}
            A draw from p(x|z), or its mean.
        random_state : int, optional
            Seed; the seed of the fit by default, so that calls repeat.

        Returns
        -------
        array of shape (n, ...), in X's units

        Raises
        ------
        ValueError
            If n is below 1, a word is unknown, or ``latent="ex_post"`` and ``fit_prior`` was not called yet.
        """
        check_is_fitted(self)
        positive_integer("n", n)
        with torch.inference_mode(), seeded(self._draw_seed(random_state)):
            return self._generate(self._latent(self.model_, latent).sample((n,)), observation)

    def _codes_to_fit(self, X: ArrayLike) -> np.ndarray:
        return self.sample_codes(X)[0]

    def _after_fit(self, x: Rows) -> None:
        super()._after_fit(x)
        n_rows = min(len(x), self.aggregate_rows)
        if len(x) > n_rows:
            rows = draw_rows(len(x), self.aggregate_rows, self.seed_, sparingly=isinstance(x, Streamed))
            self.choices_["aggregate"] = (
                f"the aggregated posterior keeps {len(rows)} of the training rows, drawn by seed "
                "(diabolo.measures.subsampling_divergence says what keeping fewer costs)"
            )
            numbers = torch.from_numpy(rows).split(self._rows_in_block())
            blocks: Iterable[Tensor] = (x[part] for part in numbers)
        else:
            blocks = x.split(self._rows_in_block())
        self._aggregate = self._parameters_of(self.model_, blocks, n_rows)

    # -- files ---------------------------------------------------------------------------------

    def _tensors(self) -> dict[str, Tensor]:
        kept = {"aggregate": self._aggregate} if hasattr(self, "_aggregate") else {}
        return {**super()._tensors(), **kept}

    def _restore(self, saved: Saved) -> None:
        super()._restore(saved)
        if "aggregate" in saved.tensors:
            self._aggregate = saved.tensors["aggregate"].to(self._device())
