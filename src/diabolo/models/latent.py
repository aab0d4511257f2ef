"""The model that is composed of parts: encoder, posterior, prior, decoder, likelihood, corruption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Evaluation, Model, Part, Sizes, Statistics


class LatentModel(Model):
    """One layer of latent variables: x~ -> q(z|x~), p(z), z -> p(x|z).

    With a deterministic posterior and no prior it is an auto-encoder; with a Gaussian posterior
    and a prior, a variational auto-encoder. A corruption makes either a denoising one.

    Parameters
    ----------
    network : Network
        Architecture of the encoder and of the decoder.
    posterior : Posterior
        From features to q(z|x).
    likelihood : Likelihood
        From the decoder's outputs to p(x|z).
    prior : Prior, optional
        p(z); None for a plain auto-encoder.
    corruption : Corruption, optional
        What happens to x before the encoder sees it in :meth:`evaluate`.

    Examples
    --------
    >>> from diabolo.networks import MLP
    >>> from diabolo.posteriors import DiagonalGaussian
    >>> from diabolo.likelihoods import Bernoulli
    >>> from diabolo.priors import StandardNormal
    >>> model = LatentModel(MLP((16,)), DiagonalGaussian(), Bernoulli(), StandardNormal())
    >>> model = model.build(Sizes(event=(8,), n_components=2))
    >>> model.evaluate(torch.zeros(5, 8), n_draws=3).log_weight.shape
    torch.Size([3, 5])
    """

    shift: Tensor
    unit: Tensor
    network: Any
    posterior: Any
    likelihood: Any
    prior: Any
    corruption: Any

    def __init__(
        self,
        network: Part,
        posterior: Part,
        likelihood: Part,
        prior: Part | None = None,
        corruption: Part | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.posterior = posterior
        self.likelihood = likelihood
        self.prior = prior
        self.corruption = corruption

    @property
    def has_density(self) -> bool:  # type: ignore[override]
        """Whether the posterior has a density."""
        return self.posterior.has_density

    @property
    def has_distances(self) -> bool:  # type: ignore[override]
        """Whether the values that the likelihood explains are numbers."""
        return self.likelihood.has_distances

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the tensors, after refusing parts that mean nothing together."""
        self._check_parts()
        self.sizes = sizes
        self.register_buffer("shift", torch.zeros(sizes.event))
        self.register_buffer("unit", torch.ones(sizes.event))
        self.network.check_event(sizes.event)
        self.likelihood.build(sizes)
        self.encoder, n_features = self.network.encoder(self.likelihood.read_event(sizes.event))
        self.posterior.build(sizes, n_features=n_features)
        event = self.likelihood.output_event(sizes.event)
        self.decoder = self.network.decoder(sizes.n_components, event, self.likelihood.n_outputs)
        for part in (self.prior, self.corruption):
            if part is not None:
                part.build(sizes)
        return self

    def start(self, statistics: Statistics) -> None:
        """Set the encoder's shift and scale, and whatever the parts start from the data."""
        self.shift.copy_(statistics.mean)
        self.unit.copy_(statistics.unit)
        for part in (self.likelihood, self.posterior, self.prior, self.corruption):
            if part is not None:
                part.start(statistics)

    def scaled(self, x: Tensor) -> Tensor:
        """Return rows as the encoder reads them: centred, in units of their scale, or as their kind asks for."""
        return self.likelihood.read(x, (x - self.shift).div_(self.unit))

    def features(self, x: Tensor) -> Tensor:
        """Return what the posterior reads, shape (batch, n_features)."""
        return self.encoder(self.scaled(x))

    def encode(self, x: Tensor) -> Distribution:
        """Return q(z|x), without corruption."""
        return self.posterior(self.features(x))

    def decode(self, z: Tensor) -> Distribution:
        """Return p(x|z) for codes of any batch shape."""
        return self.likelihood(self._outputs(z))

    def latent_prior(self) -> Distribution | None:
        """Return p(z)."""
        return None if self.prior is None else self.prior(self.encode)

    def observe(self, x: Tensor) -> Tensor:
        """Return what the likelihood observes of stored rows."""
        return self.likelihood.observe(x)

    def draw(self, posterior: Distribution, noise: Tensor) -> Tensor:
        """Turn standard normal noise into codes."""
        return self.posterior.draw(posterior, noise)

    def point(self, observation: Distribution) -> Tensor:
        """Return the reconstruction that p(x|z) stands for."""
        return self.likelihood.point(observation)

    def error(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Return how far reconstructions are from x."""
        return self.likelihood.error(x, reconstruction)

    def predict(self, z: Tensor) -> Tensor:
        """Return the reconstructions of codes of any batch shape, in the decoder's own memory."""
        return self.likelihood.predict(self._outputs(z))

    def chance(
        self, x: Tensor, context: Mapping[str, Tensor], n_draws: int = 1
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Draw the corruption and the noise of the codes."""
        seen = {} if self.corruption is None or "seen" in context else {"seen": self.corruption(x)}
        return {**context, **seen}, self.noise(x, n_draws)

    def evaluate(
        self,
        x: Tensor,
        context: Mapping[str, Tensor] | None = None,
        n_draws: int = 1,
        *,
        noise: Tensor | None = None,
    ) -> Evaluation:
        """Corrupt (unless ``context`` has what is ``"seen"``), encode, draw, decode."""
        context = context or {}
        posterior = self.encode(self.seen(x, context))
        z = self.draw(posterior, self.noise(x, n_draws) if noise is None else noise)
        training = self.training

        def decoded(z: Tensor) -> Distribution:
            observation = self.decode(z)
            return self.likelihood.follow(observation, x) if training else observation

        return Evaluation(x, z, posterior, self.latent_prior(), decoded, context)

    def seen(self, x: Tensor, context: Mapping[str, Tensor]) -> Tensor:
        """Return what the encoder sees in place of x: what ``context`` says, or a corruption."""
        if "seen" in context:
            return context["seen"]
        return x if self.corruption is None else self.corruption(x)

    def noise(self, x: Tensor, n_draws: int) -> Tensor:
        """Return what codes are drawn with: standard normal noise, or nothing for a deterministic posterior."""
        shape = (n_draws, len(x), self.sizes.n_components)
        if not self.posterior.has_density:
            return x.new_empty(shape)
        return torch.randn(shape, dtype=x.dtype, device=x.device)

    def _outputs(self, z: Tensor) -> Tensor:
        outputs = self.decoder(z.reshape(-1, z.shape[-1]))
        return outputs.reshape(*z.shape[:-1], *outputs.shape[1:])

    def _check_parts(self) -> None:
        if self.prior is not None and not self.posterior.has_density:
            raise ValueError(
                f"posterior={self.posterior!r} has no density, so its divergence from prior={self.prior!r} does not "
                "exist: use posterior=DiagonalGaussian() for a VAE, or prior=None for an auto-encoder."
            )
        if self.prior is None and self.posterior.has_density:
            raise ValueError(
                f"posterior={self.posterior!r} needs a prior, or nothing keeps its scale from vanishing: "
                "use prior=StandardNormal(), or posterior=Deterministic() for an auto-encoder."
            )
