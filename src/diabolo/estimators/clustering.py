"""Clusters among the codes of an auto-encoder."""

from __future__ import annotations

import math
import numbers
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClusterMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from diabolo import corruptions
from diabolo.contracts import BatchSource, Objective, Part, seeded
from diabolo.corruptions import Corruption
from diabolo.estimators.first_centres import RowGraph, first_centres
from diabolo.estimators.inputs import finite, flag, one_of, positive_integer
from diabolo.estimators.keeping import EVERY, checkpoints_in, kept_seed, run_of
from diabolo.estimators.layout import ChannelAxis
from diabolo.estimators.naming import part_named
from diabolo.estimators.parameters import documented
from diabolo.estimators.plan import FitPlan
from diabolo.estimators.presets import PRESETS, PRESETS_IF_AUGMENTED, Preset
from diabolo.estimators.reconstructing import ReconstructingEstimator
from diabolo.estimators.restarts import Restart, compared
from diabolo.estimators.saving import Saved
from diabolo.estimators.survey import Surveyed
from diabolo.estimators.telling import warn
from diabolo.models import Clustered, LatentModel
from diabolo.networks import DCEC, Network
from diabolo.objectives import Clustering, Reconstruction
from diabolo.objectives.clustering import codes_of, target_of
from diabolo.posteriors import Deterministic
from diabolo.training import Checkpoints, Outcome, Plan, mean_terms, progress_bar, train

_SMALLEST_IMAGE = 16


@documented
class DeepClustering(ClusterMixin, ReconstructingEstimator):
    """Clusters of rows, found among the codes of an auto-encoder that learns to hold them apart.

    First the auto-encoder learns alone, and centres are found among its codes. Then all of it, the centres too, learns the squared error and KL(P || Q): Q assigns each code to the centres, P is a sharper
    target made of Q (:class:`~diabolo.objectives.Clustering`). With the DCEC network this is Guo et al. 2017,
    with fully connected layers their IDEC, without the squared error DEC (Xie et al. 2016).

    ``score``, by which ``GridSearchCV`` chooses where nothing else is said, is that of the reconstructions and knows
    nothing of clusters.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    n_components : int
        Dimension d of the codes.
    preset : {"fast", "paper"}
        Length and rate of the training. ``"paper"``: 200 epochs, then at most 20,000 steps, Adam at a constant
        rate. ``"fast"``: 10 epochs (1,200 steps or more), then at most 20 (2,100 steps or more, with an augmentation
        5,500), each with a warm-up and a cosine.
    init : {"auto", "k-means", "graph"}
        Where the centres start. ``"k-means"``: 20 starts on the codes, as in the papers. ``"graph"``: rows merge
        along a graph of nearest rows (graph degree linkage, Zhang et al. 2012), and how far each belongs to the
        clusters found there is multiplied into Q wherever a target P is made of it. Images of 16 pixels and more
        are also compared by shape, near when each pixel of the one finds its like in the other at most two pixels away
        (Keysers et al. 2007), and the graph with the clearer clusters is taken.
        ``"auto"``: k-means for ``preset="paper"``, else the graph.
    augmentation : str or Corruption, optional
        What becomes of the rows of every batch, in both stages; targets are made of rows as they are (Guo et
        al. 2018). ``"motion"`` turns images by up to 10 degrees and shifts them by up to 10 %.
    gamma : float
        Weight of the divergence beside the mean squared error of a value; images and signals in units of the
        range of X, tables in units of its deviation.
    reconstruction : bool
        Whether the second stage still learns the squared error.
    n_init : int
        Trainings from different seeds, of which the one with the smallest loss is kept, of those with the fewest
        empty clusters. They share the graph of the first.
    refresh_every : int
        Steps between two targets P.
    tol : float
        The second stage ends when less than this share of the rows changed their cluster between two targets.
    network : str or Network
        Architecture: ``"auto"`` (by the shape of X; ``"dcec"`` for images of 16 pixels or more), ``"linear"``,
        ``"mlp"``, ``"conv1d"``, ``"conv2d"``, ``"dcec"``, or an object from :mod:`diabolo.networks`.
    scale : {"auto", "global", "column"}
        For tables, whether columns share one scale or have each their own. ``"auto"`` is ``"global"``.
    input_shape : tuple of int, optional
        Shape of one observation when X is 2-D and its rows are unrolled images or signals.
    channel_axis : int or None or "auto"
        Axis of X that holds channels. ``"auto"``: 2-D X is a table, 3-D grey images, 4-D images
        with channels last, or first where only that axis has the 1 or 3 values of grey or colour. An axis
        makes 3-D X signals; None makes 2-D X signals.
    max_epochs : int, optional
        Passes over the rows in the first stage; those of the preset by default.
    max_iter : int, optional
        Steps of the second stage at most; those of the preset by default.
    batch_size : int
        Rows in a step.
    learning_rate : float
        Largest learning rate of Adam.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    random_state : int, RandomState or None
        Seed of everything random. The same seed on the same machine gives the same bits.
    verbose : int
        1 shows a progress bar, on a terminal.

    Attributes
    ----------
    labels_ : array of shape (n_rows,)
        Cluster of each row of the fit, the largest of its shares.
    label_distributions_ : array of shape (n_rows, n_clusters)
        How far each row of the fit belongs to each cluster; rows sum to 1. Where clusters start along a graph, Q times
        what the graph says of the row: ``predict`` and ``predict_proba`` know codes alone, and may put some of these
        rows elsewhere, the more the shorter the training. No calibrated probabilities: they are surer than they are right.
    cluster_centers_ : array of shape (n_clusters, n_components)
        Centres, in the space of codes; ``inverse_transform`` shows them in X's.
    restarts_ : list of Restart
        Each training, with the label-free score by which one was chosen.
    {fitted}

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import DeepClustering
    >>> X = load_digits().images[:200]
    >>> dc = DeepClustering(10, max_epochs=60, max_iter=20, random_state=0).fit(X)
    >>> dc.labels_.shape, dc.predict_proba(X).shape, dc.inverse_transform(dc.cluster_centers_).shape
    ((200,), (200, 10), (10, 8, 8))
    """

    # what the other estimators let choose
    likelihood = "squared_error"
    effort = "normal"
    warm_start = early_stopping = False
    validation_fraction = 0.1
    n_iter_no_change = 1

    _streams = False  # k-means and the targets look at all rows
    model_: Clustered
    labels_: np.ndarray
    label_distributions_: np.ndarray
    restarts_: list[Restart]

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_components: int = 10,
        preset: Literal["fast", "paper"] = "fast",
        init: Literal["auto", "k-means", "graph"] = "auto",
        augmentation: str | Corruption | None = None,
        gamma: float = 0.1,
        reconstruction: bool = True,
        n_init: int = 1,
        refresh_every: int = 140,
        tol: float = 1e-3,
        network: str | Network = "auto",
        scale: str = "auto",
        input_shape: tuple[int, ...] | None = None,
        channel_axis: ChannelAxis = "auto",
        max_epochs: int | None = None,
        max_iter: int | None = None,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        device: str = "auto",
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_components = n_components
        self.preset = preset
        self.init = init
        self.augmentation = augmentation
        self.gamma = gamma
        self.reconstruction = reconstruction
        self.n_init = n_init
        self.refresh_every = refresh_every
        self.tol = tol
        self.network = network
        self.scale = scale
        self.input_shape = input_shape
        self.channel_axis = channel_axis
        self.max_epochs = max_epochs
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # -- fitting -------------------------------------------------------------------------------

    def fit(  # type: ignore[override]
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: float = EVERY,
    ) -> Self:
        """Find the clusters of rows.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            A table, signals or images; see the class. A torch tensor is detached and brought to the
            CPU; rows that lie elsewhere (as in :meth:`AutoEncoder.fit`) are read into one array, since
            targets are made of all of them. Every method takes these.
        y : None
            Ignored.
        checkpoint_dir : path-like, optional
            Folder in which the state of the training is kept, as in :meth:`AutoEncoder.fit`; each restart and
            each stage has a folder in it.
        checkpoint_every : float
            Seconds between two checkpoints. Ctrl-C and SIGTERM write one too, after the step.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is empty, holds NaN, infinite, complex or text values, has fewer rows than clusters, or only
            equal ones; or if ``checkpoint_dir`` holds another run.
        FloatingPointError
            If the loss is not finite before any weights have proved good.
        OSError
            If ``checkpoint_dir`` cannot be written, or another process trains there.
        """
        self._check_parameters()
        place = None if checkpoint_dir is None else Path(checkpoint_dir)
        if self.n_init == 1:
            return self._fit_once(X, place, checkpoint_every)
        if place is not None and not isinstance(self.random_state, numbers.Integral):
            raise ValueError(
                "random_state must be a whole number where n_init is above 1 with checkpoint_dir, so that each restart "
                f"goes on with the same seed, got {self.random_state!r}."
            )
        trials = []
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.n_init)
        graph = RowGraph(
            clone(self).set_params(random_state=int(seeds[0]))._new_seed()
        )  # as the first would draw it
        for i, seed in enumerate(seeds):
            trial = clone(self).set_params(n_init=1, random_state=int(seed))
            own_place = None if place is None else place / f"restart-{i}"
            trials.append(trial._fit_once(X, own_place, checkpoint_every, graph))
            if trial.stopped_ == "interrupted":
                break
        restarts = compared([trial.restarts_[0] for trial in trials], [trial.labels_ for trial in trials])
        whole = [i for i, trial in enumerate(trials) if trial.stopped_ != "interrupted"] or [0]
        best = trials[max(whole, key=lambda i: restarts[i].rank)]
        own = self.get_params(deep=False)
        for name in set(vars(self)) - set(own):
            delattr(self, name)  # of a fit before
        self.__dict__.update({name: value for name, value in vars(best).items() if name not in own})
        self.restarts_ = restarts
        if trials[-1].stopped_ == "interrupted":
            self.stopped_ = "interrupted"
        return self

    @property
    def partial_fit(self) -> NoReturn:
        """Nothing: k-means and the targets need all rows at once."""
        raise AttributeError(
            "DeepClustering has no partial_fit: k-means and the targets need all rows at once."
        )

    def plan(self, X: ArrayLike) -> FitPlan:
        """Say what ``fit`` would do with these rows; nothing is trained, and the estimator stays as it is.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            What ``fit`` would get; it is checked as ``fit`` does.

        Returns
        -------
        FitPlan
            Rows, steps of both stages and all restarts, parameters, and what ``"auto"`` would choose.
        """
        plan = super().plan(X)
        return replace(
            plan, n_steps=self.n_init * (plan.n_steps + self._plan(plan.n_rows, second=True).n_steps)
        )

    def _fit_once(
        self, X: ArrayLike, place: Path | None = None, every: float = EVERY, graph: RowGraph | None = None
    ) -> Self:
        array = self._check_X(X, reset=True)
        first, second = (None if place is None else place / name for name in ("auto-encoder", "clusters"))
        with checkpoints_in(first, every) as checkpoints:
            drawn, kept = self._new_seed(), kept_seed(self, checkpoints)
            self.seed_ = drawn if kept is None else kept
            run = run_of(self, {"X": array}, going_on=False)
            if checkpoints is not None:
                checkpoints.claim(run)
            self._build(array)
            with self._unfitted_on_error():
                x, objective, outcome = self._first_stage(array, checkpoints)
        if outcome.stopped == "budget":
            before = outcome
            with checkpoints_in(second, every) as checkpoints, self._unfitted_on_error():
                if checkpoints is not None:
                    checkpoints.claim(run)
                going_on = checkpoints is not None and checkpoints.run is not None
                if not going_on:  # a checkpoint knows the start, and a graph of images takes minutes
                    self._start(objective, x, graph or RowGraph(self.seed_))
                outcome = self._second_stage(objective, x, checkpoints)
            outcome.retries = [*before.retries, *(before.n_steps + step for step in outcome.retries)]
            self._note(outcome)
        else:
            self._start(objective, x)  # who breaks a fit off waits for no graph
        self._after_fit(x)
        with torch.no_grad():
            log_q = self.model_.log_assignment(codes_of(self.model_, x))
        self.label_distributions_ = objective.assigned(log_q).numpy(force=True)
        self.labels_ = self.label_distributions_.argmax(1)
        self._judge(objective, x, log_q, outcome)
        outcome.n_steps, outcome.best_step = self.n_steps_, self.best_step_  # of both stages
        self._tell(outcome)
        return self

    def _first_stage(
        self, array: np.ndarray, checkpoints: Checkpoints | None
    ) -> tuple[Tensor, Clustering, Outcome]:
        """Train the auto-encoder alone."""
        x = self._tensor(array, self._dtype)
        objective = Clustering(
            self.gamma * math.prod(self.layout_.event) / 2,
            reconstruction=self.reconstruction,
            refresh_every=self.refresh_every,
            tolerance=self.tol,
        )
        objective.check(self.model_)
        with seeded(self.seed_ + 1):
            outcome = self._stage(Reconstruction(), x, self._plan(len(x)), "auto-encoder", checkpoints)
        return x, objective, outcome

    def _second_stage(self, objective: Clustering, x: Tensor, checkpoints: Checkpoints | None) -> Outcome:
        with seeded(self.seed_ + 3):
            return self._stage(objective, x, self._plan(len(x), second=True), "clusters", checkpoints)

    def _stage(
        self, objective: Objective, x: Tensor, plan: Plan, title: str, checkpoints: Checkpoints | None
    ) -> Outcome:
        """Train with one objective, and add what came of it to the history."""
        optimiser = self._preset.optimiser(self.model_, self.learning_rate)
        with progress_bar(f"{type(self).__name__}: {title}", self.verbose) as progress:
            outcome = train(
                self.model_,
                objective,
                x,
                plan=plan,
                optimiser=optimiser,
                progress=progress,
                checkpoints=checkpoints,
            )
        outcome.optimiser = None
        last = self.history_[-1] if self.history_ else {}
        for row in outcome.history:
            for name in ("step", "epoch", "seconds"):
                row[name] += last.get(name, 0)
        steps_before = self.n_steps_
        self._record(outcome, objective, first=False)
        self.best_step_ = steps_before + outcome.best_step
        return outcome

    def _start(self, objective: Clustering, x: Tensor, graph: RowGraph | None = None) -> None:
        """Put the centres where the clusters start; where their rows are known too, the targets are made of both."""
        if (self._preset.init if self.init == "auto" else self.init) != "graph":
            graph = None
        init = "k-means" if graph is None else "graph"
        codes, rows = codes_of(self.model_, x).cpu().numpy(), self.model_.model.scaled(x)
        with seeded(self.seed_ + 2), progress_bar(f"{type(self).__name__}: {init}", self.verbose) as progress:
            shares = None if graph is None else graph.shares(rows, self.n_clusters, progress)
            centres = first_centres(codes, self.n_clusters, self.seed_, shares)
        with torch.no_grad():
            self.model_.centres.copy_(torch.as_tensor(centres))
        if shares is not None:
            objective.inform(self.model_, torch.as_tensor(shares))

    def _judge(self, objective: Clustering, x: Tensor, log_q: Tensor, outcome: Outcome) -> None:
        """Keep the label-free score of this training, and say what became of clusters without rows."""
        terms = mean_terms(self.model_, objective, x, {"target": target_of(log_q.exp())})
        n_steps = outcome.n_steps if hasattr(objective, "target") else 0
        seed = int(self.random_state) if isinstance(self.random_state, numbers.Integral) else self.seed_
        n_empty = self.n_clusters - len(np.unique(self.labels_))
        restart = Restart(
            seed, -terms["loss"], terms["divergence"], n_steps, outcome.stopped, n_empty=n_empty
        )
        self.restarts_ = [restart]
        said = []
        if n_reseeded := int(getattr(objective, "n_reseeded", 0)):
            said.append(
                f"{n_reseeded} time(s) a cluster lost all its rows and was seeded again at the row farthest from its centre"
            )
        if n_empty:
            said.append(f"{n_empty} of {self.n_clusters} clusters hold no row")
        if said:
            warn(
                f"{'; '.join(said)}. Fewer clusters may describe X better, more epochs of the first stage hold more apart, or "
                "another init start elsewhere.",
            )

    def _build(self, array: np.ndarray | Surveyed, valid: np.ndarray | None = None) -> None:
        for name in ("labels_", "label_distributions_", "restarts_"):
            self.__dict__.pop(name, None)
        if len(array) < self.n_clusters:
            raise ValueError(
                f"n_clusters must be at most the number of rows, n_samples = {len(array)}, got {self.n_clusters}."
            )
        super()._build(array, valid)
        if self.layout_.kind == "table":
            return
        # the literature's images, and with them gamma, are in units of the range of values
        self.choices_.pop("constant_columns", None)
        statistics = self._statistics(self._table(array))
        low, high = statistics.low.min(), statistics.high.max()
        self.model_.start(
            replace(
                statistics,
                mean=torch.full_like(statistics.mean, float(low)),
                unit=torch.full_like(statistics.unit, float(high) - float(low)),
            )
        )

    def _network(self, array: np.ndarray | BatchSource) -> Network:
        network = super()._network(array)
        is_auto = isinstance(self.network, str) and self.network == "auto"
        sides = self.layout_.event[1:]
        if is_auto and self.layout_.kind == "image" and min(sides) >= _SMALLEST_IMAGE:
            self.choices_["network"] = (
                f"network='dcec': X holds images of {' x '.join(map(str, sides))} pixels"
            )
            return DCEC()
        return network

    def _composed(self, model: LatentModel) -> Clustered:
        augmentation = self.augmentation
        if augmentation is not None:
            augmentation = part_named("augmentation", augmentation, corruptions.BY_NAME, Corruption)
        return Clustered(model, self.n_clusters, augmentation)

    def _parts(self) -> dict[str, Part]:
        return {"posterior": Deterministic()}

    def _plan(self, n_rows: int, *, second: bool = False) -> Plan:
        if second:
            return self._preset.second(n_rows, self.batch_size, self.learning_rate, self.max_iter)
        return self._preset.first(n_rows, self.batch_size, self.learning_rate, self.max_epochs)

    @property
    def _preset(self) -> Preset:
        return (PRESETS if self.augmentation is None else PRESETS_IF_AUGMENTED)[self.preset]

    def _check_parameters(self) -> None:
        super()._check_parameters()
        positive_integer("n_clusters", self.n_clusters)
        one_of("preset", self.preset, tuple(PRESETS))
        one_of("init", self.init, ("auto", "k-means", "graph"))
        positive_integer("n_init", self.n_init)
        positive_integer("refresh_every", self.refresh_every)
        if self.max_iter is not None:
            positive_integer("max_iter", self.max_iter)
        flag("reconstruction", self.reconstruction)
        if not finite(self.learning_rate):  # its presets have no "auto"
            raise ValueError(f"learning_rate must be a number above 0, got {self.learning_rate!r}.")
        if not (finite(self.gamma) and self.gamma > 0):
            raise ValueError(f"gamma must be a number above 0, got {self.gamma!r}.")
        if not (finite(self.tol) and 0 <= self.tol < 1):
            raise ValueError(f"tol must be a share of the rows, 0 or more and below 1, got {self.tol!r}.")

    # -- use -----------------------------------------------------------------------------------

    @property
    def cluster_centers_(self) -> np.ndarray:
        """Centres of the clusters in the space of codes, shape (n_clusters, n_components)."""
        check_is_fitted(self)
        return self.model_.centres.numpy(force=True).copy()

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the cluster of each row, the one of the nearest centre, shape (n_rows,)."""
        return self.predict_proba(X).argmax(1)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return how far each row belongs to each cluster, Q, shape (n_rows, n_clusters); rows sum to 1.

        Shares by distance (Student's t-distribution with one degree of freedom), which are no calibrated
        probabilities of classes.
        """
        check_is_fitted(self)
        array = self._check_X(X, reset=False)
        model: Any
        model, dtype = self._model_for(array.dtype)
        return self._blockwise(
            lambda x: model.log_assignment(model.encode(x).mean).exp(), self._tensor(array, dtype)
        )

    # -- files ---------------------------------------------------------------------------------

    def _fitted_state(self) -> dict[str, Any]:
        return {**super()._fitted_state(), "restarts_": [asdict(restart) for restart in self.restarts_]}

    def _tensors(self) -> dict[str, Tensor]:
        return {**super()._tensors(), "label_distributions": torch.as_tensor(self.label_distributions_)}

    def _restore(self, saved: Saved) -> None:
        restarts = saved.state.pop("restarts_")
        super()._restore(saved)
        self.restarts_ = [Restart(**each) for each in restarts]
        self.label_distributions_ = saved.tensors["label_distributions"].numpy()
        self.labels_ = self.label_distributions_.argmax(1)
