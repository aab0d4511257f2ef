"""Samples judged beside real rows, on their own values or on features of a local classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from diabolo.measures.features import StandardisedRows
from diabolo.measures.frechet import frechet_distance
from diabolo.measures.neighbours import MAX_ROWS, flat_rows, precision_recall_density_coverage, subset


@dataclass(frozen=True)
class SampleQuality:
    """Samples beside real rows, and beside each figure the same for a second set of real rows.

    Parameters
    ----------
    precision, recall, density, coverage : float
        Of the samples against the real rows, see :class:`NeighbourRecord`.
    frechet : float
        Squared Fréchet distance between the features of samples and real rows, in their squared units.
    floor_precision, floor_recall, floor_density, floor_coverage, floor_frechet : float
        The same with real rows in the place of the samples: what a perfect sampler would get.
    expected_coverage : float
        What coverage is in expectation for equal distributions.
    features : str
        What the distances were taken between.
    k, n_real, n_fake : int
        Neighbours, real rows, and samples; the floor has as many rows as there are samples.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    frechet: float
    floor_precision: float
    floor_recall: float
    floor_density: float
    floor_coverage: float
    floor_frechet: float
    expected_coverage: float
    features: str
    k: int
    n_real: int
    n_fake: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and one string."""
        return asdict(self)

    def __str__(self) -> str:
        names = ("precision", "recall", "density", "coverage", "frechet")
        lines = [f"{'':9}  {'samples':>10}  {'real rows':>10}"]
        for name in names:
            fake, floor = getattr(self, name), getattr(self, f"floor_{name}")
            lines.append(f"{name:<9}  {fake:>10.4g}  {floor:>10.4g}")
        lines[4] += f"  ({self.expected_coverage:.4f} for equal distributions)"
        lines[5] += "  (squared units of the features)"
        return "\n".join(
            [
                *lines,
                f"rows       {self.n_fake} each, against {self.n_real} real; k = {self.k}",
                f"features   {self.features}",
            ]
        )


def judge_samples(
    real: Any,
    fake: Any,
    floor: Any,
    *,
    features: Callable[[Any], Any] | None = None,
    k: int = 5,
    max_rows: int = MAX_ROWS,
    seed: int = 0,
) -> SampleQuality:
    """Judge samples by their neighbours among real rows and by a Fréchet distance.

    Parameters
    ----------
    real : array of shape (n_real, ...)
        Real rows, best those that the sampler was not trained on.
    fake : array of shape (n_fake, ...)
        Samples.
    floor : array of shape (n_fake, ...)
        A second set of real rows, none of them in ``real``, as many as samples: all figures depend on
        the number of rows.
    features : callable, optional
        From rows to features, for example what :func:`local_features` returns. If not given, the
        flattened rows themselves, standardised by one unit that ``real`` gives.
    k : int
        Neighbours, see :func:`precision_recall_density_coverage`.
    max_rows : int
        Larger sets are cut to a subset of this size, drawn with ``seed``.
    seed : int
        Seed of the subsets.

    Raises
    ------
    ValueError
        When ``floor`` has not as many rows as ``fake``, or the sets do not match.
    """
    sets = {"real": real, "fake": fake, "floor": floor}
    rows = {name: subset(given, max_rows, seed) for name, given in sets.items()}
    for name, given in rows.items():
        flat_rows(given, name)
    if len(rows["fake"]) != len(rows["floor"]):
        raise ValueError(
            f"floor must have as many rows as fake, got {len(rows['floor'])} and {len(rows['fake'])}: "
            "all figures depend on the number of rows, so cut both to the smaller."
        )
    features = StandardisedRows.of(rows["real"]) if features is None else features
    label = getattr(features, "label", "features given by the caller")
    x, y, z = (features(rows[name]) for name in sets)
    fakes = precision_recall_density_coverage(x, y, k=k, max_rows=max_rows)
    floors = precision_recall_density_coverage(x, z, k=k, max_rows=max_rows)
    return SampleQuality(
        precision=fakes.precision,
        recall=fakes.recall,
        density=fakes.density,
        coverage=fakes.coverage,
        frechet=frechet_distance(x, y),
        floor_precision=floors.precision,
        floor_recall=floors.recall,
        floor_density=floors.density,
        floor_coverage=floors.coverage,
        floor_frechet=frechet_distance(x, z),
        expected_coverage=fakes.expected_coverage,
        features=str(label),
        k=fakes.k,
        n_real=fakes.n_real,
        n_fake=fakes.n_fake,
    )
