"""Files of models: what they compute, what they say of themselves, and what is refused."""

import copy
import json
import sys

import numpy as np
import pytest
import torch

import diabolo
from diabolo import OnnxModel, export_onnx, export_torch
from diabolo.export import onnx_file


@pytest.fixture(scope="session")
def files(fitted, tmp_path_factory):
    """Return the ONNX file of a case, written once, and its record."""
    folder = tmp_path_factory.mktemp("onnx")
    made = {}

    def export(name, what, **settings):
        if (name, what) not in made:
            estimator, X = fitted(name)
            made[name, what] = export_onnx(estimator, folder / f"{name} {what}.onnx", what, X=X, **settings)
        return made[name, what]

    return export


def test_an_encoder_of_images(files, fitted):
    estimator, X = fitted("images")
    record = files("images", "encoder")
    assert record.error < 1e-5
    model = OnnxModel(record.path, n_threads=1)
    for n in (1, 7, 60):
        codes, scale = model.run(X[:n])
        np.testing.assert_allclose(codes, estimator.transform(X[:n]), atol=2e-6)
        np.testing.assert_allclose(scale, estimator.encode(X[:n]).scale, atol=2e-6)
    np.testing.assert_array_equal(model(X), codes)
    assert str(record).endswith("from the model on 60 rows")


def test_a_decoder_of_signals(files, fitted):
    estimator, X = fitted("flat signals of two channels")
    model = OnnxModel(files("flat signals of two channels", "decoder").path)
    codes = estimator.transform(X)
    np.testing.assert_allclose(model(codes), estimator.inverse_transform(codes), atol=2e-6)


def test_bytes_come_back_as_bytes(files, fitted):
    estimator, X = fitted("bytes")
    model = OnnxModel(files("bytes", "whole").path)
    want = estimator.reconstruct(X)
    assert model(X).dtype == np.uint8
    assert np.abs(model(X).astype(int) - want).max() <= 1
    with pytest.raises(ValueError, match="rows must be uint8, as the model's X was, got float64"):
        model(X / 2)


def test_mixed_columns_come_back_as_what_they_are(files, fitted):
    estimator, X = fitted("mixed")
    restored = OnnxModel(files("mixed", "whole").path)(X)
    np.testing.assert_allclose(restored, estimator.reconstruct(X), rtol=1e-5, atol=1e-5)
    assert set(restored[:, 0]) <= {0, 1, 2, 3}
    np.testing.assert_allclose(
        OnnxModel(files("mixed", "encoder").path)(X), estimator.transform(X), atol=2e-6
    )


def test_a_file_says_what_it_is(files):
    record = files("bytes", "whole")
    model = OnnxModel(record.path)
    assert (model.what, model.input, model.outputs) == ("whole", record.input, record.outputs)
    assert (model.input.name, model.input.shape, model.input.dtype) == ("X", (8, 8), "uint8")
    assert model.metadata["diabolo.version"] == diabolo.__version__
    assert model.metadata["diabolo.estimator"] == "VAE"
    assert model.metadata["diabolo.beta"] == "1.0"
    assert json.loads(json.dumps(record.as_dict()))["outputs"][0]["name"] == "X_hat"
    content = record.path.read_bytes()
    assert b".py" not in content
    assert b"stack_trace" not in content
    with pytest.raises(ValueError, match=r"rows must have the shape \(n, 8, 8\), got \(8, 8\)"):
        model(np.zeros((8, 8), np.uint8))


def test_any_number_of_rows(files):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(files("images", "encoder").path).graph
    for port in (*graph.input, *graph.output):
        assert port.type.tensor_type.shape.dim[0].dim_param == "rows"


def test_eight_bits(fitted, files, tmp_path, monkeypatch):
    estimator, X = fitted("bytes")
    record = files("bytes", "whole")
    monkeypatch.setattr(onnx_file, "_content", lambda *_: record.path.read_bytes())
    small = export_onnx(estimator, tmp_path / "w.onnx", "whole", X=X, int8=True)
    model = OnnxModel(small.path)
    gap = model(X).astype(float) - OnnxModel(record.path)(X)
    assert np.sqrt(np.square(gap).mean()) == pytest.approx(small.int8_rmse, rel=1e-3)
    assert 0 < small.int8_share < 0.3
    assert "int8: then RMSE" in str(small)
    assert model.metadata["diabolo.what"] == "whole"
    estimator, X = fitted("float64")
    with pytest.raises(ValueError, match="int8 must be False for a model that was trained in float64"):
        export_onnx(estimator, tmp_path / "f.onnx", int8=True)


def test_convolutions_in_float64(fitted, tmp_path):
    estimator, X = fitted("float64 images")
    with pytest.raises(ValueError, match="trained in float64, .* subtract the offset from X"):
        export_onnx(estimator, tmp_path / "f.onnx", "encoder", X=X)
    assert list(tmp_path.iterdir()) == []
    assert export_torch(estimator, tmp_path / "f.pt2", X=X).error < 1e-14


def test_a_file_that_differs_is_not_written(fitted, files, tmp_path, monkeypatch):
    estimator, X = fitted("bytes")
    record = files("bytes", "whole")
    monkeypatch.setattr(onnx_file, "_content", lambda *_: record.path.read_bytes())
    other = copy.deepcopy(estimator)
    with torch.no_grad():
        other.model_.likelihood.shift += 2
    with pytest.raises(ValueError, match="the ONNX whole differs by .* and was not written"):
        export_onnx(other, tmp_path / "e.onnx", "whole", X=X)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "what"), [("dcec, channels last", "whole"), ("booleans", "encoder")])
def test_torch_programs(fitted, tmp_path, name, what):
    estimator, X = fitted(name)
    record = export_torch(estimator, tmp_path / "p.pt2", what)
    module = torch.export.load(record.path).module()
    out = module(torch.from_numpy(X[:5]))
    got = (out[0] if what == "encoder" else out).detach().numpy()
    want = estimator.transform(X[:5]) if what == "encoder" else estimator.reconstruct(X[:5])
    np.testing.assert_allclose(got, want, atol=2e-6)
    with pytest.raises(ValueError, match=r"path must end in \.pt2"):
        export_torch(estimator, tmp_path / "p.pt")


def test_without_the_extra(fitted, tmp_path, monkeypatch):
    estimator, _ = fitted("linear table")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        ImportError, match=r"exporting to ONNX needs onnxscript: pip install 'diabolo\[onnx\]'"
    ):
        export_onnx(estimator, tmp_path / "e.onnx")


def test_foreign_files(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"onnxruntime cannot run .*a\.onnx"):
        OnnxModel(tmp_path / "a.onnx")
    with pytest.raises(FileNotFoundError):
        OnnxModel(tmp_path / "b.onnx")
