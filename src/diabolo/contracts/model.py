"""What every model can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts.evaluation import Evaluation
from diabolo.contracts.part import Part


class Model(Part, ABC):
    """A joint model of observations and codes, with an encoder for inference."""

    #: Whether q(z|x) has a density, and so the model a rate.
    has_density: bool = True
    #: Whether there are distances between x and its reconstruction: there are none between categories.
    has_distances: bool = True

    @abstractmethod
    def encode(self, x: Tensor) -> Distribution:
        """Return q(z|x) for observations of shape (batch, *event); batch shape (batch,)."""

    @abstractmethod
    def decode(self, z: Tensor) -> Distribution:
        """Return p(x|z) for codes of shape (..., n_components); batch shape (...)."""

    @abstractmethod
    def latent_prior(self) -> Distribution | None:
        """Return p(z), batch shape (); None for a plain auto-encoder."""

    def observe(self, x: Tensor) -> Tensor:
        """Return what is observed of stored rows: x itself, unless the likelihood draws it (binarisation)."""
        return x

    @abstractmethod
    def draw(self, posterior: Distribution, noise: Tensor) -> Tensor:
        """Turn standard normal noise into codes (the reparametrisation), differentiably."""

    @abstractmethod
    def point(self, observation: Distribution) -> Tensor:
        """Return the reconstruction that p(x|z) stands for (its mean; the mode of categories)."""

    def error(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Return how far reconstructions, shape (..., batch, *event), are from x; 1 where categories differ."""
        return reconstruction - x

    def predict(self, z: Tensor) -> Tensor:
        """Return ``point(decode(z))`` where gradients are not asked for; a model may have a shorter way."""
        return self.point(self.decode(z))

    def chance(
        self, x: Tensor, context: Mapping[str, Tensor], n_draws: int = 1
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Draw what :meth:`evaluate` would draw for a batch, in its order, so that rows may be evaluated in parts.

        ``evaluate`` draws nothing when it is handed the rows of both.

        Parameters
        ----------
        x : Tensor of shape (batch, *event)
            What is observed.
        context : mapping
            As for ``evaluate``.
        n_draws : int
            Codes drawn for each row.

        Returns
        -------
        tuple
            The context with what is drawn for it, a row for each row of x; and the noise of the codes, shape
            (n_draws, batch, n_components).

        Raises
        ------
        TypeError
            If the model does not say, which it may where it is trained in one process only.
        """
        raise TypeError(
            f"{type(self).__name__} does not say what it draws, so its batches cannot be shared by several processes: "
            "give it a method chance(x, context, n_draws), or train it in one process, without torchrun."
        )

    @abstractmethod
    def evaluate(
        self,
        x: Tensor,
        context: Mapping[str, Tensor] | None = None,
        n_draws: int = 1,
        *,
        noise: Tensor | None = None,
    ) -> Evaluation:
        """Evaluate the model at the observations.

        Parameters
        ----------
        x : Tensor of shape (batch, *event)
            Clean observations, in units of X.
        context : mapping, optional
            ``"seen"``: what the encoder sees in place of a corrupted x, same shape as x.
        n_draws : int
            Codes drawn for each row.
        noise : Tensor of shape (n_draws, batch, n_components), optional
            Standard normal noise to draw with; from torch's generator if not given.
        """
