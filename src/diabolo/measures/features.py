"""Samples judged beside real rows, on their own values or on features of a local classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from diabolo.contracts import Statistics
from diabolo.measures.frechet import frechet_distance
from diabolo.measures.neighbours import MAX_ROWS, flat_rows, precision_recall_density_coverage, subset

_HIDDEN = (256, 64)
_HELD_OUT = 0.2
_FEWEST_OF_A_CLASS = 20


@dataclass(frozen=True, eq=False)
class StandardisedRows:
    """Flattened rows, less their column means and divided by one unit.

    Parameters
    ----------
    shift : array of shape (n_values,)
        Mean of each column.
    unit : float
        Root mean square of the column deviations; 1 where all columns are constant.
    """

    shift: np.ndarray
    unit: float

    @classmethod
    def of(cls, rows: Any) -> StandardisedRows:
        """Measure shift and unit of rows of shape (n_rows, ...)."""
        statistics = Statistics.of(torch.from_numpy(flat_rows(rows, "rows")))
        return cls(statistics.mean.numpy(), float(statistics.unit[0]))

    @property
    def label(self) -> str:
        """What the features are, in words."""
        return "pixels / columns, standardised by one unit"

    def __call__(self, rows: Any) -> np.ndarray:
        """Return the features of rows of shape (n_rows, ...), shape (n_rows, n_values), float64."""
        x = flat_rows(rows, "rows")
        if x.shape[1] != len(self.shift):
            raise ValueError(
                f"The features were made for rows of {len(self.shift)} values, got {x.shape[1]}: "
                "give rows of the same shape."
            )
        return (x - self.shift) / self.unit


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """The last hidden layer of a small classifier that was trained on the user's own rows.

    Distances between such features depend on the rows, the labels and the seed of the classifier: they
    compare samplers under one and the same ``LocalFeatures``, and are never comparable with an
    Inception FID.

    Parameters
    ----------
    scaling : StandardisedRows
        What the classifier sees of a row.
    layers : tuple of (array, array)
        Weights and biases of the hidden layers, each followed by a rectifier.
    accuracy : float
        Share of held-out rows that the classifier labels rightly.
    n_held_out : int
        Number of those rows, which neither trained nor stopped it.
    """

    scaling: StandardisedRows
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    accuracy: float
    n_held_out: int

    @property
    def label(self) -> str:
        """What the features are, in words."""
        return (
            f"features of a local classifier (accuracy {self.accuracy:.3f} on {self.n_held_out} "
            "held-out rows); never comparable with an Inception FID"
        )

    def __str__(self) -> str:
        return self.label

    def __call__(self, rows: Any) -> np.ndarray:
        """Return the features of rows of shape (n_rows, ...), shape (n_rows, 64), float64."""
        h = self.scaling(rows)
        for weights, bias in self.layers:
            h = np.maximum(h @ weights + bias, 0)
        return h


def local_features(X: Any, y: Any, *, seed: int = 0) -> LocalFeatures:
    """Train a small classifier whose last hidden layer gives features.

    scikit-learn's ``MLPClassifier`` with hidden layers of 256 and 64 rectifiers and early stopping, on
    rows standardised by one unit. A fifth of the rows is held out for the accuracy.

    Parameters
    ----------
    X : array of shape (n_rows, ...)
        Rows, flattened. Not those that are judged later: on rows that trained the classifier, features
        are spread otherwise than on new ones.
    y : array of shape (n_rows,)
        Their classes, each with at least 20 rows.
    seed : int
        Seed of the splits, the weights and the batches.

    Raises
    ------
    ValueError
        When rows and labels do not match, or there are too few classes or rows of a class.
    """
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    x, labels = flat_rows(X, "X"), np.asarray(y)
    if labels.shape != (len(x),):
        raise ValueError(f"y must have the shape ({len(x)},), a label for each row, got {labels.shape}.")
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2 or counts.min() < _FEWEST_OF_A_CLASS:
        raise ValueError(
            f"Local features need two classes or more with at least {_FEWEST_OF_A_CLASS} rows each, got "
            f"{len(classes)} with {counts.min()} rows in the smallest: give more rows or coarser labels."
        )
    train, test, train_labels, test_labels = train_test_split(
        x, labels, test_size=_HELD_OUT, stratify=labels, random_state=seed
    )
    scaling = StandardisedRows.of(train)
    classifier = MLPClassifier(_HIDDEN, early_stopping=True, random_state=seed)
    classifier.fit(scaling(train).astype(np.float32), train_labels)
    accuracy = float(classifier.score(scaling(test).astype(np.float32), test_labels))
    layers = tuple(zip(classifier.coefs_[:-1], classifier.intercepts_[:-1], strict=True))
    return LocalFeatures(scaling, layers, accuracy, len(test))


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
