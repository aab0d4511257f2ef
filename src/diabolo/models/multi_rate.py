"""One model for every weight of the rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from numbers import Real
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from diabolo.contracts import Evaluation, Model, Part, Sizes, Statistics
from diabolo.models.latent import LatentModel
from diabolo.networks.gates import CodeGate, GatedStack, RootGate, SigmoidGate, has_weights, scale_inputs


class MultiRate(Model):
    """A latent model whose weights depend on ln beta: the multi-rate VAE (Bae et al. 2022).

    Each row has its own beta, drawn log-uniformly from ``beta_range`` when the model is evaluated;
    n = (ln beta - mean) / deviation lies within -sqrt 3 and sqrt 3. Gates, functions of n, multiply the
    hidden units: sigmoid(w n + b) in the encoder, sqrt(max(0, 1 - exp(w n + b))) in the decoder, and the codes.
    Without hidden layers the gates of the codes also lower the log-scale of q(z|x), and make the model exact at
    every beta (:class:`~diabolo.networks.gates.CodeGate`). With hidden layers all biases are lines in n beside
    (which the paper's are not), and that of the log-scale starts with the slope of ln beta / 2. At one beta
    all of this is constant, and ``at`` puts it into the weights.

    Parameters
    ----------
    model : LatentModel
        What is gated, not yet built; stacks of linear layers or convolutions.
    beta_range : (float, float)
        Smallest and largest beta.

    Examples
    --------
    >>> from diabolo.likelihoods import Gaussian
    >>> from diabolo.networks import Linear
    >>> from diabolo.posteriors import DiagonalGaussian
    >>> from diabolo.priors import StandardNormal
    >>> parts = Linear(), DiagonalGaussian(), Gaussian(1.0), StandardNormal()
    >>> model = MultiRate(LatentModel(*parts)).build(Sizes(event=(8,), n_components=2))
    >>> model.evaluate(torch.zeros(5, 8)).context["log_beta"].shape, type(model.at(0.5)).__name__
    (torch.Size([5]), 'LatentModel')
    """

    #: Whether an evaluation holds ``context["log_beta"]``, a beta for each row.
    draws_beta = True
    model: Any
    code_gate: RootGate

    def __init__(self, model: Part, beta_range: tuple[float, float] = (0.01, 10.0)) -> None:
        super().__init__()
        self.model = model
        self.beta_range = beta_range

    @property
    def has_density(self) -> bool:  # type: ignore[override]
        """Whether the posterior has a density."""
        return self.model.has_density

    @property
    def likelihood(self) -> Any:
        """The likelihood, which no gate changes."""
        return self.model.likelihood

    @property
    def default_beta(self) -> float:
        """1, or the geometric middle of the range where 1 lies outside."""
        low, high = self.beta_range
        return 1.0 if low <= 1 <= high else math.sqrt(low * high)

    def build(self, sizes: Sizes, **shapes: Any) -> Self:
        """Make the tensors of the model and of its gates.

        Raises
        ------
        ValueError
            If ``beta_range`` is none, or a layer of the network cannot be gated.
        """
        self._check_range()
        self.model.build(sizes)
        self.encoder_gates = GatedStack(_encoder(self.model), SigmoidGate)
        self.decoder_gates = GatedStack(_decoder(self.model), RootGate)
        reach, d = self._log_range()[1], sizes.n_components
        is_deep = bool(self.encoder_gates.gates and self.decoder_gates.gates)
        self.code_gate = RootGate(d) if is_deep else CodeGate(d, reach)
        if is_deep:  # the variances of codes start as beta / beta_max times what the network says
            with torch.no_grad():
                list(self.encoder_gates.slopes.values())[-1][d : 2 * d] = 0.5 * reach
                self.model.posterior.head.bias[d : 2 * d] -= 0.5 * reach * math.sqrt(3)
        return self

    def start(self, statistics: Statistics) -> None:
        """Start the model from the data."""
        self.model.start(statistics)

    def encode(self, x: Tensor, log_beta: Tensor | None = None) -> Distribution:
        """Return q(z|x) at ``log_beta``, shape (batch,); at ``default_beta`` if not given."""
        n = self._standardised(log_beta, x)
        parameters = self.encoder_gates(_encoder(self.model), self.model.scaled(x), n)
        d = self.model.sizes.n_components
        mean, log_scale, rest = parameters.tensor_split((d, 2 * d), -1)
        if isinstance(self.code_gate, CodeGate):
            log_scale = log_scale + self.code_gate.log_scale(n)
        return self.model.posterior.distribution(torch.cat((self.code_gate(n) * mean, log_scale, rest), -1))

    def decode(self, z: Tensor, log_beta: Tensor | None = None) -> Distribution:
        """Return p(x|z) for codes (..., batch, n_components) at ``log_beta``, shape (batch,)."""
        n = self._standardised(log_beta, z).expand(*z.shape[:-1], 1).reshape(-1, 1)
        codes = self.code_gate(n) * z.reshape(-1, z.shape[-1])
        outputs = self.decoder_gates(_decoder(self.model), codes, n)
        return self.model.likelihood(outputs.reshape(*z.shape[:-1], *outputs.shape[1:]))

    def latent_prior(self) -> Distribution:
        """Return p(z), one for all betas.

        Raises
        ------
        ValueError
            If the prior is made of posteriors, which differ with beta.
        """
        return self.model.prior(self._refuse_to_encode)

    def observe(self, x: Tensor) -> Tensor:
        """Return what the likelihood observes of stored rows."""
        return self.model.observe(x)

    def draw(self, posterior: Distribution, noise: Tensor) -> Tensor:
        """Turn standard normal noise into codes."""
        return self.model.draw(posterior, noise)

    def point(self, observation: Distribution) -> Tensor:
        """Return the reconstruction that p(x|z) stands for."""
        return self.model.point(observation)

    def error(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Return how far reconstructions are from x."""
        return self.model.error(x, reconstruction)

    def chance(
        self, x: Tensor, context: Mapping[str, Tensor], n_draws: int = 1
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Draw a beta for each row, then what the model draws."""
        return self.model.chance(x, self._with_log_beta(x, context), n_draws)

    def evaluate(
        self,
        x: Tensor,
        context: Mapping[str, Tensor] | None = None,
        n_draws: int = 1,
        *,
        noise: Tensor | None = None,
    ) -> Evaluation:
        """Draw a beta for each row (unless ``context`` has ``"log_beta"``), corrupt, encode, draw, decode."""
        context = self._with_log_beta(x, context or {})
        log_beta = context["log_beta"]
        posterior = self.encode(self.model.seen(x, context), log_beta)
        z = self.draw(posterior, self.model.noise(x, n_draws) if noise is None else noise)
        observation = self.decode(z, log_beta)
        if self.training:
            observation = self.likelihood.follow(observation, x)
        return Evaluation(x, z, posterior, self.latent_prior(), observation, context)

    def _with_log_beta(self, x: Tensor, context: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {**context} if "log_beta" in context else {"log_beta": self.draw_log_beta(x), **context}

    def draw_log_beta(self, x: Tensor) -> Tensor:
        """Return ln beta for each row, shape (batch,): uniform, stratified over the batch in random order."""
        order = torch.randperm(len(x), device=x.device)
        share = (order + torch.rand(len(x), dtype=x.dtype, device=x.device)) / len(x)
        middle, reach = self._log_range()
        return middle + reach * math.sqrt(3) * (2 * share - 1)

    @torch.no_grad()
    def at(self, beta: float) -> LatentModel:
        """Return the ordinary model at one beta: a copy, with the gates in its weights.

        Raises
        ------
        ValueError
            If beta lies outside ``beta_range``.
        """
        low, high = self.beta_range
        if not (isinstance(beta, Real) and low <= beta <= high):
            raise ValueError(
                f"beta must be a number within beta_range = ({low:g}, {high:g}), on which the model was trained, got "
                f"{beta!r}: choose one there, or fit again with a wider beta_range."
            )
        model = deepcopy(self.model)
        n = self._standardised(model.shift.new_tensor([math.log(beta)]), model.shift)
        self.encoder_gates.fold(_encoder(model), n)
        self.decoder_gates.fold(_decoder(model), n)
        gate, d, head = self.code_gate(n)[0], model.sizes.n_components, model.posterior.head
        head.weight[:d].mul_(gate.unsqueeze(-1))
        head.bias[:d].mul_(gate)
        if isinstance(self.code_gate, CodeGate):
            head.bias[d : 2 * d].add_(self.code_gate.log_scale(n)[0])
        scale_inputs(next(layer for layer in _decoder(model) if has_weights(layer)), gate)
        return model

    def _standardised(self, log_beta: Tensor | None, like: Tensor) -> Tensor:
        """Return n, shape (batch, 1), or (1,) for the default."""
        if log_beta is None:
            log_beta = like.new_tensor(math.log(self.default_beta))
        middle, reach = self._log_range()
        return ((log_beta - middle) / reach).unsqueeze(-1)

    def _log_range(self) -> tuple[float, float]:
        """Return mean and standard deviation of ln beta."""
        low, high = (math.log(beta) for beta in self.beta_range)
        return 0.5 * (low + high), (high - low) / math.sqrt(12)

    def _check_range(self) -> None:
        pair = self.beta_range
        is_pair = isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(b, Real) for b in pair)
        if not (is_pair and 0 < pair[0] < pair[1] < math.inf):
            self.refuse("beta_range", "two numbers above 0, the smaller first, such as (0.01, 10)")

    def _refuse_to_encode(self, x: Tensor) -> Distribution:
        raise ValueError(
            f"prior={self.model.prior!r} is made of posteriors, which differ with beta, and a multi-rate model has one "
            "prior for all betas: use prior=StandardNormal()."
        )


def _encoder(model: LatentModel) -> list[nn.Module]:
    return [*_layers(model.encoder), model.posterior.head]


def _decoder(model: LatentModel) -> list[nn.Module]:
    return _layers(model.decoder)


def _layers(module: nn.Module) -> list[nn.Module]:
    return list(module) if isinstance(module, nn.Sequential) else [module]
