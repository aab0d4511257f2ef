"""One function that reads whatever a path holds."""

import difflib
import os
from pathlib import Path

from .arrays import read_npy, read_npz
from .audio import read_audio
from .base import Dataset
from .idx import read_idx
from .images import IMAGE_SUFFIXES, read_images
from .tables import read_csv, read_parquet

READS = (
    ".npy, .npz, .csv, .parquet, IDX (.idx, -ubyte, also .gz), .wav, "
    "a folder of images (png, jpg, bmp, tif), a folder of .wav files"
)


def read(path: str | os.PathLike[str], *, key: str | None = None, frame_length: int = 1024) -> Dataset:
    """Read a data set from a file or a folder, chosen by its suffix.

    Read are .npy, .npz, .csv, .parquet, IDX (the format of MNIST: .idx, -ubyte, also compressed to .gz),
    .wav, a folder of images (png, jpg, bmp, tif; one row per file, sorted by name) and a folder of .wav
    files. Nothing is unpickled and no value is rescaled.

    Parameters
    ----------
    path : str or path-like
        The file or folder; ``~`` is the home folder.
    key : str, optional
        The name of the array in an .npz file; by default "X", or the only array besides "y".
    frame_length : int
        The length, in samples, of the frames that sound is cut into; other files do without it.

    Returns
    -------
    Dataset
        The rows, and labels and names where the file has them.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message suggests files with similar names.
    ImportError
        If the file needs an extra that is not installed; the message names it.
    ValueError
        If the file is of another kind, damaged, or holds no rows of real numbers of equal shape.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/boxes.npy", np.zeros((4, 2)))
    ...     read(f"{folder}/boxes.npy")
    Dataset(name='boxes', X=float64 (4, 2), y=None, source='boxes.npy: float64 (4, 2), as stored')
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(missing(path))
    suffix = path.suffix.lower()
    if key is not None and suffix != ".npz":
        raise ValueError(f"key chooses an array of an .npz file, got key={key!r} for {path}; leave it out")
    if path.is_dir():
        return _read_folder(path, frame_length)
    if suffix == ".npz":
        return read_npz(path, key)
    if suffix == ".wav":
        return read_audio([path], path, frame_length)
    reader = {".npy": read_npy, ".csv": read_csv, ".parquet": read_parquet}.get(suffix)
    if reader is not None:
        return reader(path)
    if path.name.lower().removesuffix(".gz").endswith((".idx", "-ubyte")):
        return read_idx(path)
    if suffix in IMAGE_SUFFIXES:
        raise ValueError(f"path must be a folder of images, got the single image {path}; give its folder")
    raise ValueError(f"path must be one of {READS}; got {path}; convert the data, numpy.save is the simplest")


def _read_folder(folder: Path, frame_length: int) -> Dataset:
    images, sounds = files_in(folder)
    return read_images(images, folder) if images else read_audio(sounds, folder, frame_length)


def files_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the images or the .wav files of a folder, sorted by name; refuse one with both or neither."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    sounds = [file for file in files if file.suffix.lower() == ".wav"]
    if images and sounds:
        raise ValueError(
            f"a folder must hold images or .wav files, got {len(images)} and {len(sounds)} in {folder}; "
            "move one kind to another folder"
        )
    if images or sounds:
        return images, sounds
    folders = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    way_out = f"give one of its folders ({', '.join(folders[:5])})" if folders else f"diabolo reads {READS}"
    raise ValueError(
        f"a folder must hold images (png, jpg, bmp, tif) or .wav files, got none in {folder}; {way_out}"
    )


def missing(path: Path) -> str:
    """Say of a path that is not there which others are."""
    if not path.parent.is_dir():
        return f"there is no file {path}, nor its folder {path.parent}; check the path"
    names = sorted(entry.name for entry in path.parent.iterdir())
    close = difflib.get_close_matches(path.name, names, n=3)
    hint = (
        f"did you mean {' or '.join(close)}?"
        if close
        else f"check the path (the working folder is {Path.cwd()})"
    )
    return f"there is no file {path}; {hint}"
