"""What a latent space holds, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from diabolo.measures.continuity import Continuity
from diabolo.measures.surgery import CrossEntropy, Surgery
from diabolo.measures.two_sample import TwoSample

#: A dimension has collapsed when its rate stays below COLLAPSE_NATS in all but COLLAPSE_SHARE of the rows.
COLLAPSE_NATS = 0.01
COLLAPSE_SHARE = 0.01
_AUC_OF_HOLES = 0.6
_CHANCE_SPREAD = 3.0


@dataclass(frozen=True)
class Diagnosis:
    """What the codes of an auto-encoder are like; every estimator has it.

    Parameters
    ----------
    n_rows, n_components : int
        Rows that were looked at, and dimensions of the latent space.
    constant_dimensions : tuple of int
        Dimensions whose code is the same for every row.
    continuity : Continuity
        How often the way between two codes leaves the region where codes lie.
    """

    n_rows: int
    n_components: int
    constant_dimensions: tuple[int, ...]
    continuity: Continuity

    @property
    def findings(self) -> tuple[str, ...]:
        """What stands out, a sentence each; empty when nothing does."""
        said = []
        if self.constant_dimensions:
            said.append(
                f"{len(self.constant_dimensions)} of {self.n_components} dimensions of the code are the same for every "
                "row: fewer n_components would do."
            )
        return (*said, *_of_continuity(self.continuity), *_of_drawing(self.continuity))

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dictionaries."""
        plain = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return {**plain, "findings": list(self.findings)}

    def _sections(self) -> list[tuple[str, Any]]:
        return [("continuity", self.continuity)]

    def __str__(self) -> str:
        lines = [f"{self.n_rows} rows, {self.n_components} components"]
        lines += [f"* {finding}" for finding in self.findings] or ["* nothing stands out"]
        for title, record in self._sections():
            lines += ["", title, *(f"  {line}" for line in str(record).splitlines())]
        return "\n".join(lines)


@dataclass(frozen=True)
class GenerativeDiagnosis(Diagnosis):
    """What the latent space of a variational auto-encoder holds; nats per row.

    Parameters
    ----------
    elbo, rate : float
        Of the rows that were given; rate = KL(q(z|x) || p(z)).
    elbo_se, rate_se : float
        Their standard errors over rows.
    n_draws : int
        Codes of each row that the ELBO is averaged over; ``evaluate`` takes more.
    rate_per_dimension : tuple of float
        KL of the marginals of q(z|x) to the Gaussians of the mean and variance of p(z), which are its marginals
        where it is a Gaussian; for a p(z) that cannot tell its moments (a flow), of those of the aggregated posterior.
    active_units : int
        Dimensions whose posterior mean has a variance above 0.01 (Burda et al. 2016).
    collapsed : tuple of int
        Dimensions whose rate is below 0.01 nat in at least 99 % of the rows: (delta, epsilon)-collapse with
        delta = epsilon = 0.01 (Lucas et al. 2019).
    effective_beta : float
        Weight of the rate against half the squared error in units of the data's deviation, which
        is beta * sigma^2 / deviation^2 for a Gaussian likelihood of scale sigma; beta for others.
    baseline : float
        Mean log p(x) of the same likelihood without a latent space: each column about its own
        mean. A model that uses its codes lies above.
    surgery : Surgery
        The rate of the training rows, split into mutual information and what the codes on the
        whole are away from the prior.
    aggregate_cross_entropy : CrossEntropy
        -E log q(z) of codes of the given rows under the aggregated posterior of the training rows.
    prior_test : TwoSample
        Whether codes of the training rows can be told from draws of the prior.
    """

    elbo: float
    elbo_se: float
    n_draws: int
    rate: float
    rate_se: float
    rate_per_dimension: tuple[float, ...]
    active_units: int
    collapsed: tuple[int, ...]
    effective_beta: float
    baseline: float
    surgery: Surgery
    aggregate_cross_entropy: CrossEntropy
    prior_test: TwoSample

    @property
    def findings(self) -> tuple[str, ...]:
        """What stands out, a sentence each; empty when nothing does."""
        said = []
        if self.elbo <= self.baseline:
            said.append(
                f"the ELBO ({self.elbo:.2f} nats) is not above what predicting each column's mean gives "
                f"({self.baseline:.2f}): the codes do not help, train longer or lower beta."
            )
        if self.collapsed:
            said.append(
                f"collapsed: {len(self.collapsed)} of {self.n_components} dimensions carry no information; lower beta "
                "or warm it up if the reconstructions are too coarse, else fewer n_components would do."
            )
        test = self.prior_test
        if test.auc > max(
            _AUC_OF_HOLES, test.floor + _CHANCE_SPREAD * (test.auc_se**2 + test.floor_se**2) ** 0.5
        ):
            said.append(
                f"codes and prior can be told apart (area under the curve {test.auc:.2f}, KL "
                f"{self.surgery.marginal_kl:.2f} nats): draws of the prior fall where no codes are; sample with "
                "latent='aggregate', or call fit_prior(X) and sample with latent='ex_post'."
            )
        return (*said, *_of_continuity(self.continuity))

    def _sections(self) -> list[tuple[str, Any]]:
        rates = " ".join(f"{rate:.2f}" for rate in sorted(self.rate_per_dimension, reverse=True)[:16])
        more = " ..." if self.n_components > 16 else ""
        numbers = (
            f"elbo            {self.elbo:.3f} +- {self.elbo_se:.3f} nats per row, {self.n_draws} draws (without codes: "
            f"{self.baseline:.3f})\n"
            f"rate            {self.rate:.3f} +- {self.rate_se:.3f} nats per row\n"
            f"per dimension   {rates}{more}\n"
            f"active units    {self.active_units} of {self.n_components}\n"
            f"effective beta  {self.effective_beta:.4g}\n"
            f"cross-entropy   {self.aggregate_cross_entropy}"
        )
        return [
            ("rows given", numbers),
            ("training rows: surgery of the rate", self.surgery),
            ("codes against the prior", self.prior_test),
            *super()._sections(),
        ]


def _of_continuity(continuity: Continuity) -> list[str]:
    expected = continuity.quantile
    if continuity.hole_share <= 2 * expected + _CHANCE_SPREAD * continuity.hole_share_se:
        return []
    return [
        f"{continuity.hole_share:.0%} of the way between two codes lies where hardly any code is ({expected:.0%} for codes "
        "themselves): interpolations cross holes of the latent space."
    ]


def _of_drawing(continuity: Continuity) -> list[str]:
    share, expected = continuity.hole_share_gaussian, continuity.quantile
    # the threshold is a quantile of few codes
    error = (continuity.hole_share_gaussian_se**2 + expected * (1 - expected) / continuity.n_held_out) ** 0.5
    if share <= 2 * expected + _CHANCE_SPREAD * error:
        return []
    return [
        f"{share:.0%} of the draws of a Gaussian with the codes' mean and covariance lie where hardly any code is ({expected:.0%} "
        "for codes themselves): what the decoder makes of codes chosen so need not look like rows; call fit_prior(X) "
        "and sample, or train a VAE."
    ]


def _plain(value: Any) -> Any:
    if hasattr(value, "as_dict"):
        return value.as_dict()
    return list(value) if isinstance(value, tuple) else value
