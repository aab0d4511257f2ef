"""The literature's data sets by name: bundled, from your own folder, or from OpenML."""

import difflib
from typing import Literal

from .base import Dataset
from .sources import Entry, from_folder, from_openml
from .sprites import Sprites

_ENTRIES = {
    "digits": Entry({}, "scikit-learn's 8x8 digits, values 0 to 16"),
    "mnist": Entry(
        {"train": ("mnist_train.npz", "X"), "test": ("mnist_test.npz", "X")},
        "MNIST, grey values / 255 in [0, 1]",
        ("mnist_784", 1),
        60000,
    ),
    "fashion_mnist": Entry(
        {"train": ("fashion_mnist_train.npz", "X"), "test": ("fashion_mnist_test.npz", "X")},
        "Fashion-MNIST, grey values / 255 in [0, 1]",
        ("Fashion-MNIST", 1),
        60000,
    ),
    "usps": Entry(
        {"all": ("usps.npz", "X")}, "USPS digits, grey values in [0, 1]", ("USPS", 2), 7291, (16, 16)
    ),
    "freyfaces": Entry(
        {"all": ("freyfaces.npz", "X")},
        "Frey faces, grey values / 255 in [0, 1], in video order",
        shape=(28, 20),
    ),
    "mnist_binarized": Entry(
        {part: ("mnist_static_binarized.npz", f"{part}_packed") for part in ("train", "valid", "test")},
        "MNIST in the fixed binarisation of Larochelle and Murray, values 0 and 1",
    ),
    "sprites": Entry({}, "squares, ellipses and hearts with known factors, values in [0, 1], rendered"),
}

NAMES: tuple[str, ...] = tuple(_ENTRIES)


def named(name: str, *, subset: Literal["train", "valid", "test", "all"] = "train") -> Dataset:
    """Return a data set of the literature.

    * ``digits``: 1797 images (8, 8), float64, values 0 to 16, bundled with scikit-learn.
    * ``mnist``, ``fashion_mnist``: 60000 + 10000 images (28, 28), float32 in [0, 1].
    * ``usps``: 7291 + 2007 images (16, 16), float32 in [0, 1].
    * ``freyfaces``: 1965 images (28, 20), float32 in [0, 1], no labels.
    * ``mnist_binarized``: 50000 + 10000 + 10000 images (28, 28), float32, 0 or 1, no labels.
    * ``sprites``: 9216 images (32, 32), float32 in [0, 1], labels the shapes: the whole grid ``Sprites()``.

    All but ``digits`` and ``sprites`` are looked for in the folder that the environment variable ``DIABOLO_DATA`` names
    (mnist_train.npz and mnist_test.npz, the same for fashion_mnist, usps.npz, freyfaces.npz,
    mnist_static_binarized.npz); ``mnist``, ``fashion_mnist`` and ``usps`` are else downloaded from OpenML by
    scikit-learn, which keeps them.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    subset : {"train", "test", "all"}
        The literature's split; "all" is every part, in the order train, (valid,) test. ``digits``,
        ``freyfaces`` and ``sprites`` have no split: "train" is "all". ``mnist_binarized`` also has "valid".

    Returns
    -------
    Dataset
        Images, and labels where there are.

    Raises
    ------
    ValueError
        If there is no such name or subset.
    FileNotFoundError
        If the data is neither in ``DIABOLO_DATA`` nor could be downloaded; the message names the file.

    Examples
    --------
    >>> named("digits").X.shape
    (1797, 8, 8)
    """
    if name not in _ENTRIES:
        close = difflib.get_close_matches(str(name), NAMES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"name must be one of {', '.join(NAMES)}, got {name!r}; {hint}For a file of yours use read()"
        )
    entry = _ENTRIES[name]
    allowed = ["train", "test", "all"]
    if name in ("digits", "freyfaces", "sprites"):
        allowed.remove("test")
    elif name == "mnist_binarized":
        allowed.insert(1, "valid")
    if subset not in allowed:
        way_out = (
            "split it with sklearn.model_selection.train_test_split"
            if "test" not in allowed
            else "choose one"
        )
        raise ValueError(f"subset must be one of {', '.join(allowed)} for {name}, got {subset!r}; {way_out}")
    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Dataset(
            digits.images, digits.target, None, name, f"{entry.about}, all {len(digits.images)} rows"
        )
    if name == "sprites":
        sprites = Sprites()
        return Dataset(
            sprites[:], sprites.factors[:, 0], None, name, f"{entry.about}, all {len(sprites)} rows", None
        )
    found = from_folder(entry, subset) or from_openml(name, entry, subset)
    X, y, n_train, origin = found
    if n_train is not None and subset != "all":
        rows = slice(None, n_train) if subset == "train" else slice(n_train, None)
        X, y = X[rows], None if y is None else y[rows]
    return Dataset(X, y, None, name, f"{entry.about}, {subset}, {len(X)} rows, from {origin}")
