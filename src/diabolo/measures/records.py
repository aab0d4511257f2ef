"""Frozen records of an evaluation, which print as a table."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from diabolo.measures.compression import CompressionCurve
from diabolo.measures.target import Target


@dataclass(frozen=True)
class _Record:
    n_rows: int
    n_components: int
    compression: CompressionCurve

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dictionaries."""
        return {**asdict(self), "compression": self.compression.as_dict()}

    def _lines(self) -> list[tuple[str, str]]:
        raise NotImplementedError

    def __str__(self) -> str:
        lines = [*self._lines(), *_compression_lines(self.compression)]
        width = max(len(name) for name, _ in lines)
        return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in self._lines())
        return f"<table>{rows}</table>"


@dataclass(frozen=True)
class ReconstructionRecord(_Record):
    """What an auto-encoder keeps of some rows.

    Parameters
    ----------
    reconstruction_mse, reconstruction_mae : float
        Squared and absolute error of H(x) per value, in units of X (squared); 1 for a wrong category.
    explained_variance : float
        1 - reconstruction_mse / variance of the rows about their column means; nan for categories.
    """

    reconstruction_mse: float
    reconstruction_mae: float
    explained_variance: float

    def _lines(self) -> list[tuple[str, str]]:
        return [
            ("rows", f"{self.n_rows}"),
            ("components", f"{self.n_components}"),
            ("reconstruction_mse", f"{self.reconstruction_mse:.6g}  per value, units of X squared"),
            ("reconstruction_mae", f"{self.reconstruction_mae:.6g}  per value, units of X"),
            ("explained_variance", f"{self.explained_variance:.4f}"),
        ]


@dataclass(frozen=True)
class DenoisingRecord(ReconstructionRecord):
    """What a denoising auto-encoder restores: errors against the clean rows.

    Parameters
    ----------
    noisy_mse : float
        Squared error per value of the corrupted rows themselves: what doing nothing costs.
    denoising_mse : float
        Squared error per value of H(x~).
    """

    noisy_mse: float
    denoising_mse: float

    def _lines(self) -> list[tuple[str, str]]:
        return [
            *super()._lines(),
            ("noisy_mse", f"{self.noisy_mse:.6g}  before denoising"),
            ("denoising_mse", f"{self.denoising_mse:.6g}  after denoising"),
        ]


@dataclass(frozen=True)
class GenerativeRecord(_Record):
    """What a variational auto-encoder says of some rows; nats per row, averaged over rows.

    Parameters
    ----------
    elbo : float
        -(distortion + rate), whatever beta was.
    rate, distortion : float
        KL(q(z|x) || p(z)) and -E_q log p(x|z), not weighted.
    elbo_se, rate_se, distortion_se : float
        Standard errors of the three means over rows: what other rows would change; NaN for one row.
    log_likelihood, log_likelihood_se : float
        Importance-weighted estimate of log p(x) from ``n_draws`` draws, and the standard error of
        its mean over rows: what other rows would change.
    monte_carlo_se : float
        What other draws would change in that mean.
    n_unreliable : int or None
        Rows whose importance weights seem to have no finite variance (Pareto-k above
        ``largest_k(n_draws)``, 0.5 from 100 draws on); None below 25 draws, which cannot tell.
    latent : str
        What stood as p(z): "prior", "aggregate" or "ex_post".
    rate_per_dimension : tuple of float
        KL of the marginals of q(z|x) to the Gaussians of the mean and variance of p(z), which are its marginals
        where it is a Gaussian; empty for a p(z) whose moments are not known (a flow).
    active_units : int
        Dimensions whose posterior mean has a variance above 0.01.
    mse, reconstruction_mse : float
        Squared error per value in units of X squared, with z drawn from q, and with its mean; 1 for a wrong category.
    is_density : bool
        False when the likelihood is a cross-entropy of grey values, no density.
    kl_is_exact : bool
        Whether the rate is a closed form.
    effective_beta : float or None
        For a Gaussian likelihood of learned scale sigma: beta * sigma^2 / deviation^2, the weight of
        the rate against half the squared error in units of the data's deviation.
    target : Target or None
        The target that beta was steered to, and what was reached on the rows that steered it.
    """

    elbo: float
    elbo_se: float
    rate: float
    rate_se: float
    distortion: float
    distortion_se: float
    log_likelihood: float
    log_likelihood_se: float
    monte_carlo_se: float
    n_draws: int
    n_unreliable: int | None
    latent: str
    rate_per_dimension: tuple[float, ...]
    active_units: int
    mse: float
    reconstruction_mse: float
    is_density: bool
    kl_is_exact: bool
    effective_beta: float | None = None
    target: Target | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dictionaries."""
        return {**super().as_dict(), "rate_per_dimension": list(self.rate_per_dimension)}

    def _lines(self) -> list[tuple[str, str]]:
        rates = " ".join(f"{r:.2f}" for r in sorted(self.rate_per_dimension, reverse=True)[:16])
        more = " ..." if self.n_components > 16 else ""
        lines = [
            ("rows", f"{self.n_rows}"),
            ("elbo", f"{self.elbo:.3f} +- {self.elbo_se:.3f} nats per row"),
            ("distortion", f"{self.distortion:.3f} +- {self.distortion_se:.3f} nats per row"),
            (
                "rate",
                f"{self.rate:.3f} +- {self.rate_se:.3f} nats per row"
                + ("" if self.kl_is_exact else "  (from draws, no closed form)"),
            ),
            (
                "log_likelihood",
                f"{self.log_likelihood:.3f} +- {self.log_likelihood_se:.3f} nats per row "
                f"({self.n_draws} importance draws, their own error {self.monte_carlo_se:.3f})",
            ),
            ("active_units", f"{self.active_units} of {self.n_components}"),
            ("rate_per_dimension", rates + more or "not known for this p(z)"),
            ("mse", f"{self.mse:.6g}  per value, z drawn"),
            ("reconstruction_mse", f"{self.reconstruction_mse:.6g}  per value, z = posterior mean"),
        ]
        if self.effective_beta is not None:
            lines.append(("effective_beta", f"{self.effective_beta:.4g}  in units of the data's variance"))
        if self.target is not None:
            shown = self.target.line(rate=self.rate, distortion=self.distortion, mse=self.mse)
            lines.insert(1, (self.target.name, shown))
        if self.latent != "prior":
            lines.insert(1, ("p(z)", self.latent))
        if self.n_unreliable:
            lines.append(
                (
                    "note",
                    f"in {self.n_unreliable} rows the importance weights seem to have no finite variance",
                )
            )
        if self.n_unreliable is None:
            lines.append(
                (
                    "note",
                    f"{self.n_draws} draws cannot tell whether the importance weights have a finite variance",
                )
            )
        if not self.is_density:
            lines.append(
                ("note", "cross-entropy of values that are not binary: no density, compare with care")
            )
        return lines


def _compression_lines(curve: CompressionCurve) -> list[tuple[str, str]]:
    def number(value: float) -> str:
        return "-" if math.isnan(value) else f"{value:.4g}"

    error = "mse" if not curve.by_column else "mse, each column in units of its scale"
    return [
        ("bits per row", "  ".join(f"{b:>8.1f}" for b in curve.bits_per_row)),
        (f"  {error}", "  ".join(f"{number(e):>8}" for e in curve.mse)),
        ("  PCA's mse", "  ".join(f"{number(e):>8}" for e in curve.pca_mse)),
    ]
