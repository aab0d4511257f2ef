"""An array written in blocks is the array, or nothing is there."""

import numpy as np
import pytest

from diabolo.storage import write_npy


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "?"])
@pytest.mark.parametrize("shape", [(10,), (10, 3), (10, 2, 5)])
def test_the_file_is_the_one_that_numpy_writes(dtype, shape, tmp_path):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    write_npy(tmp_path / "a.npy", shape, array.dtype, (array[i : i + 4] for i in (0, 4, 8)))
    np.save(tmp_path / "b.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([np.zeros((3, 2))], "blocks must hold 4 rows, got 3"),
        ([np.zeros((4, 3))], r"blocks must hold rows of the shape \(2,\), got \(3,\)"),
    ],
)
def test_blocks_that_are_not_the_array_leave_what_was_there(blocks, message, tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=message):
        write_npy(path, (4, 2), np.dtype("f4"), blocks)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.npy"]
