"""Every model that --model names, from the first command to the one that repeats it."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from diabolo.cli import models

OF = {model: command for command in ("fit", "cluster") for model in models.models_of(command)}
QUICK = {
    "fit": ("--max-epochs", "1", "--batch-size", "40"),
    "cluster": ("--n-clusters", "3", "--max-epochs", "1", "--batch-size", "40"),
}


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "grey.npy"
    np.save(path, np.repeat(np.repeat(load_digits().images[:40] / 16, 2, 1), 2, 2).astype(np.float32))
    return path


@pytest.mark.parametrize("model", OF)
def test_it_is_trained_and_its_configuration_is_read_back(model, grey, typed, tmp_path):
    words = ("--model", model, *QUICK[OF[model]], "--no-report", "--quiet")
    if hasattr(models.make(model, {})[0], "max_iter"):
        words = (*words, "--max-iter", "2")
    said = typed(OF[model], grey, "--out", tmp_path / "first", *words)
    assert said.code == 0, said.err
    said = typed(
        OF[model], "--config", tmp_path / "first", "--out", tmp_path / "again", "--dry-run", "--json"
    )
    assert said.code == 0, said.err
    kept = json.loads((tmp_path / "first" / "config.json").read_text())
    assert said.json()["options"] == kept["options"]


def test_numbers_that_are_not_whole(grey, typed):
    words = ("fit", grey, "--model", "multi_rate_vae", "--dry-run", "--json")
    assert typed(*words, "--beta-range", "0.1,4").json()["options"]["beta-range"] == [0.1, 4]
    said = typed(*words, "--beta-range", "low,high")
    assert said.code == 2
    assert "--beta-range must be numbers with commas between, such as 0.1,10, got 'low,high'" in said.err


def test_a_word_or_a_number_where_one_model_takes_both(grey, typed):
    words = ("cluster", grey, "--n-clusters", "3", "--dry-run", "--json", "--model")
    assert (
        typed(*words, "mixture_vae", "--learning-rate", "auto").json()["options"]["learning-rate"] == "auto"
    )
    assert typed(*words, "clustering", "--learning-rate", "0.01").json()["options"]["learning-rate"] == 0.01
    said = typed(*words, "clustering", "--learning-rate", "auto")
    assert said.code == 2
    assert "learning_rate must be" in said.err


def test_the_few_rows_of_a_clustering_count_once(grey, typed, tmp_path):
    words = ("--model", "mixture_vae", *QUICK["cluster"], "--no-report", "--quiet")
    assert typed("cluster", grey, "--out", tmp_path / "few", *words).code == 0
    assert "at least 50 codes, got 40" in typed("diagnose", tmp_path / "few").err


def test_the_beta_of_a_run_is_no_grid(places, typed, tmp_path):
    said = typed(
        "sweep", "--config", places / "vae", "--out", tmp_path / "sweep", "--max-epochs", "1", "--json"
    )
    assert said.code == 0, said.err
    assert len(list((tmp_path / "sweep").glob("*/model.diabolo"))) == 9
