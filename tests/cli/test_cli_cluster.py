import csv
import json
import signal

import numpy as np
import pytest

from diabolo import load
from diabolo.cli import models
from diabolo.measures import clustering_scores
from diabolo.training import Checkpoints

CLUSTERING = {"clustering", "dcec", "dec", "dec_conv", "dec_conv_da", "idec", "mixture_vae", "vade"}
WORDS = ("--n-clusters", "3", "-d", "2", "--max-epochs", "2", "--max-iter", "5", "--network.hidden", "16")


@pytest.fixture(scope="module")
def classes(places):
    from sklearn.datasets import load_digits

    path = places / "classes.npy"
    np.save(path, load_digits().target[:120])
    return path


@pytest.fixture(scope="module")
def run(places, classes):
    from diabolo.cli import main

    words = ["cluster", places / "images.npy", "--labels", classes, "--out", places / "clusters", *WORDS]
    assert main([str(word) for word in [*words, "--quiet"]]) == 0
    return places / "clusters"


def test_it_writes_labels_probabilities_and_scores(run):
    model = load(run / "model.diabolo")
    labels, probabilities = np.load(run / "labels.npy"), np.load(run / "probabilities.npy")
    np.testing.assert_array_equal(labels, model.labels_)
    np.testing.assert_array_equal(probabilities.argmax(1), labels)
    with (run / "clusters.csv").open() as file:
        header, *lines = csv.reader(file)
    assert header == ["cluster", "probability 0", "probability 1", "probability 2"]
    assert [int(float(line[0])) for line in lines] == labels.tolist()
    metrics = json.loads((run / "metrics.json").read_text())
    assert sum(metrics["cluster_sizes"]) == metrics["clustering"]["n_rows"] == 120
    assert metrics["restarts"][0]["seed"] == 0


def test_the_report_shows_the_clusters_and_the_classes(run):
    page = (run / "report.html").read_text()
    for title in ("Centres, decoded", "The most uncertain of each cluster", "Known classes and clusters"):
        assert title in page
    assert "NMI" in page


def test_the_report_is_written_again_from_the_run(run, typed, tmp_path):
    said = typed("report", run, "--out", tmp_path / "again.html")
    assert said.code == 0, said.err
    again, first = (tmp_path / "again.html").read_text(), (run / "report.html").read_text()
    assert "Known classes and clusters" in again
    for sentence in ("NMI", "rows that it has not seen", "No test rows were given"):
        assert (sentence in again) == (sentence in first)
    assert again == first


def test_classes_that_have_changed_are_left_out_and_it_is_said(places, typed, tmp_path, monkeypatch):
    classes, out = tmp_path / "y.npy", tmp_path / "c"
    np.save(classes, np.arange(120) % 3)
    monkeypatch.chdir(tmp_path)
    said = typed("cluster", places / "images.npy", "--labels", "y.npy", "--out", out, *WORDS)
    assert said.code == 0, said.err
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert typed("report", out).err == ""
    assert "NMI" in (out / "report.html").read_text()
    np.save(classes, np.arange(119))
    said = typed("report", out)
    assert said.code == 0
    assert (
        "drawn without the known classes: --labels must hold one class for each of the 120 rows" in said.err
    )
    assert "NMI" not in (out / "report.html").read_text()
    assert typed("evaluate", out).code == 0  # which asks for none
    classes.unlink()
    assert "drawn without the known classes" in typed("report", out).err


def test_new_rows_are_put_into_clusters(run, places, typed, tmp_path):
    said = typed("encode", run, places / "images.npy", "--clusters", "--out", tmp_path / "new.csv")
    assert said.code == 0, said.err
    with (tmp_path / "new.csv").open() as file:
        header, *lines = csv.reader(file)
    assert header[:4] == ["cluster", "probability 0", "probability 1", "probability 2"]
    found, model = np.array([line[:4] for line in lines], dtype=float), load(run / "model.diabolo")
    X = np.load(places / "images.npy")
    np.testing.assert_array_equal(found[:, 0], model.predict(X))
    np.testing.assert_allclose(found[:, 1:], model.predict_proba(X), rtol=1e-5)


def test_a_model_without_clusters_has_none_to_give(places, typed, tmp_path):
    words = ("--max-epochs", "1", "--no-report", "--model", "ae")
    assert typed("fit", places / "images.npy", "--out", tmp_path / "a", *words).code == 0
    said = typed("encode", tmp_path / "a", places / "images.npy", "--clusters")
    assert said.code == 2
    assert "--clusters needs a clustering" in said.err


def test_rows_that_codes_put_elsewhere_are_counted(run, places, classes):
    model, metrics = load(run / "model.diabolo"), json.loads((run / "metrics.json").read_text())
    predicted = model.predict(np.load(places / "images.npy"))
    n_elsewhere = (predicted != model.labels_).sum()
    assert metrics["predicted_elsewhere"] == n_elsewhere > 0
    accuracy = clustering_scores(np.load(classes), predicted).accuracy
    assert metrics["predicted_accuracy"] == accuracy
    said = f"it puts {n_elsewhere} of these 120 rows elsewhere, and by it {accuracy:.1%} of all are in the right cluster"
    assert said in (run / "report.html").read_text()


def test_an_option_of_no_augmentation(places, typed):
    said = typed("cluster", places / "images.npy", *WORDS, "--augmentation.degrees", "5", "--dry-run")
    assert said.code == 2
    assert "--augmentation.degrees needs a chosen augmentation: add --augmentation motion" in said.err


def test_classes_in_objects(places, typed, tmp_path):
    np.save(tmp_path / "words.npy", np.array(["a", "b"] * 60, dtype=object))
    said = typed("cluster", places / "images.npy", *WORDS, "--labels", tmp_path / "words.npy")
    assert said.code == 2
    assert "words.npy holds no plain numbers or words" in said.err
    assert "labels.astype(str)" in said.err


def test_without_classes_nothing_is_scored(places, typed, tmp_path):
    said = typed(
        "cluster",
        places / "images.npy",
        *WORDS,
        "--out",
        tmp_path / "c",
        "--no-report",
        "--n-init",
        "2",
        "--json",
    )
    assert said.code == 0, said.err
    facts = said.json()
    assert "clustering" not in facts["metrics"]
    assert len(facts["metrics"]["restarts"]) == 2
    assert "report.html" not in facts["files"]


def test_a_dry_run_trains_nothing(places, typed, tmp_path):
    said = typed("cluster", places / "images.npy", *WORDS, "--out", tmp_path / "c", "--dry-run")
    assert said.code == 0, said.err
    assert "DeepClustering" in said.out
    assert not (tmp_path / "c").exists()


def test_classes_of_another_length(places, typed, tmp_path):
    np.save(tmp_path / "few.npy", np.zeros(7))
    said = typed("cluster", places / "images.npy", "--labels", tmp_path / "few.npy", *WORDS)
    assert said.code == 2
    assert "--labels must hold one class for each of the 120 rows" in said.err


def test_classes_that_are_not_known_are_refused_before_training(places, typed, tmp_path):
    np.save(tmp_path / "y.npy", np.where(np.arange(120) == 7, np.nan, 1.0))
    said = typed(
        "cluster", places / "images.npy", "--labels", tmp_path / "y.npy", *WORDS, "--out", tmp_path / "c"
    )
    assert said.code == 2
    assert "holds no number (NaN) in 1 of 120 rows" in said.err
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("header", ["", "species\n"])
def test_classes_may_be_words(places, classes, typed, tmp_path, header, run):
    names = [f'"digit, {number}"' for number in np.load(classes)]
    (tmp_path / "names.csv").write_text(header + "\n".join(names) + "\n")
    words = [
        "cluster",
        places / "images.npy",
        "--labels",
        tmp_path / "names.csv",
        "--out",
        tmp_path / "c",
        *WORDS,
    ]
    said = typed(*words)
    assert said.code == 0, said.err
    scores = json.loads((tmp_path / "c" / "metrics.json").read_text())["clustering"]
    by_numbers = json.loads((run / "metrics.json").read_text())["clustering"]
    assert scores["accuracy"] == by_numbers["accuracy"]
    (tmp_path / "two.csv").write_text("a,b\n" * 120)
    said = typed("cluster", places / "images.npy", "--labels", tmp_path / "two.csv", *WORDS)
    assert said.code == 2
    assert "holds 120 rows of 2 values" in said.err


@pytest.mark.parametrize("classes", [["1"] * 121, ["1", "2"] * 60 + ["3"], ["one", "two"] * 60 + ["one"]])
def test_a_class_more_than_rows_is_no_header(places, typed, tmp_path, classes):
    (tmp_path / "long.csv").write_text("\n".join(classes) + "\n")
    said = typed("cluster", places / "images.npy", "--labels", tmp_path / "long.csv", *WORDS)
    assert said.code == 2
    assert "--labels must hold one class for each of the 120 rows" in said.err
    assert "holds 121 rows of 1 values" in said.err


def test_fewer_rows_than_clusters(places, typed, tmp_path):
    said = typed("cluster", places / "images.npy", "--n-clusters", "121", "--out", tmp_path / "c")
    assert said.code == 2
    assert "n_clusters must be at most the number of rows, n_samples = 120, got 121" in said.err
    assert not (tmp_path / "c").exists()


def test_its_models_are_those_that_cluster(typed):
    assert set(models.models_of("cluster")) == CLUSTERING
    assert set(models.models_of("fit")) | set(models.models_of("cluster")) == set(models.models())
    out = typed("cluster", "--help").out
    assert "--n-clusters" in out
    assert "--beta" not in out
    assert "--n-clusters" not in typed("fit", "--help").out


def test_a_mixture_for_a_prior(places, typed, tmp_path):
    words = (
        "--model",
        "mixture_vae",
        "--n-clusters",
        "3",
        "-d",
        "2",
        "--max-epochs",
        "2",
        "--network.hidden",
        "16",
    )
    said = typed("cluster", places / "images.npy", "--out", tmp_path / "m", *words)
    assert said.code == 0, said.err
    model = load(tmp_path / "m" / "model.diabolo")
    np.testing.assert_array_equal(np.load(tmp_path / "m" / "labels.npy"), model.labels_)
    assert "Centres, decoded" in (tmp_path / "m" / "report.html").read_text()


def test_a_run_that_is_broken_off_goes_on_to_the_same_bits(
    run, places, classes, typed, tmp_path, monkeypatch
):
    calls, whole = [], Checkpoints.after_step

    def after_step(self, state):
        calls.append(0)
        if len(calls) == 4:  # two steps of the auto-encoder, two with the clusters
            signal.raise_signal(signal.SIGTERM)
        whole(self, state)

    broken = tmp_path / "broken"
    words = ["cluster", places / "images.npy", "--labels", classes, "--out", broken, *WORDS]
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "after_step", after_step)
        said = typed(*words)
    assert said.code == 143
    assert (
        said.err.splitlines()[-1] == f"diabolo: error: terminated; diabolo cluster --resume {broken} goes on"
    )
    assert f"diabolo cluster --resume {broken}" in typed("info", broken).err
    assert "drop --out and --overwrite" in typed("cluster", "--resume", broken, "--out", tmp_path / "x").err
    assert "is not one of diabolo fit; diabolo cluster --resume" in typed("fit", "--resume", broken).err
    said = typed("cluster", "--resume", broken)
    assert said.code == 0, said.err
    for name in ("labels.npy", "probabilities.npy", "metrics.json"):
        assert (broken / name).read_bytes() == (run / name).read_bytes()
    assert not (broken / "checkpoints").exists()
    assert "diabolo cluster --config" in typed("cluster", "--resume", broken).err
