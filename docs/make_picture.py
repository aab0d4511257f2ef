"""The picture of the README, from one VAE on the digits that ship with scikit-learn: ``python docs/make_picture.py``."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from diabolo import VAE

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
COLUMNS = 10


def tiles(images, gap=1):
    """Put images (n, h, w) beside each other, in rows of ``COLUMNS``, on white."""
    n, h, w = images.shape
    padded = np.pad(images, ((0, 0), (0, gap), (0, gap)), constant_values=0.0)
    grid = padded.reshape(n // COLUMNS, COLUMNS, h + gap, w + gap).swapaxes(1, 2)
    return grid.reshape(n // COLUMNS * (h + gap), -1)[:-gap, :-gap]


def main():
    """Fit, draw, write docs/images/digits.png."""
    X, labels = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    rows = np.random.default_rng(0).permutation(len(X))
    train, test = rows[360:], rows[:360]
    vae = VAE(8, random_state=0).fit(X[train])
    shown = np.stack([X[test][labels[test] == digit][0] for digit in range(COLUMNS)])
    panels = {
        "held-out digits": shown,
        "reconstructed from 8 numbers": vae.reconstruct(shown),
        "option 1: new digits, z from the posteriors of the training rows": vae.sample(
            2 * COLUMNS, latent="aggregate", observation="mean"
        ),
        "option 2: new digits, z from the prior N(0, I)": vae.sample(
            2 * COLUMNS, latent="prior", observation="mean"
        ),
        "the straight line between the codes of 0 and 9": vae.interpolate(shown[0], shown[9], COLUMNS),
    }
    heights = [len(images) // COLUMNS for images in panels.values()]
    figure = plt.figure(figsize=(10, 5.1), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.12))
    axes = left.subplots(len(panels), 1, height_ratios=heights)
    for axis, (title, images) in zip(axes, panels.items(), strict=True):
        axis.imshow(tiles(images), cmap="gray_r", vmin=0, vmax=16, interpolation="nearest")
        axis.set_title(title, fontsize=9, loc="left", pad=3)
        axis.set_axis_off()
    codes = PCA(2).fit_transform(vae.transform(X[test]))
    axis = right.subplots()
    for digit in range(10):
        of = labels[test] == digit
        axis.scatter(
            *codes[of].T, s=34, color=plt.get_cmap("tab10")(digit), marker=f"${digit}$", linewidths=0.4
        )
    axis.set_title("the latent map: held-out codes, first two principal axes", fontsize=9, loc="left", pad=3)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_aspect("equal", "datalim")
    axis.margins(0.02)
    axis.spines[:].set_color("0.8")
    (HERE / "images").mkdir(exist_ok=True)
    figure.savefig(HERE / "images" / "digits.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
