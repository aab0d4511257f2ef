"""What distances between rows are taken between: their own values, or the features of a local classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from diabolo.contracts import Statistics
from diabolo.measures.neighbours import flat_rows

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
