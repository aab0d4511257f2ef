"""A folder of pictures of one size as one array."""

from pathlib import Path

import numpy as np

from .base import Dataset, optional, stem

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_MODES = {"L": "L", "RGB": "RGB", "1": "L", "P": "RGB"}  # what is read -> as what


def read_images(files: list[Path], folder: Path) -> Dataset:
    """Read pictures of the same size and mode.

    Black-and-white and palette pictures are taken as grey and colour; transparency and more than eight bits
    per value are refused, because reading them would lose something.

    Parameters
    ----------
    files : list of pathlib.Path
        The pictures, in the order of the rows.
    folder : pathlib.Path
        The folder they lie in, for the name.

    Returns
    -------
    Dataset
        X uint8, (n, H, W) for grey and (n, H, W, 3) for colour pictures, values 0 to 255.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    ValueError
        If a picture is damaged or differs from the first in size or mode; the message names it.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (5, 4)).save(Path(folder, "a.png"))
    ...     read_images([Path(folder, "a.png")], Path(folder)).X.shape
    (1, 4, 5, 3)
    """
    optional("PIL.Image", "images", "images")
    X = stacked(files, picture(files[0]).shape, files[0])
    source = f"{folder.name}: {len(files)} images, {in_words(X.shape[1:])}, values 0 to 255, sorted by name"
    return Dataset(X, name=stem(folder), source=source)


def stacked(files: list[Path], shape: tuple[int, ...], first: Path) -> np.ndarray:
    """Return pictures that must all have the shape of the first, whose file is named where one has not."""
    X = np.empty((len(files), *shape), np.uint8)
    for row, file in enumerate(files):
        read = picture(file)
        if read.shape != shape:
            raise ValueError(
                f"all images must have the size and mode of the first, {in_words(shape)} in {first.name}, got "
                f"{in_words(read.shape)} in {file}; resize or convert it (PIL.Image: .resize(), .convert()), or move it "
                "to another folder"
            )
        X[row] = read
    return X


def picture(file: Path) -> np.ndarray:
    """Return one picture, (H, W) or (H, W, 3)."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            n_pictures = getattr(image, "n_frames", 1)
            mode = f"{image.mode} with transparency" if "transparency" in image.info else image.mode
            picture = np.asarray(image.convert(_MODES[mode])) if mode in _MODES else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{file} is not a readable image ({error}); replace or remove it") from error
    if n_pictures > 1:
        raise ValueError(f"{file} must hold one picture, got {n_pictures}; save each as a file of its own")
    if picture is None:
        raise ValueError(
            f"images must be grey (L) or colour (RGB) with eight bits per value, got mode {mode} in "
            f'{file}; convert it (PIL.Image: .convert("RGB")), or store its values as .npy'
        )
    return picture


def in_words(shape: tuple[int, ...]) -> str:
    """Return the size and mode of a picture."""
    return f"{shape[1]} x {shape[0]} (width x height) {'grey' if len(shape) == 2 else 'colour'}"
