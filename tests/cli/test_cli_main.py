import os
import subprocess
import sys
import warnings

import pytest

from diabolo.cli.app import COMMANDS


def run(*words, **more):
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ},
        check=False,
        **more,
    )


def test_help_is_fast_because_it_imports_no_torch():
    code = (
        "import sys; from diabolo.cli import main; from diabolo.cli.app import COMMANDS;"
        "words = [[], ['--help'], ['--version'], *([name, '--help'] for name in COMMANDS)];"
        "codes = [main(each) for each in words]; assert set(codes) == {0}, codes;"
        "bad = {'torch', 'sklearn', 'matplotlib', 'numpy'} & set(sys.modules); assert not bad, bad"
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert name in done.stdout
    assert "Exit codes: 0 done" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_has_an_example_of_the_command(typed, name):
    said = typed(name, "--help")
    assert said.code == 0
    assert f"Example: diabolo {name} " in said.out


def test_fit_help_is_read_off_the_signatures(typed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    from diabolo import VAE
    from diabolo.cli.models import NOT_OPTIONS
    from diabolo.likelihoods import Gaussian

    out = typed("fit", "--help").out
    for name in VAE().get_params(deep=False):
        assert (f"--{name} ".replace("_", "-") in out) == (name not in NOT_OPTIONS), name
    for name in Gaussian().get_params():
        assert f"--likelihood.{name}" in out
    assert "Only --model vae" in out
    assert "Weight of the rate: above 1 closer to the prior" in out


def test_recipes_hand_arguments_on_without_a_word(typed, monkeypatch):
    """What is said stands where they go, and no name of a recipe before nothing."""
    monkeypatch.setenv("COLUMNS", "400")
    for command, option, said in [
        (
            "cluster",
            "n-clusters",
            "[clustering] Number of clusters. [mixture_vae] Number of Gaussians. [default",
        ),
        ("fit", "target-distortion", "FLOAT  In place of beta: the smallest rate"),
    ]:
        line = next(line for line in typed(command, "--help").out.splitlines() if f"--{option} " in line)
        assert said in line


def test_the_words_of_sample_are_those_of_the_estimator():
    import inspect
    from typing import get_args, get_type_hints

    from diabolo import VAE
    from diabolo.cli.generate import sample

    want, got = inspect.signature(VAE.sample).parameters, inspect.signature(sample).parameters
    hints = get_type_hints(VAE.sample)
    assert got["observation"].default == want["observation"].default
    latent, none = get_args(get_type_hints(sample)["latent"])  # nothing: what there is to draw from
    assert (none, got["latent"].default) == (type(None), None)
    for name, hint in [("latent", latent), ("observation", get_type_hints(sample)["observation"])]:
        assert get_args(hint) == get_args(hints[name])


def test_unknown_commands_get_a_suggestion(typed):
    said = typed("encod", "runs/x")
    assert said.code == 2
    assert "Did you mean 'encode'?" in said.err
    said = typed("--json", "info")
    assert said.code == 2
    assert "options follow it" in said.json()["error"]


def test_errors_are_json_too(typed):
    said = typed("info", "no-such-run", "--json")
    assert said.code == 2
    assert said.json()["exit_code"] == 2
    assert "no-such-run" in said.json()["error"]


def test_debug_shows_where(typed, monkeypatch):
    assert "Traceback" in typed("info", "no-such-run", "--debug").err
    monkeypatch.setenv("DIABOLO_DEBUG", "1")
    assert "Traceback" in typed("info", "no-such-run").err


def test_a_bug_is_exit_code_1(typed, places, monkeypatch):
    monkeypatch.setattr("diabolo.AutoEncoder.transform", lambda self, X: {}["x"])
    said = typed("encode", places / "ae", places / "images.npy")
    assert said.code == 1
    assert "unexpected KeyError" in said.err


WORDS = ("--max-epochs", "3", "--network.hidden", "16", "--batch-size", "16", "--model", "ae", "--no-report")


def fail_after(monkeypatch, n, failure):
    """Let the objective fail from its n-th call on."""
    from diabolo.objectives import Reconstruction

    whole, calls = Reconstruction.forward, []

    def forward(self, *args, **kwargs):
        calls.append(0)
        terms = whole(self, *args, **kwargs)
        return terms if len(calls) < n else failure(terms)

    monkeypatch.setattr(Reconstruction, "forward", forward)
    monkeypatch.setattr("diabolo.estimators.base.written_gradient", lambda model, objective: None)


def interrupt(terms):
    raise KeyboardInterrupt


def test_an_interrupted_fit_saves_the_model_and_ends_with_130(typed, places, tmp_path, monkeypatch):
    fail_after(monkeypatch, 15, interrupt)
    said = typed("fit", places / "images.npy", "--out", tmp_path / "x", "--json", *WORDS)
    assert said.code == 130
    assert f"saved in {tmp_path / 'x'}" in said.err
    assert said.json()["training"]["stopped"] == "interrupted"
    assert typed("encode", tmp_path / "x", places / "images.npy").code == 0


def test_a_diverged_fit_saves_the_last_good_weights_and_ends_with_3(typed, places, tmp_path, monkeypatch):
    fail_after(monkeypatch, 15, lambda terms: {name: term * float("nan") for name, term in terms.items()})
    said = typed("fit", places / "images.npy", "--out", tmp_path / "x", *WORDS)
    assert said.code == 3
    assert "diverged" in said.err
    assert f"saved in {tmp_path / 'x'}" in said.err
    assert typed("evaluate", tmp_path / "x").code == 0


def test_divergence_before_anything_good_saves_nothing(typed, places, tmp_path):
    said = typed("fit", places / "images.npy", "--out", tmp_path / "x", "--learning-rate", "1e30", *WORDS)
    assert said.code == 3
    assert "Nothing was saved" in said.err
    assert not (tmp_path / "x").exists()


def test_an_interruption_elsewhere_is_130(typed, places, monkeypatch):
    monkeypatch.setattr("diabolo.AutoEncoder.transform", lambda self, X: interrupt(X))
    said = typed("encode", places / "ae", places / "images.npy")
    assert said.code == 130
    assert "interrupted" in said.err


def test_a_full_disk_does_not_lose_the_model(typed, places, tmp_path, monkeypatch):
    import errno

    from diabolo import AutoEncoder

    whole = AutoEncoder.save

    def save(self, path):
        if str(path).startswith(str(tmp_path / "x")):
            raise OSError(errno.ENOSPC, "cannot write: the disk is full")
        return whole(self, path)

    monkeypatch.setattr(AutoEncoder, "save", save)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = typed("fit", places / "images.npy", "--out", tmp_path / "x", "--quiet", *WORDS)
    assert said.code == 0
    assert "the disk is full" in said.err
    rescued = said.out.strip()
    assert typed("info", rescued).code == 0


def test_warnings_are_lines(typed, places, monkeypatch):
    from diabolo import AutoEncoder

    whole = AutoEncoder.transform

    def transform(self, X):
        warnings.warn("the columns\ndiffer", UserWarning, stacklevel=2)
        return whole(self, X)

    monkeypatch.setattr(AutoEncoder, "transform", transform)
    said = typed("encode", places / "ae", places / "images.npy")
    assert said.err == "diabolo: warning: the columns differ\n"


@pytest.mark.parametrize("words", [["info", "vae"], ["--help"]])
def test_a_closed_pipe_is_quiet(places, monkeypatch, capsys, words):
    from diabolo.cli import main

    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", closed)
        patch.chdir(places)
        code = main(words)
    assert (code, capsys.readouterr().err) == (141, "")


def test_module_entry(places):
    done = run("-m", "diabolo", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("diabolo 0.")
    assert run("-m", "diabolo", "nonsense").returncode == 2
