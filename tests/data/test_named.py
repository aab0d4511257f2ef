import os
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets

from diabolo.data import NAMES, load_data, named

USPS_TRAIN = [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
real_data = pytest.mark.skipif("DIABOLO_DATA" not in os.environ, reason="DIABOLO_DATA names no data folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DIABOLO_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    def fetch_openml(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    monkeypatch.delenv("DIABOLO_DATA", raising=False)


def serve(monkeypatch, data, target):
    asked = []

    def fetch_openml(name, *, version, as_frame):
        asked.append((name, version, as_frame))
        return SimpleNamespace(data=data, target=target)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    monkeypatch.delenv("DIABOLO_DATA", raising=False)
    return asked


def test_digits():
    for subset in ("train", "all"):
        data = named("digits", subset=subset)
        assert (data.X.shape, data.X.dtype, data.X.max()) == ((1797, 8, 8), np.float64, 16)
        assert len(data.y) == 1797
    with pytest.raises(
        ValueError, match=r"subset must be one of train, all for digits, got 'test'; split it with"
    ):
        named("digits", subset="test")


def test_mnist_from_the_folder(folder, no_network, monkeypatch):
    monkeypatch.setenv("DIABOLO_DATA", str(folder))
    X = np.arange(3 * 784).reshape(3, 28, 28).astype(np.uint8)
    np.savez(folder / "mnist_train.npz", X=X, y=np.arange(3, dtype=np.uint8))
    data = named("mnist")
    np.testing.assert_allclose(data.X, X / 255, rtol=1e-7)
    assert (data.X.dtype, data.y.tolist(), data.name) == (np.float32, [0, 1, 2], "mnist")
    assert data.source == "MNIST, grey values / 255 in [0, 1], train, 3 rows, from the folder DIABOLO_DATA"
    with pytest.raises(
        FileNotFoundError, match=r"no network.*DIABOLO_DATA to a folder that holds mnist_test.npz$"
    ):
        named("mnist", subset="test")
    np.savez(folder / "mnist_test.npz", X=X[:1], y=np.array([9], dtype=np.uint8))
    assert named("mnist", subset="all").y.tolist() == [0, 1, 2, 9]
    assert named("mnist", subset="test").X.shape == (1, 28, 28)


def test_usps_faces_and_binarized_from_the_folder(folder):
    X = np.linspace(0, 1, 5 * 256, dtype=np.float32).reshape(5, 16, 16)
    np.savez(folder / "usps.npz", X=X, y=np.arange(5), n_train=3)
    np.testing.assert_array_equal(named("usps").X, X[:3])
    np.testing.assert_array_equal(named("usps", subset="test").X, X[3:])
    assert named("usps", subset="all").y.tolist() == [0, 1, 2, 3, 4]
    np.savez(folder / "usps.npz", X=X, y=np.arange(5))
    with pytest.raises(ValueError, match=r"usps.npz must hold the number n_train .* or take subset='all'"):
        named("usps")
    faces = np.full((2, 28, 20), 255, np.uint8)
    np.savez(folder / "freyfaces.npz", X=faces)
    assert named("freyfaces").X.max() == 1
    assert named("freyfaces").y is None
    bits = np.random.default_rng(0).integers(0, 2, (6, 784), dtype=np.uint8)
    packed = np.packbits(bits, axis=1)
    np.savez(
        folder / "mnist_static_binarized.npz",
        train_packed=packed[:3],
        valid_packed=packed[3:5],
        test_packed=packed[5:],
    )
    for subset, rows in [("train", bits[:3]), ("valid", bits[3:5]), ("test", bits[5:]), ("all", bits)]:
        data = named("mnist_binarized", subset=subset)
        np.testing.assert_array_equal(data.X.reshape(-1, 784), rows)
        assert data.X.dtype == np.float32


def test_damaged_file_in_the_folder(folder):
    np.savez(folder / "freyfaces.npz", images=np.zeros((2, 28, 20)))
    with pytest.raises(ValueError, match=r"freyfaces.npz must hold the array 'X' of images \(28, 20\), got"):
        named("freyfaces")
    np.savez(folder / "freyfaces.npz", X=np.zeros((2, 27, 20)))
    with pytest.raises(ValueError, match=r"must hold the array 'X' of images \(28, 20\), got cannot reshape"):
        named("freyfaces")
    (folder / "freyfaces.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"freyfaces.npz must hold .* copy it again"):
        named("freyfaces")


def test_mnist_from_openml(monkeypatch):
    X = np.zeros((60002, 784), np.uint8)
    X[60000:] = 255
    asked = serve(monkeypatch, X, np.array(["5"] * 60000 + ["7", "8"], dtype=object))
    data = named("mnist", subset="test")
    assert asked == [("mnist_784", 1, False)]
    assert (data.X.shape, data.X.dtype, data.X.min(), data.y.tolist()) == ((2, 28, 28), np.float32, 1, [7, 8])
    assert data.source.endswith("test, 2 rows, from OpenML")
    assert len(named("fashion_mnist").X) == 60000
    assert asked[-1] == ("Fashion-MNIST", 1, False)


def test_usps_from_openml(monkeypatch):
    y = np.repeat(np.arange(10), USPS_TRAIN)
    X = np.full((len(y) + 10, 256), -1.0)
    X[len(y) :] = 1
    serve(monkeypatch, X, np.concatenate([y, np.arange(10)]) + 1)
    assert (named("usps").X.shape, named("usps").X.max(), named("usps").y.max()) == ((7291, 16, 16), 0, 9)
    assert named("usps", subset="test").X.min() == 1
    serve(monkeypatch, X, np.concatenate([np.arange(10), y]) + 1)
    with pytest.raises(ValueError, match="does not begin with its training set; take subset='all'"):
        named("usps")
    assert len(named("usps", subset="all").X) == 7301


def test_openml_that_sends_something_else(monkeypatch):
    serve(monkeypatch, np.zeros((3, 10)), np.zeros(3))
    with pytest.raises(
        ValueError, match=r"from OpenML has rows of shape \(10,\), not \(28, 28\); set the env"
    ):
        named("mnist", subset="all")
    serve(monkeypatch, np.full((3, 784), 256.0), np.zeros(3))
    with pytest.raises(ValueError, match="outside their range"):
        named("mnist", subset="all")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "mnist",
            r"OpenML \(no network\); set .* DIABOLO_DATA to a folder that holds mnist_train.npz and mnist_te",
        ),
        ("usps", r"OpenML \(no network\); .* holds usps.npz"),
        ("freyfaces", "freyfaces cannot be downloaded; .* DIABOLO_DATA to a folder that holds freyfaces.npz"),
        ("mnist_binarized", r"cannot be downloaded; .* holds mnist_static_binarized.npz$"),
    ],
)
def test_nowhere_to_be_found(no_network, name, words):
    with pytest.raises(FileNotFoundError, match=words):
        named(name, subset="all")


def test_download_without_pandas(monkeypatch):
    def fetch_openml(*args, **kwargs):
        raise ImportError("pandas")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    monkeypatch.delenv("DIABOLO_DATA", raising=False)
    with pytest.raises(ImportError, match=r"downloading mnist needs pandas: pip install 'diabolo\[tables\]'"):
        named("mnist")


def test_wrong_names_and_folder(monkeypatch, tmp_path):
    with pytest.raises(
        ValueError, match=r"name must be one of digits, mnist, .* got 'mnits'; did you mean 'mnist'\?"
    ):
        named("mnits")
    with pytest.raises(ValueError, match="subset must be one of train, test, all for mnist, got 'valid'"):
        named("mnist", subset="valid")
    monkeypatch.setenv("DIABOLO_DATA", str(tmp_path / "none"))
    with pytest.raises(
        FileNotFoundError, match=r"DIABOLO_DATA must name a folder .*none'; correct or unset it"
    ):
        named("mnist")


def test_load_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_data("digits", subset="all").name == "digits"
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    assert load_data("a.npy").X.shape == (3, 2)
    np.savez(tmp_path / "b.npz", X=np.zeros((3, 2)), Z=np.ones((3, 2)))
    assert load_data(tmp_path / "b.npz", key="Z").X.max() == 1
    with pytest.raises(
        FileNotFoundError, match=r"name, one of digits, .* or a path, got 'digit': there is no file digit; "
    ):
        load_data("digit")
    with pytest.raises(FileNotFoundError, match=r"got 'b.npy': there is no file b.npy; did you mean"):
        load_data("b.npy")
    with pytest.raises(ValueError, match="got an empty string"):
        load_data("")
    with pytest.raises(ValueError, match="options for the data set digits must be subset, got key"):
        load_data("digits", key="X")
    with pytest.raises(
        ValueError, match=r"options for the path a.npy must be frame_length or key, got subset"
    ):
        load_data("a.npy", subset="test")
    (tmp_path / "digits").mkdir()
    with pytest.raises(ValueError, match="a folder must hold images"):  # an existing path wins
        load_data("digits")


@real_data
def test_real_data():
    assert [len(named("mnist", subset=s).X) for s in ("train", "test")] == [60000, 10000]
    assert np.bincount(named("usps").y).tolist() == USPS_TRAIN
    assert named("freyfaces").X.shape == (1965, 28, 20)
    p = named("mnist_binarized").X.mean(0).clip(1e-3, 1 - 1e-3)
    X = named("mnist_binarized", subset="test").X
    nats = -(X * np.log(p) + (1 - X) * np.log1p(-p)).sum((1, 2)).mean()
    assert abs(nats - 205.79) < 1  # independent Bernoulli; the clipping costs a little
    assert set(NAMES) == {
        "digits",
        "mnist",
        "fashion_mnist",
        "usps",
        "freyfaces",
        "mnist_binarized",
        "sprites",
    }
