import csv
import json

import numpy as np
import pytest

import diabolo
from diabolo.cli.run import Run


def images(places):
    return np.load(places / "images.npy")


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv"])
def test_codes_go_out_and_come_back(typed, places, tmp_path, suffix):
    Z, X = tmp_path / f"Z.{suffix}", tmp_path / f"X.{suffix}"
    assert typed("encode", places / "ae", places / "images.npy", "--out", Z).code == 0
    said = typed("decode", places / "ae", Z, "--out", X, "--json")
    assert said.json() == {"what": "decoded rows", "shape": [120, 8, 8], "dtype": "float64", "out": str(X)}
    estimator = diabolo.load(places / "ae/model.diabolo")
    want = estimator.reconstruct(images(places))
    got = diabolo_read(X)
    np.testing.assert_array_equal(got.reshape(want.shape), want)


def diabolo_read(path):
    from diabolo.data import read

    return read(path).X


def test_without_out_the_first_rows_are_shown(typed, places):
    said = typed("encode", places / "vae", places / "images.npy")
    assert said.out.startswith("codes of images: float64 (120, 3)\n")
    assert "115 more rows" in said.out
    facts = typed("encode", places / "vae", places / "images.npy", "--json").json()
    want = diabolo.load(places / "vae/model.diabolo").transform(images(places))
    np.testing.assert_array_equal(facts["values"], want)


def test_csv_keeps_the_names_of_columns(typed, places, tmp_path):
    typed("reconstruct", places / "table", places / "table.csv", "--out", tmp_path / "X.csv")
    typed("encode", places / "table", places / "table.csv", "--out", tmp_path / "Z.csv")
    with open(tmp_path / "X.csv") as x, open(tmp_path / "Z.csv") as z:
        assert next(csv.reader(x)) == [f"height {i}" for i in range(5)]
        assert next(csv.reader(z)) == ["vae0", "vae1"]


def test_columns_in_another_order_are_refused(typed, places, tmp_path):
    lines = (places / "table.csv").read_text().splitlines()
    lines[0] = ",".join(lines[0].split(",")[::-1])
    (tmp_path / "turned.csv").write_text("\n".join(lines))
    said = typed("encode", places / "table", tmp_path / "turned.csv")
    assert said.code == 2
    assert "column 'height 0' where turned has 'height 4'" in said.err


def test_flat_rows_are_folded_into_images(typed, places, tmp_path):
    np.save(tmp_path / "flat.npy", images(places).reshape(120, 64))
    said = typed("reconstruct", places / "ae", tmp_path / "flat.npy", "--json").json()
    assert said["shape"] == [120, 8, 8]
    np.save(tmp_path / "flat.npy", np.zeros((3, 63)))
    said = typed("reconstruct", places / "ae", tmp_path / "flat.npy")
    assert said.code == 2
    assert "63" in said.err


def test_a_run_is_loaded_by_its_folder(places):
    of_folder, of_file = diabolo.load(places / "ae"), diabolo.load(places / "ae/model.diabolo")
    np.testing.assert_array_equal(of_folder.transform(images(places)), of_file.transform(images(places)))


@pytest.mark.parametrize("command", ["encode", "reconstruct", "decode"])
def test_what_is_read_is_not_written_over(typed, places, tmp_path, command):
    rows = np.zeros((3, 2)) if command == "decode" else images(places)
    np.save(tmp_path / "X.npy", rows)
    said = typed(command, places / "ae", tmp_path / "X.npy", "--out", tmp_path / "X.npy")
    assert said.code == 2
    assert "is the file that is read" in said.err
    np.testing.assert_array_equal(np.load(tmp_path / "X.npy"), rows)


def test_denoise_only_with_a_denoising_model(typed, places, tmp_path):
    said = typed("denoise", places / "denoising", places / "images.npy", "--out", tmp_path / "clean.npy")
    assert said.out == f"wrote {tmp_path / 'clean.npy'}: restored rows of images: float64 (120, 8, 8)\n"
    want = diabolo.load(places / "denoising/model.diabolo").denoise(images(places))
    np.testing.assert_array_equal(np.load(tmp_path / "clean.npy"), want)
    said = typed("denoise", places / "vae", places / "images.npy")
    assert said.code == 2
    assert "holds a VAE" in said.err


@pytest.mark.parametrize("latent", ["prior", "aggregate"])
def test_samples_repeat_by_seed(typed, places, tmp_path, latent):
    words = ("sample", places / "vae", "-n", 5, "--latent", latent, "--observation", "mean", "--seed", 4)
    typed(*words, "--out", tmp_path / "S.npy")
    want = diabolo.load(places / "vae/model.diabolo").sample(
        5, latent=latent, observation="mean", random_state=4
    )
    np.testing.assert_array_equal(np.load(tmp_path / "S.npy"), want)


def test_samples_as_a_picture(typed, places, tmp_path):
    from matplotlib.image import imread

    assert typed("sample", places / "vae", "-n", 16, "--out", tmp_path / "s.png").code == 0
    assert imread(tmp_path / "s.png").shape[:2] == (4 * 58 + 2, 4 * 58 + 2)
    said = typed("sample", places / "table", "--out", tmp_path / "s.png")
    assert "a picture needs images" in said.err


def test_sample_needs_a_prior(typed, places):
    for model in ("ae", "denoising"):
        said = typed("sample", places / model)
        assert said.code == 2
        assert "--model vae" in said.err
        assert "diabolo fit-prior" in typed("sample", places / model, "--latent", "ex_post").err
    assert 'Did you mean "aggregate"?' in typed("sample", places / "vae", "--latent", "agregate").err


def test_a_density_fitted_afterwards_samples_and_scores(typed, places, tmp_path):
    said = typed(
        "fit-prior", places / "vae", "--prior", "gaussian", "--out", tmp_path / "v.diabolo", "--json"
    )
    assert said.json() == {"out": str(tmp_path / "v.diabolo"), "prior": "FittedGaussian()", "n_codes": 108}
    given = ("fit-prior", places / "ae", places / "images.npy", "--prior", "gaussian", "--seed", 3)
    assert typed(*given, "--out", tmp_path / "a.diabolo").out.endswith("use it with --latent ex_post\n")
    estimator = diabolo.load(places / "ae/model.diabolo").fit_prior(
        images(places), "gaussian", random_state=3
    )
    words = ("sample", tmp_path / "a.diabolo", "-n", 4, "--observation", "mean", "--seed", 1)
    want = estimator.sample(4, random_state=1)
    for latent in ((), ("--latent", "ex_post")):  # there is no other
        assert typed(*words, *latent, "--out", tmp_path / "S.npy").code == 0
        np.testing.assert_allclose(np.load(tmp_path / "S.npy"), want, rtol=1e-6)
    assert "--latent ex_post" in typed(*words, "--latent", "prior").err
    judged = typed(
        "evaluate", tmp_path / "v.diabolo", places / "images.npy", "--latent", "ex_post", "--json"
    ).json()
    record = diabolo.load(tmp_path / "v.diabolo").evaluate(images(places), latent="ex_post")
    assert (judged["log_likelihood"], judged["latent"]) == (record.log_likelihood, "ex_post")
    assert "--latent is for a VAE" in typed("evaluate", places / "ae", "--latent", "prior").err


def test_diagnose_says_what_the_estimator_says(typed, places):
    np.save(places / "few.npy", images(places)[:40])
    found = diabolo.load(places / "vae/model.diabolo").diagnose(images(places))
    said = typed("diagnose", places / "vae", places / "images.npy")
    assert said.out.startswith("measured on all 120 rows of images\n  120 rows, 3 components\n")
    facts = typed("diagnose", places / "vae", places / "images.npy", "--json").json()
    assert facts["surgery"]["mutual_information"] == found.surgery.mutual_information
    assert facts["findings"] == list(found.findings)
    assert "effective_beta" not in typed("diagnose", places / "ae", places / "images.npy", "--json").json()
    said = typed("diagnose", places / "vae")
    assert said.out.startswith(
        "measured on all 120 rows, those of the training too, since 12 were held out\n"
    )
    assert (
        "at least 50 codes, got 40: give more rows"
        in typed("diagnose", places / "vae", places / "few.npy").err
    )


def test_interpolate(typed, places, tmp_path):
    typed(
        "interpolate",
        places / "ae",
        places / "images.npy",
        "--rows",
        "0,5",
        "-n",
        4,
        "--out",
        tmp_path / "L.npy",
    )
    X = images(places)
    want = diabolo.load(places / "ae/model.diabolo").interpolate(X[0], X[5], 4)
    np.testing.assert_array_equal(np.load(tmp_path / "L.npy"), want)
    for rows, sentence in (
        ("0,500", "between 0 and 119"),
        ("0", "two row numbers"),
        ("a,b", "two row numbers"),
    ):
        said = typed("interpolate", places / "ae", places / "images.npy", "--rows", rows)
        assert (said.code, sentence in said.err) == (2, True)


def test_evaluate_the_held_out_rows_or_others(typed, places):
    from json import loads

    facts = typed("evaluate", places / "vae", "--json").json()
    assert facts == loads((places / "vae/metrics.json").read_text())
    facts = typed("evaluate", places / "vae", places / "images.npy", "--n-draws", 3, "--json").json()
    assert (facts["n_rows"], facts["n_draws"]) == (120, 3)
    assert "explained_variance" in typed("evaluate", places / "ae").out
    assert "--n-draws is for a VAE" in typed("evaluate", places / "ae", "--n-draws", 3).err


def test_evaluate_notices_a_source_that_has_changed(typed, places, tmp_path):
    import shutil

    np.save(tmp_path / "X.npy", images(places))
    shutil.copytree(places / "vae", tmp_path / "run")
    config = (tmp_path / "run/config.json").read_text()
    (tmp_path / "run/config.json").write_text(
        config.replace(str(places / "images.npy"), str(tmp_path / "X.npy"))
    )
    assert typed("evaluate", tmp_path / "run").code == 0
    np.save(tmp_path / "X.npy", images(places)[:50])
    assert "has changed since the run" in typed("evaluate", tmp_path / "run").err


def test_info_of_a_folder_and_of_a_file(typed, places, tmp_path):
    said = typed("info", places / "vae")
    for words in ("VAE(", "image (8, 8) -> 3 numbers", "StandardNormal()", "torch 2."):
        assert words in said.out
    lone = tmp_path / "lone.diabolo"
    lone.write_bytes((places / "vae/model.diabolo").read_bytes())
    facts = typed("info", lone, "--json").json()
    assert (facts["estimator"], facts["versions"]) == ("VAE", {})
    assert "give INPUT" in typed("evaluate", lone).err


def test_run_must_be_a_run(typed, places, tmp_path):
    for name, sentence in (
        (places / "va", f"did you mean {places / 'vae'}?"),
        (tmp_path, "holds no model.diabolo"),
        (places / "images.npy", "NumPy"),
    ):
        said = typed("info", name)
        assert (said.code, sentence in said.err) == (2, True), said.err
    cut = tmp_path / "cut.diabolo"
    cut.write_bytes((places / "vae/model.diabolo").read_bytes()[:5000])
    assert typed("info", cut).code == 2


@pytest.mark.parametrize("out", ["Z.txt", "Z", "Z.png"])
def test_out_must_have_a_known_suffix(typed, places, tmp_path, out):
    said = typed("encode", places / "vae", places / "images.npy", "--out", tmp_path / out)
    assert said.code == 2
    assert "--out must end in .npy, .npz, .csv" in said.err


def test_a_multi_rate_model_is_used_at_a_beta(typed, places, tmp_path):
    words = (
        "fit",
        places / "table.csv",
        "--model",
        "multi_rate_vae",
        "-d",
        "2",
        "--max-epochs",
        "1",
        "--no-report",
    )
    assert typed(*words, "--network.hidden", "8", "--out", tmp_path / "m", "--quiet").code == 0
    vae = diabolo.load(tmp_path / "m/model.diabolo")
    X = diabolo_read(places / "table.csv")
    for beta in (0.1, 4):
        codes = typed("encode", tmp_path / "m", places / "table.csv", "--beta", beta, "--json").json()[
            "values"
        ]
        np.testing.assert_array_equal(codes, vae.transform(X, beta=beta))
    judged = typed("evaluate", tmp_path / "m", places / "table.csv", "--beta", 4, "--json").json()
    assert judged["rate"] == vae.evaluate(X, beta=4).rate
    train = (
        Run(tmp_path / "m/model.diabolo", json.loads((tmp_path / "m/config.json").read_text()))
        .own_rows()
        .train
    )
    at, asked = (
        vae.at(4, train),
        typed("diagnose", tmp_path / "m", places / "table.csv", "--beta", 4, "--json"),
    )
    assert asked.json()["surgery"] == at.diagnose(X).as_dict()["surgery"]
    assert typed("sample", tmp_path / "m", "--beta", 4, "--latent", "aggregate", "-n", 2).code == 0
    (tmp_path / "alone.diabolo").write_bytes((tmp_path / "m/model.diabolo").read_bytes())
    alone = typed("diagnose", tmp_path / "alone.diabolo", places / "table.csv", "--beta", 4)
    assert "no config.json beside it that says which rows it was trained on" in alone.err
    assert "beta_range = (0.01, 10)" in typed("sample", tmp_path / "m", "--beta", 40).err
    assert "--beta is for a multi-rate model" in typed("sample", places / "vae", "--beta", 4).err
