"""11. Structure: does each number of the code know one thing?

White hearts on black, made from three known factors: scale, x, y. No code has to keep them apart: any
rotation of the codes explains the images as well. Two beta-VAEs end with the same β = 4. One has it from
the beginning. The other begins with β = 40, at which a nat of code is so dear that nothing is coded, and
learns the directions one by one, by what they are worth, while β falls (the slow opening of Burgess et al.
2018, by the weight). Scale gets a code of its own; x and y, worth the same, may still share two, turned by an
angle. The mutual information gap (MIG, Chen et al. 2018) is 1 where each factor is known by one number
alone, and shuffled factors say what chance gives.

    python examples/11_structure.py
"""

from pathlib import Path

import numpy as np

from diabolo import VAE
from diabolo.data import Sprites
from diabolo.measures import structure
from diabolo.networks import MLP
from diabolo.report.style import bare, new_figure, write
from diabolo.report.view import View, draw_tiles
from diabolo.schedules import Linear


def main(out: Path, quick: bool = False) -> Path:
    hearts = Sprites(32, ("heart",), n_scales=6, n_orientations=1, n_positions=6 if quick else 32)
    X, n, epochs = hearts[:], hearts.n_positions, 2 if quick else 100
    paths = {"β = 4": 4.0, "β from 40 to 4": Linear(4.0, initial=40.0, share=0.8)}
    figure = new_figure(6.4, 12.0)
    for part, (name, beta) in zip(figure.subfigures(2, 1), paths.items(), strict=True):
        vae = VAE(
            6,
            beta=beta,
            likelihood="bernoulli",
            network=MLP((128,)),
            batch_size=64,
            learning_rate=1e-3,
            max_epochs=epochs,
            early_stopping=False,
            random_state=0,
        ).fit(X)
        codes, bound = vae.transform(X), vae.evaluate(X[::10], n_draws=5)
        found = structure(codes, hearts.factors)
        mig, loss = found.measured.mig, bound.distortion + 4 * bound.rate
        print(
            f"{name}: rate {bound.rate:.2f}, distortion {bound.distortion:.2f}, with β = 4 together {loss:.2f}"
        )
        print(f"{found}\nknown of {', '.join(hearts.names)}, a row for each code:")
        print(np.round(mig.information, 2), "\n")

        # a map: what a code says of the largest heart at each place; beside it what the decoder makes of the code
        order = np.argsort(-np.max(mig.information, axis=1))[:4]
        title = f"{name}: MIG {mig.score:.2f} ({found.floor.mig.score:.2f} by chance)"
        for i, (k, axes) in enumerate(zip(order, part.subplots(2, 4, height_ratios=(3, 1)).T, strict=True)):
            large = codes[:, k].reshape(6, n, n)[-1]
            share = ", ".join(f"{f} {s:.2f}" for f, s in zip(hearts.names, mig.information[k], strict=True))
            bare(axes[0], title if i == 0 else "")
            axes[0].imshow(large.T, cmap="RdBu", vmin=-2.5, vmax=2.5)
            write(axes[0], -0.5, n, f"code {k} knows of {share}", va="top", fontsize=7.5)
            bare(axes[1])
            draw_tiles(axes[1], View.of(vae, X).images(vae.traverse(int(k), np.linspace(-2, 2, 5))), 5)
    path = out / "11_structure.png"
    figure.savefig(path)
    return path


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
