"""6. Choosing z: option 1, the aggregated posterior; option 2, the prior.

    option 1:  z ~ p(z) = (1/n) Σᵢ N(μ_xᵢ, σ_xᵢ)      option 2:  z ~ N(0, I), forced by the KL term

Option 1 is a poor approximation when there are few data: from the posteriors of 10 images, little
more than those 10 come back. Option 2 needs no data at all, and is as good as the posteriors fill
the prior: then each dimension of the aggregated posterior has mean 0 and deviation 1.

    python examples/06_two_ways_to_sample.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from diabolo import VAE
from diabolo.networks import MLP
from diabolo.report.style import BLUE, INK, bare, new_figure, tidy
from diabolo.report.view import View, draw_tiles


def main(out: Path, quick: bool = False) -> Path:
    X = load_digits().images / 16
    train = X[:1400]
    vae = VAE(8, network=MLP((256, 128)), max_epochs=2 if quick else 90, random_state=0).fit(train)
    n = 49
    few = train[40:50]  # option 1 with the posteriors of ten images only
    codes = vae.sample_codes(few, n_draws=5, random_state=0).reshape(-1, 8)[:n]
    pictures = {
        "Option 1, 10 images only": vae.inverse_transform(codes),
        "Option 1, all training images": vae.sample(n, latent="aggregate", observation="mean"),
        "Option 2, z ~ N(0, I)": vae.sample(n, latent="prior", observation="mean"),
    }

    q = vae.encode(train)
    mean, deviation = q.mean.mean(0), np.sqrt((q.scale**2).mean(0) + q.mean.var(0))
    order = np.argsort(deviation)
    print("aggregated posterior, by dimension (the prior has 0 and 1)")
    print("mean      ", "  ".join(f"{v:5.2f}" for v in mean[order]))
    print("deviation ", "  ".join(f"{v:5.2f}" for v in deviation[order]))

    figure = new_figure(3.5, 12.4)
    *panels, last = figure.subplots(1, 4)
    view = View.of(vae, X)
    for axes, (title, rows) in zip(panels, pictures.items(), strict=True):
        bare(axes, title)
        draw_tiles(axes, view.images(rows), 7)
    tidy(last, f"z{'₁₂₃₄₅₆₇₈'[order[-1]]}", "density", "One dimension: mixture and prior")
    at = np.linspace(-4, 4, 300)[:, None]
    j = order[-1]
    parts = np.exp(-0.5 * ((at - q.mean[:, j]) / q.scale[:, j]) ** 2) / q.scale[:, j] / np.sqrt(2 * np.pi)
    last.fill_between(at[:, 0], parts.mean(1), color=BLUE, alpha=0.3, linewidth=0)
    last.plot(at, parts.mean(1), color=BLUE, linewidth=1.6, label="(1/n) Σ q(z|xᵢ)")
    last.plot(
        at,
        np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi),
        color=INK,
        linewidth=1.2,
        linestyle=(0, (4, 2)),
        label="N(0, 1)",
    )
    last.set_ylim(0, 0.52)
    last.legend(frameon=False, fontsize=9, loc="upper left")
    path = out / "06_two_ways_to_sample.png"
    figure.savefig(path)
    return path


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
