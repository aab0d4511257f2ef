import pytest

QUICK = ("--max-epochs", "2", "--network.hidden", "16")


@pytest.fixture
def drawn(monkeypatch):
    """The calls of write_report, which draws nothing here."""
    calls = []

    def write_report(path, estimator, X_train, X_test, *, metrics, title, source, X_test_noisy, labels):
        calls.append((X_train.shape, X_test.shape, metrics["n_rows"], title))
        path.write_text(source)

    monkeypatch.setattr("diabolo.report.write_report", write_report)
    return calls


def test_fit_draws_a_report_and_report_draws_it_again(typed, places, tmp_path, drawn):
    run = tmp_path / "x"
    said = typed("fit", places / "images.npy", "--out", run, "--json", *QUICK)
    assert said.json()["files"]["report.html"] == str(run / "report.html")
    page = (run / "report.html").read_text()
    assert "images.npy" in page
    (run / "report.html").unlink()
    assert typed("report", run).out == f"wrote {run / 'report.html'}\n"
    assert (run / "report.html").read_text() == page
    assert (
        typed("report", run, "--out", tmp_path / "other.html", "--json").json()["out"].endswith("other.html")
    )
    assert drawn == [((108, 8, 8), (12, 8, 8), 12, "VAE of images")] * 3


def test_a_report_that_fails_hides_nothing(typed, places, tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no ink")

    monkeypatch.setattr("diabolo.report.write_report", broken)
    said = typed("fit", places / "images.npy", "--out", tmp_path / "x", *QUICK)
    assert said.code == 1
    assert "no ink" in said.err
    assert "elbo" in said.out


def test_a_real_report(typed, places):
    assert typed("report", places / "ae").code == 0
    assert "<html" in (places / "ae/report.html").read_text()
