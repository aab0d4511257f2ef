"""Clustering scores against every permutation, and against their definitions."""

from itertools import permutations

import numpy as np
import pytest

from diabolo.measures import clustering_scores


def by_trying(labels, clusters, n):
    """Return the largest accuracy over all one-to-one names of n clusters."""
    return max(np.mean(np.array(names)[clusters] == labels) for names in permutations(range(n)))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n_classes", "n_clusters"), [(4, 4), (3, 5), (5, 3)])
def test_accuracy_is_the_best_of_all_permutations(seed, n_classes, n_clusters):
    rng = np.random.default_rng(seed)
    labels, clusters = rng.integers(n_classes, size=30), rng.integers(n_clusters, size=30)
    scores = clustering_scores(labels, clusters)
    assert scores.accuracy == pytest.approx(by_trying(labels, clusters, max(n_classes, n_clusters)))


@pytest.mark.parametrize("seed", range(3))
def test_information_and_pairs_by_their_definitions(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=40)
    clusters = np.where(rng.random(40) < 0.6, labels, rng.integers(4, size=40))
    joint = np.zeros((3, 4))
    for a, b in zip(labels, clusters, strict=True):
        joint[a, b] += 1 / 40
    p, q = joint.sum(1), joint.sum(0)
    information = sum(
        joint[i, j] * np.log(joint[i, j] / p[i] / q[j]) for i, j in np.ndindex(3, 4) if joint[i, j] > 0
    )
    entropies = -sum(x * np.log(x) for x in [*p, *q] if x > 0)
    pairs = [(i, j) for i in range(40) for j in range(i)]
    together = np.array([(labels[i] == labels[j], clusters[i] == clusters[j]) for i, j in pairs])
    both, first, second = together.all(1).sum(), *together.sum(0)
    chance = first * second / len(pairs)
    scores = clustering_scores(labels, clusters)
    assert scores.normalised_mutual_information == pytest.approx(2 * information / entropies)
    assert scores.adjusted_rand_index == pytest.approx((both - chance) / ((first + second) / 2 - chance))


def test_the_confusion_has_matched_clusters_on_its_diagonal():
    labels = np.array(["one", "one", "two", "two", "two", "three"])
    scores = clustering_scores(labels, [7, 7, 2, 2, 5, 4])
    assert scores.classes == ("one", "three", "two")
    assert scores.clusters == (7, 4, 2, 5)
    assert scores.confusion == ((2, 0, 0, 0), (0, 1, 0, 0), (0, 0, 2, 1))
    assert scores.accuracy == pytest.approx(5 / 6)
    assert "accuracy after matching       0.8333" in str(scores)
    assert scores.as_dict()["clusters"] == (7, 4, 2, 5)


def test_fewer_clusters_than_classes():
    scores = clustering_scores([0, 1, 2, 2], [0, 0, 1, 1])
    assert scores.accuracy == 0.75
    assert [len(line) for line in scores.confusion] == [2, 2, 2]


@pytest.mark.parametrize("labels", [[0, 1], [[0], [1], [1]], 3])
def test_labels_of_another_length(labels):
    with pytest.raises(ValueError, match="got NaN in 1 rows"):
        clustering_scores([0.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match="labels must hold one class for each of the 3 clustered rows, got"):
        clustering_scores(labels, [0, 1, 1])
