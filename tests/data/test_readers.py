import gzip
import struct
import sys

import numpy as np
import pytest

from diabolo.data import Dataset, read


@pytest.fixture
def rows():
    return np.arange(12.0).reshape(6, 2)


def write_images(folder, sizes, mode="L", suffix="png"):
    from PIL import Image

    folder.mkdir(exist_ok=True)
    for i, size in enumerate(sizes):
        Image.new(mode, size, 10 * i if mode == "L" else (i, 20, 30)).save(folder / f"{i}.{suffix}")
    return folder


# Dataset


def test_dataset_checks_lengths():
    with pytest.raises(
        ValueError, match="y must have one label per row of X, got 2 labels for 3 rows in boxes"
    ):
        Dataset(np.zeros((3, 2)), np.zeros(2), name="boxes")
    with pytest.raises(
        ValueError, match=r"feature_names must name the columns .* got 1 names for X of shape"
    ):
        Dataset(np.zeros((3, 2)), feature_names=["a"])
    with pytest.raises(ValueError, match="must hold real numbers, got dtype <U1"):
        Dataset(np.array(["a"]))


# .npy and .npz


def test_npy(tmp_path, rows):
    np.save(tmp_path / "a.npy", rows)
    data = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(data.X, rows)
    assert (data.y, data.feature_names, data.name, data.channel_axis) == (None, None, "a", "auto")
    assert data.source == "a.npy: float64 (6, 2), as stored"


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([{}], dtype=object), "holds Python objects .* never unpickles: save numbers only"),
        (np.array(["a"]), "must hold real numbers, got dtype <U1; encode text"),
        (np.array([1j]), "must hold real numbers, got dtype complex128; .* split complex"),
        (np.array(1.0), r"must hold at least one row, got an array of shape \(\)"),
        (np.zeros((0, 2)), r"must hold at least one row, got an array of shape \(0, 2\)"),
    ],
)
def test_npy_and_npz_refuse_what_is_no_numbers(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", X=array)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match=words):
            read(tmp_path / name)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("keep", [0, 3, 60, -3])
def test_damaged_numpy_files(tmp_path, rows, suffix, keep):
    path = tmp_path / f"a.{suffix}"
    np.save(path, rows) if suffix == "npy" else np.savez(path, X=rows)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"a.np. "):
        read(path)


def test_npz_flipped_byte_and_wrong_suffix(tmp_path, rows):
    np.savez(tmp_path / "a.npz", X=rows)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[200] ^= 1
    (tmp_path / "b.npz").write_bytes(content)
    with pytest.raises(ValueError, match="is not a readable NumPy file, it may be damaged"):
        read(tmp_path / "b.npz")
    (tmp_path / "c.npy").write_bytes((tmp_path / "a.npz").read_bytes())
    with pytest.raises(ValueError, match=r"an .npz archive named .npy; rename it to c.npz"):
        read(tmp_path / "c.npy")
    np.save(tmp_path / "d.npy", rows)
    (tmp_path / "d.npz").write_bytes((tmp_path / "d.npy").read_bytes())
    with pytest.raises(ValueError, match=r"is a single array named .npz; rename it to d.npy"):
        read(tmp_path / "d.npz")


def test_npz_chooses_the_array(tmp_path, rows):
    np.savez(tmp_path / "a.npz", X=rows, other=rows + 1, y=np.arange(6))
    np.testing.assert_array_equal(read(tmp_path / "a.npz").X, rows)
    np.testing.assert_array_equal(read(tmp_path / "a.npz").y, np.arange(6))
    np.testing.assert_array_equal(read(tmp_path / "a.npz", key="other").X, rows + 1)
    assert read(tmp_path / "a.npz", key="y").y is None
    np.savez(tmp_path / "b.npz", images=rows, y=np.arange(5))
    assert read(tmp_path / "b.npz").X.shape == (6, 2)
    assert read(tmp_path / "b.npz").y is None
    with pytest.raises(
        ValueError, match=r"key must be one of the arrays in .*\['images', 'y'\], got 'image'"
    ):
        read(tmp_path / "b.npz", key="image")
    np.savez(tmp_path / "c.npz", a=rows, b=rows)
    with pytest.raises(ValueError, match=r"\['a', 'b'\] and none is called 'X'; choose one with key="):
        read(tmp_path / "c.npz")


def test_npz_unpacks_bits(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2, (3, 784), dtype=np.uint8)
    small = bits[:, :12]
    np.savez(tmp_path / "a.npz", train_packed=np.packbits(bits, axis=1))
    np.testing.assert_array_equal(read(tmp_path / "a.npz", key="train_packed").X, bits)
    np.savez(tmp_path / "b.npz", test_packed=np.packbits(small, axis=1), width=12)
    np.testing.assert_array_equal(read(tmp_path / "b.npz", key="test_packed").X, small)
    np.savez(tmp_path / "c.npz", test_packed=np.packbits(small, axis=1))
    with pytest.raises(ValueError, match=r"784 bits per row packed into uint8 \(n, 98\), got uint8 \(3, 2\)"):
        read(tmp_path / "c.npz")


# IDX


def idx(array, code):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")]
)
@pytest.mark.parametrize("name", ["a.idx", "a-ubyte", "a.idx3-ubyte.gz", "a.IDX.GZ"])
def test_idx(tmp_path, code, dtype, name):
    array = np.arange(24).reshape(4, 3, 2).astype(dtype)
    content = idx(array, code)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.lower().endswith("gz") else content)
    data = read(tmp_path / name)
    np.testing.assert_array_equal(data.X, array)
    assert data.X.dtype == np.dtype(dtype)
    assert data.X.flags.writeable


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"is not an IDX file: .* got \[\]"),
        (bytes([0, 0, 7, 1, 0, 0, 0, 0]), r"is not an IDX file: .* got \[0, 0, 7, 1\]"),
        (bytes([0, 0, 8, 2, 0, 0, 0]), "is cut short within its header"),
        (
            bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2]),
            r"is cut short: its header announces \(4,\) values in 12 bytes",
        ),
        (bytes([0, 0, 8, 1, 0, 0, 0, 1, 1, 2]), "is too long: .* it has 10; download or copy it again"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 0]), "must hold at least one row"),
    ],
)
def test_damaged_idx(tmp_path, content, words):
    (tmp_path / "a.idx").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read(tmp_path / "a.idx")


def test_damaged_gzip(tmp_path):
    content = gzip.compress(idx(np.arange(9, dtype="u1"), 8))
    for damaged in (b"none", content[:-4], content[:15] + b"\xff" + content[16:]):
        (tmp_path / "a.idx.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match="is not a whole gzip file"):
            read(tmp_path / "a.idx.gz")


# images


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "PNG"])
def test_grey_images(tmp_path, suffix):
    folder = write_images(tmp_path / "pictures", [(4, 3)] * 3, suffix=suffix)
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    data = read(folder)
    assert (data.X.shape, data.X.dtype, data.name) == ((3, 3, 4), np.uint8, "pictures")
    np.testing.assert_array_equal(data.X[:, 0, 0], [0, 10, 20])
    assert "3 images, 4 x 3 (width x height) grey" in data.source


def test_colour_palette_and_binary_images(tmp_path):
    from PIL import Image

    data = read(write_images(tmp_path / "rgb", [(4, 3)] * 2, "RGB"))
    assert data.X.shape == (2, 3, 4, 3)
    assert data.X[1, 0, 0].tolist() == [1, 20, 30]
    assert read(write_images(tmp_path / "jpg", [(4, 3)], "RGB", "jpg")).X.shape == (1, 3, 4, 3)
    (tmp_path / "p").mkdir()
    Image.new("RGB", (4, 3), (255, 0, 0)).convert("P").save(tmp_path / "p" / "a.png")
    assert read(tmp_path / "p").X[0, 0, 0].tolist() == [255, 0, 0]
    (tmp_path / "b").mkdir()
    Image.new("1", (4, 3), 1).save(tmp_path / "b" / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "b").X, np.full((1, 3, 4), 255))


def test_odd_images(tmp_path):
    from PIL import Image

    folder = write_images(tmp_path / "sizes", [(4, 3), (4, 3), (5, 3), (6, 3)])
    with pytest.raises(ValueError, match=r"the first, 4 x 3 .* grey in 0.png, got 5 x 3 .*2.png; resize or"):
        read(folder)
    folder = write_images(tmp_path / "modes", [(4, 3), (4, 3)])
    Image.new("RGB", (4, 3)).save(folder / "1.png")
    with pytest.raises(ValueError, match=r"grey in 0.png, got 4 x 3 \(width x height\) colour in .*1.png"):
        read(folder)
    for mode in ("RGBA", "LA", "I;16"):
        Image.new(mode, (4, 3)).save(folder / "1.png")
        with pytest.raises(ValueError, match=rf"got mode {mode} in .*1.png; convert it"):
            read(folder)
    (folder / "1.png").write_bytes((folder / "0.png").read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"1.png is not a readable image .*; replace or remove it"):
        read(folder)
    (tmp_path / "pages").mkdir()
    pages = [Image.new("L", (4, 3)) for _ in range(2)]
    pages[0].save(tmp_path / "pages" / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(ValueError, match=r"a.tif must hold one picture, got 2; save each"):
        read(tmp_path / "pages")
    with pytest.raises(
        ValueError, match=r"must be a folder of images, got the single image .*; give its folder"
    ):
        read(folder / "0.png")


# sound


def test_mono_frames(tmp_path):
    import soundfile

    samples = np.linspace(-0.5, 0.5, 25, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    data = read(tmp_path / "a.wav", frame_length=10)
    assert (data.X.dtype, data.channel_axis) == (np.float32, None)
    np.testing.assert_array_equal(data.X, samples[:20].reshape(2, 10))
    assert data.source == "a.wav: 1 sound file, 2 frames of 10 samples, 8000 Hz, 1 channel(s)"


def test_channels_and_folder(tmp_path):
    import soundfile

    for i in range(2):
        samples = np.stack([np.full(20, i / 4), np.full(20, -i / 4)], axis=1)
        soundfile.write(tmp_path / f"{i}.wav", samples, 8000, subtype="FLOAT")
    data = read(tmp_path, frame_length=8)
    assert (data.X.shape, data.channel_axis) == ((4, 8, 2), -1)
    np.testing.assert_array_equal(data.X[:, 0], [[0, 0], [0, 0], [0.25, -0.25], [0.25, -0.25]])
    with pytest.raises(
        ValueError, match=r"frame_length must be at most .* got 1024 for 20 samples in .*0.wav"
    ):
        read(tmp_path)
    soundfile.write(tmp_path / "2.wav", samples, 4000)
    with pytest.raises(ValueError, match=r"8000 Hz and 2 in 0.wav, got 4000 Hz and 2 in .*2.wav; resample"):
        read(tmp_path, frame_length=8)
    (tmp_path / "0.wav").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"0.wav is not a readable sound file"):
        read(tmp_path, frame_length=8)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="frame_length must be a positive number of samples, got"):
            read(tmp_path, frame_length=wrong)


# what is not read


def test_missing_file(tmp_path, rows):
    np.save(tmp_path / "faces.npy", rows)
    with pytest.raises(FileNotFoundError, match=r"no file .*face.npy; did you mean faces.npy\?"):
        read(tmp_path / "face.npy")
    with pytest.raises(FileNotFoundError, match=r"no file .*; check the path .the working folder is"):
        read(tmp_path / "zzz")
    with pytest.raises(FileNotFoundError, match=r"nor its folder .*nowhere; check the path"):
        read(tmp_path / "nowhere" / "a.npy")


def test_unknown_suffix_and_key(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"")
    with pytest.raises(ValueError, match=r"path must be one of .npy, .npz, .csv, .* got .*a.mat; convert"):
        read(tmp_path / "a.mat")
    with pytest.raises(
        ValueError, match=r"key chooses an array of an .npz file, got key='x' for .*leave it out"
    ):
        read(tmp_path / "a.mat", key="x")


def test_folders_without_rows(tmp_path):
    (tmp_path / "class").mkdir()
    with pytest.raises(ValueError, match=r"got none in .*; give one of its folders \(class\)"):
        read(tmp_path)
    with pytest.raises(
        ValueError, match=r"a folder must hold images .* got none in .*class; diabolo reads .npy"
    ):
        read(tmp_path / "class")
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(ValueError, match=r"must hold images or .wav files, got 1 and 1 in"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        ("pyarrow.parquet", "a.parquet", r"reading Parquet needs pyarrow: pip install 'diabolo\[tables\]'"),
        ("PIL.Image", "folder", r"reading images needs Pillow: pip install 'diabolo\[images\]'"),
        ("soundfile", "a.wav", r"reading audio needs soundfile: pip install 'diabolo\[audio\]'"),
    ],
)
def test_missing_extra_is_named(tmp_path, monkeypatch, module, name, words):
    (tmp_path / "folder").mkdir()
    for file in ("a.parquet", "a.wav", "folder/a.png"):
        (tmp_path / file).write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=words):
        read(tmp_path / name)


def test_home_folder(tmp_path, monkeypatch, rows):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "a.npy", rows)
    assert read("~/a.npy").name == "a"
