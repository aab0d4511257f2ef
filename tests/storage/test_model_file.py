import pickle
import random

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diabolo.storage import ModelFileError, read_model, write_model

DTYPES = [
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.bool,
]


def assert_same(tensors, expected):
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == expected[name].dtype
        assert tensor.shape == expected[name].shape
        assert torch.equal(tensor, expected[name])


@pytest.fixture
def small(tmp_path):
    tensors = {
        "w": torch.arange(6.0).reshape(2, 3),
        "mask": torch.tensor([True, False]),
        "e": torch.zeros(0, 2),
    }
    return write_model(tmp_path / "model.diabolo", tensors, {"beta": 0.1, "hidden": [4, 2], "name": "vae"})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3, 2)])
def test_dtypes_and_shapes(tmp_path, dtype, shape):
    tensors = {"a": (torch.rand(shape) * 5).to(dtype), "b": torch.zeros(0), "c": torch.zeros(0)}
    assert_same(read_model(write_model(tmp_path / "m", tensors, {}))[0], tensors)


def test_views_parameters_and_shared_memory_are_copied(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {
        "t": base.T,
        "row": base[1],
        "same": base,
        "wide": torch.ones(1).expand(5),
        "p": torch.nn.Parameter(torch.ones(2)),
        "conj": torch.tensor([1 + 2j]).conj(),
        "last": torch.rand(1, 2, 3, 3).to(memory_format=torch.channels_last),
    }
    back, _ = read_model(write_model(tmp_path / "m", tensors, {}))
    assert list(back) == sorted(tensors)
    assert_same(back, tensors)
    back["same"][0] = 7.0  # writable, and not the memory of "row"
    assert torch.equal(back["t"], base.T)


def test_equal_content_gives_equal_bytes_and_safetensors_reads_them(tmp_path):
    a, b = {"a": torch.ones(2), "b": torch.zeros(1)}, {"b": torch.zeros(1), "a": torch.ones(2)}
    files = {write_model(tmp_path / f"m{i}", (a, b)[i % 2], {"x": 1}).read_bytes() for i in range(8)}
    assert len(files) == 1
    assert_same(safetensors.torch.load(files.pop()), a)


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.none()
specs = st.dictionaries(
    st.text(),
    st.recursive(
        numbers | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
    ),
    max_size=4,
)
arrays = st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3), st.integers(0, 2**31))
names = st.text(max_size=8).filter(lambda name: name != "__metadata__")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spec=specs, made=st.dictionaries(names, arrays, max_size=3))
def test_round_trip(tmp_path, spec, made):
    tensors = {}
    for name, (dtype, shape, seed) in made.items():
        draw = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        tensors[name] = (draw > 0) if dtype is torch.bool else (draw * 20).to(dtype)
    back, spec_back = read_model(write_model(tmp_path / "m", tensors, spec))
    assert_same(back, tensors)
    assert repr(spec_back) == repr(spec)  # repr also tells 1 from 1.0 and from True, and 0.0 from -0.0


def test_spec_takes_tuples_and_numpy_numbers(tmp_path):
    spec = {
        "t": (1, (2.5,)),
        "f": np.float64(0.1),
        "h": np.float32(0.1),
        "i": np.int64(3),
        "b": np.bool_(True),
    }
    _, back = read_model(write_model(tmp_path / "m", {}, spec))
    assert back == {"t": [1, [2.5]], "f": 0.1, "h": float(np.float32(0.1)), "i": 3, "b": True}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"prior": {"scale": float("nan")}}, r"spec\['prior'\]\['scale'\] is nan, .*use None"),
        ({"a": [1, float("-inf")]}, r"spec\['a'\]\[1\] is -inf"),
        ({1: 2}, "spec must have only string keys, got 1"),
        ({"a": {1, 2}}, r"spec\['a'\] must be made of .* got a set"),
        ({"a": torch.ones(1)}, "got a Tensor; put tensors and arrays into tensors"),
        ({"a": np.ones(1)}, "got a ndarray"),
        ({"a": "\ud800"}, "UTF-8 cannot encode"),
        ({"\ud800": 1}, "UTF-8 cannot encode"),
        ([1], "spec must be a mapping such as a dict, got a list"),
    ],
)
def test_refused_specs(tmp_path, spec, words):
    with pytest.raises(ValueError, match=words):
        write_model(tmp_path / "m", {}, spec)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"w": np.ones(2)}, r"tensors\['w'\] must be a torch.Tensor, got a ndarray; use torch.as_tensor"),
        ({"w": torch.ones(2).to_sparse()}, "must be a dense tensor with data, got torch.sparse_coo"),
        ({"w": torch.ones(2, device="meta")}, "must be a dense tensor with data, got torch.strided on meta"),
        (
            {"w": torch.ones(2, dtype=torch.complex128)},
            "dtype torch.complex128, which safetensors cannot hold",
        ),
        ({"__metadata__": torch.ones(2)}, "must be strings other than '__metadata__'"),
        ({3: torch.ones(2)}, "must be strings other than '__metadata__', got 3"),
        ({"\ud800": torch.ones(2)}, "UTF-8 cannot encode"),
    ],
)
def test_refused_tensors(tmp_path, tensors, words):
    with pytest.raises(ValueError, match=words):
        write_model(tmp_path / "m", tensors, {})


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no model file .*nothing; check the name"):
        read_model(tmp_path / "nothing")
    with pytest.raises(ModelFileError, match="is a folder, not a model file"):
        read_model(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "not a model file of diabolo but a PNG image"),
        (pickle.dumps({"w": 1}), "a pickle .diabolo never unpickles"),
        (b"PK\x03\x04" + bytes(40), "a zip archive"),
        (b"hello, world", "is not a model file of diabolo, or its first bytes are damaged"),
        (bytes(7), "is not a model file of diabolo"),
        (safetensors.torch.save({"w": torch.ones(2)}), "a safetensors file without diabolo's mark"),
        (safetensors.torch.save({"w": torch.ones(2)}, {"format": "pt"}), "without diabolo's mark"),
    ],
)
def test_foreign_files(tmp_path, content, words):
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=words) as caught:
        read_model(path)
    assert str(path) in str(caught.value)


def test_truncated_at_every_length(small):
    data = small.read_bytes()
    for length in range(len(data)):
        small.write_bytes(data[:length])
        with pytest.raises(ModelFileError):
            read_model(small)
    small.write_bytes(data + b"\0")
    with pytest.raises(ModelFileError, match="tensors cannot be read"):
        read_model(small)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_flipped_bytes_are_found(small, mask):
    data, (tensors, spec) = small.read_bytes(), read_model(small)
    places = random.Random(mask).sample(range(len(data)), 200)
    places += range(12)  # the length of the header
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= mask
        small.write_bytes(damaged)
        try:
            back, spec_back = read_model(small)
        except ModelFileError as error:
            message = str(error)
        else:
            message = str(small)
            assert_same(back, tensors)
            assert spec_back == spec
        assert str(small) in message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"version":"1"', b'"version":"2"', "file version 2, .* up to version 1: upgrade with pip install"),
        (b'"version":"1"', b'"version":"0"', "is damaged: its version number reads '0'"),
        (b'"version":"1"', b'"version":"x"', "is damaged: its version number reads 'x'"),
        (b'beta\\":0.1', b'beta\\":0.2', "is damaged: its spec does not match its digest; restore it"),
        (b'"mask"', b'"musk"', "is damaged: its tensors do not match their digest; restore it"),
        (bytes([1, 0]), bytes([0, 1]), "is damaged: its tensors do not match"),
        (b'"F32","shape":[2,3]', b'"I32","shape":[2,3]', "tensors do not match their digest"),
        (b'"shape":[2,3]', b'"shape":[3,2]', "tensors do not match their digest"),
        (b'"shape":[2,3]', b'"shape":[9,3]', "its tensors cannot be read"),
        (b'"__metadata__"', b'"__metadata_"_', "its header is not readable"),
        (b'"sha256"', b'"sha265"', "tensors do not match"),
    ],
)
def test_each_region_has_its_message(small, old, new, words):
    data = small.read_bytes()
    assert old in data
    small.write_bytes(data[::-1].replace(old[::-1], new[::-1], 1)[::-1])
    with pytest.raises(ModelFileError, match=words):
        read_model(small)


def test_failed_write_keeps_the_old_model(small, monkeypatch):
    import os

    data = small.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="the disk is full"):
        write_model(small, {}, {})
    assert small.read_bytes() == data
