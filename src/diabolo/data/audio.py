"""Sound files as frames of equal length."""

from numbers import Integral
from pathlib import Path

import numpy as np

from .base import Dataset, optional, stem


def read_audio(files: list[Path], path: Path, frame_length: int = 1024) -> Dataset:
    """Read sound files and cut each into frames that do not overlap.

    What is left at the end of a file, shorter than a frame, is left out.

    Parameters
    ----------
    files : list of pathlib.Path
        The files, in the order of the rows.
    path : pathlib.Path
        The file or folder the user named, for the name.
    frame_length : int
        The length of a frame, in samples.

    Returns
    -------
    Dataset
        X float32 in [-1, 1], (n, frame_length) for mono, with `channel_axis` None, and
        (n, frame_length, channels) for several channels, with `channel_axis` -1.

    Raises
    ------
    ImportError
        If soundfile is not installed.
    ValueError
        If a file is damaged, shorter than a frame, or differs from the first in rate or channels.

    Examples
    --------
    >>> import tempfile
    >>> import soundfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.wav")
    ...     soundfile.write(path, np.zeros(2500), 8000)
    ...     read_audio([path], path).X.shape
    (2, 1024)
    """
    if isinstance(frame_length, bool) or not isinstance(frame_length, Integral) or frame_length < 1:
        raise ValueError(
            f"frame_length must be a positive number of samples, got {frame_length!r}; 1024 is usual"
        )
    soundfile = optional("soundfile", "audio", "audio")
    frames: list[np.ndarray] = []
    first: tuple[int, int] | None = None
    for file in files:
        try:
            samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise ValueError(
                f"{file} is not a readable sound file ({error}); replace or remove it"
            ) from error
        n_frames, channels = len(samples) // frame_length, samples.shape[1]
        first = first or (rate, channels)
        if (rate, channels) != first:
            raise ValueError(
                f"all sound files must have the rate and channels of the first, {first[0]} Hz and "
                f"{first[1]} in {files[0].name}, got {rate} Hz and {channels} in {file}; resample it or move "
                "it to another folder"
            )
        if n_frames == 0:
            raise ValueError(
                f"frame_length must be at most the length of every file, got {frame_length} for "
                f"{len(samples)} samples in {file}; choose a smaller frame_length or remove the file"
            )
        frames.append(samples[: n_frames * frame_length].reshape(n_frames, frame_length, channels))
    X = np.concatenate(frames)
    rate, channels = first or (0, 0)
    what = f"{len(files)} sound file{'s' if len(files) > 1 else ''}"
    source = (
        f"{path.name}: {what}, {len(X)} frames of {frame_length} samples, {rate} Hz, {channels} channel(s)"
    )
    if channels == 1:
        return Dataset(X[:, :, 0], name=stem(path), source=source, channel_axis=None)
    return Dataset(X, name=stem(path), source=source, channel_axis=-1)
