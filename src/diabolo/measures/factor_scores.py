"""Scores by a factor that is held fixed: which code keeps still?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diabolo.measures.factors import codes_and_factors, rows_that_share, unit_codes


@dataclass(frozen=True)
class FixedFactorScore:
    """How often the factor that was held fixed is told right from the codes.

    Parameters
    ----------
    name : str
        ``"FactorVAE"`` or ``"beta-VAE"``.
    score : float
        Share of the held-out votes whose factor is told right; about 1 / n_factors by chance.
    score_se : float
        Its standard error over those votes.
    n_train, n_test, n_rows_per_vote, n_factors, n_rows, seed : int
        Votes learned from and judged on; rows, or pairs of them, in a vote; factors; rows; the seed.
    """

    name: str
    score: float
    score_se: float
    n_train: int
    n_test: int
    n_rows_per_vote: int
    n_factors: int
    n_rows: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.name} score {self.score:.3f} +- {self.score_se:.3f}  ({self.n_train} + {self.n_test} votes of "
            f"{self.n_rows_per_vote} rows; 1 / {self.n_factors} by chance)"
        )


def factor_vae_score(
    codes: Any, factors: Any, *, n_votes: int = 1_600, n_rows_per_vote: int = 64, seed: int = 0
) -> FixedFactorScore:
    """Return the FactorVAE score (Kim & Mnih 2018, section 4).

    A vote: a factor is drawn, rows are drawn that all have the value that it has in a random row, and the code is
    named whose variance among them is the smallest share of its variance over all rows. The factor that most of
    the first half of the votes for a code had is the guess for the second half. Rows are drawn from those given, with
    replacement. Constant codes are left out; no code is left out for a small variance, so the scale of a code
    does not matter.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        A code for each row.
    factors : array of shape (n_rows, n_factors)
        The value of each factor: discrete. A value should have several rows, which differ in the other factors.
    n_votes : int
        Votes, half of them to learn from, half to judge.
    n_rows_per_vote : int
        Rows in a vote, 2 or more.
    seed : int
        Seed of the draws.

    Raises
    ------
    ValueError
        If the inputs are no such tables.

    Examples
    --------
    >>> grid = np.indices((5, 4)).reshape(2, -1).T
    >>> factor_vae_score(grid, grid).score
    1.0
    """
    z, v, rng = _start(codes, factors, n_votes, n_rows_per_vote, seed)
    fixed = rng.integers(v.shape[1], size=n_votes)
    least = np.empty(n_votes, np.int64)
    for j, factor in enumerate(v.T):
        anchors = rng.integers(len(z), size=int((fixed == j).sum()))
        rows = rows_that_share(factor, np.repeat(anchors[:, None], n_rows_per_vote, axis=1), rng)
        least[fixed == j] = z[rows].var(1).argmin(-1)
    n_train = n_votes // 2
    table = np.zeros((z.shape[1], v.shape[1]), np.int64)
    np.add.at(table, (least[:n_train], fixed[:n_train]), 1)
    hits = table.argmax(1)[least[n_train:]] == fixed[n_train:]
    return _record("FactorVAE", hits, n_train, n_rows_per_vote, v, seed)


def beta_vae_score(
    codes: Any, factors: Any, *, n_votes: int = 1_600, n_rows_per_vote: int = 64, seed: int = 0
) -> FixedFactorScore:
    """Return the beta-VAE score (Higgins et al. 2017, section 3).

    A vote: a factor is drawn, and pairs of rows in which it has the same value; the mean over pairs of
    |z - z'| goes to a linear classifier (logistic regression), which tells the factor. It learns from half of the votes
    and is judged on the other half. Codes are divided by their standard deviation first, so that neither their
    scale nor the classifier's penalty decides; constant ones are left out.

    Parameters
    ----------
    codes : array of shape (n_rows, d)
        A code for each row.
    factors : array of shape (n_rows, n_factors)
        The value of each factor: discrete. A value should have several rows, which differ in the other factors.
    n_votes : int
        Votes, half of them to learn from, half to judge.
    n_rows_per_vote : int
        Pairs in a vote, 2 or more.
    seed : int
        Seed of the draws.

    Raises
    ------
    ValueError
        If the inputs are no such tables.

    Examples
    --------
    >>> grid = np.indices((5, 4)).reshape(2, -1).T
    >>> beta_vae_score(grid, grid).score
    1.0
    """
    from sklearn.linear_model import LogisticRegression

    z, v, rng = _start(codes, factors, n_votes, n_rows_per_vote, seed)
    fixed = rng.integers(v.shape[1], size=n_votes)
    difference = np.empty((n_votes, z.shape[1]))
    for j, factor in enumerate(v.T):
        rows = rng.integers(len(z), size=(int((fixed == j).sum()), n_rows_per_vote))
        difference[fixed == j] = np.abs(z[rows] - z[rows_that_share(factor, rows, rng)]).mean(1)
    n_train = n_votes // 2
    if v.shape[1] == 1:
        hits = np.ones(n_votes - n_train, bool)
    else:
        classifier = LogisticRegression(C=100.0, max_iter=1000).fit(difference[:n_train], fixed[:n_train])
        hits = classifier.predict(difference[n_train:]) == fixed[n_train:]
    return _record("beta-VAE", hits, n_train, n_rows_per_vote, v, seed)


def _start(
    codes: Any, factors: Any, n_votes: int, n_rows_per_vote: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    z, v = codes_and_factors(codes, factors)
    if n_votes < 20 * v.shape[1] or n_rows_per_vote < 2:
        raise ValueError(
            f"n_votes must be {20 * v.shape[1]} or more for {v.shape[1]} factors and n_rows_per_vote 2 or more, "
            f"got {n_votes!r} and {n_rows_per_vote!r}."
        )
    return unit_codes(z), v, np.random.default_rng(seed)


def _record(
    name: str, hits: np.ndarray, n_train: int, n_rows_per_vote: int, factors: np.ndarray, seed: int
) -> FixedFactorScore:
    score = float(hits.mean())
    error = float(np.sqrt(score * (1 - score) / len(hits)))
    n_rows, n_factors = factors.shape
    return FixedFactorScore(name, score, error, n_train, len(hits), n_rows_per_vote, n_factors, n_rows, seed)
