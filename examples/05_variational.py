"""5. The variational auto-encoder: one observation = one distribution of codes.

    E(x) = (μₓ, σₓ),   q(z|x) = N(μₓ, σₓ²),   z ~ q(z|x),   x̂ = D(z)

Several codes are possible for one x, and all of them must decode to it: so the decoder is forced to
be regular around every code, and the latent space is less sparse.

    python examples/05_variational.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from diabolo import VAE
from diabolo.networks import MLP
from diabolo.report.style import CYCLE, GRID, INK, bare, new_figure, tidy, write
from diabolo.report.view import View, draw_tiles


def main(out: Path, quick: bool = False) -> Path:
    X = load_digits().images / 16
    train, test = X[:1400], X[1400:]
    vae = VAE(2, network=MLP((256, 128)), max_epochs=2 if quick else 100, random_state=0).fit(train)
    means = vae.transform(train)

    rows = test[spread_out(vae.transform(test), 7)]
    q = vae.encode(rows)
    draws = vae.sample_codes(rows, n_draws=200, random_state=1)  # (200, 7, 2): z = μ + σ·ε
    print("   μ₁     μ₂     σ₁     σ₂     mean and deviation of 200 draws")
    for i in range(len(rows)):
        seen = (*draws[:, i].mean(0), *draws[:, i].std(0))
        numbers = "  ".join(f"{v:5.2f}" for v in (*q.mean[i], *q.scale[i]))
        print(numbers, "   ", "  ".join(f"{v:5.2f}" for v in seen))

    figure = new_figure(4.2, 9.6)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    tidy(left, "z₁", "z₂", "Each x is a cloud of codes, z ~ N(μₓ, σₓ²)")
    left.scatter(*means.T, s=7, color="#b9bec6", linewidths=0)
    for i, colour in zip(range(len(rows)), CYCLE, strict=False):
        left.scatter(*draws[:, i].T, s=6, color=colour, alpha=0.5, linewidths=0)
        left.plot(*q.mean[i], "o", color=colour, markersize=7, markeredgecolor="white")
        write(left, *(q.mean[i] + 0.12), str(i + 1), color=INK, weight="bold", zorder=5)
    left.grid(True, color=GRID)
    left.set_aspect("equal", adjustable="datalim")

    n_shown = 8
    bare(right, "x, and what eight of its codes decode to")
    lines = [
        np.concatenate([rows[i : i + 1], vae.inverse_transform(draws[:n_shown, i])]) for i in range(len(rows))
    ]
    draw_tiles(right, View.of(vae, X).images(np.concatenate(lines)), n_shown + 1)
    right.axvline(1.03, color=INK, linewidth=1.5)
    for i, colour in zip(range(len(rows)), CYCLE, strict=False):
        write(right, -0.2, i * 1.06 + 0.5, str(i + 1), color=colour, weight="bold", ha="right", va="center")
    path = out / "05_variational.png"
    figure.savefig(path)
    return path


def spread_out(codes: np.ndarray, n: int) -> list[int]:
    """Choose rows whose codes lie far from each other."""
    chosen = [0]
    while len(chosen) < n:
        distance = np.linalg.norm(codes[:, None] - codes[chosen], axis=-1).min(1)
        distance[np.linalg.norm(codes, axis=1) > 2.2] = -1  # not the outermost
        chosen.append(int(distance.argmax()))
    return chosen


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
