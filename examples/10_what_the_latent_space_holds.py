"""10. Between option 1 and option 2: a density fitted to the codes, and how to judge all three.

    KL(q(z|x) ‖ p(z)), averaged over rows  =  I(row; z)  +  KL(q(z) ‖ p(z)),   q(z) = (1/n) Σᵢ q(z|xᵢ)

The second part is what a draw of the prior gets wrong: it may fall where no code of the data is. A
density fitted to the codes after training closes that gap, for a VAE and for a plain auto-encoder,
which has no prior at all. Samples are judged beside real rows, and beside what real rows get.

    python examples/10_what_the_latent_space_holds.py
"""

from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.utils import shuffle

from diabolo import VAE, AutoEncoder
from diabolo.measures import judge_samples
from diabolo.networks import MLP
from diabolo.report.style import BLUE, MUTED, bare, new_figure, tidy
from diabolo.report.view import View, draw_tiles


def main(out: Path, quick: bool = False) -> Path:
    X = shuffle(load_digits().images / 16, random_state=0)  # the writers of the last rows are others
    train, test = X[:1300], X[1300:]
    settings = {"network": MLP((256, 128)), "max_epochs": 2 if quick else 90, "random_state": 0}
    vae = VAE(8, **settings).fit(train).fit_prior(train, "gaussian_mixture")
    ae = AutoEncoder(8, **settings).fit(train).fit_prior(train, "gaussian_mixture")

    found = vae.diagnose(test)
    print(found, "\n")
    print("log p(x) of held-out rows, by what stands as p(z):")
    for latent in ("prior", "aggregate", "ex_post"):
        record = vae.evaluate(test, n_draws=200, latent=latent)
        print(f"  {latent:<10} {record.log_likelihood:8.2f} ± {record.log_likelihood_se:.2f} nats per row")

    n = len(test) // 2
    made = {
        "prior": vae.sample(n, latent="prior", observation="mean"),
        "aggregate": vae.sample(n, latent="aggregate", observation="mean"),
        "mixture": vae.sample(n, latent="ex_post", observation="mean"),
        "AE + mixture": ae.sample(n, observation="mean"),
    }
    judged = {name: judge_samples(test[:n], rows, test[n : 2 * n]) for name, rows in made.items()}
    print("\nsamples           Fréchet  coverage  (pixels; real rows beside)")
    for name, quality in judged.items():
        print(f"  {name:<14} {quality.frechet:8.1f}  {quality.coverage:8.2f}")
    print(f"  {'real rows':<14} {quality.floor_frechet:8.1f}  {quality.floor_coverage:8.2f}")

    figure = new_figure(3.3, 13.6)
    *panels, last = figure.subplots(1, 5, width_ratios=(1, 1, 1, 1, 1.1))
    view = View.of(vae, X)
    for axes, (name, rows) in zip(panels, made.items(), strict=True):
        bare(axes, f"{name}: Fréchet {judged[name].frechet:.1f}")
        draw_tiles(axes, view.images(rows[:49]), 7)
    tidy(last, "nats per row", "", "The rate of the VAE, taken apart")
    surgery = found.surgery
    last.barh(["rate"], [surgery.mutual_information], color=BLUE)
    last.barh(["rate"], [surgery.marginal_kl], left=[surgery.mutual_information], color=MUTED)
    for x, text in (
        (surgery.mutual_information / 2, "I(row; z)"),
        (surgery.mutual_information + surgery.marginal_kl / 2, "KL(q(z) ‖ p(z))"),
    ):
        last.text(x, 0, text, ha="center", va="center", color="white", fontsize=8.5)
    last.set_yticks([])
    path = out / "10_what_the_latent_space_holds.png"
    figure.savefig(path)
    return path


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
