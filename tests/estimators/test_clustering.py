"""DeepClustering: what it finds, what it says of it, and what it refuses."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from diabolo import AutoEncoder, DeepClustering, DivergenceWarning, load
from diabolo.contracts import Sizes
from diabolo.corruptions import Masking, Motion
from diabolo.estimators import first_centres
from diabolo.estimators.presets import PRESETS, PRESETS_IF_AUGMENTED
from diabolo.estimators.restarts import Restart, compared
from diabolo.likelihoods import Gaussian
from diabolo.models import Clustered, LatentModel
from diabolo.networks import DCEC, MLP
from diabolo.objectives import Clustering, Reconstruction
from diabolo.objectives.clustering import target_of
from diabolo.posteriors import Deterministic

DIGITS, CLASSES = load_digits().images, load_digits().target
TABLE, GROUPS = make_blobs(90, n_features=5, centers=3, cluster_std=0.7, random_state=0)
SMALL = {
    "network": MLP((16,)),
    "n_components": 2,
    "init": "k-means",
    "max_epochs": 30,
    "max_iter": 60,
    "refresh_every": 20,
}


@pytest.fixture
def linked(monkeypatch):
    """What is handed to the graph, call by call."""
    calls, graph_clusters = [], first_centres.graph_clusters
    monkeypatch.setattr(
        first_centres, "graph_clusters", lambda *args: calls.append(args) or graph_clusters(*args)
    )
    return calls


def small(n_clusters=3, **params):
    return DeepClustering(n_clusters, **{**SMALL, "batch_size": 32, "random_state": 0, **params})


@pytest.fixture(scope="module")
def fitted():
    return small().fit(TABLE)


class TestFinds:
    def test_blobs(self, fitted):
        assert adjusted_rand_score(GROUPS, fitted.labels_) > 0.95

    def test_more_of_the_digits_than_k_means(self):
        X, y = DIGITS[:500], CLASSES[:500]
        settings = {
            "n_components": 10,
            "max_epochs": 100,
            "max_iter": 300,
            "batch_size": 64,
            "learning_rate": 3e-3,
        }
        found = small(10, **settings, network=MLP((128,))).fit(X)
        plain = KMeans(10, n_init=20, random_state=0).fit_predict(X.reshape(500, -1))
        assert normalized_mutual_info_score(y, found.labels_) > normalized_mutual_info_score(y, plain)

    def test_where_the_centres_start(self, linked):
        """Along the graph where the training is short, with k-means where it is the paper's, or as it is said."""
        used, settings = [], {"max_epochs": 10, "max_iter": 5}
        for preset, init in [("fast", "auto"), ("paper", "auto"), ("fast", "k-means"), ("paper", "graph")]:
            found = small(preset=preset, init=init, **settings).fit(TABLE)
            used.append(len(linked))
        assert used == [1, 1, 1, 2]
        assert adjusted_rand_score(GROUPS, found.labels_) > 0.9
        with pytest.raises(ValueError, match="init must be one of .*got 'umap'"):
            small(init="umap").fit(TABLE)

    @pytest.mark.parametrize("augmentation", [None, Masking(0.1)])
    def test_where_rows_merge_along_a_graph_is_evidence_to_the_end(self, augmentation, linked, monkeypatch):
        told = []
        inform = Clustering.inform
        monkeypatch.setattr(
            Clustering, "inform", lambda self, *args: told.append((self, args[1])) or inform(self, *args)
        )
        found = small(init="graph", augmentation=augmentation, max_iter=50).fit(TABLE)
        rows, *_ = linked[0]
        scale = np.sqrt(np.mean(np.var(TABLE, axis=0)))  # rows as the network reads them
        np.testing.assert_allclose(rows, (TABLE - TABLE.mean(0)) / scale, rtol=1e-4, atol=1e-5)
        assert adjusted_rand_score(GROUPS, told[0][1].argmax(1)) > 0.9
        assert told[0][0].evidence is not None
        assert adjusted_rand_score(GROUPS, found.labels_) > 0.9

    def test_labels_are_what_codes_and_graph_say_together(self, monkeypatch):
        told = []
        inform = Clustering.inform
        monkeypatch.setattr(
            Clustering, "inform", lambda self, *args: told.append(args[1]) or inform(self, *args)
        )
        noise = np.random.default_rng(0).normal(size=TABLE.shape)
        found = small(init="graph", max_epochs=1, max_iter=1).fit(TABLE + 3 * noise)
        together = found.predict_proba(TABLE + 3 * noise) * np.maximum(told[0].numpy(), 0.01)
        np.testing.assert_allclose(
            found.label_distributions_, together / together.sum(1, keepdims=True), atol=1e-6
        )
        np.testing.assert_array_equal(found.labels_, together.argmax(1))
        assert np.any(found.labels_ != found.predict(TABLE + 3 * noise))
        assert np.any(found.labels_ != told[0].numpy().argmax(1))
        assert adjusted_rand_score(found.labels_, told[0].argmax(1)) > 0.5

    def test_images_are_linked_as_images(self, linked):
        X = np.random.default_rng(0).random((60, 16, 20)).astype(np.float32) * 9 - 4
        small(2, init="graph", network="auto", max_epochs=1, max_iter=2).fit(X)
        rows, *_ = linked[0]
        assert rows.shape == (60, 1, 16, 20)
        np.testing.assert_allclose(rows[:, 0], (X - X.min()) / (X.max() - X.min()), atol=1e-6)

    def test_same_seed_same_bits(self, fitted):
        again = small().fit(TABLE)
        np.testing.assert_array_equal(again.labels_, fitted.labels_)
        np.testing.assert_array_equal(again.cluster_centers_, fitted.cluster_centers_)
        assert again.restarts_ == fitted.restarts_
        other = small(random_state=1).fit(TABLE)
        assert not np.array_equal(other.cluster_centers_, fitted.cluster_centers_)

    @pytest.mark.parametrize("shape", [(24,), (16, 16), (16, 18, 3)])
    def test_signals_and_images(self, shape):
        X = np.random.default_rng(0).random((30, *shape))
        X[15:] = 1 - X[15:] / 4
        found = small(2, network="auto", max_epochs=3, max_iter=3, channel_axis="auto" if shape[1:] else None)
        found.fit(X)
        assert found.transform(X).shape == (30, 2)
        assert found.inverse_transform(found.cluster_centers_).shape == (2, *shape)
        assert ("dcec" in found.choices_["network"]) == (len(shape) > 1)

    def test_without_reconstruction_the_decoder_is_that_of_the_first_stage(self):
        first, both = small(reconstruction=False, max_iter=1), small(reconstruction=False)
        a, b = (e.fit(TABLE).model_.model.decoder.state_dict() for e in (first, both))
        assert all(torch.equal(a[name], b[name]) for name in a)
        a, b = (e.model_.model.encoder.state_dict() for e in (first, both))
        assert not any(torch.equal(a[name], b[name]) for name in a)


class TestUse:
    def test_labels_are_those_of_the_nearest_centre(self, fitted):
        codes = fitted.transform(TABLE)
        distance = np.square(codes[:, None] - fitted.cluster_centers_).sum(-1)
        np.testing.assert_array_equal(fitted.labels_, distance.argmin(1))
        np.testing.assert_array_equal(fitted.predict(TABLE), fitted.labels_)
        kernel = 1 / (1 + distance)
        np.testing.assert_allclose(
            fitted.predict_proba(TABLE), kernel / kernel.sum(1, keepdims=True), rtol=1e-6
        )

    def test_fit_predict(self, fitted):
        np.testing.assert_array_equal(small().fit_predict(TABLE), fitted.labels_)

    def test_float32_rows(self, fitted):
        assert fitted.predict_proba(TABLE.astype(np.float32)).dtype == np.float32
        assert (fitted.predict(TABLE.astype(np.float32)) == fitted.labels_).mean() > 0.98

    def test_files(self, fitted, tmp_path):
        found = small(augmentation=None, n_init=2, max_iter=10).fit(TABLE)
        copy = load(found.save(tmp_path / "c.diabolo"))
        np.testing.assert_array_equal(copy.labels_, found.labels_)
        np.testing.assert_array_equal(copy.predict_proba(TABLE), found.predict_proba(TABLE))
        assert copy.restarts_ == found.restarts_
        assert copy.history_ == found.history_

    def test_files_with_an_augmentation(self, tmp_path):
        found = small(4, augmentation=Motion(5.0), max_epochs=1, max_iter=2).fit(DIGITS[:40])
        copy = load(found.save(tmp_path / "c.diabolo"))
        assert repr(copy.model_.augmentation) == "Motion(degrees=5.0)"
        np.testing.assert_array_equal(copy.predict(DIGITS[:40]), found.labels_)

    def test_the_history_runs_through_both_stages(self, fitted):
        steps = [row["step"] for row in fitted.history_]
        assert steps == sorted(set(steps))
        assert steps[-1] == fitted.n_steps_ == fitted.best_step_
        assert "divergence" not in fitted.history_[0]
        assert fitted.history_[-1]["divergence"] > 0

    def test_there_is_no_partial_fit(self, fitted):
        assert not hasattr(fitted, "partial_fit")


class TestPaper:
    def test_units_are_the_range_of_images_and_the_loss_the_authors(self):
        """mean squared error of pixels in [0, 1] + gamma KL, times half the number of pixels."""
        X = (DIGITS[:60] * 255 / 16).astype(np.uint8)
        found = small(4, gamma=0.3, max_epochs=2, max_iter=25).fit(X)
        q = found.predict_proba(X)
        p = target_of(torch.as_tensor(q)).numpy()
        z = torch.as_tensor(found.transform(X))
        decoded = found.model_.point(found.model_.decode(z)).detach().numpy()
        error = np.square((decoded[:, 0] - X) / 255.0).mean()
        authors = error + 0.3 * (p * np.log(p / q)).sum(1).mean()
        constant = 64 * (0.5 * math.log(2 * math.pi) + math.log(255))
        assert -found.restarts_[0].score == pytest.approx(64 / 2 * authors + constant, rel=1e-5)

    def test_settings(self):
        plan = PRESETS["paper"].first(1000, 256, 1e-3), PRESETS["paper"].second(1000, 256, 1e-3)
        assert [each.n_steps for each in plan] == [200 * 4, 20_000]
        assert all(each.constant_rate and each.batch_size == 256 for each in plan)
        group = PRESETS["paper"].optimiser(torch.nn.Linear(1, 1), 1e-3).param_groups[0]
        assert (group["betas"], group["lr"], group["eps"]) == ((0.9, 0.999), 1e-3, 1e-8)
        made = DeepClustering(10, preset="paper")
        assert (made.gamma, made.tol, made.refresh_every) == (0.1, 1e-3, 140)

    def test_the_network_is_theirs(self):
        found = DeepClustering(10, max_epochs=1, max_iter=1, random_state=0).fit(
            np.random.default_rng(0).random((12, 28, 28)).astype(np.float32)
        )
        assert isinstance(found.model_.model.network, DCEC)
        n_parameters = sum(p.numel() for p in found.model_.parameters())
        assert n_parameters == 275_979 + 10 * 10

    def test_weights_start_as_glorots(self):
        """Uniform within sqrt(6 / (fan in + fan out)), biases 0, the layers to and from the codes too."""
        model = Clustered(LatentModel(DCEC(), Deterministic(), Gaussian(1.0)), 10).build(
            Sizes((1, 28, 28), 10)
        )
        layers = [m for m in model.modules() if isinstance(getattr(m, "weight", None), torch.Tensor)]
        assert len(layers) == 8
        for layer in layers:
            weight, field = layer.weight.detach(), math.prod(layer.weight.shape[2:])
            bound = math.sqrt(6 / (field * (weight.shape[0] + weight.shape[1])))
            assert weight.abs().max() <= bound
            # of n uniform numbers; the standard error of their standard deviation is bound sqrt(1 / 15 n)
            assert weight.std() == pytest.approx(bound / 3**0.5, abs=5 * bound / (15 * weight.numel()) ** 0.5)
            assert (layer.bias == 0).all()

    def test_few_rows_have_their_steps(self):
        assert PRESETS["fast"].first(60, 256, 1e-3).n_steps == 1200
        assert PRESETS["fast"].first(60, 256, 1e-3, 3).n_steps == 3
        assert DeepClustering(3, n_init=2).plan(TABLE).n_steps == 2 * (1200 + 2100)
        assert DeepClustering(3, augmentation=Masking(0.1)).plan(TABLE).n_steps == 1200 + 5500

    def test_many_rows_have_their_epochs(self):
        fast, paper = PRESETS["fast"], PRESETS["paper"]
        for stage, epochs in ((fast.first, 10), (fast.second, 20)):
            assert stage(70_000, 256, 1e-3).n_steps == epochs * 273
        assert fast.second(70_000, 256, 1e-3, 3).n_steps == 3
        assert paper.first(70_000, 256, 1e-3).n_steps == 200 * 273
        assert paper.second(70_000, 256, 1e-3).n_steps == 20_000
        moved = PRESETS_IF_AUGMENTED["fast"]
        assert moved.first(140_000, 256, 1e-3).n_steps == 10 * 547
        assert moved.second(140_000, 256, 1e-3).n_steps == 20 * 547
        assert PRESETS_IF_AUGMENTED["paper"] is paper


class TestRestarts:
    def test_the_best_by_its_score_is_kept(self):
        found = small(n_init=3, max_epochs=2, max_iter=20).fit(TABLE)
        scores = [restart.score for restart in found.restarts_]
        best = found.restarts_[int(np.argmax(scores))]
        alone = small(max_epochs=2, max_iter=20, random_state=best.seed).fit(TABLE)
        np.testing.assert_array_equal(alone.labels_, found.labels_)
        assert len({restart.seed for restart in found.restarts_}) == 3
        assert found.n_init == 3
        assert repr(clone(found)) == repr(found)

    def test_empty_clusters_come_last(self):
        good, fallen = Restart(0, -2.0, 0.5, 1, "budget"), Restart(1, 0.0, 0.0, 1, "budget", n_empty=2)
        assert max([fallen, good], key=lambda restart: restart.rank) is good

    def test_agreement_is_the_mean_over_the_others(self):
        labels = [np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), np.array([0, 1, 0, 1])]
        one = Restart(0, 0.0, 0.0, 1, "budget")
        found = compared([one, one, one], labels)
        against = adjusted_rand_score(labels[0], labels[2])
        assert [each.agreement for each in found] == pytest.approx([(1 + against) / 2] * 2 + [against])
        assert compared([one], labels[:1]) == [one]


class TestRefuses:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"n_clusters": 0}, "n_clusters must be a whole number, 1 or more, got 0"),
            ({"n_clusters": 91}, "n_clusters must be at most the number of rows, n_samples = 90, got 91"),
            ({"preset": "slow"}, r"preset must be one of \('paper', 'fast'\), got 'slow'"),
            ({"gamma": 0}, "gamma must be a number above 0, got 0"),
            ({"tol": 1.5}, "tol must be a share of the rows, 0 or more and below 1, got 1.5"),
            ({"n_init": 0}, "n_init must be a whole number"),
            ({"max_iter": 0}, "max_iter must be a whole number"),
            ({"refresh_every": 2.5}, "refresh_every must be a whole number"),
            ({"reconstruction": "no"}, "reconstruction must be True or False, got 'no'"),
            ({"augmentation": "moton"}, "augmentation must be one of .* Did you mean 'motion'"),
            ({"augmentation": "motion"}, r"turns and shifts images .* has the shape \(5,\)"),
            ({"n_components": 0}, "n_components must be a whole number"),
        ],
    )
    def test_arguments_that_mean_nothing(self, params, message):
        with pytest.raises(ValueError, match=message):
            small(**params).fit(TABLE)

    def test_equal_rows(self):
        with pytest.raises(ValueError, match="all its 40 rows are equal"):
            small().fit(np.ones((40, 6)))

    def test_clusters_that_lose_their_rows_are_said(self):
        X = np.repeat(np.eye(2), 20, axis=0)  # two rows, many times
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = small(5, max_epochs=1, max_iter=3).fit(X)
        assert any("3 of 5 clusters hold no row" in str(each.message) for each in said)
        assert found.restarts_[0].n_empty == 3
        assert len(np.unique(found.labels_)) == 2


def test_an_auto_encoder_beside_it_has_the_same_face(fitted):
    ae = AutoEncoder(2, network=MLP((16,)), max_epochs=1).fit(TABLE)
    public = {name for name in dir(ae) if not name.startswith("_")}
    steering = {"error_curve_", "target_error", "partial_fit"}
    assert public - steering - set(vars(ae)) <= {name for name in dir(fitted) if not name.startswith("_")}


def test_a_divergence_of_the_first_stage_is_told_too(monkeypatch):
    calls = []

    class Lost(Reconstruction):
        def forward(self, evaluation, progress=1.0):
            calls.append(0)
            found = super().forward(evaluation, progress)
            return {name: value * (math.nan if len(calls) == 40 else 1) for name, value in found.items()}

    monkeypatch.setattr("diabolo.estimators.clustering.Reconstruction", Lost)
    with pytest.warns(DivergenceWarning, match="at step 40; training went on"):
        found = small().fit(TABLE)
    assert "halved after each of the steps 40" in found.choices_["learning_rate"]


def test_restarts_share_one_graph(linked):
    found = small(init="graph", n_init=3, max_epochs=2, max_iter=10).fit(TABLE)
    ((rows, n_clusters, seed, _),) = linked
    assert (rows.shape, n_clusters) == (TABLE.shape, 3)
    assert len({restart.score for restart in found.restarts_}) == 3
    first = small(init="graph", max_epochs=2, max_iter=10, random_state=found.restarts_[0].seed).fit(TABLE)
    assert first.seed_ == seed
    assert first.restarts_[0].score == found.restarts_[0].score


def test_restarts_forget_the_fit_before():
    found = small(n_init=2, max_iter=5).fit(TABLE).fit_prior(TABLE)
    assert hasattr(found, "ex_post_prior_")
    assert not hasattr(found.fit(TABLE), "ex_post_prior_")
