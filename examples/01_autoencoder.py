"""1. The auto-encoder: a compression with losses as small as possible.

    H = D ∘ E,   z = E(x) ∈ Rᵈ,   ‖H(x) − x‖ ≤ ε,   θ* = argmin_θ L(x, D(E(x)))

The more dimensions d the code has, the smaller the error ε that can be reached. PCA, the best
*linear* auto-encoder, shows what the curves of the decoder are worth. The loss L depends on the
task: each one is best at what it asks for.

    python examples/01_autoencoder.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from diabolo import AutoEncoder
from diabolo.networks import MLP
from diabolo.report.style import BLUE, MUTED, bare, legend, new_figure, tidy, write
from diabolo.report.view import View, draw_tiles


def main(out: Path, quick: bool = False) -> Path:
    X = load_digits().images / 16  # grey values in [0, 1]
    train, test = X[:1400], X[1400:]
    dims, epochs = ((2, 4), 2) if quick else ((1, 2, 4, 8, 16), 50)
    options = {"network": MLP((128,)), "max_epochs": epochs, "learning_rate": 5e-3, "random_state": 0}

    models = {d: AutoEncoder(d, **options).fit(train) for d in dims}
    ours = [epsilon(test, model.reconstruct(test)) for model in models.values()]
    flat = test.reshape(len(test), -1)
    linear = []
    for d in dims:
        pca = PCA(d).fit(train.reshape(len(train), -1))
        linear.append(epsilon(flat, pca.inverse_transform(pca.transform(flat))))
    print("   d   mean ‖H(x) − x‖   PCA")
    for d, ours_d, linear_d in zip(dims, ours, linear, strict=True):
        print(f"{d:4d}   {ours_d:15.3f}   {linear_d:.3f}")

    print("\nloss              squared error   absolute error   (test, per value, d = 8)")
    for loss in ("squared_error", "absolute_error", "cross_entropy"):
        made = AutoEncoder(8, likelihood=loss, **options).fit(train).reconstruct(test)
        print(f"{loss:15}   {np.square(made - test).mean():13.4f}   {np.abs(made - test).mean():14.4f}")

    figure = new_figure(3.4, 9.6)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    tidy(
        left,
        "dimension d of the code",
        "ε = mean ‖H(x) − x‖ over test images",
        "The code's size decides the error",
    )
    left.plot(dims, linear, "s", color=MUTED, linestyle=(0, (4, 2)), markersize=4, label="PCA (linear)")
    left.plot(dims, ours, "o-", color=BLUE, linewidth=1.8, markersize=5, label="auto-encoder")
    left.set_xscale("log", base=2)
    left.set_xticks(dims, [str(d) for d in dims])
    left.set_ylim(bottom=0)
    legend(left)

    rows = test[[1, 5, 9, 13, 17, 21, 25, 29, 33, 37]]
    lines = [rows, *(model.reconstruct(rows) for model in models.values())]
    bare(right, "Test images, and what d numbers keep of them")
    draw_tiles(right, View.of(models[dims[0]], X).images(np.concatenate(lines)), len(rows))
    for i, label in enumerate(["x", *(f"d = {d}" for d in dims)]):
        write(right, -0.2, i * 1.06 + 0.5, label, ha="right", va="center")
    path = out / "01_autoencoder.png"
    figure.savefig(path)
    return path


def epsilon(x: np.ndarray, made: np.ndarray) -> float:
    """Return the mean distance of observations to their reconstructions."""
    return float(np.linalg.norm((made - x).reshape(len(x), -1), axis=1).mean())


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
