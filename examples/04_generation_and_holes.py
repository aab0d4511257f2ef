"""4. The decoder as a generative model, and its limits: how is z to be chosen?

    1. choose a code z ∈ Rᵈ at random     2. decode it: x = D(z)

Nothing tells an auto-encoder where codes should lie, and nothing keeps D regular between them. The
map shows the codes of d = 2 with what is decoded all over the plane: between clusters and beyond them
D(z) is no digit. With d = 10 almost all of the box around the codes is such a hole: what is decoded
there lies further from every training image than test images or their reconstructions do.

    python examples/04_generation_and_holes.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from diabolo import AutoEncoder
from diabolo.networks import MLP
from diabolo.report.style import BLUE, CYCLE, MUTED, RED, bare, legend, new_figure, tidy
from diabolo.report.view import View, draw_tiles


def main(out: Path, quick: bool = False) -> Path:
    digits = load_digits()
    X, y = digits.images / 16, digits.target
    train, test = X[:1400], X[1400:]
    options = {"network": MLP((256, 128)), "max_epochs": 2 if quick else 70, "random_state": 0}
    plane = AutoEncoder(2, **options).fit(train)
    codes = plane.transform(train)

    figure = new_figure(3.7, 11.0)
    first, second, third = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
    tidy(first, "z₁", "z₂", "Codes of training images, d = 2")
    low, high = np.percentile(codes, [0.5, 99.5], axis=0)
    for digit, colour in zip(range(10), (*CYCLE[:9], "#222222"), strict=True):
        at = codes[y[:1400] == digit]
        first.scatter(*at.T, s=5, color=colour, alpha=0.7, linewidths=0)
        first.text(*np.median(at, axis=0), str(digit), fontsize=11, weight="bold", ha="center", va="center")
    first.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    side = 15
    across, down = np.meshgrid(np.linspace(low[0], high[0], side), np.linspace(high[1], low[1], side))
    decoded = plane.inverse_transform(np.stack([across.ravel(), down.ravel()], axis=1))
    bare(second, "D(z) on a grid over the same plane")
    draw_tiles(second, View.of(plane, X).images(decoded), side)

    ae = AutoEncoder(10, **options).fit(train)
    codes = ae.transform(train)
    rng = np.random.default_rng(0)
    box = ae.inverse_transform(rng.uniform(codes.min(0), codes.max(0), (400, 10)).astype(codes.dtype))
    neighbours = NearestNeighbors(n_neighbors=1).fit(train.reshape(len(train), -1))
    groups = {
        "test images": test,
        "their reconstructions": ae.reconstruct(test),
        "D(z), z anywhere in the box": box,
    }
    tidy(third, "distance to the nearest training image", "density", "Holes, d = 10")
    for (name, rows), colour in zip(groups.items(), (MUTED, BLUE, RED), strict=True):
        distance = neighbours.kneighbors(rows.reshape(len(rows), -1))[0][:, 0]
        print(f"{name:28} {np.median(distance):.2f} (median distance to the nearest training image)")
        third.hist(distance, bins=25, density=True, histtype="step", linewidth=1.8, color=colour, label=name)
    third.set_ylim(top=third.get_ylim()[1] * 1.35)
    legend(third, loc="upper left")
    path = out / "04_generation_and_holes.png"
    figure.savefig(path)
    return path


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
