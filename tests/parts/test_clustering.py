"""Deep embedded clustering: assignments, targets and gradients against other formulas; its stage of a training."""

import numpy as np
import pytest
import torch
from scipy import stats

from diabolo.contracts import Sizes, Statistics
from diabolo.corruptions import Masking
from diabolo.likelihoods import Gaussian
from diabolo.models import Clustered, LatentModel
from diabolo.networks import MLP, Linear
from diabolo.objectives import Clustering, Reconstruction
from diabolo.objectives.clustering import target_of
from diabolo.posteriors import Deterministic, DiagonalGaussian
from diabolo.priors import StandardNormal
from diabolo.training import Plan, train


def model_of(x, n_clusters=3, augmentation=None, network=None, n_components=2):
    parts = (network or MLP((8,)), Deterministic(), Gaussian("data"))
    model = Clustered(LatentModel(*parts), n_clusters, augmentation)
    model.build(Sizes(tuple(x.shape[1:]), n_components)).to(x.dtype).start(Statistics.of(x))
    with torch.no_grad():
        model.centres.copy_(model.encode(x[:n_clusters]).mean)
    return model


def identity(centres):
    """Return a model whose codes are its rows, with the given centres."""
    d = centres.shape[1]
    model = Clustered(LatentModel(Linear(), Deterministic(), Gaussian(1.0)), len(centres))
    model.build(Sizes((d,), d)).double()
    with torch.no_grad():
        model.model.posterior.head.weight.copy_(torch.eye(d))
        model.centres.copy_(centres)
    return model


@pytest.fixture
def blobs():
    centres = torch.tensor([[0.0, 0.0, 6.0], [6.0, 0.0, 0.0], [0.0, 6.0, 0.0]])
    return (centres.repeat(40, 1) + 0.5 * torch.randn(120, 3)).float()


class TestFormulas:
    codes = torch.tensor(np.random.default_rng(0).normal(size=(7, 2)))
    centres = torch.tensor(np.random.default_rng(1).normal(size=(3, 2)))

    def test_assignments_are_the_papers_sums(self):
        q = identity(self.centres).log_assignment(self.codes).exp().detach().numpy()
        z, m = self.codes.numpy(), self.centres.numpy()
        for i, j in np.ndindex(7, 3):
            kernel = [1 / (1 + sum((z[i] - m[k]) ** 2)) for k in range(3)]
            assert q[i, j] == pytest.approx(kernel[j] / sum(kernel), rel=1e-13)

    def test_in_one_dimension_they_are_students_t_with_one_degree_of_freedom(self):
        codes, centres = self.codes[:, :1], self.centres[:, :1]
        density = stats.t(df=1).pdf((codes - centres.T).numpy())
        q = identity(centres).log_assignment(codes).exp().detach().numpy()
        np.testing.assert_allclose(q, density / density.sum(1, keepdims=True), rtol=1e-13)

    def test_targets_are_the_papers_sums(self):
        q = np.random.default_rng(2).dirichlet(np.ones(3), size=5)
        p = target_of(torch.tensor(q)).numpy()
        f = [sum(q[i, j] for i in range(5)) for j in range(3)]
        for i, j in np.ndindex(5, 3):
            assert p[i, j] == pytest.approx(
                (q[i, j] ** 2 / f[j]) / sum(q[i, k] ** 2 / f[k] for k in range(3)), rel=1e-13
            )

    def test_divergence_is_scipys(self):
        model, p = identity(self.centres), torch.tensor(np.random.default_rng(3).dirichlet(np.ones(3), 7))
        p[0] = torch.tensor([0.0, 1.0, 0.0])
        e = model.evaluate(self.codes, {"target": p})
        q = e.context["log_assignment"].exp().detach().numpy()
        found = Clustering().divergence(e).detach().numpy()
        np.testing.assert_allclose(found, stats.entropy(p.numpy(), q, axis=1), rtol=1e-12)

    def test_gradients_are_the_papers(self):
        """Xie et al. 2016, equations 4 and 5, for a sum over rows."""
        model, z = identity(self.centres), self.codes.clone().requires_grad_()
        p = torch.tensor(np.random.default_rng(4).dirichlet(np.ones(3), 7))
        loss = (torch.xlogy(p, p) - p * model.log_assignment(z)).sum()
        to_codes, to_centres = torch.autograd.grad(loss, (z, model.centres))
        q = model.log_assignment(z).exp().detach()
        apart = self.codes[:, None] - self.centres
        pull = (p - q) / (1 + apart.square().sum(-1))
        torch.testing.assert_close(to_codes, 2 * (pull[..., None] * apart).sum(1), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(to_centres, -2 * (pull[..., None] * apart).sum(0), rtol=1e-12, atol=1e-14)

    def test_the_loss_is_the_authors_times_half_the_number_of_values(self):
        """mean squared error + gamma KL, for a squared error in a fixed unit and weight = gamma n_values / 2."""
        x, gamma = torch.rand(9, 5, dtype=torch.float64), 0.1
        parts = (MLP((4,)), Deterministic(), Gaussian(1.0))
        model = Clustered(LatentModel(*parts), 3).build(Sizes((5,), 2)).double()
        with torch.no_grad():
            model.centres.copy_(self.centres)
        p = torch.tensor(np.random.default_rng(5).dirichlet(np.ones(3), 9))
        q = model.log_assignment(model.encode(x).mean).exp()
        error = torch.nn.functional.mse_loss(model.point(model.decode(model.encode(x).mean)), x)
        authors = error + gamma * (p * (p / q).log()).sum(1).mean()
        ours = sum(Clustering(gamma * 5 / 2)(model.evaluate(x, {"target": p})).values())
        ours_gradient, authors_gradient = (
            torch.cat([g.flatten() for g in torch.autograd.grad(loss, tuple(model.parameters()))])
            for loss in (ours, authors)
        )
        torch.testing.assert_close(ours_gradient, authors_gradient * 5 / 2, rtol=1e-10, atol=1e-12)


class TestStage:
    plan = Plan(n_steps=40, batch_size=16, learning_rate=1e-2, check_every=10, constant_rate=True)

    def test_it_moves_centres_and_ends_when_labels_have_settled(self, blobs):
        model, objective = model_of(blobs), Clustering(refresh_every=5, tolerance=0.02)
        before = model.centres.detach().clone()
        outcome = train(model, objective, blobs, plan=self.plan)
        assert outcome.stopped == "settled"
        assert outcome.n_steps % 5 == 0
        assert outcome.n_steps < 40
        assert not torch.equal(before, model.centres)
        # the target is that of the last survey, over all rows
        q = model.log_assignment(model.encode(blobs).mean).exp()
        torch.testing.assert_close(objective.target, target_of(q).detach(), rtol=1e-4, atol=1e-6)
        assert torch.equal(objective.labels, q.argmax(1))

    def test_targets_are_refreshed_on_schedule_from_rows_as_they_are(self, blobs):
        model, objective = (
            model_of(blobs, augmentation=Masking(0.9)),
            Clustering(refresh_every=4, tolerance=0.0),
        )
        objective.begin(model, len(blobs))
        context, seen = {}, []
        for step in range(1, 10):
            with torch.no_grad():
                model.centres.add_(0.1)
            assert not objective.survey(model, blobs, context, step)
            seen.append(context["target"].clone())
        fresh = [i + 1 for i in range(1, 9) if not torch.equal(seen[i], seen[i - 1])]
        assert fresh == [5, 9]
        q = model.log_assignment(model.encode(blobs).mean).exp()
        torch.testing.assert_close(context["target"], target_of(q).detach())

    def test_each_row_meets_its_own_target(self, blobs):
        model, objective = model_of(blobs), Clustering(refresh_every=100)
        met = []
        forward = objective.divergence

        def remember(e):
            met.append((e.x, e.context["target"]))
            return forward(e)

        objective.divergence = remember
        train(model, objective, blobs, plan=Plan(4, 16, 1e-3, 4))
        rows = {tuple(x.tolist()): p for x, p in zip(blobs, objective.target, strict=True)}
        assert all(
            torch.equal(rows[tuple(x.tolist())], p) for xs, ps in met for x, p in zip(xs, ps, strict=True)
        )

    def test_the_target_is_made_of_evidence_too(self, blobs):
        """Q times the shares, where less than 1 % counts as 1 %, in the place of Q (Bayes' rule, row by row)."""
        model, objective = model_of(blobs), Clustering()
        shares = np.random.default_rng(0).dirichlet([0.2] * model.n_clusters, len(blobs))
        assert (shares < 0.01).any()
        objective.inform(model, torch.as_tensor(shares))
        context = {}
        objective.survey(model, blobs, context, 1)
        q = model.log_assignment(model.encode(blobs).mean).exp().detach().numpy()
        both = [q_i * np.maximum(s_i, 0.01) for q_i, s_i in zip(q, shares, strict=True)]
        both = np.stack([each / each.sum() for each in both])
        expected = both**2 / both.sum(0)
        expected /= expected.sum(1, keepdims=True)
        np.testing.assert_allclose(context["target"].numpy(), expected, rtol=1e-5)

    def test_even_shares_tell_nothing(self, blobs):
        model = model_of(blobs)
        targets = []
        for informed in (False, True):
            objective, context = Clustering(), {}
            objective.begin(model, len(blobs))
            if informed:
                objective.inform(model, torch.full((len(blobs), model.n_clusters), 1 / model.n_clusters))
            objective.survey(model, blobs, context, 1)
            targets.append(context["target"])
        torch.testing.assert_close(*targets)

    def test_evidence_is_of_the_rows_it_was_given_for(self, blobs):
        model, objective = model_of(blobs), Clustering()
        objective.inform(model, torch.full((len(blobs), model.n_clusters), 1 / model.n_clusters))
        kept = objective.state_dict()
        objective.begin(model, len(blobs))
        assert objective.evidence is not None
        objective.begin(model, len(blobs) - 1)
        assert objective.evidence is None
        again = Clustering()
        again.inform(model, torch.eye(model.n_clusters)[torch.zeros(len(blobs), dtype=torch.long)])
        again.load_state_dict(kept)  # as a training that goes on
        torch.testing.assert_close(again.evidence, kept["evidence"])

    def test_where_evidence_tells_its_rows_no_cluster_is_seeded_again(self):
        codes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 4.0], [40.0, 40.0]]).double()
        model = identity(torch.tensor([[0.0, 0.0], [40.0, 39.0], [9.0, 9.0]]))
        objective, context = Clustering(), {}
        objective.inform(model, torch.eye(3).double()[[0, 0, 2, 1]])
        objective.survey(model, codes, context, 1)
        assert int(objective.n_reseeded) == 0
        assert context["target"].argmax(1).tolist() == [0, 0, 2, 1]

    def test_an_empty_cluster_is_seeded_at_the_farthest_row(self):
        codes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0], [40.0, 40.0]]).double()
        model = identity(torch.tensor([[0.0, 0.0], [40.0, 39.0], [99.0, 99.0]]))
        objective = Clustering()
        objective.begin(model, 4)
        objective.survey(model, codes, {}, 1)
        assert model.centres.tolist() == [[0.0, 0.0], [40.0, 39.0], [0.0, 5.0]]
        assert int(objective.n_reseeded) == 1
        assert objective.labels.tolist() == [0, 0, 2, 1]

    def test_equal_codes_cannot_be_seeded_apart(self):
        model, objective = identity(torch.zeros(3, 2)), Clustering()
        objective.begin(model, 5)
        objective.survey(model, torch.zeros(5, 2).double(), {}, 1)
        assert int(objective.n_reseeded) == 0

    def test_without_reconstruction_the_decoder_stays(self, blobs):
        model = model_of(blobs)
        before = [p.detach().clone() for p in model.model.decoder.parameters()]
        train(model, Clustering(reconstruction=False, tolerance=0.0), blobs, plan=self.plan)
        assert all(torch.equal(a, b) for a, b in zip(before, model.model.decoder.parameters(), strict=True))

    @pytest.mark.parametrize("reconstruction", [True, False])
    def test_what_nobody_reads_is_not_decoded(self, blobs, reconstruction):
        model, calls = model_of(blobs), []
        model.model.decoder.register_forward_hook(lambda *_: calls.append(0))
        train(model, Clustering(reconstruction=reconstruction, tolerance=0.0), blobs, plan=self.plan)
        assert len(calls) == (40 if reconstruction else 0)

    def test_an_objective_that_says_nothing_never_ends_a_training(self, blobs):
        outcome = train(model_of(blobs), Reconstruction(), blobs, plan=self.plan)
        assert (outcome.stopped, outcome.n_steps) == ("budget", 40)


class TestAugmentation:
    def test_is_encoded_and_explained_in_training_alone(self, blobs):
        model = model_of(blobs, augmentation=Masking(0.999, value=7.0))
        assert torch.equal(model.eval().observe(blobs), blobs)
        assert (model.train().observe(blobs) == 7.0).float().mean() > 0.9
        e = model.evaluate(model.observe(blobs))
        assert (e.x == 7.0).float().mean() > 0.9
        torch.testing.assert_close(e.z[0], model.encode(e.x).mean)


class TestRefusals:
    def test_a_model_without_clusters(self, blobs):
        with pytest.raises(ValueError, match=r"this model has none: use models.Clustered\(model\)"):
            Clustering().check(model_of(blobs).model)

    def test_codes_that_are_drawn(self):
        inner = LatentModel(MLP((4,)), DiagonalGaussian(), Gaussian(), StandardNormal())
        with pytest.raises(ValueError, match="nothing keeps the scale of drawn codes from vanishing"):
            Clustering().check(Clustered(inner, 2).build(Sizes((3,), 2)))

    def test_no_target(self, blobs):
        with pytest.raises(ValueError, match=r"needs a target for each row of the batch: call its begin"):
            Clustering()(model_of(blobs).evaluate(blobs))

    def test_no_number_of_clusters(self, blobs):
        with pytest.raises(ValueError, match="n_clusters must be a whole number, 1 or more, got 0"):
            model_of(blobs, n_clusters=0)
