"""A Gaussian posterior with correlations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from diabolo.posteriors.base import LOG_SCALE_LIMIT, Posterior


class FullGaussian(Posterior):
    """q(z|x) = N(mu_x, L_x L_x'), with L_x lower triangular (Kingma & Welling 2019, section 2.5.1)."""

    def __init__(self) -> None:
        super().__init__()

    def n_parameters(self, n_components: int) -> int:
        """A mean and a log-scale for each dimension, then the entries below the diagonal."""
        return 2 * n_components + n_components * (n_components - 1) // 2

    def distribution(self, parameters: Tensor) -> MultivariateNormal:
        """Return the Gaussians; one row of parameters for each."""
        d = self.n_components
        mean, log_scale, below = parameters.split((d, d, parameters.shape[-1] - 2 * d), dim=-1)
        rows, columns = torch.tril_indices(d, d, offset=-1, device=parameters.device)
        lower = parameters.new_zeros(*parameters.shape[:-1], d, d)
        lower[..., rows, columns] = below
        tril = lower + torch.diag_embed(log_scale.clamp(-LOG_SCALE_LIMIT, LOG_SCALE_LIMIT).exp())
        return MultivariateNormal(mean, scale_tril=tril, validate_args=False)

    def draw(self, q: Any, noise: Tensor) -> Tensor:
        """Return mu + L noise."""
        return q.loc + (q.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)
