import csv
import json

import numpy as np
import pytest

import diabolo
from diabolo.cli.source import Reading, gather

QUICK = ("--max-epochs", "2", "--network.hidden", "16", "--batch-size", "64", "--no-report")


def test_a_run_folder_holds_model_history_metrics_and_configuration(places):
    run = places / "vae"
    vae = diabolo.load(run / "model.diabolo")
    assert (vae.n_components, vae.max_epochs, vae.event_shape_) == (3, 2, (8, 8))
    with open(run / "history.csv") as file:
        history = list(csv.DictReader(file))
    assert float(history[-1]["distortion"]) == vae.history_[-1]["distortion"]
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["rows"] == "12 rows of 120, held out before training, drawn by seed 0"
    assert metrics["n_rows"] == 12
    assert metrics["elbo"] == pytest.approx(-(metrics["distortion"] + metrics["rate"]))
    config = json.loads((run / "config.json").read_text())
    assert config["options"]["network.hidden"] == [16]
    assert config["options"]["network"] == "mlp"
    assert config["training"]["n_steps"] == vae.n_steps_
    assert config["versions"]["diabolo"] == diabolo.__version__


def test_the_summary_says_what_was_done_and_chosen(typed, places, tmp_path):
    said = typed("fit", places / "images.npy", "--out", tmp_path / "a" / "b", *QUICK)
    assert said.code == 0
    for words in (
        "trained",
        " epochs) in ",
        "likelihood='gaussian'",
        "--network.hidden belongs to it alone",
        "elbo",
    ):
        assert words in said.out
    assert f"wrote {tmp_path / 'a' / 'b'}: model.diabolo" in said.out
    assert "108 rows to learn from" in said.err


def test_json_is_one_object(typed, places, tmp_path):
    facts = typed(
        "fit", places / "images.npy", "--model", "ae", "--out", tmp_path / "a", "--json", *QUICK
    ).json()
    assert facts["exit_code"] == 0
    assert facts["metrics"]["reconstruction_mse"] > 0
    assert facts["files"]["model.diabolo"] == str(tmp_path / "a" / "model.diabolo")


def test_folders_get_numbers_by_default_and_quiet_prints_them(typed, places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [typed("fit", places / "images.npy", "--quiet", *QUICK).out for _ in range(2)]
    assert names == ["runs/images-vae\n", "runs/images-vae-2\n"]


def assert_same_weights(one, other):
    from diabolo.storage import read_model

    (a, _), (b, _) = read_model(one), read_model(other)
    assert a.keys() == b.keys()
    assert all(a[name].equal(b[name]) for name in a)


def test_the_same_command_gives_the_same_model(typed, places, tmp_path):
    typed("fit", places / "images.npy", "-d", "3", "--out", tmp_path / "again", "--quiet", *QUICK)
    assert_same_weights(tmp_path / "again/model.diabolo", places / "vae/model.diabolo")


def test_a_run_repeats_from_its_configuration(typed, places, tmp_path):
    typed(
        "fit", "--config", places / "vae/config.json", "--out", tmp_path / "again", "--quiet", "--no-report"
    )
    assert_same_weights(tmp_path / "again/model.diabolo", places / "vae/model.diabolo")


def test_a_full_folder_is_refused_unless_overwrite(typed, places, tmp_path):
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    said = typed("fit", places / "images.npy", "--out", tmp_path, *QUICK)
    assert said.code == 2
    assert "not empty" in said.err
    assert "--overwrite" in said.err
    said = typed("fit", places / "images.npy", "--out", tmp_path, "--overwrite", "--quiet", *QUICK)
    assert said.code == 0
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "report.html").exists() or (tmp_path / "report.html").read_text() != "old"
    assert "is a file" in typed("fit", places / "images.npy", "--out", tmp_path / "mine.txt").err


def test_dry_run_builds_but_writes_nothing(typed, places, tmp_path):
    words = ("fit", places / "images.npy", "--out", tmp_path / "x", "--dry-run", *QUICK)
    said = typed(*words)
    assert "(108, 8, 8)" in said.out
    assert "network.hidden" in said.out
    facts = typed(*words, "--json").json()
    assert facts["shapes"] == {"train": [108, 8, 8], "test": [12, 8, 8], "codes": [108, 10]}
    assert facts["n_parameters"] > 2000
    # 108 rows, 11 held out, batches of 64: 97 rows make two, since the rest is half a batch
    assert facts["n_steps"] == 2 * 2
    assert facts["options"]["n-components"] == 10
    assert not (tmp_path / "x").exists()
    assert typed(*words, "--n-components", "0").code == 2


def test_the_command_line_wins_over_toml(typed, places, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(
        'model = "denoising"\nn_components = 3\nearly-stopping = false\n[corruption]\nname = "masking"\nfraction = 0.5\n'
        "[network]\nname = 'mlp'\nhidden = [8, 4]\n"
    )
    words = ("fit", places / "images.npy", "--config", file, "--dry-run", "--json")
    options = typed(*words, "-d", "4").json()["options"]
    assert options["model"] == "denoising"
    assert (options["n-components"], options["early-stopping"]) == (4, False)
    assert (options["corruption"], options["corruption.fraction"]) == ("masking", 0.5)
    assert options["network.hidden"] == [8, 4]
    file.write_text("n_compnents = 3")
    said = typed(*words)
    assert said.code == 2
    assert "Did you mean --n-components?" in said.err
    file.write_text("n_components = ")
    assert "TOML" in typed(*words).err
    assert "no file" in typed("fit", "--config", tmp_path / "none.toml").err


@pytest.fixture
def people(tmp_path):
    """A CSV file of columns of several kinds."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=80)
    columns = [20 + z, z > 0, rng.integers(0, 3, 80), rng.poisson(np.exp(z)), np.exp(9 + z)]
    header = "age,married,city,visits,income"
    np.savetxt(tmp_path / "people.csv", np.column_stack(columns), delimiter=",", header=header, comments="")
    return tmp_path / "people.csv"


@pytest.mark.parametrize(
    "words", ["city=categorical, visits=poisson", '{"city": "categorical", "visits": "poisson"}']
)
def test_kinds_of_columns_by_name(typed, people, words, tmp_path):
    run = tmp_path / "run"
    said = typed("fit", people, "--likelihood", words, "-d", "2", "--out", run, *QUICK)
    assert said.code == 0, said.err
    assert (
        "categorical for column 2, as asked for; poisson for column 3, as asked for; bernoulli for column 1"
        in said.out
    )
    again = typed("fit", "--config", run / "config.json", "--out", tmp_path / "again", "--quiet", *QUICK)
    assert again.code == 0, again.err
    assert_same_weights(run / "model.diabolo", tmp_path / "again/model.diabolo")
    drawn = typed("sample", run, "-n", "20", "--out", tmp_path / "x.csv")
    assert drawn.code == 0, drawn.err
    table = np.genfromtxt(tmp_path / "x.csv", delimiter=",", names=True)
    assert table.dtype.names == ("age", "married", "city", "visits", "income")
    assert set(table["married"]) <= {0, 1}


def test_a_category_that_only_rows_to_test_on_have_is_one_too(typed, people, tmp_path):
    held_out = gather(str(people), Reading(), test=None, seed=0).test[0]
    table = np.genfromtxt(people, delimiter=",", skip_header=1)
    header = "age,married,city,visits,income"
    table[(table == held_out).all(1), 2] = 3
    assert (table[:, 2] == 3).sum() == 1
    np.savetxt(tmp_path / "new.csv", table, delimiter=",", header=header, comments="")
    words = ("--likelihood", "city=categorical", "-d", "2", *QUICK)
    said = typed("fit", tmp_path / "new.csv", *words, "--out", tmp_path / "own")
    assert said.code == 0, said.err
    said = typed("fit", people, "--test", tmp_path / "new.csv", *words, "--out", tmp_path / "other")
    assert said.code == 0, said.err
    for run in ("own", "other"):
        assert diabolo.load(tmp_path / run / "model.diabolo").model_.likelihood.parts[0][0].n_categories == 4


def test_columns_whose_names_are_numbers_are_meant_by_their_names(typed, people, tmp_path):
    lines = people.read_text().splitlines()
    years = tmp_path / "years.csv"
    years.write_text("\n".join(["2019,2020,3,2,income", *lines[1:]]))
    said = typed("fit", years, "--likelihood", "3=categorical,2=poisson", "--dry-run", *QUICK)
    assert "categorical for column 2, as asked for; poisson for column 3, as asked for" in said.out, said.err
    said = typed("fit", years, "--likelihood", "3=categorical,1=poisson", "--dry-run", *QUICK)
    assert "categorical for column 2, as asked for; poisson for column 1, as asked for" in said.out, said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--likelihood", "citty=categorical"],
            "a column 'citty' that X does not have. Did you mean 'city'?",
        ),
        (["--likelihood", "9=categorical"], "a column 9 that X does not have: there are the numbers 0 to 4"),
        (["--likelihood", "city=categorical,city=poisson"], "each column once, got 'city' twice"),
        (
            ["--likelihood", '{"city": "categorical", "city": "poisson"}'],
            "each column once, got 'city' twice",
        ),
        (["--likelihood", "city=categorical,2=poisson"], "has the column '2' (number 2) twice"),
        (["--likelihood", "city="], "kinds of columns such as city=categorical,visits=poisson, got 'city='"),
        (["--likelihood", "=poisson"], "kinds of columns such as city=categorical,visits=poisson"),
        (["--likelihood", '{"city": 3}'], "kinds of columns such as city=categorical,visits=poisson"),
        (["--likelihood", "{city}"], "is no table in JSON"),
        (["--likelihood", "city=catgorical"], "Did you mean 'categorical'?"),
        (["--likelihood", "age=poisson"], "likelihood='poisson' needs counts"),
        (
            ["--likelihood", "city=categorical", "--likelihood.scale", "1"],
            "--likelihood.scale is for one likelihood, and kinds of columns are several: drop it",
        ),
    ],
)
def test_wrong_kinds_of_columns(typed, people, words, sentence):
    said = typed("fit", people, *words, "--dry-run", *QUICK)
    assert said.code == 2
    assert sentence in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "ae", "--beta", "4"], "--beta is an option of --model vae, not of ae"),
        (["--corruption.scale", "1"], "--corruption.scale is an option of --model denoising, not of vae"),
        (["--model", "va"], 'Did you mean "vae"?'),
        (["--n-component", "3"], "Did you mean --n-components?"),
        (["--likelihood.scal", "1"], "Did you mean --likelihood.scale?"),
        (
            ["--likelihood.scale", "1"],
            "--likelihood.scale needs a chosen likelihood: add --likelihood gaussian",
        ),
        (
            ["--likelihood", "bernoulli", "--likelihood.scale", "1"],
            "--likelihood.scale does not exist for --likelihood bernoulli",
        ),
        (["--likelihood", "bernouli"], "Did you mean 'bernoulli'?"),
        (["--likelihood", "bernoulli"], "needs values in [0, 1]"),
        (["--likelihood", "gaussian", "--likelihood.scale", "wide"], "scale (of the Gaussian likelihood)"),
        (["--network.hidden", "big"], "--network.hidden must be whole numbers"),
        (["--n-components", "three"], 'unable to convert "three" into int'),
        (["--learning-rate", "-1"], "learning_rate must be a number above 0"),
        (["--effort", "thorouh"], 'Did you mean "thorough"?'),
        (["--beta", "-1"], "beta must be a number, 0 or more"),
        (["--beta", "much"], 'unable to convert "much" into float'),
        (["--objective", "elbow"], "objective must be one of"),
        (["--network.hidden", "16,0"], "hidden must be a tuple of whole numbers above 0"),
        (["--noisy", "x.npy"], "--noisy is for denoising models"),
        (["--subset", "test"], "subset"),
        (["--key", "X"], "key"),
        (["more.npy"], "more.npy"),
    ],
)
def test_wrong_options_are_refused_in_one_line(typed, places, tmp_path, words, sentence):
    said = typed("fit", places / "images.npy", "--out", tmp_path / "x", *words)
    assert said.code == 2
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.err.splitlines()[-1].startswith("diabolo: error: ")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.full((30, 4), np.nan), "NaN"),
        (np.zeros((30, 4)), "rows that differ"),
        (np.zeros((1, 4)), "minimum of 2"),
        (np.zeros((30, 4), complex), "real numbers"),
        (np.array([["a", "b"]] * 30), "real numbers"),
        (np.zeros((0, 4)), "at least one row"),
        (np.zeros((30, 2, 2, 2, 2)), "one observation has the shape"),
    ],
)
def test_wrong_data_is_refused_in_one_line(typed, tmp_path, array, sentence):
    np.save(tmp_path / "bad.npy", array)
    said = typed("fit", tmp_path / "bad.npy", "--out", tmp_path / "x")
    assert (said.code, sentence in said.err) == (2, True), said.err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("held_out", [True, False], ids=["held out", "--test"])
def test_rows_that_could_not_be_measured_are_refused_before_the_training(typed, tmp_path, held_out):
    """A tenth of the rows is held out, whichever it is."""
    X = np.random.default_rng(0).normal(size=(30, 4))
    bad = X.copy()
    bad[7, 2] = np.nan
    np.save(tmp_path / "X.npy", bad if held_out else X)
    np.save(tmp_path / "bad.npy", bad)
    words = () if held_out else ("--test", tmp_path / "bad.npy")
    for seed in range(4) if held_out else (0,):
        said = typed("fit", tmp_path / "X.npy", *words, "--out", tmp_path / "x", "--random-state", seed)
        assert said.code == 2
        assert (
            "in 1 of 30 rows that were looked at, the first in row 7, column 2 of these, counted from 0"
            in said.err
        )
        assert not (tmp_path / "x").exists()


def test_a_missing_source_suggests_a_name(typed):
    said = typed("fit", "digts")
    assert said.code == 2
    assert "did you mean 'digits'?" in said.err


def test_test_rows_of_your_own(typed, places, tmp_path):
    np.save(tmp_path / "other.npy", np.load(places / "images.npy")[:7])
    words = ("fit", places / "images.npy", "--out", tmp_path / "x", "--json", *QUICK)
    facts = typed(*words, "--test", tmp_path / "other.npy").json()
    assert (facts["rows"]["n_train"], facts["metrics"]["n_rows"]) == (120, 7)
    assert typed("evaluate", tmp_path / "x", "--json").json()["elbo"] == facts["metrics"]["elbo"]
    assert "must have the shape" in typed(*words, "--overwrite", "--test", places / "table.csv").err


def test_a_named_set_is_measured_on_its_test_rows(typed, tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 255, (40, 28, 28)).astype(np.uint8)
    np.savez(tmp_path / "mnist_train.npz", X=images[:30])
    np.savez(tmp_path / "mnist_test.npz", X=images[30:])
    monkeypatch.setenv("DIABOLO_DATA", str(tmp_path))
    words = ("fit", "mnist", "--dry-run", "--json", "--network", "mlp", *QUICK)
    assert typed(*words).json()["rows"]["test"] == "all 10 rows of mnist, subset test"
    assert typed(*words, "--subset", "all").json()["shapes"]["train"] == [36, 28, 28]


def test_pairs_to_restore(typed, places, tmp_path):
    X = np.load(places / "images.npy")
    np.save(tmp_path / "noisy.npy", X + 1.0)
    words = ("fit", places / "images.npy", "--model", "denoising", "--out", tmp_path / "x", "--json", *QUICK)
    facts = typed(*words, "--noisy", tmp_path / "noisy.npy").json()
    assert facts["metrics"]["noisy_mse"] == pytest.approx(1.0)
    np.save(tmp_path / "noisy.npy", X[:50])
    assert "of the same shape" in typed(*words, "--overwrite", "--noisy", tmp_path / "noisy.npy").err


def test_a_target_in_place_of_beta(typed, places, tmp_path):
    assert "--target-rate" in typed("fit", "--help").out
    said = typed("fit", places / "images.npy", "--out", tmp_path / "a", "--target-rate", "2", *QUICK)
    assert said.code == 0
    assert "target_rate" in said.out
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["target"]["wanted"] == 2.0
    assert diabolo.load(tmp_path / "a" / "model.diabolo").target_rate == 2.0
    words = ("fit", places / "images.npy", "--out", tmp_path / "b", "--target-rate", "2", "--beta", "3")
    said = typed(*words, *QUICK)
    assert said.code == 2
    assert "target_rate finds beta by itself" in said.err
