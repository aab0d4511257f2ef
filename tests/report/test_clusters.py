"""Pictures of clusters: who is chosen, and every kind of data."""

import numpy as np
import pytest

from diabolo import DeepClustering
from diabolo.measures import clustering_scores
from diabolo.networks import MLP
from diabolo.report import plot_centres, plot_confusion, plot_members, write_report
from diabolo.report.clusters import chosen_members

SMALL = {"n_components": 2, "max_epochs": 2, "max_iter": 3, "network": MLP((8,)), "random_state": 0}


def clustered(shape, **params):
    X = np.random.default_rng(0).random((30, *shape))
    X[15:] += 2
    return DeepClustering(3, **{**SMALL, **params}).fit(X), X


def test_the_extreme_members_are_chosen():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3], [0.45, 0.55]])
    typical = chosen_members(probabilities, "typical", 2)
    uncertain = chosen_members(probabilities, "uncertain", 2)
    assert [rows.tolist() for rows in typical] == [[0, 3], [2, 4]]
    assert [rows.tolist() for rows in uncertain] == [[1, 3], [4, 2]]


@pytest.mark.parametrize(
    ("shape", "params"), [((8, 9), {}), ((8, 8, 3), {}), ((20,), {"channel_axis": None}), ((5,), {})]
)
def test_every_kind_of_rows(shape, params):
    found, X = clustered(shape, **params)
    for figure in (plot_centres(found, X), plot_members(found, X, "uncertain", 4)):
        figure.canvas.draw()
        assert len(figure.axes) >= 1


def test_the_largest_cluster_stands_first():
    found, X = clustered((8, 8))
    sizes = np.bincount(found.labels_, minlength=3)
    titles = [axes.get_title() for axes in plot_centres(found, X).axes if axes.get_title()]
    assert titles == [f"{k}   {sizes[k] / 30:.1%}" for k in np.argsort(-sizes, kind="stable")]


def test_confusion_has_its_counts():
    scores = clustering_scores(["a", "a", "b"], [1, 1, 0])
    axes = plot_confusion(scores.as_dict()).axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["1", "2"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "0"]


def test_the_page_of_a_table(tmp_path):
    found, X = clustered((5,))
    page = write_report(tmp_path / "page.html", found, X).read_text()
    assert "Centres, decoded" in page
    assert "Known classes" not in page
