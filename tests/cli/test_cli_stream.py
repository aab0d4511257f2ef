"""Rows that are read in blocks, on the command line."""

import json

import numpy as np
import pytest

from diabolo.cli import main
from diabolo.storage import read_model
from diabolo.training import streamed

WORDS = ("-d", "2", "--max-epochs", "2", "--network.hidden", "8", "--batch-size", "32", "--random-state", "1")


@pytest.fixture
def small_pool(monkeypatch):
    monkeypatch.setattr(streamed, "POOL_BYTES", 9000)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("rows")
    X = load_digits().images[:300].astype(np.float32)
    np.save(folder / "rows.npy", X)
    return folder / "rows.npy", X


@pytest.fixture(scope="module")
def run(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamed, "POOL_BYTES", 9000)
        assert main(["fit", str(rows[0]), "--stream", "--out", str(folder), *WORDS]) == 0
    return folder


def test_fit_reads_in_blocks_when_asked_and_remembers_it(run, typed):
    config = json.loads((run / "config.json").read_text())
    assert config["options"]["stream"] is True
    assert config["reading"] == {"stream": True}
    assert config["rows"]["n_train"] == 270
    assert config["data"] == "rows.npy: float32 (300, 8, 8), read in blocks"
    assert "shuffled in pools" in config["training"]["choices"]["rows"]
    assert (run / "report.html").exists()
    assert "training" in json.loads(typed("info", run, "--json").out)
    assert typed("evaluate", run, "--json").json()["n_rows"] == 30


def test_a_run_from_the_configuration_is_the_same(run, typed, small_pool, tmp_path):
    said = typed("fit", "--config", run, "--out", tmp_path / "again", "--no-report")
    assert said.code == 0, said.err
    (a, _), (b, _) = (read_model(folder / "model.diabolo") for folder in (run, tmp_path / "again"))
    assert all(a[name].equal(b[name]) for name in a)


def test_rows_are_read_in_blocks_by_themselves_above_a_share_of_the_memory(
    rows, typed, monkeypatch, small_pool, tmp_path
):
    monkeypatch.setattr("diabolo.data.memory_bytes", lambda: 4 * rows[1].nbytes - 4)
    plan = typed("fit", rows[0], "--dry-run", "--json", *WORDS).json()
    assert plan["options"]["stream"] is True
    assert "read in blocks" in plan["data"]
    monkeypatch.setattr("diabolo.data.memory_bytes", lambda: 4 * rows[1].nbytes)
    plan = typed("fit", rows[0], "--dry-run", "--json", *WORDS).json()
    assert "stream" not in plan["options"]


def test_small_rows_train_to_the_same_bits_either_way(rows, typed, tmp_path):
    for name, words in (("whole", ()), ("blocks", ("--stream",))):
        assert typed("fit", rows[0], "--out", tmp_path / name, "--no-report", *words, *WORDS).code == 0
    a, b = ((tmp_path / name / "history.csv").read_text().splitlines() for name in ("whole", "blocks"))
    column = a[0].split(",").index("seconds")
    without = [
        [[c for i, c in enumerate(line.split(",")) if i != column] for line in text] for text in (a, b)
    ]
    assert without[0] == without[1]


@pytest.mark.parametrize("verb", ["encode", "reconstruct"])
def test_results_are_streamed_to_a_file(verb, rows, run, typed, small_pool, tmp_path):
    whole = typed(verb, run, rows[0], "--out", tmp_path / "whole.npy")
    streamed_ = typed(verb, run, rows[0], "--stream", "--out", tmp_path / "blocks.npy")
    assert whole.code == streamed_.code == 0
    assert streamed_.out.replace("blocks.npy", "whole.npy").split(":")[0] == whole.out.split(":")[0]
    a, b = np.load(tmp_path / "whole.npy"), np.load(tmp_path / "blocks.npy")
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    said = typed(verb, run, rows[0], "--stream")
    assert "the first 5 of 300" in said.out
    assert typed(verb, run, rows[0], "--stream", "--out", tmp_path / "no.csv").code == 2


def test_what_cannot_be_read_in_blocks_is_refused(rows, typed, tmp_path, small_pool):
    said = typed("fit", "digits", "--stream", "--dry-run")
    assert said.code == 2
    np.savez(tmp_path / "rows.npz", X=rows[1])
    said = typed("fit", tmp_path / "rows.npz", "--stream", "--dry-run")
    assert said.code == 2
    assert "what is read in blocks must be .npy, .csv, .parquet or a folder of images" in said.err
    said = typed("fit", tmp_path / "rows.npz", "--stream", "--key", "X", "--dry-run")
    assert "--stream reads rows as they are stored: drop --key" in said.err
    said = typed("cluster", rows[0], "--stream")
    assert "a clustering looks at all rows: drop it" in said.err
    said = typed("fit", rows[0], "--noisy", rows[0], "--model", "denoising", "--stream")
    assert "--noisy looks up pairs of rows" in said.err


def test_a_table_with_names_is_used_without_a_word_about_them(typed, small_pool, tmp_path):
    rows = np.random.default_rng(0).normal(size=(300, 12))
    header = ",".join(f"column {i}" for i in range(12))
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",", header=header, comments="")
    said = typed("fit", tmp_path / "t.csv", "--stream", "--out", tmp_path / "run", "--no-report", *WORDS)
    assert said.code == 0, said.err
    more = typed("encode", tmp_path / "run", tmp_path / "t.csv", "--out", tmp_path / "z.npy")
    assert more.code == 0, more.err
    assert "feature names" not in said.err + more.err


def test_other_rows_to_measure_on(rows, run, typed, small_pool, tmp_path):
    plan = typed("fit", rows[0], "--stream", "--test", rows[0], "--dry-run", "--json", *WORDS).json()
    assert plan["rows"]["test"] == "all 300 rows of " + str(rows[0])
    assert plan["shapes"]["train"] == [300, 8, 8]
    said = typed("interpolate", run, rows[0], "--stream", "--rows", "0,-1", "-n", "3")
    assert said.code == 0
