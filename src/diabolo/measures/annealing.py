"""Annealed importance sampling: log p(x) from chains that walk from a known density to the posterior."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from diabolo.contracts import Model
from diabolo.contracts.evaluation import NO_DENSITY
from diabolo.measures.hmc import Point, Terms, transition
from diabolo.measures.means import error_of_mean
from diabolo.measures.rows import check_rows

Start = Literal["prior", "posterior"]
Schedule = Literal["sigmoid", "linear"]
#: Gets the temperatures done, of the pilot run, the chains and all blocks of rows, and their number.
Progress = Callable[[int, int], None]

#: Probability of acceptance that the pilot run adapts the step sizes to (Wu et al. 2017).
TARGET_ACCEPTANCE = 0.65
# Values of observations that are decoded at once.
_BLOCK_VALUES = 1 << 22
# Of the pilot run: chains, transitions before it leaves the start and fewest along the path, and how far
# the logarithm of a step size follows the acceptance in each.
_PILOT_CHAINS, _PILOT_WARM_UP, _PILOT_FEWEST, _PILOT_GAIN = 4, 20, 50, 0.2
# Draws that the scale of each dimension is measured with.
_SCALE_DRAWS = 100
# Every transition draws its step size uniformly within this share of the adapted one, so that no
# trajectory is a whole period of the target.
_JITTER = 0.5
# The sigmoid schedule runs from sigmoid(-4) to sigmoid(4), rescaled to [0, 1] (Wu et al. 2017).
_SIGMOID_RADIUS = 4.0


@dataclass(frozen=True)
class AnnealedEstimate:
    """What annealed chains say of each row, in nats; tensors of shape (n_rows,).

    Parameters
    ----------
    log_likelihood : Tensor
        Logarithm of the mean weight of the chains: a lower bound of log p(x) in expectation that
        tends to it with more temperatures or chains.
    standard_error : Tensor
        Its Monte Carlo error by the delta method, NaN for one chain. It sees only what the chains saw: when
        all of them miss a mode, neither the estimate nor the error shows it.
    effective_sample_size : Tensor
        1 / sum of the squared normalised weights, from 1 to the number of chains.
    acceptance : Tensor
        Mean probability of acceptance over chains and temperatures; NaN for one temperature, which
        has no transitions.
    n_chains, n_temperatures, n_leapfrog : int
        Chains for each row, steps from the start to the posterior, leapfrog steps in each transition.
    start : {"prior", "posterior"}
        Where the chains start.
    """

    log_likelihood: Tensor
    standard_error: Tensor
    effective_sample_size: Tensor
    acceptance: Tensor
    n_chains: int
    n_temperatures: int
    n_leapfrog: int
    start: Start

    @property
    def mean(self) -> float:
        """Mean of the estimates over rows, in nats per row."""
        return float(self.log_likelihood.double().mean())

    @property
    def standard_error_rows(self) -> float:
        """Standard error of the mean that comes from the choice of rows; NaN for one row."""
        return error_of_mean(self.log_likelihood)

    @property
    def standard_error_draws(self) -> float:
        """Standard error of the mean that comes from the chains: other chains, the same rows."""
        return float(self.standard_error.double().square().sum().sqrt()) / len(self.standard_error)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"log p(x)    {self.mean:.3f} nats per row, a lower bound in expectation",
                f"errors      {self.standard_error_rows:.3f} from the choice of rows, {self.standard_error_draws:.3f} from the chains",
                f"chains      {self.n_chains} for each of {len(self.log_likelihood)} rows, from the {self.start}, "
                f"{_walked(self)}",
            ]
        )


@dataclass(frozen=True)
class BidirectionalEstimate:
    """A lower and an upper bound of log p(x) for rows drawn from the model, in nats.

    Parameters
    ----------
    x : Tensor of shape (n_rows, *event)
        The rows.
    lower : Tensor of shape (n_rows,)
        Annealed importance sampling: below log p(x) in expectation.
    upper : Tensor of shape (n_rows,)
        Above log p(x) in expectation. The bounds share chains; the noise of a single row may order
        them the wrong way round.
    acceptance : Tensor of shape (n_rows,)
        Mean probability of acceptance of the forward chains.
    n_chains, n_reverse, n_temperatures, n_leapfrog : int
        Forward and reverse chains for each row, temperatures, leapfrog steps in each transition.
    start : {"prior", "posterior"}
        Where the forward chains start.
    """

    x: Tensor
    lower: Tensor
    upper: Tensor
    acceptance: Tensor
    n_chains: int
    n_reverse: int
    n_temperatures: int
    n_leapfrog: int
    start: Start

    @property
    def mean_lower(self) -> float:
        """Mean of the lower bounds over rows, in nats per row."""
        return float(self.lower.double().mean())

    @property
    def mean_upper(self) -> float:
        """Mean of the upper bounds over rows, in nats per row."""
        return float(self.upper.double().mean())

    @property
    def gap(self) -> float:
        """Mean upper less mean lower bound: the errors of both estimates together, in nats per row."""
        return float((self.upper - self.lower).double().mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the gap, from other rows with other chains; NaN for one row."""
        return error_of_mean(self.upper - self.lower)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"log p(x)    {self.mean_lower:.3f} to {self.mean_upper:.3f} nats per row, of rows drawn from the model",
                f"gap         {self.gap:.4f} +- {self.standard_error:.4f} nats per row",
                f"chains      {self.n_chains} forward and {self.n_reverse} reverse for each of {len(self.lower)} rows, from "
                f"the {self.start}, {_walked(self)}",
            ]
        )


@torch.no_grad()
def annealed_importance(
    model: Model,
    x: Tensor,
    *,
    n_chains: int = 16,
    n_temperatures: int = 500,
    n_leapfrog: int = 10,
    prior: Distribution | None = None,
    start: Start = "prior",
    schedule: Schedule = "sigmoid",
    block_rows: int | None = None,
    progress: Progress | None = None,
) -> AnnealedEstimate:
    """Estimate log p(x) of each row by annealed importance sampling with HMC transitions.

    Chains start at draws of a known density r and pass the densities proportional to

        r(z)^(1 - t) (p(z) p(x|z))^t,    0 = t_0 < t_1 < ... < t_T = 1,

    with one HMC transition at each; the product of the ratios of successive densities is an unbiased
    weight for p(x) (Neal 2001; Wu et al. 2017). r is the prior, which owes nothing to the encoder, or
    q(z|x), which is nearer and usually much better. With one temperature it is importance sampling.

    The step size of each row and temperature is adapted in a pilot run of its own chains, and frozen
    for the estimate, which is therefore unbiased in p(x) as adaptation along the way would not be. Steps are
    in units of the deviation of r in each dimension.

    Chance comes from torch's generator, and the noise of a row depends on the rows beside it.

    Parameters
    ----------
    model : Model
        With a prior, and for ``start="posterior"`` a posterior that has a density. Its parameters get no
        gradients.
    x : Tensor of shape (n_rows, *event)
        Rows as the model sees them: channels of images and signals first, in units of X and in the precision of
        the model.
    n_chains : int
        Chains for each row.
    n_temperatures : int
        Steps T from r to the posterior.
    n_leapfrog : int
        Leapfrog steps in each transition.
    prior : Distribution, optional
        p(z), in the place of the model's own.
    start : {"prior", "posterior"}
        What r is.
    schedule : {"sigmoid", "linear"}
        How t rises; the sigmoid is slow at both ends.
    block_rows : int, optional
        Rows that are carried at once; by default as many as a few million values of x.
    progress : callable, optional
        Gets the temperatures done, those of the pilot run too, and their number.

    Raises
    ------
    TypeError
        If x is no tensor.
    ValueError
        If x is not of the model's shape and dtype, a number is below 1, a word is unknown, or the model lacks the
        prior or posterior.
    """
    _check(
        model,
        start,
        n_chains=n_chains,
        n_temperatures=n_temperatures,
        n_leapfrog=n_leapfrog,
        block_rows=block_rows,
    )
    temperatures = _temperatures(n_temperatures, schedule)
    prior = _prior(model, prior)
    check_rows(model, x, prior.event_shape[-1])
    parts = []
    blocks = x.split(block_rows or _rows_in_block(x, n_chains))
    tell = _counter(progress, 2 * n_temperatures * len(blocks))
    for block in blocks:
        path = _Path.of(model, block, prior, start, temperatures)
        steps = _adapted_steps(path, min(n_chains, _PILOT_CHAINS), n_leapfrog, tell)
        parts.append(_walk(path, path.draws(n_chains), steps, n_leapfrog, tell))
    log_weight, acceptance = (torch.cat(part, dim=-1) for part in zip(*parts, strict=True))
    log_likelihood = log_weight.logsumexp(0) - math.log(n_chains)
    relative = (log_weight - log_likelihood).exp()
    return AnnealedEstimate(
        log_likelihood,
        relative.std(0) / math.sqrt(n_chains) if n_chains > 1 else torch.full_like(log_likelihood, math.nan),
        log_weight.softmax(0).square().sum(0).reciprocal(),
        acceptance,
        n_chains,
        n_temperatures,
        n_leapfrog,
        start,
    )


@torch.no_grad()
def bidirectional(
    model: Model,
    n_rows: int = 100,
    *,
    n_chains: int = 16,
    n_reverse: int = 1,
    n_temperatures: int = 500,
    n_leapfrog: int = 10,
    prior: Distribution | None = None,
    start: Start = "prior",
    schedule: Schedule = "sigmoid",
    block_rows: int | None = None,
    progress: Progress | None = None,
) -> BidirectionalEstimate:
    """Bound log p(x) from both sides on rows drawn from the model (Grosse et al. 2015).

    A row x ~ p(x|z*), z* ~ p(z), comes with one exact draw z* of its posterior. Chains carried from it
    backwards along the path of :func:`annealed_importance` have weights w' with E[1/w'] = 1/p(x). With
    the weights w_1, ..., w_C of the forward chains,

        lower = log 1/C (w_1 + ... + w_C),
        upper = log 1/C (w' + w_2 + ... + w_C),

    where E[1/exp(upper)] = 1/p(x) as well, because one of C exchangeable chains was made to end in an exact
    draw (as for conditional sequential Monte Carlo, Andrieu et al. 2010). Several reverse chains from the same z* depend on each other; what is averaged over them is 1/exp(upper),
    which needs no independence.

    A small gap says that the estimates are right for such rows. For real rows it is evidence as far as
    they are like draws of the model.

    Parameters
    ----------
    model : Model
        With a prior, and for ``start="posterior"`` a posterior that has a density.
    n_rows : int
        Rows to draw.
    n_chains : int
        Forward chains C for each row.
    n_reverse : int
        Reverse chains for each row.
    n_temperatures, n_leapfrog, prior, start, schedule, block_rows, progress
        As for :func:`annealed_importance`.

    Raises
    ------
    ValueError
        If a number is below 1, a word is unknown, or the model lacks the prior or posterior.
    """
    _check(
        model,
        start,
        n_rows=n_rows,
        n_chains=n_chains,
        n_reverse=n_reverse,
        n_temperatures=n_temperatures,
        n_leapfrog=n_leapfrog,
        block_rows=block_rows,
    )
    temperatures = _temperatures(n_temperatures, schedule)
    prior = _prior(model, prior)
    z = prior.sample((n_rows,))
    # categories are drawn as whole numbers, and networks read the model's own type
    x = model.decode(z).sample().to(z.dtype)
    rows = block_rows or _rows_in_block(x, n_chains)
    parts = []
    blocks = x.split(rows)
    tell = _counter(progress, 3 * n_temperatures * len(blocks))
    for block, exact in zip(blocks, z.split(rows), strict=True):
        path = _Path.of(model, block, prior, start, temperatures)
        steps = _adapted_steps(path, min(n_chains, _PILOT_CHAINS), n_leapfrog, tell)
        forward, acceptance = _walk(path, path.draws(n_chains), steps, n_leapfrog, tell)
        back = _walk(path.reversed(), exact.expand(n_reverse, -1, -1), steps[::-1], n_leapfrog, tell)[0]
        parts.append((*_bounds(forward, -back), acceptance))
    lower, upper, acceptance = (torch.cat(part) for part in zip(*parts, strict=True))
    return BidirectionalEstimate(
        x, lower, upper, acceptance, n_chains, n_reverse, n_temperatures, n_leapfrog, start
    )


@dataclass(frozen=True)
class _Path:
    """Densities from r(z) to p(z) p(x|z): for each temperature the weights of two terms.

    From the prior the terms are log p(z) and log p(x|z) with the weights 1 and t; from the posterior
    log q(z|x) and log p(x, z) with the weights 1 - t and t.
    """

    base: Distribution
    terms: Terms
    weights: tuple[tuple[float, float], ...]
    n_rows: int

    @classmethod
    def of(
        cls, model: Model, x: Tensor, prior: Distribution, start: Start, temperatures: Sequence[float]
    ) -> _Path:
        def from_prior(z: Tensor) -> tuple[Tensor, ...]:
            return prior.log_prob(z), model.decode(z).log_prob(x)

        def from_posterior(z: Tensor) -> tuple[Tensor, ...]:
            return q.log_prob(z), prior.log_prob(z) + model.decode(z).log_prob(x)

        if start == "prior":
            return cls(prior, from_prior, tuple((1.0, t) for t in temperatures), len(x))
        q = model.encode(x)
        return cls(q, from_posterior, tuple((1.0 - t, t) for t in temperatures), len(x))

    def draws(self, n: int) -> Tensor:
        """Draw codes from r, shape (n, n_rows, d)."""
        return self.base.sample((n,) if self.base.batch_shape else (n, self.n_rows))

    def reversed(self) -> _Path:
        """Return the path from the posterior to r."""
        return replace(self, weights=self.weights[::-1])


def _counter(progress: Progress | None, n: int) -> Callable[[], None]:
    """Return what is called after each of ``n`` steps."""
    if progress is None:
        return lambda: None
    numbers = count(1)
    return lambda: progress(next(numbers), n)


def _walk(
    path: _Path, z: Tensor, steps: Sequence[Tensor], n_leapfrog: int, tell: Callable[[], None]
) -> tuple[Tensor, Tensor]:
    """Carry codes (n_chains, n_rows, d) along a path.

    Returns the logarithms of the products of density ratios, shape (n_chains, n_rows), and the mean
    probability of acceptance, shape (n_rows,).
    """
    point = Point.at(path.terms, z)
    log_weight = torch.zeros_like(point.terms[0])
    accepted = torch.zeros_like(log_weight)
    for i, (here, there) in enumerate(pairwise(path.weights)):
        if i > 0:
            point, probability = transition(path.terms, here, point, _jittered(steps[i - 1], z), n_leapfrog)
            accepted += probability
        log_weight += point.log_density([new - old for new, old in zip(there, here, strict=True)])
        tell()
    return log_weight, accepted.mean(0) / (len(steps) or math.nan)


def _adapted_steps(path: _Path, n_chains: int, n_leapfrog: int, tell: Callable[[], None]) -> list[Tensor]:
    """Return the step sizes of the temperatures between the ends, (n_rows, d) each, from a run of their own."""
    if len(path.weights) == 2:
        tell()
        return []
    scale = path.draws(_SCALE_DRAWS).std(0)
    point = Point.at(path.terms, path.draws(n_chains))
    log_step = torch.zeros_like(scale[:, :1])
    repeats = math.ceil(_PILOT_FEWEST / len(path.weights))
    steps = []
    for i, weights in enumerate(path.weights[:-1]):
        for _ in range(repeats if i > 0 else _PILOT_WARM_UP):
            step = _jittered(log_step.exp() * scale, point.z)
            point, probability = transition(path.terms, weights, point, step, n_leapfrog)
            log_step = log_step + _PILOT_GAIN * (probability.mean(0) - TARGET_ACCEPTANCE).unsqueeze(-1)
        steps.append(log_step.exp() * scale)
        tell()
    return steps[1:]


def _bounds(forward: Tensor, reverse: Tensor) -> tuple[Tensor, Tensor]:
    """Return lower and upper bounds (n_rows,) from log-weights (n_chains, n_rows) and (n_reverse, n_rows)."""
    others = forward[1:].expand(len(reverse), -1, -1)
    estimates = torch.cat([reverse.unsqueeze(1), others], 1).logsumexp(1) - math.log(len(forward))
    upper = math.log(len(reverse)) - (-estimates).logsumexp(0)
    return forward.logsumexp(0) - math.log(len(forward)), upper


def _jittered(step: Tensor, z: Tensor) -> Tensor:
    return step * (1 - _JITTER + 2 * _JITTER * torch.rand_like(z[..., :1]))


def _temperatures(n: int, schedule: str) -> list[float]:
    """Return n + 1 numbers that rise from 0 to 1."""
    if schedule == "linear":
        return [i / n for i in range(n + 1)]
    if schedule != "sigmoid":
        raise ValueError(f"schedule must be 'sigmoid' or 'linear', got {schedule!r}.")
    t = torch.linspace(-_SIGMOID_RADIUS, _SIGMOID_RADIUS, n + 1, dtype=torch.float64).sigmoid()
    return ((t - t[0]) / (t[-1] - t[0])).tolist()


def _rows_in_block(x: Tensor, n_chains: int) -> int:
    return max(1, _BLOCK_VALUES // (n_chains * x[0].numel()))


def _prior(model: Model, prior: Distribution | None) -> Distribution:
    prior = model.latent_prior() if prior is None else prior
    if prior is None:
        raise ValueError(NO_DENSITY.format(what="annealed importance sampling", has="no prior"))
    return prior


def _check(model: Model, start: str, **numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ValueError(f"{name} must be 1 or more, got {number!r}.")
    if start not in ("prior", "posterior"):
        raise ValueError(f"start must be 'prior' or 'posterior', got {start!r}.")
    if start == "posterior" and not model.has_density:
        raise ValueError(
            "start='posterior' needs a posterior with a density, and this model has none: use start='prior'."
        )


def _walked(estimate: AnnealedEstimate | BidirectionalEstimate) -> str:
    return (
        f"{estimate.n_temperatures} temperatures, {estimate.n_leapfrog} leapfrog steps, acceptance "
        f"{float(estimate.acceptance.double().mean()):.2f}"
    )
