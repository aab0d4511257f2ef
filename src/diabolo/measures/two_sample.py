"""Whether two sets of codes can be told apart."""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from diabolo.contracts import Statistics
from diabolo.measures.neighbours import MAX_ROWS, check_columns, flat_rows, subset

_FEWEST_ROWS = 20
_FOLDS = 5


@dataclass(frozen=True)
class TwoSample:
    """How well a classifier tells two sets apart on rows that it was not trained on.

    Parameters
    ----------
    auc : float
        Area under the receiver operating characteristic, averaged over the folds: the probability
        that a row of the second set is ranked above one of the first. 0.5: not told apart.
    auc_se : float
        Its standard error: that of Hanley and McNeil (1982) over the folds, times the square root of 2.
        In cross-validation two rows are compared twice, with either of them in training, which doubles the
        variance where the sets are equal; where they are far apart the factor is cautious.
    floor, floor_se : float
        The same of two random halves of the first set: what "not told apart" looks like.
    n_a, n_b, n_floor : int
        Rows used of the first and the second set, and in each half of the floor.
    """

    auc: float
    auc_se: float
    floor: float
    floor_se: float
    n_a: int
    n_b: int
    n_floor: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"auc    {self.auc:.4f} +- {self.auc_se:.4f}  "
                f"({self.n_a} against {self.n_b} rows; 0.5 = not told apart)",
                f"floor  {self.floor:.4f} +- {self.floor_se:.4f}  "
                f"(two halves of the first set, {self.n_floor} rows each)",
            ]
        )


def classifier_two_sample(a: Any, b: Any, *, seed: int = 0, max_rows: int = MAX_ROWS) -> TwoSample:
    """Train a classifier to tell two sets apart and judge it by five-fold cross-validation.

    The classifier two-sample test of Lopez-Paz and Oquab (2017), with the area under the curve in
    place of the accuracy. The classifier is the mean of the probabilities of gradient-boosted trees and of a
    small network, which see the standardised codes and, as one column more, their squared norm:
    without it both hardly find a shell or a hole about the centre in 20 dimensions.

    Where one set has the density of the other but for holes that hold a share p of the other's mass, the
    best classifier has the area (1 + p) / 2. So for draws of the aggregated posterior against draws of
    the prior, an area of 0.6 stands for holes with a fifth of the prior's mass, if holes are all that
    differs. A classifier that was trained on few rows stays below the best one.

    Parameters
    ----------
    a : array of shape (n_a, n_components)
        Codes of the first set, for example drawn from the aggregated posterior.
    b : array of shape (n_b, n_components)
        Codes of the second set, for example drawn from the prior.
    seed : int
        Seed of the subsets, the folds, the halves and the classifiers.
    max_rows : int
        A larger set is cut to a subset of this size, drawn with ``seed``.

    Raises
    ------
    ValueError
        When the rows differ in length, hold no numbers, or are fewer than 20.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> record = classifier_two_sample(rng.normal(size=(60, 2)), rng.normal(4, 1, size=(60, 2)))
    >>> record.auc > 0.95, record.floor < 0.8
    (True, True)
    """
    x, y = (flat_rows(subset(rows, max_rows, seed), name) for rows, name in ((a, "a"), (b, "b")))
    check_columns(x, y, "a", "b")
    if min(len(x), len(y)) < _FEWEST_ROWS:
        raise ValueError(
            f"A two-sample test needs at least {_FEWEST_ROWS} rows of each set, got {len(x)} and {len(y)}: "
            "draw more."
        )
    half = len(x) // 2
    mixed = np.random.default_rng(seed).permutation(x)
    auc, auc_se = _cross_validated_auc(x, y, seed)
    floor, floor_se = _cross_validated_auc(mixed[:half], mixed[half : 2 * half], seed)
    return TwoSample(auc, auc_se, floor, floor_se, len(x), len(y), half)


def auc_standard_error(auc: float, n_a: int, n_b: int) -> float:
    """Return the standard error of an area under the curve (Hanley and McNeil 1982).

    Exact for exponentially distributed scores, and at 0.5 for any continuous ones.

    Examples
    --------
    >>> round(auc_standard_error(0.5, 100, 100) ** 2, 6)  # (n_a + n_b + 1) / (12 n_a n_b)
    0.001675
    """
    two_above_one, one_above_two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    pairs = (n_b - 1) * (two_above_one - auc**2) + (n_a - 1) * (one_above_two - auc**2)
    return math.sqrt(max(auc * (1 - auc) + pairs, 0.0) / (n_a * n_b))


def _cross_validated_auc(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float]:
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    rows = _with_squared_norm(np.concatenate([x, y]))
    is_second = np.repeat([0, 1], [len(x), len(y)])
    areas, errors = [], []
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(rows, is_second):
        score = _fit_and_score(rows[train], is_second[train], rows[test], seed)
        area = float(roc_auc_score(is_second[test], score))
        n_second = int(is_second[test].sum())
        areas.append(area)
        errors.append(auc_standard_error(area, len(test) - n_second, n_second))
    return float(np.mean(areas)), float(np.sqrt(2 * np.square(errors).sum()) / _FOLDS)


def _with_squared_norm(rows: np.ndarray) -> np.ndarray:
    standard = _standardised(rows)
    norms = np.square(standard).sum(1, keepdims=True)
    return np.concatenate([standard, _standardised(norms)], axis=1).astype(np.float32)


def _standardised(rows: np.ndarray) -> np.ndarray:
    statistics = Statistics.of(torch.from_numpy(rows), scale="column")
    return (rows - statistics.mean.numpy()) / statistics.unit.numpy()


def _fit_and_score(x: np.ndarray, is_second: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    trees = HistGradientBoostingClassifier(early_stopping=True, random_state=seed)
    network = MLPClassifier(
        (64, 64),
        alpha=1e-3,
        batch_size=int(np.clip(len(x) // 20, 10, 500)),
        learning_rate_init=3e-3,
        max_iter=50,
        early_stopping=True,
        n_iter_no_change=5,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # costs power at most: the area is held out
        return sum(model.fit(x, is_second).predict_proba(test)[:, 1] for model in (trees, network)) / 2
