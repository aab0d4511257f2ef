"""A second auto-encoder, of the codes of the first."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import torch
from sklearn.base import clone
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Model, Sizes, Statistics
from diabolo.priors.base import Prior
from diabolo.priors.descent import descend
from diabolo.priors.fitting import check_codes

_BLOCK = 1 << 16


class SecondStage(Prior):
    """p(z) = E_p(u) p(z|u): a smaller VAE of the codes (Dai & Wipf 2019).

    The codes of a trained VAE need not follow its prior; a second VAE, of codes that have no low
    dimension left to find, learns what they follow. p(z) has no closed form: ``log_prob`` is the
    importance-weighted estimate with ``n_draws`` codes u from the second encoder (Burda et al. 2016).
    It differs from call to call, is below log p(z) on average, and its exponential is p(z) on average,
    so an importance-weighted bound on log p(x) remains one.

    Parameters
    ----------
    model : Model
        The second VAE, such as a ``LatentModel``; its observations are codes of shape (n_components,).
    n_components : int, optional
        Dimension of u; that of z if not given, as in the paper.
    n_draws : int
        Draws of u for each log p(z).
    n_steps, batch_size, learning_rate : int, int, float
        For :meth:`fit`: steps of Adam at most, codes in each, largest rate.
    seed : int
        For :meth:`fit`: where chance begins.
    """

    model: Any

    def __init__(
        self,
        model: Model,
        n_components: int | None = None,
        *,
        n_draws: int = 64,
        n_steps: int = 2000,
        batch_size: int = 256,
        learning_rate: float = 2e-3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.model = model
        self.n_components = n_components
        self.n_draws = n_draws
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Build the second model for observations of shape ``(sizes.n_components,)``."""
        if not isinstance(self.model, Model) or not self.model.has_density:
            raise ValueError(
                f"model (of the second stage) must be a Model with a density, such as a VAE, got {self.model!r}: "
                "give a LatentModel with posterior=DiagonalGaussian() and prior=StandardNormal()."
            )
        if self.n_components is not None:
            self.check_whole("n_components")
        for name in ("n_draws", "n_steps", "batch_size"):
            self.check_whole(name)
        self.check_number("learning_rate", "a number above 0", above=0)
        self.check_whole("seed", least=0)
        d = sizes.n_components
        self.inner_sizes = Sizes(
            event=(d,), n_components=d if self.n_components is None else self.n_components
        )
        self.model.build(self.inner_sizes)
        return self

    def forward(self, encode: Callable[[Tensor], Distribution]) -> SecondStageDistribution:
        """Return p(z)."""
        return SecondStageDistribution(self.model, self.inner_sizes.event, self.n_draws)

    def fit(self, codes: Tensor) -> Self:
        """Train the second VAE on codes of shape (n_rows, n_components) by its ELBO, from a new start.

        A tenth of the codes is held out and chooses the step whose weights are kept.
        """
        check_codes(codes, *self.inner_sizes.event)
        descend(
            self.model,
            lambda: self._start_at(codes),
            self._loss,
            codes,
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=self.seed,
        )
        return self

    def _start_at(self, codes: Tensor) -> None:
        new = clone(self.model).build(self.inner_sizes).to(codes)
        new.start(Statistics.of(codes))
        self.model.load_state_dict(new.state_dict())

    def _loss(self, codes: Tensor) -> Tensor:
        evaluation = self.model.evaluate(codes)
        return (evaluation.distortion + evaluation.rate).mean()


class SecondStageDistribution(Distribution):
    """p(z) = E_p(u) p(z|u) of a model whose observations are codes.

    Parameters
    ----------
    model : Model
        p(u), p(z|u) and q(u|z), built.
    event : tuple of int
        Shape of a code, (d,).
    n_draws : int
        Draws of u from q(u|z) for each log p(z).
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, model: Model, event: tuple[int, ...], n_draws: int) -> None:
        self.model = model
        self.n_draws = n_draws
        super().__init__(torch.Size(), torch.Size(event), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Estimate log p(z) in nats of codes (..., d), shape (...), with torch's generator."""
        blocks = value.reshape(-1, *self.event_shape).split(max(1, _BLOCK // self.n_draws))
        log_means = [
            self.model.evaluate(block, n_draws=self.n_draws).log_weight.logsumexp(0) for block in blocks
        ]
        return torch.cat(log_means).reshape(value.shape[:-1]) - math.log(self.n_draws)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw u ~ p(u), then z ~ p(z|u); shape (*sample_shape, d)."""
        with torch.no_grad():
            prior: Any = self.model.latent_prior()
            return self.model.decode(prior.sample(torch.Size(sample_shape))).sample()
