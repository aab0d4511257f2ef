"""The gradient of -ELBO, or of the reconstruction error, of a fully connected model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from diabolo.contracts import Model, Objective
from diabolo.gradients.chain import Chain, layers_of
from diabolo.gradients.observations import Distortion, distortion_of
from diabolo.models import LatentModel
from diabolo.objectives import ELBO, Reconstruction
from diabolo.objectives.base import weight_at
from diabolo.objectives.elbo import LANDING_FROM
from diabolo.posteriors import Deterministic, DiagonalGaussian
from diabolo.priors import StandardNormal


def written_gradient(model: Model, objective: Objective) -> WrittenGradient | None:
    """Return the written-out gradient of an objective of a built model; None where autograd must do it.

    There is one for a :class:`LatentModel` of linear layers and activations, with a diagonal Gaussian posterior, a
    standard normal prior and the ELBO of one draw, or with a deterministic posterior and the reconstruction; the
    likelihood is a Bernoulli or a Gaussian, and any corruption may come before. Subclasses have none, nor has a
    model of which some parameters do not learn, or that is not on the CPU.
    """
    if type(model) is not LatentModel:
        return None
    gaussian = type(model.posterior) is DiagonalGaussian and type(model.prior) is StandardNormal
    point = type(model.posterior) is Deterministic and model.prior is None
    if not (gaussian and _is_plain(objective)) and not (point and type(objective) is Reconstruction):
        return None
    encoder, decoder = layers_of(model.encoder, model.posterior.head), layers_of(model.decoder)
    distortion = distortion_of(model.likelihood)
    if encoder is None or decoder is None or distortion is None or type(decoder[-1]) is not nn.Linear:
        return None
    parts = (*encoder, *decoder, model.likelihood)
    reached = [id(parameter) for part in parts for parameter in part.parameters()]
    parameters = list(model.parameters())
    if sorted(reached) != sorted(map(id, parameters)) or not all(map(_learns, parameters)):
        return None
    return WrittenGradient(model, objective, Chain(encoder), Chain(decoder), distortion)


def _is_plain(objective: Objective) -> bool:
    return type(objective) is ELBO and objective.n_draws == 1 and not objective.free_bits


def _learns(parameter: Tensor) -> bool:
    return parameter.requires_grad and parameter.device.type == "cpu" and not parameter._backward_hooks


class WrittenGradient:
    """From a batch to the gradients of all parameters, as ``loss.backward()`` would leave them.

    With z = m + s * eps and the code's gradient g = d distortion / dz, the chain rule gives

        d loss / dm     = g + beta m / n,
        d loss / dlog s = g eps s + beta (s^2 - 1) / n

    (the rate in closed form, Kingma & Welling 2014, appendix B), or, sticking the landing (Roeder et al. 2017),

        d loss / dm     = g + beta (z - eps / s) / n,
        d loss / dlog s = eps s d loss / dm,

    where "mixed" has 0 in place of eps / s, and -beta / n more in the second line, for scales below its limit; the
    layers have the usual products. It draws from torch's generator what ``model.evaluate`` would, in the
    same order.

    Examples
    --------
    >>> from diabolo.contracts import Sizes
    >>> from diabolo.likelihoods import Bernoulli
    >>> from diabolo.networks import MLP
    >>> model = LatentModel(MLP((16,)), DiagonalGaussian(), Bernoulli(), StandardNormal())
    >>> gradient = written_gradient(model.build(Sizes((8,), 2)), ELBO())
    >>> gradient(torch.zeros(5, 8), {}, 1.0)
    >>> list(gradient.numbers())
    ['loss', 'distortion', 'rate']
    >>> model.posterior.head.bias.grad.shape
    torch.Size([4])
    """

    def __init__(
        self, model: LatentModel, objective: Any, encoder: Chain, decoder: Chain, distortion: Distortion
    ) -> None:
        self.model, self.objective = model, objective
        self.encoder, self.decoder, self.distortion = encoder, decoder, distortion
        self._numbers: dict[str, float] = {}

    @torch.no_grad()
    def __call__(self, x: Tensor, context: Mapping[str, Tensor], progress: float) -> None:
        """Set the gradients."""
        model, rows = self.model, x.flatten(1)
        seen = model.seen(x, context)
        parameters = self.encoder.forward((seen - model.shift).div_(model.unit).flatten(1))
        noise = model.noise(x, 1)[0]
        if not model.has_density:
            distortion, gradient = self.distortion(self.decoder.forward(parameters), rows)
            self.encoder.backward(self._back(gradient), to_input=False)
            self._numbers = {"loss": distortion.item(), "distortion": distortion.item()}
            return
        mean, free = parameters.chunk(2, dim=-1)
        log_scale = free.clamp(*model.posterior.limits)
        scale = log_scale.exp()
        z = torch.addcmul(mean, scale, noise)
        distortion, gradient = self.distortion(self.decoder.forward(z), rows)
        excess = scale.square().sub_(1)
        rate = (0.5 * (mean.square().sum() + excess.sum()) - log_scale.sum()) / len(x)
        beta = weight_at(self.objective.beta, progress, rate)
        to_mean, share = self._back(gradient), beta / len(x)
        shown = {"distortion": distortion.item(), "rate": rate.item()}
        kind = self.objective.gradient
        if kind == "reparametrised":
            to_log_scale = (to_mean * noise).mul_(scale).add_(excess, alpha=share)
            to_mean.add_(mean, alpha=share)
        else:
            narrow = scale < (LANDING_FROM if kind == "mixed" else 0.0)
            to_mean.add_(z - (noise / scale).masked_fill_(narrow, 0.0), alpha=share)
            to_log_scale = (to_mean * noise).mul_(scale).sub_(narrow.to(scale.dtype), alpha=share)
        if kind == "sticking_the_landing":
            rate = (0.5 * (z.square().sum() - noise.square().sum()) - log_scale.sum()) / len(x)
        to_log_scale.mul_(free == log_scale)  # nothing comes back from beyond the limits
        self.encoder.backward(torch.cat([to_mean, to_log_scale], dim=-1), to_input=False)
        self._numbers = {"loss": shown["distortion"] + beta * rate.item(), **shown}

    def numbers(self) -> dict[str, float]:
        """Return the loss, the distortion and, for a VAE, the rate of the last batch, in nats per row."""
        return self._numbers

    def _back(self, gradient: Tensor) -> Tensor:
        to_code = self.decoder.backward(gradient)
        assert to_code is not None  # it was asked for
        return to_code
