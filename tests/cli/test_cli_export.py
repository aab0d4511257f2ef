import sys

import numpy as np
import pytest
import torch

import diabolo


def test_a_file_of_each(typed, places, tmp_path):
    said = typed("export", places / "vae", "--torch-export", "--out", tmp_path / "new", "--json").json()
    names = ["encoder.pt2", "decoder.pt2", "whole.pt2"]
    assert [record["path"] for record in said["files"]] == [str(tmp_path / "new" / name) for name in names]
    assert all(record["error"] < 1e-5 for record in said["files"])
    X = np.load(places / "images.npy")[:3]
    encoder = torch.export.load(tmp_path / "new" / "encoder.pt2").module()
    codes, _ = encoder(torch.from_numpy(X).float())
    want = diabolo.load(places / "vae/model.diabolo").transform(X)
    np.testing.assert_allclose(codes.detach().numpy(), want, atol=1e-5)


def test_one_onnx_file_in_eight_bits(typed, places, tmp_path):
    out = tmp_path / "d.onnx"
    words = ("export", places / "ae", places / "images.npy", "--onnx", "--int8", "--what", "decoder")
    said = typed(*words, "--out", out)
    assert said.out.startswith(f"wrote {out}: decoder, codes float32 (rows, 3) -> X_hat float32 (rows, 8, 8)")
    assert "int8: then RMSE" in said.out
    assert diabolo.OnnxModel(out)(np.zeros((2, 3), np.float32)).shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "export needs --onnx, --torch-export, or both"),
        (("--torch-export", "--int8"), "--int8 is for ONNX files: add --onnx"),
        (
            ("--onnx", "--out", "a.onnx"),
            "--out must be a folder for several files, or a file that ends in .onnx",
        ),
        (("--onnx", "--what", "whole", "--out", "a.pt2"), "a file that ends in .onnx with --what encoder"),
        (("--torch-export", "--beta", "2"), "--beta is for a multi-rate model"),
    ],
)
def test_refusals(typed, places, words, sentence):
    said = typed("export", places / "vae", *words)
    assert said.code == 2
    assert sentence in said.err


def test_without_the_extra(typed, places, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    said = typed("export", places / "vae", "--onnx", "--out", tmp_path)
    assert said.code == 2
    assert "exporting to ONNX needs onnxscript: pip install 'diabolo[onnx]'" in said.err
