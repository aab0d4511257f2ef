"""The auto-encoder."""

from __future__ import annotations

from typing import Literal

from diabolo.contracts import Part
from diabolo.estimators.base import Effort
from diabolo.estimators.columns import AnyLikelihood
from diabolo.estimators.dimension import SizingEstimator
from diabolo.estimators.layout import ChannelAxis
from diabolo.estimators.parameters import documented
from diabolo.networks import Network
from diabolo.posteriors import Deterministic


@documented
class AutoEncoder(SizingEstimator):
    """An auto-encoder H = D o E: codes of ``n_components`` numbers from which X is rebuilt.

    Encoder and decoder are learned together by stochastic gradient descent on the reconstruction
    error ||H(x) - x|| (Hinton & Salakhutdinov 2006). With ``network="linear"`` and the squared
    error this is PCA.

    Parameters
    ----------
    n_components : int
        Dimension d of the latent space; with ``target_error`` the largest that is tried.
    target_error : float, optional
        Find the smallest dimension with ||H(x) - x|| <= this on the held-out rows (``X_val``, or those of
        ``early_stopping``): root mean squared error per value, in units of X. ``n_components`` is fitted first,
        then dimensions by bisection, about log2(n_components) fits, as if the error never rose with the dimension.
    likelihood : str, Likelihood or mapping
        The reconstruction loss: ``"squared_error"``, ``"absolute_error"``, ``"cross_entropy"``, or
        any likelihood, those for columns of several kinds too, as in :class:`VAE`.
    {common}

    Attributes
    ----------
    error_curve_ : ErrorCurve
        With ``target_error``: the errors of the dimensions that were fitted; ``n_components_`` is the one found.
    {fitted}

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import AutoEncoder
    >>> X = load_digits().images[:200]
    >>> ae = AutoEncoder(8, max_epochs=2, random_state=0).fit(X)
    >>> ae.transform(X).shape, ae.reconstruct(X).shape
    ((200, 8), (200, 8, 8))
    """

    def __init__(
        self,
        n_components: int = 10,
        *,
        target_error: float | None = None,
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
        self.target_error = target_error
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
        return {"posterior": Deterministic()}
