"""The rate taken apart: what the codes tell of the row, and how far all codes together are from the prior."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal
from torch.distributions.kl import kl_divergence

from diabolo.distributions import DiagonalNormal, MixtureOfNormals
from diabolo.measures.means import mean_and_error

#: Codes that are drawn and measured at once.
BLOCK_CODES = 1024
# Added to a seed, so that the noise is not the one that made the means when both had the same seed.
_STREAM = 0x5E6A11D0


@dataclass(frozen=True)
class Surgery:
    """E KL(q(z|x) || p(z)) over the rows of a mixture, and its parts; nats per row.

    rate_drawn = mutual_information + marginal_kl, and for a factorised prior
    marginal_kl = total_correlation + dimension_wise_kl: the same draws stand behind every term, so both
    hold to rounding. Each ``_se`` is the standard error of a mean over rows and holds the choice of the rows
    as well as that of the draws, NaN for one row. Where every row of the mixture is used there
    is no choice of rows, and it is an upper limit.

    Parameters
    ----------
    rate : float or None
        The closed form over the same rows; None where the pair has none.
    rate_drawn : float
        Mean of log q(z|x) - log p(z).
    mutual_information : float
        Mean of log q(z|x) - log q(z): of the code and the index of the row in the mixture, at most
        ln N for N rows (Hoffman & Johnson 2016).
    marginal_kl : float
        Mean of log q(z) - log p(z): KL(q(z) || p(z)) of the aggregated posterior.
    total_correlation : float
        Mean of log q(z) - sum_k log q(z_k): how dependent the dimensions are (Chen et al. 2018).
    dimension_wise_kl : float or None
        Mean of sum_k log q(z_k) - log p(z_k). None for a prior that is not factorised, as is the next.
    kl_per_dimension : tuple of float or None
        Its terms, KL(q(z_k) || p(z_k)).
    n_rows : int
        Rows that codes were drawn from.
    n_components_of_mixture : int
        Rows N in the mixture q(z).
    n_draws : int
        Codes for each row.
    """

    rate: float | None
    rate_se: float | None
    rate_drawn: float
    rate_drawn_se: float
    mutual_information: float
    mutual_information_se: float
    marginal_kl: float
    marginal_kl_se: float
    total_correlation: float
    total_correlation_se: float
    dimension_wise_kl: float | None
    dimension_wise_kl_se: float | None
    kl_per_dimension: tuple[float, ...] | None
    kl_per_dimension_se: tuple[float, ...] | None
    n_rows: int
    n_components_of_mixture: int
    n_draws: int

    @property
    def largest_mutual_information(self) -> float:
        """Return ln N: the mutual information when no two posteriors overlap."""
        return math.log(self.n_components_of_mixture)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def __str__(self) -> str:
        limit = f"at most ln {self.n_components_of_mixture} = {self.largest_mutual_information:.3f}"
        lines = [
            ("rate", self.rate, self.rate_se, "closed form"),
            ("rate_drawn", self.rate_drawn, self.rate_drawn_se, "the sum of the next two"),
            ("  mutual_information", self.mutual_information, self.mutual_information_se, limit),
            ("  marginal_kl", self.marginal_kl, self.marginal_kl_se, "aggregated posterior to prior"),
            (
                "    total_correlation",
                self.total_correlation,
                self.total_correlation_se,
                "of marginal_kl" if self.dimension_wise_kl is not None else "of the aggregated posterior",
            ),
            ("    dimension_wise_kl", self.dimension_wise_kl, self.dimension_wise_kl_se, "of marginal_kl"),
        ]
        shown = [f"{n:<23}{v:9.3f} +- {e:.3f}  {what}" for n, v, e, what in lines if v is not None]
        return "\n".join(
            [
                *shown,
                f"nats per row; {self.n_rows} rows of the mixture, draws for each: {self.n_draws}",
            ]
        )


@torch.no_grad()
def elbo_surgery(
    aggregate: MixtureOfNormals,
    prior: Distribution,
    *,
    rows: Tensor | None = None,
    max_rows: int | None = 10_000,
    n_draws: int = 1,
    seed: int = 0,
) -> Surgery:
    """Split the rate of the rows in a mixture of posteriors (Hoffman & Johnson 2016; Chen et al. 2018).

    Codes are drawn from q(z|x_i) of members i of the mixture, and q(z) is the mean over all its N
    members. A mean over the members of a minibatch, weighted or not, would be biased and is not offered;
    nor is the surgery of rows that are not members, whose information about the mixture is no mutual
    information: for those there is :func:`aggregate_cross_entropy`.

    Parameters
    ----------
    aggregate : MixtureOfNormals
        (1/N) sum_i q(z|x_i), equal weights.
    prior : Distribution
        p(z), event shape (d,). The dimension-wise divergence needs a factorised one.
    rows : Tensor of shape (n_rows,), optional
        Indices of the members to draw from. By default all, or ``max_rows`` of them chosen by ``seed``.
    max_rows : int, optional
        Most members to draw from when ``rows`` is not given; None for all.
    n_draws : int
        Codes for each of them.
    seed : int
        Seed of the choice and of the noise.

    Raises
    ------
    ValueError
        If the weights are not equal, ``n_draws`` is below 1, or ``rows`` are no indices of members.

    Examples
    --------
    >>> prior = DiagonalNormal(torch.zeros(1), torch.ones(1))
    >>> apart = MixtureOfNormals(torch.tensor([[-1.0], [1.0]]), torch.full((2, 1), 0.01))
    >>> round(elbo_surgery(apart, prior).mutual_information, 4)  # ln 2
    0.6931
    """
    _check(aggregate, n_draws)
    generator = torch.Generator().manual_seed(seed + _STREAM)
    members = _members(aggregate, rows, max_rows, generator)
    dtype = aggregate.component_mean.dtype
    terms: list[list[Tensor]] = []
    closed: list[Tensor] | None = []
    for part, noise in _blocks(members, aggregate.event_shape[0], n_draws, generator):
        q = _components(aggregate, part)
        z = _draw(q, noise)
        log_q, narrow = aggregate.log_prob(z), z.to(dtype)
        marginals = aggregate.marginal_log_prob(narrow).double()
        columns = [q.log_prob(z), log_q, prior.log_prob(narrow).double(), marginals.sum(-1)]
        factors = _per_dimension(prior, narrow)
        if factors is not None:
            columns.append(marginals - factors)
        terms.append([column.mean(0) for column in columns])
        closed = _closed_form(closed, q, prior)
    log_q_x, log_q, log_p, product, *per_dimension = (
        torch.cat(column) for column in zip(*terms, strict=True)
    )
    wise = per_dimension[0].sum(-1) if per_dimension else None
    parts = {
        "rate": None if closed is None else torch.cat(closed),
        "rate_drawn": log_q_x - log_p,
        "mutual_information": log_q_x - log_q,
        "marginal_kl": log_q - log_p,
        "total_correlation": log_q - product,
        "dimension_wise_kl": wise,
    }
    numbers: dict[str, Any] = {}
    for name, values in parts.items():
        numbers[name], numbers[f"{name}_se"] = (None, None) if values is None else mean_and_error(values)
    each = [mean_and_error(column) for column in per_dimension[0].T] if per_dimension else None
    return Surgery(
        **numbers,
        kl_per_dimension=None if each is None else tuple(mean for mean, _ in each),
        kl_per_dimension_se=None if each is None else tuple(error for _, error in each),
        n_rows=len(members),
        n_components_of_mixture=len(aggregate),
        n_draws=n_draws,
    )


@dataclass(frozen=True)
class CrossEntropy:
    """E[-log q(z)] in nats, with its standard error over rows.

    Parameters
    ----------
    value, value_se : float
        The mean over rows and draws, and its standard error.
    n_rows, n_draws : int
        Rows, and codes drawn for each.
    n_components_of_mixture : int
        Components of the mixture q(z).
    """

    value: float
    value_se: float
    n_rows: int
    n_draws: int
    n_components_of_mixture: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.value:.3f} +- {self.value_se:.3f} nats per row: cross-entropy of the codes of {self.n_rows} rows "
            f"under the aggregated posterior of {self.n_components_of_mixture} rows (draws for each: {self.n_draws})"
        )


@torch.no_grad()
def aggregate_cross_entropy(
    aggregate: MixtureOfNormals, posterior: Distribution, *, n_draws: int = 1, seed: int = 0
) -> CrossEntropy:
    """Return E[-log q(z)] of codes z ~ q(z|x) of rows that are not in the mixture q(z).

    How well the aggregated posterior of the training rows describes the codes of other rows. It is
    a cross-entropy of densities, may be negative, and depends on the units of the code: a measure
    to compare rows under one model.

    Parameters
    ----------
    aggregate : MixtureOfNormals
        q(z).
    posterior : DiagonalNormal or MultivariateNormal
        q(z|x) of the rows, batch shape (n_rows,).
    n_draws : int
        Codes for each row.
    seed : int
        Seed of the noise.
    """
    held_out = MixtureOfNormals.of(posterior)
    _check(held_out, n_draws)
    generator = torch.Generator().manual_seed(seed + _STREAM)
    members = torch.arange(len(held_out), device=held_out.component_mean.device)
    values = [
        -aggregate.log_prob(_draw(_components(held_out, part), noise)).mean(0)
        for part, noise in _blocks(members, held_out.event_shape[0], n_draws, generator)
    ]
    return CrossEntropy(*mean_and_error(torch.cat(values)), len(held_out), n_draws, len(aggregate))


@dataclass(frozen=True)
class SubsamplingDivergence:
    """KL(q || q_n) in nats of a mixture and of n of its components.

    Parameters
    ----------
    value, value_se : float
        Mean over subsamples, and its standard error over them.
    n : int
        Components of a subsample.
    n_components_of_mixture : int
        Components of the mixture.
    n_subsamples, n_codes : int
        Subsamples, and codes drawn for each of them.
    """

    value: float
    value_se: float
    n: int
    n_components_of_mixture: int
    n_subsamples: int
    n_codes: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.value:.3f} +- {self.value_se:.3f} nats lost by keeping {self.n} of "
            f"{self.n_components_of_mixture} components ({self.n_subsamples} subsamples, {self.n_codes} codes each)"
        )


@torch.no_grad()
def subsampling_divergence(
    aggregate: MixtureOfNormals, n: int, *, n_subsamples: int = 8, n_codes: int = 500, seed: int = 0
) -> SubsamplingDivergence:
    """Say what ``aggregate.subsampled(n)`` costs: the mean of log q(z) - log q_n(z), z ~ q(z).

    A subsample may stand for the mixture to draw from, to draw a picture of, or as a cheap density where this
    number is small against what is measured. It must not stand for q(z) in a mutual information: a
    subsample without row i misses the component that made the code, one with it counts it N / n times.

    Parameters
    ----------
    aggregate : MixtureOfNormals
        The whole mixture.
    n : int
        Components of a subsample.
    n_subsamples : int
        Independent subsamples, each judged by codes of its own, so that the standard error over
        them holds both the choice of components and that of codes.
    n_codes : int
        Codes for each.
    seed : int
        Seed of everything.
    """
    generator = torch.Generator().manual_seed(seed + _STREAM)
    weights = aggregate.log_weights.double().exp().cpu()
    device, d = aggregate.component_mean.device, aggregate.event_shape[0]
    values = []
    for _ in range(n_subsamples):
        drawn = torch.multinomial(weights, n_codes, replacement=True, generator=generator).to(device)
        part = aggregate.subsampled(n, seed=int(torch.randint(2**62, (), generator=generator)))
        z = torch.cat([_draw(_components(aggregate, i), e)[0] for i, e in _blocks(drawn, d, 1, generator)])
        values.append((aggregate.log_prob(z) - part.log_prob(z)).mean())
    return SubsamplingDivergence(
        *mean_and_error(torch.stack(values)), n, len(aggregate), n_subsamples, n_codes
    )


def _check(mixture: MixtureOfNormals, n_draws: int) -> None:
    if not mixture.has_equal_weights:
        raise ValueError(
            "the surgery is of rows that count the same, got a mixture with weights: leave log_weights out."
        )
    if n_draws < 1:
        raise ValueError(f"n_draws must be 1 or more, got {n_draws!r}.")


def _members(
    aggregate: MixtureOfNormals, rows: Tensor | None, max_rows: int | None, generator: torch.Generator
) -> Tensor:
    n, device = len(aggregate), aggregate.component_mean.device
    if rows is None:
        chosen = (
            torch.randperm(n, generator=generator)[:max_rows]
            if max_rows and max_rows < n
            else torch.arange(n)
        )
        return chosen.sort().values.to(device)
    if rows.dim() != 1 or len(rows) == 0 or rows.is_floating_point() or rows.min() < 0 or rows.max() >= n:
        raise ValueError(
            f"rows must be indices of the {n} members of the mixture, shape (n_rows,), got {rows.dtype} of shape "
            f"{tuple(rows.shape)}: for rows that are no members use aggregate_cross_entropy."
        )
    return rows.to(device)


def _blocks(
    members: Tensor, d: int, n_draws: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield indices, and noise of shape (n_draws, len(indices), d) in float64, the same on every device."""
    for part in members.split(max(1, BLOCK_CODES // n_draws)):
        noise = torch.randn(len(part), n_draws, d, dtype=torch.float64, generator=generator)
        yield part, noise.transpose(0, 1).to(members.device)


def _components(mixture: MixtureOfNormals, index: Tensor) -> DiagonalNormal | MultivariateNormal:
    """Return some components in float64."""
    q = mixture.components(index)
    if isinstance(q, DiagonalNormal):
        return DiagonalNormal(q.loc.double(), q.scale.double())
    return MultivariateNormal(q.loc.double(), scale_tril=q.scale_tril.double(), validate_args=False)


def _draw(q: DiagonalNormal | MultivariateNormal, noise: Tensor) -> Tensor:
    if isinstance(q, DiagonalNormal):
        return q.loc + q.scale * noise
    return q.loc + (q.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)


def _per_dimension(prior: Distribution, z: Tensor) -> Tensor | None:
    """log p(z_k) of a factorised prior, shape (*batch, d)."""
    if isinstance(prior, Independent) and prior.base_dist.batch_shape == prior.event_shape:
        return prior.base_dist.log_prob(z).double()
    return None


def _closed_form(so_far: list[Tensor] | None, q: Distribution, prior: Distribution) -> list[Tensor] | None:
    if so_far is None:
        return None
    try:
        return [*so_far, kl_divergence(q, prior)]
    except NotImplementedError:
        return None
