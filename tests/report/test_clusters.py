"""Pictures of clusters: who is chosen, and every kind of data."""

import numpy as np
import pytest

from diabolo import DeepClustering
from diabolo.measures import clustering_scores
from diabolo.networks import MLP
from diabolo.report import clusters as module
from diabolo.report import latent, plot_centres, plot_confusion, plot_members, write_report
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


def test_members_are_those_of_the_shares_that_are_given(monkeypatch):
    found, X = clustered((8, 8))
    seen = []
    monkeypatch.setattr(module, "chosen_members", lambda *args: seen.append(args[0]) or chosen_members(*args))
    shares = np.eye(3)[np.arange(30) % 3]
    plot_members(found, X)
    plot_members(found, X, shares=shares)
    np.testing.assert_allclose(seen[0], found.predict_proba(X))
    assert seen[1] is shares
    with pytest.raises(ValueError, match="which must be 'typical' or 'uncertain', got 'uncertan'"):
        plot_members(found, X, "uncertan")
    with pytest.raises(ValueError, match=r"shares must have the shape \(30, 3\), got \(29, 3\)"):
        plot_members(found, X, shares=shares[1:])


def test_the_page_has_the_labels_of_the_fit(tmp_path, monkeypatch):
    found, X = clustered((8, 8))
    found.label_distributions_ = np.eye(3)[np.arange(30) % 3]  # which the codes know nothing of
    found.labels_ = np.arange(30) % 3
    seen = []
    monkeypatch.setattr(module, "chosen_members", lambda *args: seen.append(args[0]) or chosen_members(*args))
    coloured = latent.plot_latent
    monkeypatch.setattr(
        latent, "plot_latent", lambda *args, **more: seen.append(args[2]) or coloured(*args, **more)
    )
    write_report(tmp_path / "page.html", found, X)
    colours, typical, uncertain, _ = seen
    assert colours.tolist() == found.labels_.astype(str).tolist()
    assert (typical.argmax(1) == found.labels_).all()
    assert (uncertain.argmax(1) == found.labels_).all()


def test_many_clusters_are_named_on_the_map():
    found, X = clustered((5,))
    names = [str(k % 14) for k in range(30)]
    axes = latent.plot_latent(found, X, names).axes[0]
    assert {text.get_text() for text in axes.texts} == set(names)
    assert len({tuple(colour) for colour in axes.collections[0].get_facecolors()}) == 10


def test_restarts_stand_on_the_page(tmp_path):
    found, X = clustered((5,), n_init=2)
    page = write_report(tmp_path / "page.html", found, X).read_text()
    assert all(f"restart from seed {restart.seed}" in page for restart in found.restarts_)


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
