import errno
import os

import pytest

from diabolo.storage import write_atomic


def left_over(folder):
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


def test_writes_bytes_and_by_function(tmp_path):
    path = tmp_path / "a.bin"
    assert write_atomic(path, b"old") == path
    assert path.read_bytes() == b"old"
    write_atomic(str(path), lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("failure", [RuntimeError("boom"), KeyboardInterrupt(), OSError("no number")])
def test_failing_function_harms_nothing_and_passes_unchanged(tmp_path, failure):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise failure

    with pytest.raises(type(failure)) as caught:
        write_atomic(path, write)
    assert caught.value is failure
    assert path.read_bytes() == b"old"
    assert not left_over(tmp_path)


def test_error_about_another_file_passes_unchanged(tmp_path):
    def write(file):
        (tmp_path / "other" / "file").read_bytes()

    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*other/file'$"):
        write_atomic(tmp_path / "a.bin", write)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("call", "number", "kind", "words"),
    [
        ("fsync", errno.ENOSPC, OSError, "the disk is full: free some space"),
        ("fsync", errno.EDQUOT, OSError, "quota is used up"),
        ("fsync", errno.EIO, OSError, "check the folder and the disk"),
        ("open", errno.EACCES, PermissionError, "change the folder's permissions"),
        ("open", errno.EROFS, OSError, "the file system is read-only"),
        ("replace", errno.EPERM, PermissionError, "you may not write there"),
    ],
)
def test_system_failures_are_explained(tmp_path, monkeypatch, call, number, kind, words):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(kind, match=words) as caught:
            write_atomic(path, b"new")
    assert caught.value.errno == number
    assert str(path) in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert "is unharmed" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert not left_over(tmp_path)


def test_full_disk_while_the_function_writes(tmp_path):
    def write(file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="the disk is full") as caught:
        write_atomic(tmp_path / "a.bin", write)
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == []


def test_missing_folder_folder_and_file_as_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing does not exist: create it first \(mkdir -p\)"):
        write_atomic(tmp_path / "missing" / "a.bin", b"")
    with pytest.raises(IsADirectoryError, match="it is a folder; give the name of a file"):
        write_atomic(tmp_path, b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="file is not a folder: choose another path"):
        write_atomic(tmp_path / "file" / "a.bin", b"")
    with pytest.raises(OSError, match="choose a shorter one"):
        write_atomic(tmp_path / ("n" * 300), b"")
    assert not left_over(tmp_path)


def test_permissions_and_links_are_kept(tmp_path):
    fresh = write_atomic(tmp_path / "fresh", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert fresh.stat().st_mode == (tmp_path / "plain").stat().st_mode
    fresh.chmod(0o640)
    write_atomic(fresh, b"again")
    assert fresh.stat().st_mode & 0o777 == 0o640
    link = tmp_path / "link"
    link.symlink_to(fresh)
    write_atomic(link, b"through")
    assert link.is_symlink()
    assert fresh.read_bytes() == b"through"


def test_folder_that_cannot_be_synchronised_is_fine(tmp_path, monkeypatch):
    true_fsync = os.fsync

    def fsync(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        true_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert write_atomic(tmp_path / "a.bin", b"new").read_bytes() == b"new"
