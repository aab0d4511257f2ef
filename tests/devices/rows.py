"""Rows of every kind, few of them."""

import numpy as np
from sklearn.datasets import load_digits, make_blobs

_rng = np.random.default_rng(0)
_digits = load_digits()
#: 60 rows of 5 values, 8 x 8 images from 0 to 1 and the same as rows, and signals of 24 values.
TABLE = _rng.normal(size=(60, 2)) @ _rng.normal(size=(2, 5)) + 0.3 * _rng.normal(size=(60, 5))
IMAGES = (_digits.images[:60] / 16).astype(np.float32)
SHARES = _digits.data[:60, 8:32] / 16
SIGNALS = np.sin(np.arange(24) * _rng.uniform(0.2, 1.0, (60, 1))) + 0.1 * _rng.normal(size=(60, 24))
#: Rows in three groups; counts from 0 to 4, and columns of every kind.
GROUPED = make_blobs(60, n_features=5, centers=3, cluster_std=0.7, random_state=0)[0]
COUNTS = (_digits.data[:60, 18:24] // 4).astype(np.int64)
MIXED = np.column_stack([TABLE[:, 0], TABLE[:, 1] > 0, COUNTS[:, 0] % 3, COUNTS[:, 1], TABLE[:, 2]]).astype(
    float
)
KINDS = {2: "categorical", 3: "poisson"}
