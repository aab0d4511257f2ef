"""8. Reparametrisation: how a gradient passes through a draw.

    z ~ N(μ, σ²) cannot be differentiated;   z = μ + σ ⊙ ε,  ε ~ N(0, I) can:  ∇ E[f(z)] = E[∇ f(μ + σ ⊙ ε)]

Here f(z) = ‖x − D(z)‖² of a trained decoder. With the same noise on both sides, autograd agrees with
finite differences. The other way to the same gradient, the score function
E[f(z) ∇ log q(z)], needs no derivative of f, but scatters far more.

    python examples/08_reparametrisation.py
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from diabolo import VAE
from diabolo.networks import MLP
from diabolo.report.style import BLUE, INK, RED, legend, new_figure, tidy


def main(out: Path, quick: bool = False) -> Path:
    X = load_digits().images / 16  # float64, so the model is trained and differentiated in float64
    options = {"network": MLP((128,), activation="tanh"), "max_epochs": 2 if quick else 60}
    vae = VAE(4, random_state=0, **options).fit(X[:1400])
    x = torch.from_numpy(X[1400]).reshape(1, 1, 8, 8)
    model = vae.model_.double()
    q = model.encode(x)
    mu, sigma = q.mean.detach()[0], q.stddev.detach()[0]

    def f(z: torch.Tensor) -> torch.Tensor:
        return (model.decode(z).mean - x).square().flatten(1).sum(1)

    n = 200 if quick else 20_000
    noise = torch.randn(n, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mean = mu.expand(n, 4).clone().requires_grad_()  # a copy of μ for each draw: one gradient for each draw
    through = torch.autograd.grad(f(mean + sigma * noise).sum(), mean)[0]
    with torch.no_grad():
        score = f(mu + sigma * noise)[:, None] * noise / sigma  # ∇_μ log N(z; μ, σ²) = ε / σ
        h, axes = 1e-5, torch.eye(4, dtype=torch.float64)
        ends = [f(mu + h * e + sigma * noise).mean() for e in (*axes, *-axes)]
        finite = (torch.stack(ends[:4]) - torch.stack(ends[4:])) / (2 * h)

    error = (through.mean(0) - finite).abs().max() / finite.abs().max()
    rows = {
        "autograd, z = μ + σε": through.mean(0),
        "finite differences": finite,
        "score function": score.mean(0),
    }
    for name, values in rows.items():
        print(f"{name:22}", "  ".join(f"{v:9.5f}" for v in values))
    print(f"autograd against finite differences, same noise: {error:.1e} relative")
    ratios = score.var(0) / through.var(0)
    print("variance, score function over ours: ", "  ".join(f"{ratio:.0f}×" for ratio in ratios))

    figure = new_figure(3.4, 9.6)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
    tidy(left, "coordinate of μ", "variance of the gradient of one draw", "Scatter")
    tidy(right, "draws", "mean gradient so far, coordinate 1", "Both tend to the same gradient")
    count = np.arange(1, n + 1)
    ways = (("score function", score, RED), ("z = μ + σε", through, BLUE))
    for i, (name, values, colour) in enumerate(ways):
        left.bar(np.arange(1, 5) + 0.4 * i - 0.2, values.var(0).numpy(), 0.38, color=colour, label=name)
        right.plot(count, values[:, 0].cumsum(0).numpy() / count, color=colour, linewidth=1.4, label=name)
    left.set(yscale="log", ylim=(None, 40 * float(score.var(0).max())), xticks=range(1, 5))
    right.axhline(float(finite[0]), color=INK, linewidth=1, linestyle=(0, (4, 2)), label="finite differences")
    spread = 4 * float(score[:, 0].std()) / np.sqrt(50)
    right.set(xscale="log", ylim=(float(finite[0]) - spread, float(finite[0]) + spread))
    legend(left)
    legend(right)
    path = out / "08_reparametrisation.png"
    figure.savefig(path)
    return path


if __name__ == "__main__":
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    print(main(folder))
