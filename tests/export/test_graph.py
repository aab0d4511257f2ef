"""The maps that are exported are the estimator's, in its layout, dtype and units."""

import numpy as np
import pytest
import torch

import diabolo
from diabolo.estimators.layout import Layout
from diabolo.export.check import Comparison
from diabolo.export.graph import Graph, from_model, graph_of, to_model
from diabolo.networks import Network

NAMES = (
    "linear table",
    "bytes",
    "images",
    "dcec, channels last",
    "channels first",
    "signals",
    "flat signals of two channels",
    "booleans",
    "categories",
    "mixed",
    "clusters",
    "float64",
    "float64 images",
    "units",
)


def runner(graph):
    def run(rows):
        with torch.inference_mode():
            out = graph(torch.from_numpy(rows))
        return [t.numpy() for t in (out if isinstance(out, tuple) else (out,))]

    return run


@pytest.mark.parametrize("rows", ["given", "drawn"])
@pytest.mark.parametrize("what", ["encoder", "decoder", "whole"])
@pytest.mark.parametrize("name", NAMES)
def test_the_map_is_the_estimators(fitted, name, what, rows):
    estimator, X = fitted(name)
    graph = Graph(estimator, what)
    comparison = Comparison(estimator, graph, X if rows == "given" else None)
    assert comparison.error(runner(graph)) < 2e-6
    if rows == "drawn" and np.asarray(X).dtype.kind == "f":
        spread = Comparison(estimator, Graph(estimator, "encoder")).rows.std(0).mean()
        assert 0.3 < spread / X.std(0).mean() < (6 if name == "clusters" else 3)  # in units of the range of X


def test_the_encoder_of_a_clustering_gives_shares_of_clusters_too(fitted):
    estimator, X = fitted("clusters")
    codes, shares = runner(Graph(estimator, "encoder"))(X)
    np.testing.assert_allclose(codes, estimator.transform(X), atol=1e-6)
    np.testing.assert_allclose(shares, estimator.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(shares.argmax(1), estimator.predict(X))


def test_outputs_are_those_of_the_methods(fitted):
    estimator, X = fitted("bytes")
    codes, scale = runner(Graph(estimator, "encoder"))(X)
    np.testing.assert_allclose(codes, estimator.transform(X), atol=1e-6)
    np.testing.assert_allclose(scale, estimator.encode(X).scale, atol=1e-6)
    (restored,) = runner(Graph(estimator, "whole"))(X)
    assert restored.dtype == np.uint8
    np.testing.assert_array_equal(restored, estimator.reconstruct(X))


@pytest.mark.parametrize("what", ["encoder", "decoder", "whole"])
@pytest.mark.parametrize("name", ["units", "bytes", "categories", "mixed"])
def test_the_check_sees_what_is_wrong(fitted, name, what):
    estimator, X = fitted(name)
    graph = Graph(estimator, what)
    comparison = Comparison(estimator, graph, X)
    run = runner(graph)
    column = (slice(None), *[0] * (run(comparison.rows)[0].ndim - 1))

    def shifted(rows):
        out = [values.copy() for values in run(rows)]
        share = 1 if out[0].dtype.kind in "iu" else out[0].dtype.type(1e-4) * np.abs(out[0]).max()
        share = X[:, 0].max() * 1e-4 if name == "units" and what != "encoder" else share
        out[0][column] += np.asarray(share).astype(out[0].dtype)
        return out

    assert comparison.error(shifted) > 3e-5
    assert comparison.error(lambda rows: [v.astype(np.complex64) for v in run(rows)]) == np.inf
    assert comparison.error(lambda rows: [v.repeat(2, -1) for v in run(rows)]) == np.inf
    if run(comparison.rows)[0].dtype.kind == "f":
        assert comparison.error(lambda rows: [v * np.nan for v in run(rows)]) == np.inf


@pytest.mark.parametrize(
    "layout",
    [
        Layout("table", (6,), None, False),
        Layout("signal", (6,), None, False),
        Layout("signal", (6, 2), 1, True),
        Layout("image", (4, 5), None, True),
        Layout("image", (4, 5, 3), 2, False),
        Layout("image", (3, 4, 5), 0, False),
    ],
    ids=str,
)
def test_layouts_of_tensors_are_those_of_arrays(layout):
    x = np.arange(2 * np.prod(layout.shape), dtype=np.float32)
    x = x.reshape(2, -1) if layout.flat else x.reshape(2, *layout.shape)
    inside = to_model(layout, torch.from_numpy(x))
    np.testing.assert_array_equal(inside.numpy(), layout.to_model(x))
    np.testing.assert_array_equal(from_model(layout, inside).numpy(), x)


def test_a_multi_rate_model_is_exported_at_a_beta(fitted):
    estimator, X = fitted("multi-rate")
    for beta in (None, 0.1):
        chosen, graph = graph_of(estimator, "whole", beta)
        assert chosen.beta == (1.0 if beta is None else beta)
        (got,) = runner(graph)(X.astype(np.float32))
        np.testing.assert_allclose(got, estimator.reconstruct(X, beta=beta), atol=1e-4)
    with pytest.raises(ValueError, match="beta must be a number within beta_range"):
        graph_of(estimator, "whole", 1e9)


def test_what_makes_no_sense_is_refused(fitted):
    estimator, X = fitted("units")
    with pytest.raises(
        ValueError, match=r"what must be one of \('encoder', 'decoder', 'whole'\), got 'both'"
    ):
        graph_of(estimator, "both", None)
    with pytest.raises(ValueError, match="beta must be None for a VAE"):
        graph_of(estimator, "whole", 2.0)
    with pytest.raises(TypeError, match="estimator must be one of diabolo's, fitted, got a dict"):
        graph_of({}, "whole", None)
    with pytest.raises(ValueError, match="not fitted"):
        graph_of(diabolo.VAE(), "whole", None)
    with pytest.raises(ValueError, match="X must have 2 rows or more to compare on, got 1"):
        Comparison(estimator, Graph(estimator, "whole"), X[:1])
    with pytest.raises(ValueError, match="X must have rows of the shape"):
        Comparison(estimator, Graph(estimator, "whole"), X[:, None])


class Branching(torch.nn.Flatten):
    def forward(self, x):
        return super().forward(x if x.sum() > 0 else -x)


class OwnNetwork(Network):
    def __init__(self):
        super().__init__()

    def encoder(self, event):
        return Branching(), event[0]

    def decoder(self, n_inputs, event, n_outputs):
        return torch.nn.Sequential(torch.nn.Linear(n_inputs, event[0]), torch.nn.Unflatten(1, (1, *event)))


def test_a_part_that_torch_cannot_follow_is_named(fitted):
    ae = diabolo.AutoEncoder(2, network=OwnNetwork(), scale="column", max_epochs=1).fit(fitted("units")[1])
    with pytest.raises(ValueError, match="torch.export can follow, but it stops in one of OwnNetwork"):
        Graph(ae, "whole").trace(np.ones((2, 4), np.float32))
