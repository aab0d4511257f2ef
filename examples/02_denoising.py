"""2. Denoising: the network sees a noisy x̃ and must rebuild the clean x.

    L = ‖H(x̃) − x‖,   x̃ = x + ε,   ε ~ N(0, s²)

What is learned is where clean images lie. The best linear restoration to beat is Wiener's filter,
C (C + s² I)⁻¹ (x̃ − m) + m, with the mean m and the covariance C of the clean images.

    python examples/02_denoising.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from diabolo import DenoisingAutoEncoder
from diabolo.corruptions import Gaussian
from diabolo.networks import MLP
from diabolo.report.style import bare, new_figure, write
from diabolo.report.view import View, draw_tiles


def main(out: Path, quick: bool = False) -> Path:
    X = load_digits().images / 16
    train, test = X[:1400], X[1400:]
    levels = (0.25, 0.5)
    epochs = 2 if quick else 130

    figure = new_figure(2.3, 9.6)
    print("  s   squared error per value: noisy   Wiener's filter   denoising auto-encoder")
    for s, axes in zip(levels, figure.subplots(1, 2), strict=True):
        dae = DenoisingAutoEncoder(
            32, corruption=Gaussian(scale=s), network=MLP((256,)), max_epochs=epochs, random_state=0
        ).fit(train)
        noisy = dae.corrupt(test, random_state=1)
        filtered = wiener(train, noisy, s).clip(0, 1)
        restored = dae.denoise(noisy)
        errors = [np.square(made - test).mean() for made in (noisy, filtered, restored)]
        print(f"{s:5}   {errors[0]:29.4f}   {errors[1]:15.4f}   {errors[2]:22.4f}")

        bare(axes, f"Noise s = {s}")
        rows = slice(0, 90, 9)
        view = View.of(dae, X)
        lines = [test[rows], noisy[rows], filtered[rows], restored[rows]]
        draw_tiles(axes, view.images(np.concatenate(lines)), len(lines[0]))
        names = ("clean x", "noisy x̃", "linear filter", "H(x̃)")
        notes = ("", *(f"MSE {error:.4f}" for error in errors))
        for i, (name, note) in enumerate(zip(names, notes, strict=True)):
            write(axes, -0.2, i * 1.06 + 0.5, f"{name}\n{note}" if note else name, ha="right", va="center")
    path = out / "02_denoising.png"
    figure.savefig(path)
    return path


def wiener(clean: np.ndarray, noisy: np.ndarray, s: float) -> np.ndarray:
    """Return the linear restoration with the smallest squared error."""
    rows = clean.reshape(len(clean), -1)
    mean, covariance = rows.mean(0), np.cov(rows.T)
    gain = np.linalg.solve(covariance + s**2 * np.eye(len(covariance)), covariance)
    return ((noisy.reshape(len(noisy), -1) - mean) @ gain + mean).reshape(noisy.shape)


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
