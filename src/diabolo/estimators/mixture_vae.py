"""A variational auto-encoder whose prior holds the clusters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from diabolo.contracts import Objective, Part, seeded
from diabolo.estimators.base import Effort
from diabolo.estimators.columns import AnyLikelihood
from diabolo.estimators.inputs import positive_integer
from diabolo.estimators.layout import ChannelAxis
from diabolo.estimators.parameters import documented
from diabolo.estimators.plan import FitPlan
from diabolo.estimators.saving import Saved
from diabolo.estimators.survey import Surveyed
from diabolo.estimators.vae import VAE
from diabolo.models import LatentModel
from diabolo.networks import Network
from diabolo.objectives import ELBO
from diabolo.objectives.clustering import codes_of
from diabolo.priors import LearnedMixture
from diabolo.training import Checkpoints, Outcome, Rows, Subset, progress_bar, train
from diabolo.training.loop import adam

#: Weight of the rate in the first stage: next to an auto-encoder, but its codes keep a scale.
_NEARLY_NONE = 0.01


@documented
class MixtureVAE(ClusterMixin, VAE):
    """A variational auto-encoder whose prior is a mixture of Gaussians, one for each cluster: VaDE (Jiang et al. 2017).

    First the model learns nearly as an auto-encoder does (the rate weighted by 0.01), and a mixture is fitted to its
    codes. Then model and mixture learn the evidence lower bound together. A row belongs to the Gaussians by p(c|z) at
    its code. As a :class:`VAE` it scores, draws and encodes; ``sample`` draws from the mixture.

    Parameters
    ----------
    n_clusters : int
        Number of Gaussians.
    n_components : int
        Dimension d of the latent space.
    likelihood : str, Likelihood or mapping
        As in :class:`VAE`.
    aggregate_rows : int
        Training rows whose posteriors are kept, as in :class:`VAE`.
    {common}

    Attributes
    ----------
    labels_ : array of shape (n_rows,)
        Cluster of each row of the fit.
    cluster_centers_ : array of shape (n_clusters, n_components)
        Means of the Gaussians, in the space of codes; ``inverse_transform`` shows them in X's.
    {fitted}

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import MixtureVAE
    >>> X = load_digits().images[:200]
    >>> vae = MixtureVAE(10, max_epochs=2, random_state=0).fit(X)
    >>> vae.labels_.shape, vae.predict_proba(X).shape, vae.sample(3).shape
    ((200,), (200, 10), (3, 8, 8))
    """

    _streams = False  # the mixture starts at the codes of all rows
    labels_: np.ndarray

    _steps_of_many_rows = 1.0  # for each of its two stages

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_components: int = 10,
        likelihood: AnyLikelihood = "auto",
        aggregate_rows: int = 100_000,
        network: str | Network = "auto",
        scale: str = "auto",
        input_shape: tuple[int, ...] | None = None,
        channel_axis: ChannelAxis = "auto",
        effort: Effort = "normal",
        max_epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float | Literal["auto"] = "auto",
        n_iter_no_change: int = 10,
        device: str = "auto",
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_components,
            likelihood=likelihood,
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
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_clusters = n_clusters

    # -- fitting -------------------------------------------------------------------------------

    @property
    def partial_fit(self) -> NoReturn:
        """Nothing: the mixture starts at the codes of all rows."""
        raise AttributeError("MixtureVAE has no partial_fit: its mixture starts at the codes of all rows.")

    def plan(self, X: ArrayLike) -> FitPlan:
        """Say what ``fit`` would do with these rows, as :meth:`VAE.plan`; both stages count."""
        plan = super().plan(X)
        return replace(plan, n_steps=2 * plan.n_steps)

    def _train(
        self,
        array: np.ndarray | Surveyed,
        valid: np.ndarray | None,
        seen: np.ndarray | None,
        checkpoints: Checkpoints | None,
    ) -> tuple[Objective, Outcome]:
        x = self._hold_out(array, valid, {})[0]
        assert isinstance(x, Tensor | Subset)  # nothing is streamed
        x = x[torch.arange(len(x))]
        objective, first = self._first_stage(x)
        if first.stopped != "budget":
            return objective, first
        self.model_.prior.fit(codes_of(self.model_, x))
        objective, outcome = super()._train(array, valid, seen, checkpoints)
        outcome.retries = [*first.retries, *(first.n_steps + step for step in outcome.retries)]
        return objective, outcome

    def _first_stage(self, x: Tensor) -> tuple[Objective, Outcome]:
        """Train all but the prior; as short as the second stage, and done again where a broken run goes on."""
        objective, plan = ELBO(_NEARLY_NONE), self._plan(len(x))
        self.model_.prior.requires_grad_(False)
        with seeded(self.seed_ + 2), progress_bar(f"{type(self).__name__}: codes", self.verbose) as progress:
            outcome = train(
                self.model_,
                objective,
                x,
                plan=plan,
                optimiser=adam(self.model_, plan.learning_rate, plan.n_steps),
                progress=progress,
            )
        self.model_.prior.requires_grad_(True)
        return objective, outcome

    def _build(self, array: np.ndarray | Surveyed, valid: np.ndarray | None = None) -> None:
        self.__dict__.pop("labels_", None)
        if len(array) < self.n_clusters:
            raise ValueError(
                f"n_clusters must be at most the number of rows, n_samples = {len(array)}, got {self.n_clusters}."
            )
        super()._build(array, valid)

    def _parts(self) -> dict[str, Part]:
        return {**super()._parts(), "prior": LearnedMixture(self.n_clusters)}

    def _after_fit(self, x: Rows) -> None:
        super()._after_fit(x)
        assert isinstance(x, Tensor)  # nothing is streamed
        self.labels_ = self._shares(self.model_, x).argmax(1)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        positive_integer("n_clusters", self.n_clusters)

    # -- use -----------------------------------------------------------------------------------

    @property
    def cluster_centers_(self) -> np.ndarray:
        """Means of the Gaussians in the space of codes, shape (n_clusters, n_components)."""
        check_is_fitted(self)
        return self.model_.prior.mean.numpy(force=True).copy()

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the likeliest Gaussian of each row's code, shape (n_rows,)."""
        return self.predict_proba(X).argmax(1)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return p(c|z) at the mean code of each row, shape (n_rows, n_clusters)."""
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        model, dtype = self._model_for(array.dtype)
        return self._shares(model, self._tensor(array, dtype))

    def _shares(self, model: LatentModel, x: Tensor) -> np.ndarray:
        prior: Any = model.latent_prior()
        return self._blockwise(lambda rows: prior.responsibilities(model.encode(rows).mean), x)

    # -- files ---------------------------------------------------------------------------------

    def _tensors(self) -> dict[str, Tensor]:
        return {**super()._tensors(), "labels": torch.as_tensor(self.labels_)}

    def _restore(self, saved: Saved) -> None:
        super()._restore(saved)
        self.labels_ = saved.tensors["labels"].numpy()
