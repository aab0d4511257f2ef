"""The denoising auto-encoder."""

from __future__ import annotations

import math
import os
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from diabolo import corruptions
from diabolo.contracts import Part, seeded
from diabolo.corruptions import Corruption
from diabolo.estimators.base import Effort
from diabolo.estimators.coding import ModelAt
from diabolo.estimators.columns import AnyLikelihood
from diabolo.estimators.keeping import EVERY
from diabolo.estimators.layout import ChannelAxis
from diabolo.estimators.naming import part_named
from diabolo.estimators.parameters import documented
from diabolo.estimators.reconstructing import ReconstructingEstimator
from diabolo.estimators.survey import Surveyed
from diabolo.measures import DenoisingRecord
from diabolo.networks import Network
from diabolo.posteriors import Deterministic
from diabolo.training import Bytes, Rows, Streamed


@documented
class DenoisingAutoEncoder(ReconstructingEstimator):
    """An auto-encoder that restores: it sees x~ = x + noise and rebuilds the clean x.

    It is trained on ||H(x~) - x|| (Vincent et al. 2008), with noise that it draws anew at every step or with
    real pairs of clean and noisy rows.

    Parameters
    ----------
    n_components : int
        Dimension d of the latent space.
    corruption : str or Corruption
        The artificial noise: ``"gaussian"`` (a quarter of the data's deviation), ``"masking"``,
        ``"salt_and_pepper"``, or an object from :mod:`diabolo.corruptions`.
    likelihood : str, Likelihood or mapping
        The reconstruction loss: ``"squared_error"``, ``"absolute_error"``, ``"cross_entropy"``, or
        any likelihood, those for columns of several kinds too, as in :class:`VAE`.
    {common}

    Attributes
    ----------
    {fitted}

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import DenoisingAutoEncoder
    >>> X = load_digits().images[:200]
    >>> dae = DenoisingAutoEncoder(16, corruption="masking", max_epochs=2, random_state=0).fit(X)
    >>> dae.denoise(X).shape
    (200, 8, 8)
    """

    def __init__(
        self,
        n_components: int = 10,
        *,
        corruption: str | Corruption = "gaussian",
        likelihood: AnyLikelihood = "squared_error",
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
        self.corruption = corruption
        self.likelihood = likelihood
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

    def _parts(self) -> dict[str, Part]:
        corruption = part_named("corruption", self.corruption, corruptions.BY_NAME, Corruption)
        return {"posterior": Deterministic(), "corruption": corruption}

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        X_noisy: ArrayLike | None = None,
        X_val: ArrayLike | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: float = EVERY,
    ) -> Self:
        """Learn to restore.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Clean rows.
        y : None
            Ignored.
        X_noisy : array of the shape of X, optional
            What was observed of each clean row; takes the place of the artificial noise.
        X_val : array, optional
            Clean rows that choose the weights that are kept; their noise is artificial.
        checkpoint_dir : path-like, optional
            Folder in which the state of the training is kept, as in :meth:`AutoEncoder.fit`.
        checkpoint_every : float
            Seconds between two checkpoints.

        Returns
        -------
        self
        """
        return self._fit(
            X, X_val=X_val, X_seen=X_noisy, checkpoint_dir=checkpoint_dir, checkpoint_every=checkpoint_every
        )

    def denoise(self, X: ArrayLike, *, out: str | os.PathLike[str] | None = None) -> np.ndarray:
        """Return H(x~) for noisy rows, in X's shape and units, within the range of the training rows.

        The range is that of the whole training array: pixels in [0, 1] stay in [0, 1]. ``out`` as in
        :meth:`transform`.
        """
        check_is_fitted(self)
        rows = self._check_rows(X, reset=False)
        at = self._model_at(rows.dtype)
        return self._in_blocks(lambda block: self._to_user(self._restored(block, at)), rows, out)

    def evaluate(
        self, X: ArrayLike, *, X_noisy: ArrayLike | None = None, random_state: int = 0
    ) -> DenoisingRecord:
        """Measure reconstructions of clean rows and the restoration of noisy ones.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            Clean rows.
        X_noisy : array of the shape of X, optional
            Their noisy versions; by default drawn from the model's corruption.
        random_state : int
            Seed of that draw.
        """
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        noisy = self._corrupted(array, random_state) if X_noisy is None else self._check_seen(X_noisy, array)
        return DenoisingRecord(
            **self._measurements(array),
            noisy_mse=float(self._squared_errors(array, self.layout_.to_model(noisy)).mean()),
            denoising_mse=float(self._squared_errors(array, self._restored(noisy)).mean()),
        )

    def corrupt(self, X: ArrayLike, *, random_state: int | None = None) -> np.ndarray:
        """Return rows with the artificial noise of this model, as floats in units of X."""
        check_is_fitted(self)
        return self._corrupted(self._check_X(X, reset=False), random_state)

    def _corrupted(self, array: np.ndarray, random_state: int | None) -> np.ndarray:
        with seeded(self._draw_seed(random_state)):
            noisy = self.model_.corruption(self._tensor(array, self._dtype))
        return self.layout_.from_model(noisy.cpu().numpy())

    def _restored(self, array: np.ndarray, at: ModelAt | None = None) -> np.ndarray:
        at = at or self._model_at(array.dtype)
        return self._decode(self._codes(array, at), at).clip(*self._range)

    def _build(self, array: np.ndarray | Surveyed, valid: np.ndarray | None = None) -> None:
        super()._build(array, valid)
        self._range = (math.inf, -math.inf)

    def _after_fit(self, x: Rows) -> None:
        super()._after_fit(x)
        if isinstance(x, Streamed):
            assert isinstance(x.source, Surveyed)
            lowest, highest = x.source.range
        else:
            stored = x.stored if isinstance(x, Bytes) else x
            lowest, highest = float(stored.min()), float(stored.max())
        low, high = self._range  # of the rows before, which a model that goes on keeps
        self._range = (min(low, lowest), max(high, highest))

    def _fitted_state(self) -> dict[str, Any]:
        return {**super()._fitted_state(), "_range": self._range}
