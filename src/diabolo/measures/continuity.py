"""Whether the space between codes is inhabited."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from diabolo.distributions import MixtureOfNormals

#: Most codes that are used; of more, a subset drawn by the seed.
MAX_CODES = 10_000
#: Codes below which their density, and so holes in it, cannot be told.
FEWEST_CODES = 50
# Shares of the codes that carry kernels and that choose their width; the rest is judged.
_KERNEL_SHARE, _CHOICE_SHARE = 0.7, 0.1
# Kernel widths that are tried, in units of Scott's rule n^(-1/(d + 4)) for whitened codes.
_WIDTHS = tuple(2.0**k for k in range(-6, 2))
# A direction whose variance is below this share of the largest is not one that codes vary in.
_FLAT = 1e-10
_GAUSSIAN_DRAWS = 2_000
# An angle whose sine is below so many times the rounding error is none.
_NO_ANGLE = 100


@dataclass(frozen=True)
class Continuity:
    """How much of the way between codes leads through holes of the latent space.

    Parameters
    ----------
    path : {"straight", "spherical"}
        The kind of path.
    hole_share, hole_share_se : float
        Share of the inner points of the paths whose density is below the threshold, and its standard
        error over paths. Codes themselves have the share ``quantile``.
    hole_share_gaussian, hole_share_gaussian_se : float
        The same share of draws of the Gaussian that has the mean and the covariance of the codes: what comes of
        choosing z so. The error is that of the draws, the threshold given.
    hole_share_prior, hole_share_prior_se : float or None
        The same share of codes drawn from the prior.
    quantile : float
        Share of held-out codes below the threshold, by construction.
    threshold : float
        Log-density, in nats, of whitened codes.
    bandwidth : float
        Deviation of a kernel, in units of whitened codes.
    position : tuple of float
        Where on a path, from 0 to 1, ends included.
    hole_share_at : tuple of float
        Share of paths that are in a hole at each position.
    log_density_at : tuple of float
        Median over paths of the log-density above the threshold at each position, in nats.
    n_paths, n_codes, n_held_out : int
        Paths; codes used; those of them that gave threshold and ends of paths, and carry no kernel.
    n_directions : int
        Dimensions in which the codes vary.
    """

    path: str
    hole_share: float
    hole_share_se: float
    hole_share_gaussian: float
    hole_share_gaussian_se: float
    hole_share_prior: float | None
    hole_share_prior_se: float | None
    quantile: float
    threshold: float
    bandwidth: float
    position: tuple[float, ...]
    hole_share_at: tuple[float, ...]
    log_density_at: tuple[float, ...]
    n_paths: int
    n_codes: int
    n_held_out: int
    n_directions: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def __str__(self) -> str:
        lines = [
            f"hole_share           {self.hole_share:.3f} +- {self.hole_share_se:.3f}  of the inner points of "
            f"{self.n_paths} {self.path} paths between codes ({self.quantile:g} of codes themselves)",
            f"hole_share_gaussian  {self.hole_share_gaussian:.3f} +- {self.hole_share_gaussian_se:.3f}  of the "
            "draws of a Gaussian with the mean and the covariance of the codes",
        ]
        if self.hole_share_prior is not None:
            lines.append(
                f"hole_share_prior     {self.hole_share_prior:.3f} +- {self.hole_share_prior_se:.3f}  of the "
                "draws of the prior"
            )
        return "\n".join(lines)


@torch.no_grad()
def latent_continuity(
    codes: Any,
    *,
    n_paths: int = 200,
    n_points: int = 21,
    path: Literal["straight", "spherical"] = "straight",
    quantile: float = 0.05,
    prior_codes: Any = None,
    max_codes: int = MAX_CODES,
    seed: int = 0,
) -> Continuity:
    """Measure how often a path between two codes, or a code that is drawn, leaves the region where codes are.

    The density of codes is a kernel estimate (Gaussian kernels on 70 % of the codes, after whitening;
    width chosen among a few by the likelihood of 10 %). The threshold is the ``quantile`` of the log-density
    of the remaining 20 %, and pairs of these are the ends of the paths. Nothing here asks for a posterior
    or a prior, so an auto-encoder and a VAE are measured in the same way. Straight paths lead through the middle,
    where in many dimensions codes are dense whatever the model: there the draws of a Gaussian say more. Of few codes kernels are
    wide and narrow holes not seen, so that shares compare at equal numbers of codes. Whitening makes the result of straight
    paths independent of any linear change of the codes that keeps all their directions (those that vary
    less than 1e-5 of the others are left out); spherical paths turn about the origin, and depend on
    where it is.

    Parameters
    ----------
    codes : array or Tensor of shape (n_codes, d)
        Codes of rows, at least 50: z = E(x) of an auto-encoder, **drawn** codes z ~ q(z|x) of a VAE
        (its posterior means are not what its decoder was trained on).
    n_paths : int
        Pairs of codes. No code is used twice before every one has been.
    n_points : int
        Points on a path, both ends included.
    path : {"straight", "spherical"}
        (1 - t) z0 + t z1, or :func:`spherical`.
    quantile : float
        Share of codes that count as being in a hole.
    prior_codes : array or Tensor of shape (n, d), optional
        Draws of the prior, to be judged by the same threshold.
    max_codes : int
        Most codes that are used; of more, a subset drawn by ``seed``.
    seed : int
        Seed of subset, split and pairs.

    Raises
    ------
    ValueError
        If there are too few codes, they are all the same, or hold no numbers.

    Examples
    --------
    >>> z = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    >>> latent_continuity(z).hole_share < 0.05
    True
    >>> apart = latent_continuity(torch.cat([z, z + 100]))
    >>> apart.hole_share > 0.3, apart.hole_share_gaussian > 0.8
    (True, True)
    """
    z = _codes(codes, "codes")
    _check(min(len(z), max_codes), n_paths, n_points, path, quantile)
    generator = torch.Generator().manual_seed(seed)
    z = z[torch.randperm(len(z), generator=generator)[:max_codes].to(z.device)]
    whitening = _Whitening.of(z)
    n_kernels, n_choice = int(_KERNEL_SHARE * len(z)), int(_CHOICE_SHARE * len(z))
    kernels, choice, held_out = z.tensor_split([n_kernels, n_kernels + n_choice])
    density = _kernel_density(whitening(kernels), whitening(choice))
    threshold = float(density.log_prob(whitening(held_out)).quantile(quantile))

    position = torch.linspace(0, 1, n_points, dtype=z.dtype, device=z.device)
    first, second = _pairs(len(held_out), n_paths, generator).to(z.device)
    way = _PATHS[path](held_out[first], held_out[second], position)
    above = density.log_prob(whitening(way)) - threshold
    of_paths = (above[:, 1:-1] < 0).double().mean(-1)
    drawn = torch.randn(_GAUSSIAN_DRAWS, whitening.matrix.shape[1], generator=generator, dtype=z.dtype)
    share_gaussian, share_gaussian_se = _share_below(density, drawn.to(z.device), threshold)
    share_prior, share_prior_se = None, None
    if prior_codes is not None:
        drawn = _codes(prior_codes, "prior_codes")
        if drawn.shape[1] != z.shape[1]:
            raise ValueError(
                f"prior_codes must have {z.shape[1]} columns as the codes, got {drawn.shape[1]}."
            )
        share_prior, share_prior_se = _share_below(density, whitening(drawn), threshold)
    return Continuity(
        path=path,
        hole_share=float(of_paths.mean()),
        hole_share_se=float(of_paths.std()) / math.sqrt(n_paths),
        hole_share_gaussian=share_gaussian,
        hole_share_gaussian_se=share_gaussian_se,
        hole_share_prior=share_prior,
        hole_share_prior_se=share_prior_se,
        quantile=quantile,
        threshold=threshold,
        bandwidth=float(density.component_scale[0, 0]),
        position=tuple(position.tolist()),
        hole_share_at=tuple((above < 0).double().mean(0).tolist()),
        log_density_at=tuple(above.median(0).values.tolist()),
        n_paths=n_paths,
        n_codes=len(z),
        n_held_out=len(held_out),
        n_directions=whitening.matrix.shape[1],
    )


def straight(z0: Tensor, z1: Tensor, t: Tensor) -> Tensor:
    """Return (1 - t) z0 + t z1 for each t.

    Parameters
    ----------
    z0, z1 : Tensor of shape (*batch, d)
        Ends of the paths.
    t : Tensor of shape (n_points,)
        From 0 to 1.

    Returns
    -------
    Tensor of shape (*batch, n_points, d)
    """
    return torch.lerp(z0.unsqueeze(-2), z1.unsqueeze(-2), t.unsqueeze(-1))


def spherical(z0: Tensor, z1: Tensor, t: Tensor) -> Tensor:
    """Turn from z0 to z1 about the origin: (sin((1 - t) a) z0 + sin(t a) z1) / sin a, a the angle between.

    The path that keeps the length of two codes of equal length, as draws of N(0, I) in many
    dimensions nearly are (White 2016). Where the angle is 0, or half a turn, which leaves the plane open, or one
    end is the origin, it is the straight path.

    Parameters
    ----------
    z0, z1 : Tensor of shape (*batch, d)
        Ends of the paths.
    t : Tensor of shape (n_points,)
        From 0 to 1.

    Returns
    -------
    Tensor of shape (*batch, n_points, d)

    Examples
    --------
    >>> half = spherical(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
    >>> [round(v, 4) for v in half[0].tolist()]
    [0.7071, 0.7071]
    """
    u0, u1 = (z / z.norm(dim=-1, keepdim=True) for z in (z0, z1))
    # accurate at both ends, where the arc cosine of the product is not
    angle = 2 * torch.atan2((u0 - u1).norm(dim=-1), (u0 + u1).norm(dim=-1)).unsqueeze(-1)
    share = torch.stack([torch.sin((1 - t) * angle), torch.sin(t * angle)]) / torch.sin(angle)
    turned = share[0].unsqueeze(-1) * z0.unsqueeze(-2) + share[1].unsqueeze(-1) * z1.unsqueeze(-2)
    is_plain = ~(torch.sin(angle) > _NO_ANGLE * torch.finfo(z0.dtype).eps).unsqueeze(-1)
    return torch.where(is_plain, straight(z0, z1, t), turned)


_PATHS = {"straight": straight, "spherical": spherical}


@dataclass(frozen=True)
class _Whitening:
    """z -> (z - mean) @ matrix, which has unit covariance over the codes it was made of."""

    mean: Tensor
    matrix: Tensor

    @classmethod
    def of(cls, z: Tensor) -> _Whitening:
        mean = z.mean(0)
        varies = z.amax(0) > z.amin(0)
        if not varies.any():
            raise ValueError("codes are all the same, so there is no space between them: check the encoder.")
        mean = torch.where(varies, mean, z[0])
        unit = torch.where(varies, z.std(0, correction=0), 1)
        scaled = (z - mean) / unit
        variance, direction = torch.linalg.eigh(scaled.T @ scaled / len(z))
        kept = variance > _FLAT * variance[-1]
        return cls(mean, direction[:, kept] * variance[kept].rsqrt() / unit.unsqueeze(-1))

    def __call__(self, z: Tensor) -> Tensor:
        return (z - self.mean) @ self.matrix


def _kernel_density(kernels: Tensor, choice: Tensor) -> MixtureOfNormals:
    """Return Gaussian kernels of the width under which other codes are likeliest."""
    scott = len(kernels) ** (-1 / (kernels.shape[-1] + 4))
    densities = [MixtureOfNormals(kernels, torch.full_like(kernels, scott * width)) for width in _WIDTHS]
    return max(densities, key=lambda density: float(density.log_prob(choice).mean()))


def _share_below(density: MixtureOfNormals, whitened: Tensor, threshold: float) -> tuple[float, float]:
    """Return the share of draws whose log-density is below the threshold, and its standard error."""
    share = float((density.log_prob(whitened) < threshold).double().mean())
    return share, math.sqrt(share * (1 - share) / len(whitened))


def _pairs(n: int, n_pairs: int, generator: torch.Generator) -> Tensor:
    """Draw pairs of different indices below n, shape (2, n_pairs); disjoint as long as there are enough."""
    rounds = math.ceil(n_pairs / (n // 2))
    orders = [torch.randperm(n, generator=generator)[: 2 * (n // 2)].reshape(2, -1) for _ in range(rounds)]
    return torch.cat(orders, -1)[:, :n_pairs]


def _codes(codes: Any, name: str) -> Tensor:
    z = torch.as_tensor(codes).double()
    if z.dim() != 2 or not z.isfinite().all():
        raise ValueError(
            f"{name} must be finite numbers of shape (n, d), got shape {tuple(z.shape)}: give one row for each code."
        )
    return z


def _check(n_codes: int, n_paths: int, n_points: int, path: str, quantile: float) -> None:
    if n_codes < FEWEST_CODES:
        raise ValueError(
            f"the density of codes needs at least {FEWEST_CODES} codes, got {n_codes}: give more rows, also "
            "those that training has seen."
        )
    if path not in _PATHS:
        raise ValueError(f"path must be 'straight' or 'spherical', got {path!r}.")
    if n_paths < 2 or n_points < 3 or not 0 < quantile < 1:
        raise ValueError(
            "n_paths must be 2 or more, n_points 3 or more and quantile between 0 and 1, got "
            f"{n_paths!r}, {n_points!r} and {quantile!r}."
        )
