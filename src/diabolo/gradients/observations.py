"""-log p(x|z) and its derivative by the decoder's outputs, for the likelihoods that most models have."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from diabolo.likelihoods import Bernoulli, Gaussian, Likelihood

#: From flat outputs and x, both of shape (batch, n_values), to the distortion's mean over the batch, in nats, and to
#: the derivative of that mean by the outputs; parameters of the likelihood get their gradients.
Distortion = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_LARGE = 40.0  # above this logit softplus(logit) is the logit, to the last bit of float64


def distortion_of(likelihood: Likelihood) -> Distortion | None:
    """Return the written-out distortion of a built likelihood; None if there is none."""
    if type(likelihood) is Bernoulli:
        return _CrossEntropy(likelihood)
    if type(likelihood) is Gaussian and likelihood.scale != "optimal":
        return _SquaredError(likelihood)
    return None


class _CrossEntropy:
    """sum_j softplus(l_j) - x_j l_j with l = shift + outputs, whose derivative is sigmoid(l) - x."""

    def __init__(self, likelihood: Bernoulli) -> None:
        self.likelihood = likelihood

    def __call__(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        n = len(x)
        logits = outputs.add_(self.likelihood.shift.flatten())
        explained = torch.dot(x.flatten(), logits.flatten())
        distortion = (softplus(logits, threshold=_LARGE).sum() - explained) / n
        return distortion, logits.sigmoid_().sub_(x).div_(n)


class _SquaredError:
    """sum_j e_j^2 / 2 + log s_j + log(2 pi) / 2, e = (x - shift - unit * outputs) / s."""

    def __init__(self, likelihood: Gaussian) -> None:
        self.likelihood = likelihood

    def __call__(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        n, likelihood = len(x), self.likelihood
        unit = likelihood.unit.flatten()
        parameters = list(likelihood.parameters())
        with torch.set_grad_enabled(bool(parameters)):
            scales = likelihood.scales().flatten()
        scale = scales.detach()
        # in units of the scale before the square, so that data of any unit neither overflow nor vanish
        error = outputs.mul_(unit).add_(likelihood.shift.flatten()).sub_(x).div_(scale)
        squared = error.square().sum(0) / n
        distortion = 0.5 * squared.sum() + scale.log().sum() + _HALF_LOG_2PI * len(scale)
        if parameters:
            found = torch.autograd.grad(scales, parameters, (1 - squared) / scale)
            for parameter, gradient in zip(parameters, found, strict=True):
                parameter.grad = gradient
        return distortion, error.mul_(unit / scale).div_(n)
