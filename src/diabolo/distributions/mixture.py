"""A mixture of Gaussians with as many components as there are training rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, constraints
from torch.utils.checkpoint import checkpoint

from diabolo.distributions.diagonal_normal import DiagonalNormal

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# Numbers in a block: within the cache of a processor's core, or enough to fill an accelerator.
_BLOCK_CPU, _BLOCK_OTHER = 2**18, 2**25
# The matrix product is used while its terms, at most 9/2 sum_k (mean_k / scale_k)^2, keep its rounding
# in float64 below 1e-6 nats; tests/parts/test_mixture.py measures it.
_LARGEST_TERM = 1e9


class MixtureOfNormals(Distribution):
    """p(z) = sum_j w_j N(z; m_j, S_j), batch shape (), event shape (d,), for many components.

    The aggregated posterior q(z) = 1/n sum_i q(z|x_i) is one with a component for each training row
    (Hoffman & Johnson 2016), the VampPrior one with a component for each pseudo-input.

    Densities are computed in blocks of rows of z and of components, so that 10,000 codes under
    60,000 components need a few megabytes. With gradients (of z and of every parameter) each block is
    computed again in the backward pass instead of being kept. Diagonal components use one matrix
    product per block,

        log N(z; m, s) = [z^2, z] [-1/(2 s^2); m/s^2] + const,

    in float64 and about the mean of the means. Its rounding error is below 1e-6 nats plus 1e-11 of
    the value; components that are too narrow for that, with a mean 15,000 scales or more away from the
    centre (the root of the sum of squares over dimensions), are computed from the differences z - m
    instead, which is slower.

    Parameters
    ----------
    mean : Tensor of shape (n, d)
        Means m_j.
    scale : Tensor of shape (n, d), optional
        Standard deviations, for components without correlations.
    scale_tril : Tensor of shape (n, d, d), optional
        Lower triangular factors L_j of the covariances L_j L_j', instead of ``scale``.
    log_weights : Tensor of shape (n,), optional
        Logarithms of the weights up to a constant; they are normalised here. Equal weights by default.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, or not exactly one of the scales is given.

    Examples
    --------
    >>> q = MixtureOfNormals(torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1))
    >>> q.mean, q.variance
    (tensor([0.]), tensor([2.]))
    >>> q.log_prob(torch.zeros(3, 4, 1)).shape
    torch.Size([3, 4])
    """

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector

    def __init__(
        self,
        mean: Tensor,
        scale: Tensor | None = None,
        scale_tril: Tensor | None = None,
        log_weights: Tensor | None = None,
    ) -> None:
        _check(mean, scale, scale_tril, log_weights)
        n, d = mean.shape
        self.component_mean = mean
        self.scale_tril = scale_tril
        self.has_equal_weights = log_weights is None
        self.log_weights = (
            mean.new_full((n,), -math.log(n)) if log_weights is None else log_weights.log_softmax(0)
        )
        self._scale = scale
        super().__init__(torch.Size(), torch.Size((d,)), validate_args=False)

    @classmethod
    def of(cls, q: Any, log_weights: Tensor | None = None) -> MixtureOfNormals:
        """Return the mixture of a batch of Gaussians.

        Parameters
        ----------
        q : DiagonalNormal or MultivariateNormal
            Batch shape (n,), event shape (d,).
        log_weights : Tensor of shape (n,), optional
            As in the constructor.

        Raises
        ------
        TypeError
            For another distribution.
        """
        if isinstance(q, MultivariateNormal):
            return cls(q.loc, scale_tril=q.scale_tril, log_weights=log_weights)
        if isinstance(q, DiagonalNormal):
            return cls(q.loc, q.scale, log_weights=log_weights)
        raise TypeError(
            f"a mixture of normals is made of Gaussians, got a {type(q).__name__}: use a posterior with a "
            "density, DiagonalGaussian() or FullGaussian()."
        )

    def __len__(self) -> int:
        return len(self.component_mean)

    def __repr__(self) -> str:
        shape = "diagonal" if self.scale_tril is None else "full"
        return f"MixtureOfNormals({len(self)} {shape} components, d={self.event_shape[0]})"

    @property
    def component_scale(self) -> Tensor:
        """Standard deviation of each component in each dimension, shape (n, d)."""
        return self.scale_tril.norm(dim=-1) if self._scale is None else self._scale  # type: ignore[union-attr]

    def components(self, index: Tensor | slice = slice(None)) -> DiagonalNormal | MultivariateNormal:
        """Return some components (all by default) as a batch of Gaussians, batch shape (len(index),)."""
        mean = self.component_mean[index]
        if self.scale_tril is None:
            return DiagonalNormal(mean, self.component_scale[index])
        return MultivariateNormal(mean, scale_tril=self.scale_tril[index], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """E[z], shape (d,)."""
        return self.log_weights.exp() @ self.component_mean

    @property
    def variance(self) -> Tensor:
        """Variance of each dimension, shape (d,): mean of the variances + variance of the means."""
        about = self.component_mean - self.mean
        return self.log_weights.exp() @ (self.component_scale.square() + about.square())

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw with torch's global generator: a component, then from it; shape (*sample_shape, d)."""
        shape = torch.Size(sample_shape)
        count, device = shape.numel(), self.component_mean.device
        if self.has_equal_weights:
            chosen = torch.randint(len(self), (count,), device=device)
        else:
            chosen = torch.multinomial(self.log_weights.exp(), count, replacement=True)
        noise = torch.randn(count, *self.event_shape, dtype=self.component_mean.dtype, device=device)
        if self.scale_tril is None:
            spread = self.component_scale[chosen] * noise
        else:
            rows = max(1, _values(noise) // self.event_shape[0] ** 2)
            parts = zip(chosen.split(rows), noise.split(rows), strict=True)
            spread = torch.cat([(self.scale_tril[c] @ e.unsqueeze(-1)).squeeze(-1) for c, e in parts])
        return (self.component_mean[chosen] + spread).reshape(*shape, *self.event_shape)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats of codes of shape (*batch, d), shape (*batch).

        It is computed in float64 and returned in the precision of ``z`` and the means.
        """
        self._check_codes(z)
        rows = z.reshape(-1, *self.event_shape).double()
        blocks = [block for group in self._groups() for block in self._blockwise(rows, *group)]
        return _total(blocks).reshape(z.shape[:-1]).to(self._dtype(z))

    def component_log_prob(self, z: Tensor) -> Tensor:
        """Log-density of codes (*batch, d) under each component, without its weight, shape (*batch, n).

        From the differences z - m_j, so an independent check of :meth:`log_prob`; for few components.
        """
        self._check_codes(z)
        dtype = self._dtype(z)
        rows = z.reshape(-1, *self.event_shape).to(dtype)
        if self.scale_tril is None:
            density = _normals(rows, self.component_mean.to(dtype), self.component_scale.to(dtype)).sum(-1)
        else:
            density = _correlated(rows, self.component_mean.to(dtype), self.scale_tril.to(dtype))
        return density.reshape(*z.shape[:-1], len(self))

    def responsibilities(self, z: Tensor) -> Tensor:
        """p(j|z), how far codes of shape (*batch, d) belong to each component, shape (*batch, n); for few components."""
        return (self.component_log_prob(z) + self.log_weights).softmax(-1)

    def marginal_log_prob(self, z: Tensor) -> Tensor:
        """Log-density of each dimension by itself, log sum_j w_j N(z_k; m_jk, s_jk), shape (*batch, d).

        Blockwise as :meth:`log_prob`, from the differences z - m and in the precision of ``z`` and the
        means: d exponentials for each pair, so float32 is two to three times as fast as float64.
        """
        self._check_codes(z)
        rows = z.reshape(-1, *self.event_shape).to(self._dtype(z))
        parameters = (z, self.component_mean, self.component_scale, self.log_weights)
        if torch.is_grad_enabled() and any(t.requires_grad for t in parameters):
            return self._careful_marginals(rows).reshape(z.shape)
        with torch.no_grad():
            total, smallest = self._summed_marginals(rows)
            lost = ~(total >= smallest).all(-1)
            density = total.log().to(rows.dtype) + self._largest_marginal_weight(rows.dtype) - _HALF_LOG_2PI
            if lost.any():
                density[lost] = self._careful_marginals(rows[lost])
        return density.reshape(z.shape)

    def subsampled(self, n: int, *, seed: int | None = None) -> MixtureOfNormals:
        """Return the mixture of ``n`` of the components, drawn without replacement, their weights normalised.

        With equal weights its density is an unbiased estimate of this one's at a fixed z; its log-density
        is too low on average (Jensen). For codes that were drawn from a component, which may or may not be
        among the ``n``, it is wrong by more: ``diabolo.measures.subsampling_divergence`` says how much.

        Parameters
        ----------
        n : int
            How many, at most ``len(self)``.
        seed : int, optional
            Seed of the choice; torch's global generator by default.
        """
        if not 1 <= n <= len(self):
            raise ValueError(f"n must be from 1 to the number of components, {len(self)}, got {n!r}.")
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        index = torch.randperm(len(self), generator=generator)[:n].sort().values
        index = index.to(self.component_mean.device)
        return MixtureOfNormals(
            self.component_mean[index],
            None if self.scale_tril is not None else self.component_scale[index],
            None if self.scale_tril is None else self.scale_tril[index],
            None if self.has_equal_weights else self.log_weights[index],
        )

    def _dtype(self, z: Tensor) -> torch.dtype:
        return torch.promote_types(z.dtype, self.component_mean.dtype)

    def _check_codes(self, z: Tensor) -> None:
        if z.dim() == 0 or z.shape[-1:] != self.event_shape:
            raise ValueError(
                f"codes must have the shape (*batch, {self.event_shape[0]}), got {tuple(z.shape)}: "
                "the last dimension is that of the latent space."
            )

    def _groups(self) -> list[_Group]:
        """Say which components are computed how: the function, their scales, their indices, numbers a pair."""
        d = self.event_shape[0]
        if self.scale_tril is not None:
            return [(_from_factors, self.scale_tril, slice(None), d)]
        scale = self.component_scale
        product = partial(_from_product, centre=self._centre())
        narrow = self._is_narrow()
        if not narrow.any():
            return [(product, scale, slice(None), 1)]
        if narrow.all():
            return [(_from_differences, scale, slice(None), d)]
        return [(product, scale, ~narrow, 1), (_from_differences, scale, narrow, d)]

    def _blockwise(
        self, rows: Tensor, kernel: _Kernel, scale: Tensor, chosen: _Index, width: int
    ) -> list[Tensor]:
        """Return log sum_j w_j N(z; j) over each block of components, a list of tensors (n_rows, ...)."""
        n_rows, n_components = _extent(rows, width)
        tables = [t[chosen].split(n_components) for t in (self.log_weights, self.component_mean, scale)]
        parts = rows.split(n_rows)
        run = _again if torch.is_grad_enabled() and len(parts) * len(tables[0]) > 1 else _once
        return [torch.cat([run(kernel, z, *block) for z in parts]) for block in zip(*tables, strict=True)]

    def _centre(self) -> Tensor:
        return self.component_mean.detach().double().mean(0)

    @torch.no_grad()
    def _is_narrow(self) -> Tensor:
        """Mark the components whose matrix product would lose digits, shape (n,).

        Where |z_k| >= 2 |m_k| nothing cancels, so |z_k| counts up to there: the terms of the product
        are then below sum_k (3 m_k / s_k)^2 / 2, whatever z is.
        """
        ratio = (self.component_mean.double() - self._centre()) / self.component_scale.double()
        return ~(4.5 * ratio.square().sum(-1) <= _LARGEST_TERM)

    def _largest_marginal_weight(self, dtype: torch.dtype) -> Tensor:
        """max_j log(w_j / s_jk), shape (d,)."""
        return (self.log_weights.unsqueeze(-1) - self.component_scale.log()).amax(0).to(dtype)

    def _summed_marginals(self, rows: Tensor) -> tuple[Tensor, float]:
        """Sum exponentials without looking for the largest first, and say from which sum on that is right."""
        mean, scale = (t.to(rows.dtype).T.contiguous() for t in (self.component_mean, self.component_scale))
        weight = (self.log_weights.to(rows.dtype) - scale.log()).T - self._largest_marginal_weight(rows.dtype)
        weight, curvature = weight.exp().T.contiguous(), -0.5 * scale.pow(-2)
        total = torch.zeros(rows.shape, dtype=torch.float64, device=rows.device)
        n_components, floor = math.isqrt(_values(rows)), _floor(rows.dtype)
        n_rows = max(1, n_components // 2)
        work = rows.new_empty(n_rows, n_components)
        for k, column in enumerate(rows.T.contiguous()):
            tables = [t[k].split(n_components) for t in (mean, curvature, weight)]
            for i, z in enumerate(column.unsqueeze(-1).split(n_rows)):
                sums = total[i * n_rows :][: len(z), k]
                for m, c, w in zip(*tables, strict=True):
                    error = torch.sub(z, m, out=work[: len(z), : len(m)])
                    sums += error.square_().mul_(c).clamp_(min=floor).exp_() @ w
        return total, len(self) * math.exp(floor) / torch.finfo(rows.dtype).eps

    def _careful_marginals(self, rows: Tensor) -> Tensor:
        group = (_marginals, self.component_scale, slice(None), rows.shape[-1])
        return _total(self._blockwise(rows.double(), *group)).to(rows.dtype)


_Kernel = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
_Index = Tensor | slice
_Group = tuple[_Kernel, Tensor, _Index, int]


def _once(kernel: _Kernel, *tensors: Tensor) -> Tensor:
    return kernel(*tensors)


def _again(kernel: _Kernel, *tensors: Tensor) -> Tensor:
    return checkpoint(kernel, *tensors, use_reentrant=False, preserve_rng_state=False)


def _total(blocks: list[Tensor]) -> Tensor:
    return blocks[0] if len(blocks) == 1 else _logsumexp(torch.stack(blocks, -1))


def _logsumexp(x: Tensor, dim: int = -1) -> Tensor:
    """As torch's, in place where no gradient is needed, and many times as fast where x spans a large range."""
    largest = x.detach().amax(dim, keepdim=True).clamp(min=torch.finfo(x.dtype).min)
    if x.requires_grad:
        terms = (x - largest).clamp(min=_floor(x.dtype)).exp()
    else:
        terms = x.sub_(largest).clamp_(min=_floor(x.dtype)).exp_()
    return terms.sum(dim).log() + largest.squeeze(dim)


def _floor(dtype: torch.dtype) -> float:
    """Where exp is next to the smallest normal number: below, it takes 50 times as long and adds nothing."""
    return math.log(torch.finfo(dtype).tiny) + 1


def _values(like: Tensor) -> int:
    return _BLOCK_CPU if like.device.type == "cpu" else _BLOCK_OTHER


def _extent(like: Tensor, width: int) -> tuple[int, int]:
    """How many rows and how many components make a block, with ``width`` numbers for each pair."""
    n_components = max(1, math.isqrt(_values(like)) // (2 * width))
    return max(1, _values(like) // (n_components * width)), n_components


def _from_product(z: Tensor, log_weights: Tensor, mean: Tensor, scale: Tensor, centre: Tensor) -> Tensor:
    z, mean, scale = z - centre, mean.double() - centre, scale.double()
    precision = scale.reciprocal().square()
    constant = log_weights.double() - 0.5 * (mean.square() * precision).sum(-1) - scale.log().sum(-1)
    table = torch.cat([-0.5 * precision, mean * precision], -1)
    density = torch.addmm(constant - _HALF_LOG_2PI * z.shape[-1], torch.cat([z.square(), z], -1), table.T)
    return _logsumexp(density)


def _from_differences(z: Tensor, log_weights: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    return _logsumexp(log_weights.double() + _normals(z, mean.double(), scale.double()).sum(-1))


def _from_factors(z: Tensor, log_weights: Tensor, mean: Tensor, tril: Tensor) -> Tensor:
    return _logsumexp(log_weights.double() + _correlated(z, mean.double(), tril.double()))


def _marginals(z: Tensor, log_weights: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    density = _normals(z, mean.double(), scale.double())
    return _logsumexp(log_weights.double().unsqueeze(-1) + density, -2)


def _normals(z: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """log N(z_k; m_jk, s_jk), shape (rows, components, d)."""
    error = (z.unsqueeze(-2) - mean) * scale.reciprocal()
    return -0.5 * error.square() - scale.log() - _HALF_LOG_2PI


def _correlated(z: Tensor, mean: Tensor, tril: Tensor) -> Tensor:
    """log N(z; m_j, L_j L_j'), shape (rows, components), by one product with all L_j^-1."""
    n, d = mean.shape
    identity = torch.eye(d, dtype=tril.dtype, device=tril.device).expand(n, d, d)
    inverse = torch.linalg.solve_triangular(tril, identity, upper=False)
    offset = (inverse @ mean.unsqueeze(-1)).reshape(n * d)
    error = torch.addmm(-offset, z, inverse.reshape(n * d, d).T).reshape(len(z), n, d)
    log_det = tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return -0.5 * error.square().sum(-1) - log_det - _HALF_LOG_2PI * d


def _check(mean: Tensor, scale: Tensor | None, scale_tril: Tensor | None, log_weights: Tensor | None) -> None:
    if mean.dim() != 2 or len(mean) == 0:
        raise ValueError(f"mean must have the shape (n, d) with n at least 1, got {tuple(mean.shape)}.")
    if (scale is None) == (scale_tril is None):
        given = "neither" if scale is None else "both"
        raise ValueError(f"give exactly one of scale and scale_tril, got {given}.")
    n, d = mean.shape
    for name, value, shape in (
        ("scale", scale, (n, d)),
        ("scale_tril", scale_tril, (n, d, d)),
        ("log_weights", log_weights, (n,)),
    ):
        if value is not None and tuple(value.shape) != shape:
            raise ValueError(
                f"{name} must have the shape {shape} for a mean of shape {(n, d)}, got {tuple(value.shape)}."
            )
