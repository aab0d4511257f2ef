"""A model with clusters among its codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from diabolo.contracts import Evaluation, Model, Part, Sizes, Statistics


class Clustered(Model):
    """A latent model and the centres of clusters in its code space: deep embedded clustering (Xie et al. 2016).

    A code z belongs to the centre m_k with the weight of Student's t-distribution with one degree of freedom,
    q_k = (1 + ||z - m_k||^2)^-1 / sum_l (1 + ||z - m_l||^2)^-1 (their equation 1, alpha = 1).

    Parameters
    ----------
    model : LatentModel
        What is clustered, not yet built; with a deterministic posterior.
    n_clusters : int
        Number of centres.
    augmentation : Corruption, optional
        What becomes of rows before training observes them: it is encoded *and* explained by the likelihood
        (Guo et al. 2018), where the corruption of a denoising model is encoded alone. Nothing outside of
        training sees it.

    Examples
    --------
    >>> from diabolo.likelihoods import Gaussian
    >>> from diabolo.models import LatentModel
    >>> from diabolo.networks import Linear
    >>> from diabolo.posteriors import Deterministic
    >>> model = Clustered(LatentModel(Linear(), Deterministic(), Gaussian(1.0)), 3)
    >>> model = model.build(Sizes(event=(8,), n_components=2))
    >>> model.evaluate(torch.zeros(5, 8)).context["log_assignment"].shape
    torch.Size([5, 3])
    """

    #: Whether an evaluation holds ``context["log_assignment"]``, log q of shape (batch, n_clusters).
    has_clusters = True
    model: Any
    augmentation: Any
    centres: Tensor

    def __init__(self, model: Part, n_clusters: int = 8, augmentation: Part | None = None) -> None:
        super().__init__()
        self.model = model
        self.n_clusters = n_clusters
        self.augmentation = augmentation

    @property
    def has_density(self) -> bool:  # type: ignore[override]
        """Whether the posterior has a density."""
        return self.model.has_density

    @property
    def shift(self) -> Tensor:
        """What the encoder takes from each value."""
        return self.model.shift

    @property
    def unit(self) -> Tensor:
        """The scale of each value that the encoder reads."""
        return self.model.unit

    @property
    def likelihood(self) -> Any:
        """The likelihood of the model."""
        return self.model.likelihood

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the tensors of the model, and centres at the origin."""
        self.check_whole("n_clusters")
        self.sizes = sizes
        self.model.build(sizes)
        if self.augmentation is not None:
            self.augmentation.build(sizes)
        self.centres = nn.Parameter(torch.zeros(self.n_clusters, sizes.n_components))
        return self

    def start(self, statistics: Statistics) -> None:
        """Start the model from the data; the centres wait for codes."""
        self.model.start(statistics)
        if self.augmentation is not None:
            self.augmentation.start(statistics)

    def log_assignment(self, codes: Tensor) -> Tensor:
        """Return log q of codes (rows, n_components) for each centre, shape (rows, n_clusters)."""
        return F.log_softmax(-torch.log1p(self.squared_distances(codes)), dim=-1)

    def squared_distances(self, codes: Tensor) -> Tensor:
        """Return ||z - m_k||^2 of codes (rows, n_components), shape (rows, n_clusters)."""
        return (codes.unsqueeze(-2) - self.centres).square().sum(-1)

    def encode(self, x: Tensor) -> Distribution:
        """Return q(z|x), of rows as they are."""
        return self.model.encode(x)

    def decode(self, z: Tensor) -> Distribution:
        """Return p(x|z) for codes of any batch shape."""
        return self.model.decode(z)

    def latent_prior(self) -> Distribution | None:
        """Return p(z)."""
        return self.model.latent_prior()

    def observe(self, x: Tensor) -> Tensor:
        """Return what is observed of stored rows: in training what the augmentation makes of them."""
        x = self.model.observe(x)
        return self.augmentation(x) if self.training and self.augmentation is not None else x

    def draw(self, posterior: Distribution, noise: Tensor) -> Tensor:
        """Turn standard normal noise into codes."""
        return self.model.draw(posterior, noise)

    def point(self, observation: Distribution) -> Tensor:
        """Return the reconstruction that p(x|z) stands for."""
        return self.model.point(observation)

    def error(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Return how far reconstructions are from x."""
        return self.model.error(x, reconstruction)

    def predict(self, z: Tensor) -> Tensor:
        """Return the reconstructions of codes."""
        return self.model.predict(z)

    def chance(
        self, x: Tensor, context: Mapping[str, Tensor], n_draws: int = 1
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Draw what the model draws."""
        return self.model.chance(x, context, n_draws)

    def evaluate(
        self,
        x: Tensor,
        context: Mapping[str, Tensor] | None = None,
        n_draws: int = 1,
        *,
        noise: Tensor | None = None,
    ) -> Evaluation:
        """Evaluate the model, and add log q of the codes to the context."""
        e = self.model.evaluate(x, context, n_draws, noise=noise)
        more = {"log_assignment": self.log_assignment(e.posterior.mean)}
        return Evaluation(e.x, e.z, e.posterior, e.prior, e.decoded, {**e.context, **more})
