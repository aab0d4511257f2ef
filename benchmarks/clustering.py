"""Clusters of handwritten digits beside published ones: ``python -m benchmarks.clustering --rows USPS``.

Set DIABOLO_DATA to the folder with usps.npz, mnist_train.npz and mnist_test.npz. USPS are its 9,298 images of
16 x 16 pixels, MNIST-test the 10,000 and MNIST-full all 70,000 of MNIST. Pixels lie in [0, 1]; all images are
clustered, into 10 clusters, with the same settings on the three sets, and labels are used for nothing but the
scores: accuracy after Hungarian matching (ACC) and normalised mutual information (NMI, arithmetic mean). Minutes
are those of the processors. Every seed is one training: none is left out, and none is chosen by its score. Small sets of
scikit-learn, which need no folder, show the default on tables, their columns in units of their deviation.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from scipy.sparse import diags_array
from scipy.sparse.linalg import eigsh
from sklearn import datasets
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.neighbors import kneighbors_graph
from sklearn.preprocessing import StandardScaler

from benchmarks.ledger import FOLDER, Ledger, Row
from diabolo import DeepClustering, load
from diabolo.data import named
from diabolo.graphs import graph_clusters
from diabolo.measures import clustering_scores

_NEIGHBOURS = 10
_WITHOUT_CHANCE = "Ward", "Ward on 10 neighbours", "graph degree linkage", "graph degree linkage of images"
Subset = Literal["test", "all"]
SETS: dict[str, tuple[str, Subset]] = {
    "USPS": ("usps", "all"),
    "MNIST-test": ("mnist", "test"),
    "MNIST-full": ("mnist", "all"),
}
SMALL: dict[str, Callable[[], Any]] = {
    "digits of 8 x 8": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
}
#: ACC / NMI in % as published on the three sets; DCEC: Guo et al. 2017, ConvDEC with augmentation: Guo et al. 2018.
PUBLISHED = {
    "paper": ("79.00 / 82.57", "85.29 / 83.61", "88.97 / 88.49"),
    "augmented": ("98.7 / 96.2", "98.3 / 95.8", "98.8 / 96.6"),
}
#: ACC / NMI that are wanted at least.
WANTED = {
    "paper": (">= 79.0 / 82.6", ">= 85.3 / 83.6", ">= 89.0 / 88.5"),
    "fast": ("within 1 point of it",) * 3,
    "augmented": (">= 98.0 / 95.0", ">= 97.5 / 94.5", ">= 98.3 / 95.5"),
}


@cache
def rows_of(which: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images, or rows of a table, and classes of one of the sets."""
    if which in SMALL:
        small = SMALL[which]()
        return small.images if "images" in small else StandardScaler().fit_transform(small.data), small.target
    name, subset = SETS[which]
    data = named(name, subset=subset)
    return data.X, np.asarray(data.y)


def n_clusters(which: str) -> int:
    """Return the number of classes."""
    return len(np.unique(rows_of(which)[1]))


def scored(which: str, cluster: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    """Return the scores of a clustering of flat images, and its minutes."""
    X, y = rows_of(which)
    start = time.process_time()
    labels = cluster(X.reshape(len(X), -1))
    minutes = (time.process_time() - start) / 60
    return {**_scores(y, labels), "cpu_minutes": minutes}


def k_means(which: str, seed: int) -> dict[str, Any]:
    return scored(which, KMeans(n_clusters(which), n_init=20, random_state=seed).fit_predict)


def spectral(which: str, seed: int) -> dict[str, Any]:
    """Normalised cuts of the graph of the 10 nearest neighbours: k-means on the eigenvectors of a random walk along it.

    By Lanczos' method on the graph as it is; that of scikit-learn factorises it, which does not end for 70,000 rows.
    """

    def cluster(X: np.ndarray) -> np.ndarray:
        graph = kneighbors_graph(X, _NEIGHBOURS, include_self=True)
        graph = graph + graph.T
        scale = diags_array(np.asarray(graph.sum(1)).ravel() ** -0.5)
        first = np.random.default_rng(seed).normal(size=len(X))
        _, vectors = eigsh(scale @ graph @ scale, n_clusters(which), which="LA", v0=first, ncv=60, tol=1e-6)
        return KMeans(n_clusters(which), n_init=20, random_state=seed).fit_predict(scale @ vectors)

    return scored(which, cluster)


def ward(which: str, seed: int) -> dict[str, Any]:
    """Ward's method, which has no chance in it; all pairs of 70,000 rows do not fit in memory."""
    return scored(which, AgglomerativeClustering(10).fit_predict)


def ward_on_a_graph(which: str, seed: int) -> dict[str, Any]:
    """Ward's method, merging only along the graph of the 10 nearest neighbours."""

    def cluster(X: np.ndarray) -> np.ndarray:
        graph = kneighbors_graph(X, _NEIGHBOURS)
        return AgglomerativeClustering(10, connectivity=graph).fit_predict(X)

    return scored(which, cluster)


def graph_degree_linkage(which: str, seed: int) -> dict[str, Any]:
    """Graph degree linkage of the pixels, from which DeepClustering starts for tables and small images."""
    return scored(which, lambda X: graph_clusters(X, n_clusters(which), seed).argmax(1))


def graph_of_images(which: str, seed: int) -> dict[str, Any]:
    """The same with graphs where pixels may look for their like a little way off, as it starts for other images."""
    images = rows_of(which)[0]
    return scored(which, lambda _: graph_clusters(images, n_clusters(which), seed).argmax(1))


def deep(which: str, name: str, seed: int, **settings: Any) -> dict[str, Any]:
    """One training of DeepClustering; kept beside the measurements, and trained no second time."""
    X, y = rows_of(which)
    folder = FOLDER / "models"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"clustering-{which}-{name}-{seed}.diabolo"
    clock, checkpoints = path.with_suffix(".minutes"), path.with_suffix(".checkpoints")
    if not path.exists():
        start = time.process_time()
        before = float(clock.read_text()) if checkpoints.exists() and clock.exists() else 0.0
        try:
            found = DeepClustering(n_clusters(which), random_state=seed, **settings).fit(
                X, checkpoint_dir=checkpoints
            )
        finally:  # also where it is terminated, which leaves checkpoints to go on from
            clock.write_text(str(before + (time.process_time() - start) / 60))
        found.save(path)
        shutil.rmtree(checkpoints)
    found = load(path)
    assert isinstance(found, DeepClustering)
    restart = found.restarts_[0]
    return {
        **_scores(y, found.labels_),
        "cpu_minutes": float(clock.read_text()),
        "label_free_score": restart.score,
        "divergence": restart.divergence,
        "steps_with_clusters": restart.n_steps,
        "settled": float(restart.stopped == "settled"),
    }


def _scores(y: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    scores = clustering_scores(y, labels)
    return {
        "acc": 100 * scores.accuracy,
        "nmi": 100 * scores.normalised_mutual_information,
        "ari": 100 * scores.adjusted_rand_index,
    }


DEEP: dict[str, dict[str, Any]] = {
    "paper": {"preset": "paper"},
    "fast": {},
    "augmented": {"augmentation": "motion", "reconstruction": False},
}


def rows() -> list[Row]:
    """Return the rows of the table, set by set."""
    found = []
    for i, which in enumerate(SETS):
        plain: dict[str, Callable[[str, int], dict[str, Any]]] = {
            "k-means": k_means,
            "spectral, 10 neighbours": spectral,
            "Ward": ward,
            "Ward on 10 neighbours": ward_on_a_graph,
            "graph degree linkage": graph_degree_linkage,
            "graph degree linkage of images": graph_of_images,
        }
        if which == "MNIST-full":
            del plain["Ward"]
        for name, method in plain.items():
            found.append(
                Row(f"{which}, {name}", partial(method, which), "-", 1 if name in _WITHOUT_CHANCE else 5)
            )
        for name, settings in DEEP.items():
            measure = partial(deep, which, name, **settings)
            n_seeds = 1 if which == "MNIST-full" and name == "paper" else 5
            found.append(Row(f"{which}, DeepClustering, {name}", measure, WANTED[name][i], n_seeds))
    for which in SMALL:
        found += [
            Row(f"{which}, k-means", partial(k_means, which), "-", 5),
            Row(f"{which}, graph degree linkage", partial(graph_degree_linkage, which), "-", 1),
            Row(f"{which}, DeepClustering, fast", partial(deep, which, "fast"), "-", 5),
        ]
    return found


class Clusterings(Ledger):
    """A table with the smallest accuracy of the seeds too, and what was published."""

    def table(self) -> str:
        """Return the measurements as Markdown; ACC and NMI in %, mean (standard deviation) over seeds."""
        lines = [
            "| row | published | wanted | ACC: mean (sd), least | NMI: mean (sd) | CPU minutes | seeds |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            results = [entry["result"] for entry in self.entries() if entry["row"] == row.name]
            which, method = row.name.partition(", ")[0], row.name.rpartition(", ")[2]
            published = dict(zip(SETS, PUBLISHED.get(method, ()), strict=False)).get(which, "-")
            head = f"| {row.name} | {published} | {row.wanted} |"
            if not results:
                lines.append(f"{head} not run | - | - | - |")
                continue
            values = {name: [result[name] for result in results] for name in ("acc", "nmi", "cpu_minutes")}
            minutes = statistics.mean(values["cpu_minutes"])
            lines.append(
                f"{head} {_spread(values['acc'])}, {min(values['acc']):.2f} | {_spread(values['nmi'])} | "
                f"{minutes:.3g} | {len(results)} |"
            )
        return "\n".join(lines)


def _spread(values: list[float]) -> str:
    spread = f" ({statistics.stdev(values):.2f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


if __name__ == "__main__":
    Clusterings("clustering", rows()).command(__doc__)
