"""Features of a local classifier, and samples judged beside real digits."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from diabolo.measures import (
    StandardisedRows,
    frechet_distance,
    judge_samples,
    local_features,
    precision_recall_density_coverage,
)

IMAGES, LABELS = load_digits().images, load_digits().target
ORDER = np.random.default_rng(0).permutation(len(IMAGES))
TRAIN, REAL, FLOOR = ORDER[:797], ORDER[797:1297], ORDER[1297:]
FIGURES = ("precision", "recall", "density", "coverage", "frechet")


@pytest.fixture(scope="module")
def trained():
    """The features, and the classifier that scikit-learn made for them."""
    made = []

    class Kept(MLPClassifier):
        def fit(self, *args):
            made.append(self)
            return super().fit(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn.neural_network.MLPClassifier", Kept)
        return local_features(IMAGES[TRAIN], LABELS[TRAIN]), made[0]


@pytest.fixture(scope="module")
def features(trained):
    return trained[0]


def test_features_are_the_last_hidden_layer(trained):
    """The output layer on top of them gives what the classifier itself predicts."""
    features, classifier = trained
    h = features(IMAGES[REAL])
    assert h.shape == (500, 64)
    assert h.dtype == np.float64
    assert h.min() == 0
    logits = h @ classifier.coefs_[-1] + classifier.intercepts_[-1]
    expected = classifier.predict_proba(features.scaling(IMAGES[REAL]))
    np.testing.assert_allclose(softmax(logits, axis=1), expected, atol=1e-5)


def test_the_accuracy_is_that_of_rows_that_were_not_seen(trained):
    features, classifier = trained
    seen, held = train_test_split(TRAIN, test_size=0.2, stratify=LABELS[TRAIN], random_state=0)
    np.testing.assert_allclose(features.scaling.shift, IMAGES[seen].reshape(len(seen), -1).mean(0))
    right = classifier.predict(features.scaling(IMAGES[held])) == LABELS[held]
    assert features.accuracy == right.mean() > 0.85
    assert features.n_held_out == len(held) == 160
    assert f"accuracy {features.accuracy:.3f} on 160 held-out rows" in str(features)
    assert "never comparable with an Inception FID" in str(features)


def test_one_unit_for_all_columns():
    rows = np.random.default_rng(2).normal(3, [[1.0, 2.0], [0.5, 0.0]], (200, 2, 2))
    scaled = StandardisedRows.of(rows)(rows)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-12)
    assert scaled.var(0).mean() == pytest.approx(1)
    np.testing.assert_allclose(scaled.std(0) / scaled.std(0)[0], rows.std(0).ravel() / rows.std(0)[0, 0])
    constant = StandardisedRows.of(np.full((5, 3), 7.1))
    assert constant(np.full((2, 3), 7.1)).tolist() == [[0.0] * 3] * 2
    assert constant.unit == 1


@pytest.mark.parametrize("on_features", [False, True])
def test_real_digits_are_near_the_floor_and_noisy_ones_far_above(features, on_features):
    chosen = features if on_features else None
    rng = np.random.default_rng(3)
    halves = judge_samples(IMAGES[REAL], IMAGES[TRAIN][:500], IMAGES[FLOOR], features=chosen)
    noisy = judge_samples(
        IMAGES[REAL], IMAGES[TRAIN][:500] + 4 * rng.normal(size=(500, 8, 8)), IMAGES[FLOOR], features=chosen
    )
    nines = judge_samples(
        IMAGES[REAL], np.repeat(IMAGES[LABELS == 9], 3, 0)[:500], IMAGES[FLOOR], features=chosen
    )
    assert halves.frechet < 3 * halves.floor_frechet
    assert noisy.frechet > 5 * noisy.floor_frechet
    assert halves.coverage == pytest.approx(halves.floor_coverage, abs=0.06)
    assert halves.floor_coverage == pytest.approx(halves.expected_coverage, abs=0.06)
    assert noisy.coverage < 0.7 * noisy.floor_coverage
    assert nines.coverage < 0.3
    assert nines.precision > 0.7
    assert noisy.floor_frechet == halves.floor_frechet


def test_the_record_holds_what_its_parts_say(features):
    real, fake, floor = IMAGES[REAL][:120], IMAGES[TRAIN][:90], IMAGES[FLOOR][:90]
    record = judge_samples(real, fake, floor, features=features, k=3)
    for other, prefix in ((fake, ""), (floor, "floor_")):
        expected = precision_recall_density_coverage(features(real), features(other), k=3).as_dict()
        expected["frechet"] = frechet_distance(features(real), features(other))
        for name in FIGURES:
            assert getattr(record, prefix + name) == expected[name]
    assert record.features == features.label
    assert (record.n_real, record.n_fake, record.k) == (120, 90, 3)
    plain = judge_samples(real, fake, floor)
    assert plain.features == "pixels / columns, standardised by one unit"
    unit = np.sqrt(real.var(0).mean())
    assert plain.frechet == pytest.approx(frechet_distance(real / unit, fake / unit), rel=1e-9)
    assert judge_samples(real, fake, floor, features=lambda rows: rows[:, 0]).features.endswith(
        "by the caller"
    )


def test_the_table_has_both_columns(features):
    record = judge_samples(IMAGES[REAL], IMAGES[TRAIN], IMAGES[FLOOR], features=features, max_rows=100)
    lines = str(record).splitlines()
    assert lines[0].split() == ["samples", "real", "rows"]
    for line, name in zip(lines[1:6], FIGURES, strict=True):
        word, fake, floor = line.split()[:3]
        assert word == name
        assert float(fake) == pytest.approx(getattr(record, name), rel=1e-3)
        assert float(floor) == pytest.approx(getattr(record, f"floor_{name}"), rel=1e-3)
    assert lines[6] == "rows       100 each, against 100 real; k = 5"
    assert lines[7] == f"features   {features.label}"
    assert all(type(value) in (float, int, str) for value in record.as_dict().values())


def test_refusals(features):
    with pytest.raises(ValueError, match="floor must have as many rows as fake, got 20 and 30"):
        judge_samples(IMAGES[:50], IMAGES[50:80], IMAGES[80:100])
    with pytest.raises(ValueError, match="floor must be finite"):
        judge_samples(IMAGES[:50], IMAGES[50:80], np.full((30, 8, 8), np.nan))
    with pytest.raises(ValueError, match="made for rows of 64 values, got 63"):
        features(np.zeros((5, 63)))
    with pytest.raises(ValueError, match=r"y must have the shape \(50,\)"):
        local_features(IMAGES[:50], LABELS[:49])
    with pytest.raises(ValueError, match="at least 20 rows each, got 10 with . rows in the smallest"):
        local_features(IMAGES[:50], LABELS[:50])
