"""A total correlation that a second player estimates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from diabolo.contracts import Evaluation, Model, Objective, Player, Schedule
from diabolo.networks import MLP
from diabolo.objectives.base import check_batch, check_weight, weight_at


class AdversarialTotalCorrelation(Objective):
    """distortion + rate + gamma TC(z), the total correlation by a discriminator: FactorVAE (Kim & Mnih 2018).

    A discriminator D learns to tell codes of q(z) from codes of prod_k q(z_k), which are codes of other rows with
    every dimension permuted by itself. Its logit estimates log q(z) - sum_k log q(z_k), and the mean of the
    logit over the codes the total correlation. After each step of the model it makes one step of its own
    (Adam, betas .5 and .9): codes of the first half of the batch against permuted ones of the second half
    (the paper draws a second batch instead).

    The discriminator belongs to a training and is not kept after it; calls of ``partial_fit`` go on with it. As
    it improves, the same model gets another loss, so held-out losses of different checks do not compare:
    train with ``early_stopping=False``.

    Parameters
    ----------
    gamma : float or Schedule
        Weight of the total correlation, 0 or more, on top of what the rate holds of it.
    hidden : tuple of int
        Units of the discriminator's hidden layers; the paper has six of 1,000.
    learning_rate : float
        The discriminator's; the paper has 1e-4, for 300,000 steps and more.
    n_draws : int
        Codes drawn for each row and step.
    """

    needs_density = True

    def __init__(
        self,
        gamma: float | Schedule = 10.0,
        *,
        hidden: tuple[int, ...] = (256, 256),
        learning_rate: float = 1e-3,
        n_draws: int = 1,
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.n_draws = n_draws

    def check(self, model: Model) -> None:
        """Refuse hyper-parameters that mean nothing, and a model without densities."""
        check_weight(self, "gamma")
        self.check_wholes("hidden", fewest=1)
        self.check_number("learning_rate", "a number above 0", above=0)
        self.check_whole("n_draws")
        super().check(model)

    def begin(self, model: Model, n_rows: int) -> None:
        """Make the discriminator for the model's codes, device and precision, unless there is one."""
        if hasattr(self, "discriminator"):
            return
        with torch.no_grad():
            prior = model.latent_prior()
        parameter = next(model.parameters())
        assert prior is not None  # refused by check
        features, width = MLP(self.hidden).encoder(prior.event_shape)
        self.discriminator = nn.Sequential(features, nn.Linear(width, 1), nn.Flatten(0))
        self.discriminator.to(parameter.device, parameter.dtype)
        self._optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=self.learning_rate, betas=(0.5, 0.9), fused=True
        )

    def players(self) -> Sequence[Player]:
        """Return the discriminator, which makes its cross-entropy small."""
        return (Player(self._optimiser, self.cross_entropy),)

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion``, ``rate`` and ``weighted_total_correlation``."""
        check_batch(self, evaluation)
        rate = evaluation.rate.mean()
        gamma = weight_at(self.gamma, progress, rate)
        return {
            "distortion": evaluation.distortion.mean(),
            "rate": rate,
            "weighted_total_correlation": gamma * self.log_ratio(evaluation.z).mean(),
        }

    def log_ratio(self, z: Tensor) -> Tensor:
        """Return the discriminator's log q(z) - sum_k log q(z_k) of codes (*batch, d), shape (*batch).

        Its weights get no gradient from it.
        """
        if not hasattr(self, "discriminator"):
            raise ValueError(
                f"objective={self!r} has no discriminator yet: call its begin(model, n_rows) before the first step, "
                "and let its players() move after each."
            )
        weights = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        logit: Tensor = functional_call(self.discriminator, weights, (z.reshape(-1, z.shape[-1]),))
        return logit.reshape(z.shape[:-1])

    def cross_entropy(self, evaluation: Evaluation) -> Tensor:
        """Return -1/2 (E_q(z) log D + E_prod_k q(z_k) log(1 - D)) in nats, for the discriminator."""
        z = evaluation.z.detach()
        half = z.shape[1] // 2
        drawn, others = (codes.flatten(0, 1) for codes in (z[:, :half], z[:, half:]))
        together, apart = self.discriminator(drawn), self.discriminator(permuted(others))
        return 0.5 * (softplus(-together).mean() + softplus(apart).mean())


def permuted(z: Tensor) -> Tensor:
    """Return codes (n, d) with each dimension in an order of its own, drawn with torch's global generator."""
    return z.gather(0, torch.rand_like(z).argsort(0))
