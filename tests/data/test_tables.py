import numpy as np
import pytest

from diabolo.data import read


def csv(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("height,width\n1,2.5\n-3e2,4\n", ["height", "width"]),
        ("1,2.5\r\n-3e2,4\r\n", None),
        ("1;2.5\n-3e2;4", None),
        ("height\twidth\n1\t2.5\n-3e2\t4\n\n", ["height", "width"]),
        ("\ufeff\nheight, width\n 1 , 2.5\n-3e2,4\n", ["height", "width"]),
        ('"a, b","2"\n"1","2.5"\n-3e2,4\n', ["a, b", "2"]),
    ],
)
def test_csv(tmp_path, text, names):
    data = read(csv(tmp_path, text))
    np.testing.assert_array_equal(data.X, [[1.0, 2.5], [-300.0, 4.0]])
    assert data.X.dtype == np.float64
    assert data.feature_names == names
    assert ("with a header" in data.source) == (names is not None)


def test_csv_missing_cells_and_one_column(tmp_path):
    data = read(csv(tmp_path, "a,b\n1,\nNA,null\nnan,2\n"))
    np.testing.assert_array_equal(data.X, [[1, np.nan], [np.nan, np.nan], [np.nan, 2]])
    data = read(csv(tmp_path, ",1\n2,3\n"))
    np.testing.assert_array_equal(data.X, [[np.nan, 1], [2, 3]])
    assert read(csv(tmp_path, "a\n1\n2\n")).X.shape == (2, 1)


def test_csv_true_and_false_are_1_and_0(tmp_path):
    data = read(csv(tmp_path, "size,member\n1.5,True\n2,False\n3,\n"))
    np.testing.assert_array_equal(data.X, [[1.5, 1], [2, 0], [3, np.nan]])


def test_csv_floats_are_exact(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 3)) * 1e-7
    np.testing.assert_array_equal(
        read(csv(tmp_path, "\n".join(",".join(map(repr, r)) for r in X.tolist()))).X, X
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a,b,c\n1,x,2\n1,y,z\n",
            r"only numbers, got other .* columns 'b' \(such as 'x'\), 'c' \(such as 'z'\)",
        ),
        ("1,2\n3,x\n", r"'number 2' \(such as 'x'\); remove these columns, or encode"),
        ("a,b\n1,2\n1\n", "must have 2 cells in every row, .* got 1 in data row 2; mend that row"),
        ("a,b\n", "holds no rows of numbers; give a file with at least one"),
        ("", "holds no rows of numbers"),
        (",a\n0,1\n", "has no name for column 1; .* write the file with index=False"),
        ("a,b,a\n0,1,2\n", r"must have different column names, got \['a'\] more than once; rename"),
    ],
)
def test_csv_refuses(tmp_path, text, words):
    with pytest.raises(ValueError, match=words):
        read(csv(tmp_path, text))


def test_csv_in_another_encoding(tmp_path):
    with pytest.raises(ValueError, match=r"is not text in UTF-8 .*; save it as UTF-8"):
        read(csv(tmp_path, "größe\n1\n", "latin-1"))


def test_parquet(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    pandas.DataFrame({"a": [1, 2], "b": [0.5, None], "c": [True, False]}, index=[5, 7]).to_parquet(path)
    data = read(path)
    np.testing.assert_array_equal(data.X, [[1, 0.5, 1], [2, np.nan, 0]])
    assert (data.feature_names, data.X.dtype) == (["a", "b", "c"], np.float64)
    pandas.DataFrame({"a": np.ones(2, np.float32)}).to_parquet(path)
    assert read(path).X.dtype == np.float32
    pandas.DataFrame({"a": pandas.array([1, None], "Int64"), "b": pandas.array([None, True])}).to_parquet(
        path
    )
    np.testing.assert_array_equal(read(path).X, [[1, np.nan], [np.nan, 1]])
    pandas.DataFrame({"a": [1], "b": ["x"], "d": pandas.to_datetime(["2020-01-01"])}).to_parquet(path)
    with pytest.raises(ValueError, match=r"in the columns 'b' \(.*string\), 'd' \(timestamp.*\); remove"):
        read(path)
    pandas.DataFrame({"a": np.zeros(0)}).to_parquet(path)
    with pytest.raises(ValueError, match="holds no rows of numbers"):
        read(path)
    path.write_bytes(b"none")
    with pytest.raises(ValueError, match="is not a readable Parquet file"):
        read(path)
