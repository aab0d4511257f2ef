"""Codes that gather around centres."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diabolo.contracts import Evaluation, Model, Objective

#: No evidence is certain.
_LEAST_SHARE = 0.01
#: Rows that are encoded at once: of images, what the first layer makes of them stays in a processor's cache.
_BLOCK_ROWS = 512
_NO_CLUSTERS = (
    "objective={objective!r} draws codes to the centres of clusters, and this model has none: use "
    "models.Clustered(model) or the estimator DeepClustering."
)


class Clustering(Objective):
    """distortion + weight KL(P || Q), averaged over rows: DEC (Xie et al. 2016), DCEC (Guo et al. 2017).

    Q are the assignments of :class:`~diabolo.models.Clustered`, one distribution over clusters for each row. P is
    a sharper one, p_ik ~ q_ik^2 / sum_i q_ik, in which a large cluster counts no more than a small one. It is
    computed from all rows every ``refresh_every`` steps, rows as they are, and is a constant in between. When
    fewer than a share ``tolerance`` of the rows changed their cluster from one time to the next, the training is
    complete. A cluster that has lost all rows is seeded again at the row that is farthest from its centre. Where
    something else is known of the rows (:meth:`inform`), P is made of that too.

    Parameters
    ----------
    weight : float
        Weight of the divergence, above 0. The papers' gamma = .1 stands beside a mean over the values of a row,
        and distortion is a sum: for a squared error in a fixed unit of X, weight = gamma n_values / 2.
    reconstruction : bool
        Whether the distortion is part of the loss; DEC goes without.
    refresh_every : int
        Steps between two targets P.
    tolerance : float
        Share of the rows; with 0 the training never ends by itself.
    """

    #: Given the targets, which every process makes of all rows.
    mean_over_rows = True

    target: Tensor
    labels: Tensor
    changed: Tensor
    n_reseeded: Tensor
    evidence: Tensor | None

    def __init__(
        self,
        weight: float = 1.0,
        *,
        reconstruction: bool = True,
        refresh_every: int = 140,
        tolerance: float = 1e-3,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.reconstruction = reconstruction
        self.refresh_every = refresh_every
        self.tolerance = tolerance
        self.register_buffer("evidence", None)

    def check(self, model: Model) -> None:
        """Refuse hyper-parameters that mean nothing, and a model without clusters or with codes that are drawn."""
        self.check_number("weight", "a number above 0", above=0)
        self.check_flag("reconstruction")
        self.check_whole("refresh_every")
        self.check_number("tolerance", "a share of the rows, 0 or more", least=0)
        if not getattr(model, "has_clusters", False):
            raise ValueError(_NO_CLUSTERS.format(objective=self))
        if model.has_density:
            raise ValueError(
                f"objective={self!r} is for a deterministic posterior: nothing keeps the scale of drawn codes from "
                "vanishing: use posterior=Deterministic() with prior=None."
            )

    def begin(self, model: Any, n_rows: int) -> None:
        """Make room for a target and a cluster for each row."""
        if hasattr(self, "target") and len(self.target) == n_rows:
            return
        like = next(model.parameters())
        self.register_buffer("target", like.new_zeros(n_rows, getattr(model, "n_clusters", 1)))
        self.register_buffer("labels", torch.full((n_rows,), -1, device=like.device))
        self.register_buffer("changed", like.new_ones(()))
        self.register_buffer("n_reseeded", torch.zeros((), dtype=torch.long, device=like.device))
        self.evidence = None  # of other rows

    def inform(self, model: Any, shares: Tensor) -> None:
        """Tell how far rows belong to the clusters by something else than their codes.

        From then on P is made of the products of Q and these shares, scaled to sum 1, in the place of Q: as of two
        witnesses who have not spoken to each other. No cluster is seeded again, since its rows are known.

        Parameters
        ----------
        model : Clustered
            What will be trained.
        shares : Tensor of shape (n_rows, n_clusters)
            Rows of sum 1. Less than 1 % counts as 1 %: codes can overrule any of them.
        """
        self.begin(model, len(shares))
        self.evidence = shares.to(self.target).clamp_min(_LEAST_SHARE)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *args: Any) -> None:
        """Make room for what a checkpoint knows of the rows."""
        kept = state.get(f"{prefix}evidence")
        if kept is not None and self.evidence is None:
            self.evidence = torch.empty_like(kept)
        super()._load_from_state_dict(state, prefix, *args)

    def survey(self, model: Any, x: Tensor, context: dict[str, Tensor], step: int) -> bool:
        """Refresh the target when it is time; return whether the clusters have settled."""
        context["target"] = self.target
        if (step - 1) % self.refresh_every:
            return False
        codes = codes_of(model, x)
        if self.evidence is None:
            self.reseed(model, codes)
        with torch.no_grad():
            log_q = model.log_assignment(codes)
        labels = log_q.argmax(1)
        self.changed.fill_((labels != self.labels).double().mean())
        self.labels.copy_(labels)
        self.target.copy_(target_of(self.assigned(log_q)))
        return bool(self.changed < self.tolerance)

    def assigned(self, log_q: Tensor) -> Tensor:
        """Return how far all rows belong to the clusters, by their codes and by what else is known of them.

        Parameters
        ----------
        log_q : Tensor of shape (n_rows, n_clusters)
            What the codes say, ln Q.
        """
        return log_q.exp() if self.evidence is None else (log_q + self.evidence.log()).softmax(1)

    @torch.no_grad()
    def reseed(self, model: Any, codes: Tensor) -> None:
        """Move the centres to which no code belongs, each to the code that is farthest from its own centre."""
        for _ in range(model.n_clusters):
            distances, labels = model.squared_distances(codes).min(1)
            counts = torch.bincount(labels, minlength=model.n_clusters)
            # a cluster of one row would only hand its emptiness on
            distance, farthest = torch.where(counts[labels] > 1, distances, 0).max(0)
            if bool((counts > 0).all()) or not distance > 0:
                return
            model.centres[counts.argmin()] = codes[farthest]
            self.n_reseeded += 1

    def forward(self, evaluation: Evaluation, progress: float = 1.0) -> dict[str, Tensor]:
        """Return ``distortion``, unless it is left out, and ``weighted_divergence``."""
        weighted = {"weighted_divergence": self.weight * self.divergence(evaluation).mean()}
        return {"distortion": evaluation.distortion.mean(), **weighted} if self.reconstruction else weighted

    def divergence(self, evaluation: Evaluation) -> Tensor:
        """Return KL(P || Q) of each row in nats, shape (batch,)."""
        context = evaluation.context
        if "log_assignment" not in context:
            raise ValueError(_NO_CLUSTERS.format(objective=self))
        if "target" not in context:
            raise ValueError(
                f"objective={self!r} needs a target for each row of the batch: call its begin(model, n_rows) before "
                "the first step and survey(model, x, context, step) before each, and hand the rows of "
                'context["target"] to model.evaluate.'
            )
        p = context["target"]
        return (torch.xlogy(p, p) - p * context["log_assignment"]).sum(-1)

    def quantities(self, evaluation: Evaluation) -> dict[str, Tensor]:
        """Return what the history shows: divergence, the share of rows that changed their cluster, and the distortion.

        Without a reconstruction in the loss nothing is decoded, and there is no distortion to show.
        """
        shown = {"divergence": self.divergence(evaluation)}
        if self.reconstruction:
            shown = {"distortion": evaluation.distortion, **shown}
        return {
            **{name: value.detach().mean() for name, value in shown.items()},
            "changed": getattr(self, "changed", torch.ones(())),
        }


def target_of(q: Tensor) -> Tensor:
    """Return P for assignments Q of all rows, both (n_rows, n_clusters): Xie et al. 2016, equation 3."""
    weight = q.square() / q.sum(0)
    return weight / weight.sum(1, keepdim=True)


@torch.no_grad()
def codes_of(model: Model, x: Tensor) -> Tensor:
    """Return the codes of all rows as they are, shape (n_rows, n_components), in blocks."""
    was_training = model.training
    model.eval()
    codes = torch.cat([model.encode(rows).mean for rows in x.split(_BLOCK_ROWS)])
    model.train(was_training)
    return codes
