"""7. The evidence lower bound, where everything is known exactly.

    log p(x) = KL(q(z|x) ‖ p(z|x)) + ELBO,    ELBO = E_q log p(x|z) − KL(q(z|x) ‖ p(z)) ≤ log p(x)

A VAE with a linear decoder is p(x) = N(m, W Wᵀ + s² I): probabilistic PCA. So log p(x) and the true
posterior p(z|x) = N(M⁻¹ Wᵀ(x − m), s² M⁻¹), M = WᵀW + s² I, are known, and the identity can be
checked: for the encoder's q, whose KL is nearly 0, and for a worse q, whose ELBO is lower by just its
KL. scikit-learn's PCA.score_samples gives the best log p(x) that such a model can reach.

    python examples/07_elbo.py
"""

from pathlib import Path

import numpy as np
import torch
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from diabolo import VAE
from diabolo.report.style import BLUE, INK, MUTED, RED, legend, new_figure, tidy


def main(out: Path, quick: bool = False) -> Path:
    data = load_digits().data
    X, d = data[:, data.std(0) > 0.5], 6
    options = {"network": "linear", "likelihood": "gaussian", "early_stopping": False, "random_state": 0}
    vae = VAE(d, max_epochs=2 if quick else 200, learning_rate=5e-3, **options).fit(X)
    with torch.no_grad():  # read W, m and s out of the decoder
        p = vae.model_.decode(torch.cat([torch.zeros(1, d), torch.eye(d)]).to(vae.model_.shift.dtype))
    means, s = p.mean.double().numpy(), float(p.stddev.double().mean())
    m, W = means[0], (means[1:] - means[0]).T
    log_p = multivariate_normal(m, W @ W.T + s**2 * np.eye(len(m))).logpdf(X)

    q = vae.encode(X)
    elbo, gap = bound_and_gap(X, q.mean, q.scale, W, m, s)
    worse, worse_gap = bound_and_gap(X, 0.7 * q.mean, 1.5 * q.scale, W, m, s)
    best = PCA(d).fit(X).score_samples(X)
    print("nats per row                  ELBO    KL(q ‖ p(z|x))     ELBO + KL    exact log p(x)")
    for name, bound, kl in (("the encoder's q", elbo, gap), ("0.7 μ and 1.5 σ", worse, worse_gap)):
        numbers = (bound.mean(), kl.mean(), (bound + kl).mean(), log_p.mean())
        print(f"{name:18}", "  ".join(f"{v:14.6f}" for v in numbers))
    print(f"largest |ELBO + KL − log p(x)| of {len(X)} rows: {np.abs(worse + worse_gap - log_p).max():.1e}")
    score = vae.score_samples(X).mean()
    print(f"score_samples, 500 draws: {score:.4f}; PCA.score_samples: {best.mean():.4f}")

    figure = new_figure(3.4, 9.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    some = np.argsort(log_p)[np.linspace(0, len(X) - 1, 50).astype(int)]
    tidy(left, "50 images, by log p(x)", "nats", "log p(x) = KL(q(z|x) ‖ p(z|x)) + ELBO, row by row")
    left.vlines(range(50), worse[some], log_p[some], color=RED, linewidth=1.6, label="KL of the worse q")
    left.plot(worse[some], "o", color=RED, markersize=3.5, label="ELBO, worse q: 0.7 μ, 1.5 σ")
    left.plot(elbo[some], "o", color=BLUE, markersize=4.5, label="ELBO, the encoder's q")
    left.plot(log_p[some], "_", color=INK, markersize=8, label="log p(x), exact")
    legend(left, loc="lower right")
    tidy(right, "PCA.score_samples, nats", "log p(x) of the linear VAE, nats", "It is probabilistic PCA")
    right.axline((best.min(), best.min()), slope=1, color=MUTED, linewidth=1)
    right.plot(best, log_p, ".", color=BLUE, markersize=4, alpha=0.5, markeredgewidth=0)
    figure.savefig(path := out / "07_elbo.png")
    return path


def bound_and_gap(X, mu, sigma, W, m, s):
    """Return ELBO and KL(q(z|x) ‖ p(z|x)) of each row, in closed form."""
    mu, variance, d = mu.astype(float), sigma.astype(float) ** 2, W.shape[1]
    entropy = np.log(variance).sum(1)
    distance = np.square(X - m - mu @ W.T).sum(1) + variance @ np.square(W).sum(0)
    distortion = 0.5 * distance / s**2 + len(m) * np.log(s * np.sqrt(2 * np.pi))
    rate = 0.5 * (variance.sum(1) + np.square(mu).sum(1) - d - entropy)
    M = W.T @ W + s**2 * np.eye(d)
    apart = mu - np.linalg.solve(M, W.T @ (X - m).T).T
    trace = (variance @ np.diag(M) + ((apart @ M) * apart).sum(1)) / s**2
    return -(distortion + rate), 0.5 * (trace - d - entropy + d * np.log(s**2) - np.linalg.slogdet(M)[1])


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
