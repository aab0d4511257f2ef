"""A sweep is resumable, and what it writes reads back."""

import csv
import json
import signal

import numpy as np
import pytest

import diabolo
from diabolo import VAE
from diabolo.storage import read_model
from diabolo.training import Checkpoints

SHORT = ("-d", "2", "--max-epochs", "1", "--network.hidden", "8", "--batch-size", "64", "--json")


@pytest.fixture(scope="module")
def swept(places):
    from diabolo.cli import main

    out = places / "sweep"
    words = ["sweep", places / "images.npy", "--beta", "0.1:10:3", "--out", out, *SHORT]
    assert main([str(word) for word in words]) == 0
    return out


def read_curve(folder):
    with open(folder / "curve.csv") as file:
        return [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(file)]


def test_a_folder_has_a_run_for_each_point_and_a_table_that_reads_back(swept, typed):
    sweep = json.loads((swept / "sweep.json").read_text())
    rows = read_curve(swept)
    assert [row["beta"] for row in rows] == [0.1, 1.0, 10.0]
    for name, column in sweep["curve"].items():
        assert [row[name] for row in rows] == column  # every bit
    for beta, row in zip(("0.1", "1", "10"), rows, strict=True):
        metrics = json.loads((swept / f"beta-{beta}" / "metrics.json").read_text())
        assert {name: metrics[name] for name in row if name != "beta"} == {
            k: v for k, v in row.items() if k != "beta"
        }
        assert diabolo.load(swept / f"beta-{beta}" / "model.diabolo").beta == float(beta)
    for name in ("curve.png", "points.png"):
        assert (swept / name).read_bytes().startswith(b"\x89PNG")
    again = typed("evaluate", swept / "beta-1", "--json").json()  # a point is a run like any other
    assert again["elbo"] == rows[1]["elbo"]


@pytest.mark.parametrize("n_finished", [1, 2])
def test_a_killed_sweep_goes_on_to_the_same_bits(swept, typed, places, tmp_path, monkeypatch, n_finished):
    whole, fits = VAE.fit, []

    def fit(self, X, **keeping):
        fits.append(self.beta)
        if len(fits) > n_finished:
            raise KeyboardInterrupt
        return whole(self, X, **keeping)

    words = ("sweep", places / "images.npy", "--beta", "0.1:10:3", "--out", tmp_path / "s", *SHORT)
    monkeypatch.setattr(VAE, "fit", fit)
    said = typed(*words)
    assert said.code == 130
    assert f"{n_finished} of 3 points are finished" in said.err
    fits.clear()
    monkeypatch.setattr(VAE, "fit", lambda self, X, **k: (fits.append(self.beta), whole(self, X, **k))[1])
    assert typed(*words).code == 0
    assert fits == [0.1, 1.0, 10.0][n_finished:]
    assert (tmp_path / "s/curve.csv").read_bytes() == (swept / "curve.csv").read_bytes()
    a, b = (read_model(folder / "beta-10/model.diabolo")[0] for folder in (swept, tmp_path / "s"))
    assert a.keys() == b.keys()
    assert all(a[name].equal(b[name]) for name in a)


def test_a_sweep_that_is_terminated_within_a_point_goes_on_from_there(
    swept, typed, places, tmp_path, monkeypatch
):
    whole, steps = Checkpoints.after_step, []

    def after_step(self, state):
        steps.append(0)
        if len(steps) == 3:  # the first of two steps of the second point
            signal.raise_signal(signal.SIGTERM)
        whole(self, state)

    monkeypatch.setattr(Checkpoints, "after_step", after_step)
    words = ("sweep", places / "images.npy", "--beta", "0.1:10:3", "--out", tmp_path / "s", *SHORT)
    said = typed(*words)
    assert said.code == 143
    assert "terminated; 1 of 3 points are finished" in said.err
    assert typed(*words).code == 0
    assert len(steps) == 3 + 1 + 2
    assert (tmp_path / "s/curve.csv").read_bytes() == (swept / "curve.csv").read_bytes()
    assert not list((tmp_path / "s").rglob("checkpoints"))


def test_a_finished_sweep_is_not_trained_again_and_another_is_refused(swept, typed, places, monkeypatch):
    monkeypatch.setattr(VAE, "fit", lambda *_, **__: pytest.fail("trained again"))
    words = ("sweep", places / "images.npy", "--out", swept, *SHORT)
    facts = typed(*words, "--beta", "0.1:10:3").json()
    assert facts["curve"]["beta"] == [0.1, 1.0, 10.0]
    assert len(facts["models"]) == 3
    said = typed(*words, "--beta", "0.1,1")
    assert said.code == 2
    assert "another sweep, with other --beta" in said.err
    assert "--overwrite" in said.err


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ("", "--beta must be FROM:TO:NUMBER"),
        ("0.1:10", "--beta must be FROM:TO:NUMBER"),
        ("10:0.1:9", "0 < FROM < TO"),
        ("0:1:3", "0 < FROM < TO"),
        ("0.1:1:1", "NUMBER of 2 or more"),
        ("1,two", "numbers with commas"),
        ("-1,1", "0 or more"),
        ("nan", "finite"),
    ],
)
def test_a_bad_grid_is_exit_code_2(typed, places, tmp_path, grid, sentence):
    said = typed("sweep", places / "images.npy", f"--beta={grid}", "--out", tmp_path / "s")
    assert said.code == 2
    assert sentence in said.err
    assert not (tmp_path / "s").exists()


def test_models_without_a_beta_to_set_are_refused(typed, places):
    assert "use --model vae" in typed("sweep", places / "images.npy", "--model", "ae").err
    said = typed("sweep", places / "vae")
    assert said.code == 2
    assert "with one beta" in said.err


def test_a_multi_rate_run_is_judged_and_not_fitted(typed, places, tmp_path, monkeypatch):
    evaluate, reconstruct, sample = VAE.evaluate, VAE.reconstruct, VAE.sample
    monkeypatch.setattr(VAE, "beta_range", (0.1, 10), raising=False)
    monkeypatch.setattr(VAE, "evaluate", lambda self, X, *, beta, n_draws: evaluate(self, X, n_draws=n_draws))
    monkeypatch.setattr(VAE, "reconstruct", lambda self, X, *, beta: reconstruct(self, X))
    monkeypatch.setattr(
        VAE, "sample", lambda self, n, *, beta, observation: sample(self, n, observation=observation)
    )
    monkeypatch.setattr(VAE, "fit", lambda *_, **__: pytest.fail("trained again"))
    facts = typed("sweep", places / "vae", "--beta", "0.5,2", "--out", tmp_path / "s", "--json").json()
    assert facts["curve"]["beta"] == [0.5, 2.0]
    assert np.ptp(facts["curve"]["rate"]) == 0  # the stand-in does not look at beta
    said = typed("sweep", places / "vae", "--beta", "0.01,2", "--out", tmp_path / "t")
    assert said.code == 2
    assert "beta_range from 0.1 to 10" in said.err
