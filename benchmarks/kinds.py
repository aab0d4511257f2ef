"""What a likelihood for each kind of column is worth: ``python -m benchmarks.kinds``.

The RAND health insurance experiment, 20,190 rows of people and years, as statsmodels has it (``pip install
statsmodels``, whose data are in the public domain; without it the rows are skipped), as six columns of whole numbers:
visits to a doctor, a plan with individual deductible (0, 1), one of five rates of coinsurance, a physical limitation
(0, 1), health in four words, and the number of chronic diseases. A random fifth is held out.

All models are judged alike, by the probability of these whole numbers, minus its logarithm in nats per row (200
importance draws): the density of a Gaussian is integrated from half below to half above a number, and to infinity at
the ends of a column that has them, and no probability counts as less than 1e-12, which favours it. Five codes, nothing
else set; so the numbers differ by the likelihood. ``--table`` prints what has been measured.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from benchmarks.ledger import Ledger, Row, Skipped
from diabolo import VAE
from diabolo.distributions import DiagonalNormal

#: Kinds of the columns; those that are not named are 0 and 1.
KINDS = {
    "visits": "negative_binomial",
    "coinsurance": "categorical",
    "health": "categorical",
    "diseases": "categorical",
}
#: Columns whose largest value is an accident of the rows.
OPEN = ("visits", "diseases")
N_DRAWS = 200


def people(seed: int) -> tuple[Any, Any]:
    """Return the rows to train on and the fifth that is held out, as data frames."""
    try:
        import pandas as pd
        from statsmodels.datasets import randhie
    except ImportError as error:
        raise Skipped(error) from error
    raw = randhie.load_pandas().data
    frame = pd.DataFrame(
        {
            "visits": raw.mdvis,
            "deductible": raw.idp,
            "coinsurance": raw.lncoins.rank(method="dense") - 1,
            "limitation": raw.physlm > 0.5,
            "health": raw.hlthg + 2 * raw.hlthf + 3 * raw.hlthp,
            "diseases": raw.disea.round(),
        }
    ).astype(float)
    order = np.random.default_rng(seed).permutation(len(frame))
    n_test = len(frame) // 5
    return frame.iloc[order[n_test:]], frame.iloc[order[:n_test]]


def by_themselves(seed: int) -> dict:
    """Each column's shares, counted in the training rows with half a row more for each number, without a model."""
    train, test = people(seed)
    nats = 0.0
    for column in train:
        n = int(max(train[column].max(), test[column].max())) + 1
        counts = np.bincount(train[column].astype(int), minlength=n) + 0.5
        nats -= np.log(counts / counts.sum())[test[column].astype(int)].mean()
    return {"nats": nats}


def trained(likelihood: Any, seed: int, **settings: Any) -> dict:
    """A VAE with this likelihood."""
    train, test = people(seed)
    start = time.process_time()
    vae = VAE(5, likelihood=likelihood, random_state=seed, **settings).fit(train)
    minutes = (time.process_time() - start) / 60
    ends = np.array([np.inf if column in OPEN else train[column].max() for column in train])
    nats = nats_of_numbers(vae, test.to_numpy(), ends, seed)
    bound = vae.evaluate(test, n_draws=10)
    return {
        "nats": float(nats.mean()),
        "nats_se": float(nats.std() / len(nats) ** 0.5),
        "its own -log_likelihood": -bound.log_likelihood,
        "rate": bound.rate,
        "cpu_minutes": minutes,
    }


def nats_of_numbers(vae: VAE, rows: np.ndarray, ends: np.ndarray, seed: int) -> np.ndarray:
    """Return minus the logarithm of the probability of each row, by importance draws from q(z|x)."""
    model = vae.model_
    x = torch.as_tensor(rows, dtype=torch.float32)
    torch.manual_seed(seed)
    with torch.inference_mode():
        q = model.encode(x)
        z = q.sample((N_DRAWS,))
        log_px = log_probability(model.decode(z), x, torch.as_tensor(ends))
        log_weight = log_px + model.latent_prior().log_prob(z) - q.log_prob(z)
        return (np.log(N_DRAWS) - log_weight.double().logsumexp(0)).numpy()


def log_probability(p: Distribution, x: Tensor, ends: Tensor) -> Tensor:
    """Return log P(x|z) of whole numbers: of a Gaussian, that it lies nearer to x than to any other number of the column."""
    if not isinstance(p, DiagonalNormal):
        return p.log_prob(x)
    normal = Normal(p.mean.double(), p.scale.double().expand_as(p.mean))
    above = torch.where(x >= ends, torch.inf, x.double() + 0.5)
    below = torch.where(x <= 0, -torch.inf, x.double() - 0.5)
    return (normal.cdf(above) - normal.cdf(below)).clamp(min=1e-12).log().sum(-1)


ROWS = [
    Row("each column by itself", by_themselves, "for contrast"),
    Row("gaussian", partial(trained, "gaussian", scale="column"), "for contrast"),
    Row("gaussian_per_feature", partial(trained, "gaussian_per_feature"), "for contrast"),
    Row("kinds of columns", partial(trained, KINDS), "below all others"),
    Row(
        "gaussian_per_feature, ten times longer",
        partial(trained, "gaussian_per_feature", effort="thorough"),
        "for contrast",
    ),
    Row("kinds of columns, ten times longer", partial(trained, KINDS, effort="thorough"), "below all others"),
]


if __name__ == "__main__":
    Ledger("kinds", ROWS, reads_data=False).command(__doc__)
