"""Files that are read in blocks give the rows that they give when read whole."""

import numpy as np
import pytest

from diabolo.data import (
    ArraySource,
    CsvSource,
    ImageSource,
    ParquetSource,
    can_open,
    draw_rows,
    load_data,
    memory_bytes,
    open_data,
)

X = np.random.default_rng(0).normal(size=(23, 3)).round(3)
NAMES = ["height", "width, in m", "mass"]


def npy(folder):
    np.save(folder / "a.npy", X)
    return folder / "a.npy"


def fortran(folder):
    np.save(folder / "a.npy", np.asfortranarray(X.astype(">f4")))
    return folder / "a.npy"


def csv(folder):
    lines = ['height,"width, in m",mass', "", *(",".join(map(str, row)) for row in X)]
    (folder / "a.csv").write_bytes("\ufeff".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n")
    return folder / "a.csv"


def csv_without_header(folder):
    (folder / "a.csv").write_text("\n".join("; ".join(map(str, row)) for row in X[1:]) + "\n;NA;2")
    return folder / "a.csv"


def parquet(folder):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=NAMES)
    frame["mass"] = frame["mass"] > 0
    frame.loc[3, "height"] = None
    frame.iloc[1:].to_parquet(folder / "a.parquet", row_group_size=5)
    return folder / "a.parquet"


def images(folder):
    image = pytest.importorskip("PIL.Image")
    for i in range(7):
        image.new("L", (5, 4), i).save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize("make", [npy, fortran, csv, csv_without_header, parquet, images])
def test_rows_are_those_of_the_whole_file(make, tmp_path):
    path = make(tmp_path)
    whole, opened = load_data(str(path)), open_data(path)
    assert can_open(path)
    small = {CsvSource: {"block_bytes": 100}, ImageSource: {"block_bytes": 40}}.get(type(opened.X), {})
    source = type(opened.X)(path, **small) if type(opened.X) is not ArraySource else opened.X
    assert (source.shape, source.dtype) == (whole.X.shape, whole.X.dtype.newbyteorder("="))
    np.testing.assert_array_equal(np.concatenate(list(source.blocks())), whole.X)
    rows = np.array([0, 2, len(whole.X) - 1])
    np.testing.assert_array_equal(source.take(rows), whole.X[rows])
    np.testing.assert_array_equal(source.block(len(source.bounds) - 2)[-1], whole.X[-1])
    np.testing.assert_array_equal(
        source.without(rows).take(np.array([1, 3])), np.delete(whole.X, rows, 0)[[1, 3]]
    )
    assert opened.feature_names == whole.feature_names
    assert opened.name == whole.name
    assert "read in blocks" in opened.source


def test_row_groups_are_blocks(tmp_path):
    assert ParquetSource(parquet(tmp_path)).bounds.tolist() == [0, 5, 10, 15, 20, 22]


def test_a_row_group_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("diabolo.data.blocks._LARGEST_GROUP", 119)
    with pytest.raises(
        ValueError, match=r"a.parquet has a row group of 5 rows.*write the file again with row_group_size="
    ):
        open_data(parquet(tmp_path)).X.block(0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n4,5\n", "must have 2 cells in every row.*got 1 in data row 2"),
        (
            "a,b\n1,2\n3,x\n4,5\n",
            r"must hold only numbers, got other values in the columns 'b' \(such as 'x'\)",
        ),
        ("a,b\n", "holds no rows of numbers"),
        ("a,a\n1,2\n", "must have different column names"),
    ],
)
def test_what_is_wrong_in_a_csv_file_is_said_as_when_read_whole(text, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        list(CsvSource(path, block_bytes=32).blocks())
    with pytest.raises(ValueError, match=message):
        load_data(str(path))


def test_a_cell_with_a_line_break_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,2\n"3\n4",5\n6,7\n')
    with pytest.raises(ValueError, match="a cell with a line break, from line 3 on"):
        CsvSource(path)
    path.write_text('"a","b ""c"""\n"1",2\n')
    assert CsvSource(path).feature_names == ["a", 'b "c"']


def test_a_damaged_page_of_a_parquet_file_names_the_file(tmp_path):
    path = parquet(tmp_path)
    data = bytearray(path.read_bytes())
    data[4:200] = bytes(196)  # behind the four letters that a file begins with: the first row group
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a.parquet is not a readable Parquet file \(.*write it again"):
        list(open_data(path).X.blocks())
    with pytest.raises(ValueError, match=r"a.parquet is not a readable Parquet file"):
        load_data(str(path))


def test_what_is_not_read_in_blocks_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        open_data(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", X=X)
    assert not can_open(tmp_path / "a.npz")
    with pytest.raises(
        ValueError, match=r"must be .npy, .csv, .parquet or a folder of images.*got .*a.npz; convert it"
    ):
        open_data(tmp_path / "a.npz")
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.wav").write_bytes(b"")
    assert not can_open(tmp_path / "sounds")
    with pytest.raises(ValueError, match="or a folder of images"):
        open_data(tmp_path / "sounds")


def test_drawn_rows_are_different_and_in_any_number_of_rows():
    for sparingly in (False, True):
        rows = draw_rows(3_000_000, 5000, 1, sparingly=sparingly)
        assert (np.diff(rows) > 0).all()
        assert 0.45 < (rows < 1_500_000).mean() < 0.55  # 7 standard errors
        np.testing.assert_array_equal(rows, draw_rows(3_000_000, 5000, 1, sparingly=sparingly))
    np.testing.assert_array_equal(draw_rows(99, 9, 1, sparingly=True), draw_rows(99, 9, 1))


def test_memory_is_that_of_the_control_group_where_it_is_less(tmp_path, monkeypatch):
    limit, none = tmp_path / "limit", tmp_path / "none"
    limit.write_text("123456\n")
    none.write_text("max\n")
    whole = memory_bytes()
    monkeypatch.setattr("diabolo.data.memory._LIMITS", (str(none), str(tmp_path / "missing")))
    assert memory_bytes() >= whole
    monkeypatch.setattr("diabolo.data.memory._LIMITS", (str(limit),))
    assert memory_bytes() == 123456
