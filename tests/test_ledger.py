"""What a benchmark keeps: a run goes on where it stopped, and the table says what each number is worth."""

import importlib
import json
import re
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OLD = {
    "row": "first",
    "seed": 0,
    "result": {"nll": 80.0},
    "seconds": 180.0,
    "date": "2020-01-02",
    "commit": "0123abc",
    "machine": "x86_64",
}


class Measuring:
    """Rows that note when they are measured; ``fails_at`` is a name and seed that raises, once."""

    def __init__(self, fails_at=None):
        self.calls, self.fails_at = [], fails_at

    def row(self, name):
        def measure(seed):
            if (name, seed) == self.fails_at:
                self.fails_at = None
                raise KeyboardInterrupt
            self.calls.append((name, seed))
            return {"nll": 84.0 + 2 * seed, "K": 5000}

        return measure


@pytest.fixture(name="ledger")
def _ledger(monkeypatch, tmp_path):
    """Return the module of ledgers, which keep their lines in a folder of the test."""
    monkeypatch.syspath_prepend(ROOT)
    module = importlib.import_module("benchmarks.ledger")
    monkeypatch.setattr(module, "FOLDER", tmp_path / "measured")
    return module


def two_rows(ledger, measuring):
    return [
        ledger.Row("first", measuring.row("first"), "<= 85", seeds=2, budget=10 / 60),
        ledger.Row("second", measuring.row("second"), "<= 86", seeds=2, budget=45),
    ]


def cells(table, row):
    line = next(line for line in table.splitlines() if line.startswith(f"| {row} "))
    return line.strip("| ").split(" | ")


def run(table, *, only=None, seeds=None, first_seed=0):
    table.run(only, seeds, first_seed, "cpu")


def keep(ledger, *entries):
    ledger.FOLDER.mkdir(exist_ok=True)
    (ledger.FOLDER / "some.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_a_run_that_is_broken_off_goes_on_and_measures_nothing_twice(ledger):
    measuring = Measuring(fails_at=("first", 1))
    rows = two_rows(ledger, measuring)
    with pytest.raises(KeyboardInterrupt):
        run(ledger.Ledger("some", rows))
    assert measuring.calls == [("first", 0), ("second", 0)]
    run(ledger.Ledger("some", rows))
    run(ledger.Ledger("some", rows))
    assert measuring.calls == [("first", 0), ("second", 0), ("first", 1), ("second", 1)]
    kept = ledger.Ledger("some", rows).entries()
    assert [(entry["row"], entry["seed"]) for entry in kept] == measuring.calls


def test_rows_and_seeds_are_picked(ledger):
    measuring = Measuring()
    rows = [*two_rows(ledger, measuring), ledger.Row("other", measuring.row("other"), "-", tier="gpu")]
    table = ledger.Ledger("some", rows)
    run(table, only=["sec"], first_seed=4, seeds=2)
    assert measuring.calls == [("second", 4), ("second", 5)]
    assert cells(table.table(), "other") == ["other", "-", "not run", "-"]


def test_a_run_prints_the_budget_of_a_row_before_its_result(ledger, capsys):
    run(ledger.Ledger("some", two_rows(ledger, Measuring())), seeds=1)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "first 0: budget 10 s of two cores"
    assert shown[1].startswith("first 0 {'nll': 84.0")
    assert shown[2] == "second 0: budget 45 min of two cores"


def test_the_table_says_what_each_number_is_worth(ledger):
    table = ledger.Ledger("some", two_rows(ledger, Measuring()), tells_origin=True)
    run(table)
    row = cells(table.table(), "second")
    entry = table.entries()[0]
    assert row[:5] == ["second", "<= 86", "nll 85 (1.4); K 5000 (0)", "0, 1", "45 min"]
    assert re.fullmatch(r"[\de.+-]+( to [\de.+-]+)? s", row[5])
    assert row[6] == f"{date.fromisoformat(entry['date'])}; {entry['commit']}"
    assert row[7].startswith(f"{entry['processor']}, {entry['cores']} cores")


def test_a_row_that_lacks_something_is_skipped_with_a_line(ledger, capsys):
    def lacking(seed):
        raise ledger.Skipped("no peer")

    table = ledger.Ledger(
        "some", [ledger.Row("first", lacking, "-"), ledger.Row("second", lambda _: {"nll": 1.0}, "-")]
    )
    run(table, seeds=1)
    assert capsys.readouterr().out.startswith("first 0: skipped, no peer\n")
    assert [entry["row"] for entry in table.entries()] == ["second"]
    assert cells(table.table(), "first")[2] == "not run"


def test_a_table_that_does_not_tell_origins_has_four_columns(ledger):
    table = ledger.Ledger("some", two_rows(ledger, Measuring()))
    run(table, seeds=1)
    assert cells(table.table(), "second") == ["second", "<= 86", "nll 84; K 5000", "0"]


def test_older_lines_lack_what_newer_ones_have(ledger):
    older, newer = OLD, {**OLD, "seed": 1, "seconds": 600.0, "date": "2020-03-04"}
    newer |= {"result": {"nll": 82.0, "K": 5000}, "commit": "4567def+"}
    newer |= {"processor": "A processor", "cores": 2, "vectors": "AVX2"}
    keep(ledger, older, newer)
    table = ledger.Ledger("some", two_rows(ledger, Measuring()), tells_origin=True).table()
    assert cells(table, "first")[2:] == [
        "nll 81 (1.4); K 5000 [seed 1]",
        "0, 1",
        "10 s",
        "3 to 10 min",
        "2020-01-02 to 2020-03-04; 0123abc, 4567def+",
        "x86_64; A processor, 2 cores, AVX2",
    ]
    assert cells(table, "second") == ["second", "<= 86", "not run", "-", "45 min", "-", "-", "-"]


def test_the_oldest_lines_have_neither_commit_nor_machine(ledger):
    keep(ledger, {name: OLD[name] for name in ("row", "seed", "result", "seconds")})
    table = ledger.Ledger("some", two_rows(ledger, Measuring()), tells_origin=True).table()
    assert cells(table, "first")[5:] == ["3 min", "unknown; unknown", "unknown"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("model name\t: A\nflags\t\t: fpu avx2 avx512f\n", {"processor": "A", "vectors": "AVX-512"}),
        ("model name\t: A\nflags\t\t: fpu avx avx2\n", {"processor": "A", "vectors": "AVX2"}),
        ("model name\t: A\nflags\t\t: fpu avx\n", {"processor": "A", "vectors": "no AVX2"}),
        ("Features\t: fp asimd\n", {"vectors": None}),
    ],
)
def test_the_machine_is_read_where_it_is_told(ledger, tmp_path, text, found):
    (tmp_path / "cpuinfo").write_text(text)
    origin = importlib.import_module("benchmarks.origin")
    machine = origin.machine(tmp_path / "cpuinfo")
    assert {name: machine.get(name) for name in found} == found
    assert machine["processor"]
    assert machine["cores"] >= 1
    assert origin.machine(tmp_path / "none").keys() == {"machine", "processor", "cores"}


def test_every_row_of_the_results_has_a_budget_and_short_ones_three_seeds(ledger):
    rows = [row for row in importlib.import_module("benchmarks.results").ROWS if row.tier == "cpu"]
    assert {row.name: row.seeds for row in rows} == {
        row.name: 3 if row.budget <= 30 else 1 for row in rows
    }  # minutes of two cores
