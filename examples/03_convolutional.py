"""3. The convolutional auto-encoder of Guo et al. (ICONIP 2017), as a lossy compressor.

    E: conv 5×5/2, 32 → conv 5×5/2, 64 → conv 3×3/2, 128 → dense, 10 numbers;   D: its mirror

To be a compressor, the code must become bits: each of the 10 numbers is rounded to a grid of step Δ,
and an ideal coder of independent numbers spends Σⱼ H(round(zⱼ/Δ)) bits on an image. Finer grids
cost more bits and lose less. PCA with as many numbers is the linear rival.

    python examples/03_convolutional.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from diabolo import AutoEncoder
from diabolo.report.style import BLUE, MUTED, bare, legend, new_figure, tidy, write
from diabolo.report.view import View, draw_tiles


def main(out: Path, quick: bool = False) -> Path:
    X = load_digits().images / 16
    train, test = X[:1400], X[1400:]
    ae = AutoEncoder(
        10, network="dcec", max_epochs=1 if quick else 35, learning_rate=4e-3, random_state=0
    ).fit(train)
    record = ae.evaluate(test)
    print(record)

    rows = test[3:13]
    codes = ae.transform(test)
    lines, names = [rows], ["x, 64 values"]
    for step, bits in list(zip(record.compression.step, record.compression.bits_per_row, strict=True))[::2]:
        rounded = np.round((codes - codes.mean(0)) / step) * step + codes.mean(0)
        lines.insert(1, ae.inverse_transform(rounded[3:13]))
        names.insert(1, f"{bits:.0f} bits")
    lines.append(ae.reconstruct(rows))
    names.append("not rounded")
    order = [0, len(lines) - 1, *range(1, len(lines) - 1)]

    figure = new_figure(3.3, 9.6)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    tidy(left, "bits per image", "squared error per value", "What the codes cost")
    curve = record.compression
    left.plot(
        curve.bits_per_row,
        curve.pca_mse,
        "s",
        color=MUTED,
        linestyle=(0, (4, 2)),
        markersize=4,
        label="PCA, 10 numbers",
    )
    left.plot(
        curve.bits_per_row,
        curve.mse,
        "o-",
        color=BLUE,
        linewidth=1.8,
        markersize=5,
        label="convolutional AE, 10 numbers",
    )
    left.set(xlim=(0, None), ylim=(0, None))
    legend(left)
    bare(right, "Test images, decoded from rounded codes")
    draw_tiles(right, View.of(ae, X).images(np.concatenate([lines[i] for i in order])), len(rows))
    for i, name in enumerate(names[j] for j in order):
        write(right, -0.2, i * 1.06 + 0.5, name, ha="right", va="center")
    path = out / "03_convolutional.png"
    figure.savefig(path)
    return path


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
