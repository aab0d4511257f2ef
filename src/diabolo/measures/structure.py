"""The structure of codes: every measure of it at once, beside what chance gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diabolo.measures.attribute_predictability import AttributePredictability, attribute_predictability
from diabolo.measures.dci import DCI, dci
from diabolo.measures.factor_scores import FixedFactorScore, beta_vae_score, factor_vae_score
from diabolo.measures.factors import finite_table
from diabolo.measures.mutual_information_gap import MutualInformationGap, mutual_information_gap

# Added to a seed, so that the shuffle is not the split of the forests.
_STREAM = 0x5F1E


@dataclass(frozen=True)
class StructureScores:
    """The scores of one pairing of codes and factors.

    Parameters
    ----------
    mig : MutualInformationGap
    dci : DCI
    sap : AttributePredictability
    factor_vae, beta_vae : FixedFactorScore
    """

    mig: MutualInformationGap
    dci: DCI
    sap: AttributePredictability
    factor_vae: FixedFactorScore
    beta_vae: FixedFactorScore

    def scores(self) -> dict[str, float]:
        """Return each score by its name."""
        return {
            "MIG": self.mig.score,
            "DCI disentanglement": self.dci.disentanglement,
            "DCI completeness": self.dci.completeness,
            "DCI informativeness": self.dci.informativeness,
            "SAP": self.sap.score,
            "FactorVAE score": self.factor_vae.score,
            "beta-VAE score": self.beta_vae.score,
        }


@dataclass(frozen=True)
class Structure:
    """Every measure of structure, and the same with the factors shuffled over the rows.

    Parameters
    ----------
    measured : StructureScores
        The records of the codes.
    floor : StructureScores
        Those of the same codes against the factors of other rows: what chance gives.
    """

    measured: StructureScores
    floor: StructureScores

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and lists."""
        return asdict(self)

    def __str__(self) -> str:
        by_chance = self.floor.scores()
        lines = [
            f"{name:<21}{value:6.3f}{by_chance[name]:10.3f}" for name, value in self.measured.scores().items()
        ]
        return "\n".join([f"{'':<21} score  by chance", *lines])


def structure(codes: Any, factors: Any, *, seed: int = 0) -> Structure:
    """Measure how codes keep known factors apart: MIG, DCI, SAP, FactorVAE and beta-VAE scores, with their floors.

    ``structure(vae.transform(X), factors)`` for a model and rows whose factors are known, such as
    ``diabolo.data.Sprites``. Each measure's choices stand where it is defined. SAP reads the factors as numbers with
    distances; the others ask only whether values are the same.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        A code for each row.
    factors : array of shape (n_rows, n_factors)
        The value of each factor: discrete, as numbers.
    seed : int
        Seed of the shuffle and of the measures.

    Raises
    ------
    ValueError
        If the inputs are no such tables.

    Examples
    --------
    >>> grid = np.indices((6, 6, 6)).reshape(3, -1).T
    >>> record = structure(grid, grid)
    >>> round(record.measured.mig.score, 3), record.floor.mig.score < 0.2
    (1.0, True)
    """
    z, v = finite_table(codes, "codes"), finite_table(factors, "factors")
    shuffled = np.random.default_rng(seed + _STREAM).permutation(v)
    return Structure(_scores(z, v, seed), _scores(z, shuffled, seed))


def _scores(codes: Any, factors: Any, seed: int) -> StructureScores:
    return StructureScores(
        mig=mutual_information_gap(codes, factors),
        dci=dci(codes, factors, seed=seed),
        sap=attribute_predictability(codes, factors),
        factor_vae=factor_vae_score(codes, factors, seed=seed),
        beta_vae=beta_vae_score(codes, factors, seed=seed),
    )
