"""9. beta-VAE: the dilemma between reconstruction and structure.

    L = E_q ‖x̂ − x‖ + β · KL(q(z|x) ‖ p(z))

β = 1 is the VAE. β > 1: codes closer to the prior, reconstructions less good. β < 1: better
reconstructions, a latent space with less structure. The *rate* KL and the *distortion*
−E_q log p(x|z) are always measured without β: the rate falls and the distortion rises with β.

    python examples/09_beta.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from diabolo import VAE
from diabolo.likelihoods import Gaussian
from diabolo.networks import MLP
from diabolo.report.style import BLUE, bare, new_figure, tidy, write
from diabolo.report.view import View, draw_tiles


def main(out: Path, quick: bool = False) -> Path:
    X = load_digits().images / 16
    train, test = X[:1400], X[1400:]
    betas, epochs = (0.25, 1.0, 4.0), 2 if quick else 60
    rates, distortions, models = [], [], []
    print(" beta     rate   distortion     ELBO   active units   reconstruction MSE")
    for beta in betas:
        # one fixed scale, so that distortions compare: a learned one would follow the error
        vae = VAE(
            10,
            beta=beta,
            likelihood=Gaussian(scale=0.2),
            network=MLP((256, 128)),
            max_epochs=epochs,
            random_state=0,
        )
        record = vae.fit(train).evaluate(test, n_draws=10)
        models.append(vae)
        rates.append(record.rate)
        distortions.append(record.distortion)
        print(
            f"{beta:5.2f}   {record.rate:6.2f}   {record.distortion:10.2f}   {record.elbo:6.2f}   "
            f"{record.active_units:12d}   {record.reconstruction_mse:18.4f}"
        )

    figure = new_figure(4.0, 11.6)
    left, *panels = figure.subplots(1, 4, width_ratios=(1.25, 1, 1, 1))
    tidy(left, "rate, nats per image", "distortion, nats per image", "Test images: each β buys another point")
    left.plot(rates, distortions, "o-", color=BLUE, linewidth=1.6, markersize=6)
    for beta, rate, distortion in zip(betas, rates, distortions, strict=True):
        left.annotate(f"β = {beta:g}", (rate, distortion), (8, 5), textcoords="offset points", fontsize=9)
    left.margins(0.18)
    view, rows = View.of(models[0], X), test[2:8]
    for beta, vae, axes in zip(betas, models, panels, strict=True):
        made = vae.sample(24, latent="prior", observation="mean")
        tiles = np.concatenate([rows, vae.reconstruct(rows), made])
        bare(axes, f"β = {beta:g}")
        draw_tiles(axes, view.images(tiles), 6, gaps={2: 0.55})
        write(axes, 0, 2.36, "samples, z ~ N(0, I)", va="center")
        write(axes, 0, -0.2, "x, and below it the reconstruction", va="center")
        axes.set_ylim(axes.get_ylim()[0], -0.4)
    path = out / "09_beta.png"
    figure.savefig(path)
    return path


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
