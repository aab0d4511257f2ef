"""The narrow waist of the house: what a model says about a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.kl import kl_divergence

NO_DENSITY = (
    "{what} needs a posterior with a density and a prior, and this model has {has}: "
    "use posterior=DiagonalGaussian() with prior=StandardNormal() (a VAE), "
    "or read the reconstruction alone (an auto-encoder)."
)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model at a batch of observations, for drawn codes; objectives and measures read only this.

    Every log-density is in nats, sums over the values of an observation, and has the shape
    ``(n_draws, batch)``. Each is computed when it is first read.

    Parameters
    ----------
    x : Tensor of shape (batch, *event)
        The clean observations, in units of X: what the likelihood explains.
    z : Tensor of shape (n_draws, batch, n_components)
        Codes, drawn from ``posterior``.
    posterior : Distribution
        q(z|x), batch shape (batch,). The encoder may have seen a corrupted x.
    prior : Distribution or None
        p(z); None for a plain auto-encoder.
    decoded : Distribution or callable
        p(x|z), batch shape (n_draws, batch); or the map from codes to it, which is then called when ``observation``
        is first read, so that an objective without a reconstruction does not pay for one.
    context : mapping of str to Tensor
        Whatever else the model was given.
    """

    x: Tensor
    z: Tensor
    posterior: Distribution
    prior: Distribution | None
    decoded: Distribution | Callable[[Tensor], Distribution]
    context: Mapping[str, Tensor] = field(default_factory=dict)

    @cached_property
    def observation(self) -> Distribution:
        """p(x|z), batch shape (n_draws, batch)."""
        return self.decoded if isinstance(self.decoded, Distribution) else self.decoded(self.z)

    @cached_property
    def log_px(self) -> Tensor:
        """log p(x|z), shape (n_draws, batch)."""
        return self.observation.log_prob(self.x)

    @cached_property
    def log_pz(self) -> Tensor:
        """log p(z), shape (n_draws, batch)."""
        return self._prior("log p(z)").log_prob(self.z)

    @cached_property
    def log_qz(self) -> Tensor:
        """log q(z|x), shape (n_draws, batch)."""
        return self.posterior.log_prob(self.z)

    @cached_property
    def log_weight(self) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x), shape (n_draws, batch): its mean of exponentials is p(x)."""
        return self.log_px + self.log_pz - self.log_qz

    @cached_property
    def _closed_kl(self) -> Tensor | None:
        try:
            return kl_divergence(self.posterior, self._prior("the rate"))
        except NotImplementedError:
            return None

    @property
    def kl_is_exact(self) -> bool:
        """Whether the Kullback-Leibler divergence has a closed form for this pair."""
        return self._closed_kl is not None

    @cached_property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)), shape (batch,): in closed form where there is one, else from the draws."""
        if self._closed_kl is not None:
            return self._closed_kl
        return (self.log_qz - self.log_pz).mean(0)

    @property
    def distortion(self) -> Tensor:
        """-E_q log p(x|z) of each row in nats, shape (batch,)."""
        return -self.log_px.mean(0)

    @property
    def rate(self) -> Tensor:
        """KL(q(z|x) || p(z)) of each row in nats, shape (batch,), never weighted by beta."""
        return self.kl

    def _prior(self, what: str) -> Distribution:
        if self.prior is None:
            raise ValueError(NO_DENSITY.format(what=what, has="no prior"))
        return self.prior
