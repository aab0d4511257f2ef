"""What every estimator does to learn: look at the rows, choose, compose, train, tell."""

from __future__ import annotations

import math
import numbers
import os
import reprlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state
from torch import Tensor

from diabolo import likelihoods, networks
from diabolo.contracts import BatchSource, Objective, Part, Sizes, Statistics, seeded
from diabolo.data import draw_rows
from diabolo.estimators import choices, columns
from diabolo.estimators.inputs import (
    checked_block,
    finite,
    flag,
    one_of,
    positive_integer,
    training_dtype,
)
from diabolo.estimators.keeping import EVERY, checkpoints_in, kept_seed, run_of
from diabolo.estimators.layout import Layout
from diabolo.estimators.naming import part_named
from diabolo.estimators.plan import FitPlan
from diabolo.estimators.saving import SavedEstimator
from diabolo.estimators.survey import Surveyed
from diabolo.estimators.telling import tell
from diabolo.gradients import written_gradient
from diabolo.models import LatentModel
from diabolo.training import (
    Bytes,
    Checkpoints,
    Outcome,
    Plan,
    Rows,
    Streamed,
    Subset,
    joined,
    progress_bar,
    steps_per_epoch,
    train,
)
from diabolo.training.loop import adam

#: Steps of the optimiser for each value of ``effort``.
EFFORTS = {"normal": 2000, "thorough": 20_000}
_CHECKS = 40
_FEWEST_ROWS_TO_HOLD_OUT = 20
#: What validation_fraction="auto" holds out: 40 checks of more rows would take a good part of the training's time.
_HELD_OUT, _MOST_ROWS_TO_HOLD_OUT = 0.1, 1000
#: The rate of ``partial_fit``, which does not know how often it will be called, and after a ``fit``, whose rate fell to 0.
_CONSTANT_RATE, _RATE_AFTER_FIT = 2e-3, 2e-4
#: Most rows, and most values of them, that are held out of a source.
_MOST_HELD_OUT, _MOST_HELD_OUT_VALUES = 1 << 14, 1 << 23
_ONE_UNIT_RATIO = 100.0
#: What may be given by name, or as an object of the room of that name, which has parameters.
_PARTS = ("corruption", "likelihood", "network", "objective", "posterior", "prior")

Effort = Literal["normal", "thorough"]


class LatentEstimator(SavedEstimator):
    """An encoder and a decoder behind scikit-learn's face; subclasses say which model and objective."""

    # -- what a subclass says ------------------------------------------------------------------

    #: Share of the steps that is enough where rows are many.
    _steps_of_many_rows = 1.0

    @abstractmethod
    def _objective(self) -> Objective:
        """Return what training minimises."""

    @abstractmethod
    def _parts(self) -> dict[str, Part]:
        """Return the posterior, the prior and the corruption of the model."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of a part too, as ``likelihood__scale`` where ``likelihood`` is an object.

        Raises
        ------
        ValueError
            If there is no such parameter, or the part is given by its name, which has none.
        """
        given = {**self.get_params(deep=False), **params}
        for key in params:
            part, nested, _ = key.partition("__")
            value = given.get(part, ...)
            if nested and part in _PARTS and isinstance(value, str | Mapping | None):
                raise ValueError(
                    f"{key} is a parameter of an object, but {part}={reprlib.repr(value)}: "
                    f"give an object of diabolo.{part}s first, as {part}=..."
                )
        return super().set_params(**params)

    # -- fitting ------------------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        X_val: ArrayLike | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: float = EVERY,
    ) -> Self:
        """Learn the encoder and the decoder from rows.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            A table, signals or images; see the class. A torch tensor is detached and brought to the
            CPU. Of rows that lie elsewhere no more than 256 MiB (in float32) are held, and more are read in
            blocks: a mapped array (``numpy.load(path, mmap_mode="r")``), a torch ``Dataset`` of equal-shaped
            items (tensors, arrays, or tuples that begin with one), an object that gives blocks of rows each
            time that it is iterated over, or a :class:`~diabolo.contracts.BatchSource`, such as the X of
            :func:`diabolo.data.open_data`. Every method takes these.
        y : None
            Ignored, as scikit-learn's transformers do.
        X_val : array, optional
            Rows, held in memory, that choose the weights that are kept; by default ``validation_fraction`` of X.
        checkpoint_dir : path-like, optional
            Folder in which the state of the training is kept, the two newest checkpoints. Where it holds some
            of this very fit (same parameters, same rows), the fit goes on from them, to the same bits as if it
            had never been broken off; an ended one is read back.
        checkpoint_every : float
            Seconds between two checkpoints. Ctrl-C and SIGTERM write one too, after the step.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X or X_val is empty, holds NaN, infinite, complex or text values, or values outside
            the likelihood's support, or if X has one row or only equal ones; or if ``checkpoint_dir`` holds
            another run.
        FloatingPointError
            If the loss is not finite before any weights have proved good.
        OSError
            If ``checkpoint_dir`` cannot be written, or another process trains there.
        """
        return self._fit(X, X_val=X_val, checkpoint_dir=checkpoint_dir, checkpoint_every=checkpoint_every)

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Go once through the rows at a constant learning rate.

        The optimiser is kept between calls, in pickles and files of the estimator too. So is what the objective has learned
        (a controller's weight, a discriminator), as long as the objective is the same, but not in these. The first call builds
        the model and takes its shift and scale from the rows given then. Where ``learning_rate="auto"``, a model that ``fit``
        has trained goes on at a tenth of the rate of one that it has not.
        """
        self._check_parameters()
        first = not hasattr(self, "model_")
        if not first:
            self._check_same_model()
        array = self._looked_at(self._check_rows(X, reset=first), going_on=not first)
        if first:
            self.seed_ = self._new_seed()
            self._build(array)
        else:
            self._check_support(array, "X")
        x = self._table(array)
        rate = self._constant_rate()
        optimiser = self._optimiser or adam(self.model_, rate)
        if rate != self._rate:  # not what a divergence made of it
            self._rate = rate
            for group in optimiser.param_groups:
                group["lr"] = rate
        n_steps = steps_per_epoch(len(x), self.batch_size)
        plan = Plan(n_steps, self.batch_size, rate, n_steps, constant_rate=True)
        objective = self._objective()
        if self._minimised is not None and repr(objective) == repr(self._minimised):
            objective = self._minimised
        with seeded(self.seed_ + self.n_steps_ + 1):
            gradient = written_gradient(self.model_, objective)
            with self._unfitted_on_error() if first else nullcontext():
                outcome = train(self.model_, objective, x, plan=plan, optimiser=optimiser, gradient=gradient)
        self._optimiser, self._minimised = outcome.optimiser, objective
        self._record(outcome, objective, first=False)
        self._after_fit(x)
        return self

    def _constant_rate(self) -> float:
        if not _is_auto(self.learning_rate):
            return self.learning_rate
        if self._optimiser is not None:
            return self._rate  # of the call before
        return _RATE_AFTER_FIT if self.n_steps_ else _CONSTANT_RATE

    def plan(self, X: ArrayLike) -> FitPlan:
        """Say what ``fit`` would do with these rows; nothing is trained, and the estimator stays as it is.

        Parameters
        ----------
        X : array of shape (n_rows, ...)
            What ``fit`` would get; it is checked as ``fit`` does.

        Returns
        -------
        FitPlan
            Rows to learn from and held out, steps, parameters, and what ``"auto"`` would choose.
        """
        trial = clone(self)
        trial._check_parameters()
        rows = trial._check_rows(X, reset=True)
        trial.seed_ = trial._new_seed()
        trial._build(trial._looked_at(rows))
        n_held_out = len(trial._held_out(rows))
        return FitPlan(
            n_rows=len(rows) - n_held_out,
            n_held_out=n_held_out,
            n_steps=trial._plan(len(rows) - n_held_out).n_steps,
            n_parameters=sum(p.numel() for p in trial.model_.parameters()),
            choices=trial.choices_,
        )

    def _fit(
        self,
        X: ArrayLike,
        *,
        X_val: ArrayLike | None = None,
        X_seen: ArrayLike | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: float = EVERY,
    ) -> Self:
        self._check_parameters()
        going_on = self.warm_start and hasattr(self, "model_")
        if going_on:
            self._check_same_model()
        # pairs are looked up row by row
        check = self._check_rows if X_seen is None else self._check_X
        given = check(X, reset=not going_on)
        kept_in = checkpoints_in(checkpoint_dir, checkpoint_every)
        with nullcontext() if going_on else self._unfitted_on_error():
            seen = None if X_seen is None else self._check_seen(X_seen, given)
            valid = None if X_val is None else self._check_X(X_val, reset=False, name="X_val")
            with kept_in as checkpoints:
                if not going_on:
                    drawn = self._new_seed()
                    kept = kept_seed(self, checkpoints)
                    self.seed_ = drawn if kept is None else kept
                array = self._looked_at(
                    given, going_on=going_on, hold_out=valid is None, digest=checkpoints is not None
                )
                if checkpoints is not None:
                    rows = {"X": array, "X_val": valid, "X_noisy": seen}
                    checkpoints.claim(run_of(self, rows, going_on=going_on))
                if going_on:
                    self._check_support(array, "X")
                    self._check_support(valid, "X_val")
                else:
                    self._build(array, valid)
                objective, outcome = self._train(array, valid, seen, checkpoints)
        self._optimiser = self._minimised = outcome.optimiser = None
        self._record(outcome, objective, first=not going_on)
        self._after_fit(self._table(array))
        self._tell(outcome)
        return self

    def _train(
        self,
        array: np.ndarray | Surveyed,
        valid: np.ndarray | None,
        seen: np.ndarray | None,
        checkpoints: Checkpoints | None,
    ) -> tuple[Objective, Outcome]:
        beside = {} if seen is None else {"seen": self._tensor(seen, self._dtype)}
        x, x_valid, context, context_valid = self._hold_out(array, valid, beside)
        objective = self._objective()
        with seeded(self.seed_ + 1), progress_bar(type(self).__name__, self.verbose) as progress:
            outcome = train(
                self.model_,
                objective,
                x,
                plan=self._plan(len(x)),
                context=context,
                x_valid=x_valid,
                context_valid=context_valid,
                progress=progress,
                checkpoints=checkpoints,
                gradient=written_gradient(self.model_, objective),
            )
        return objective, outcome

    def _check_same_model(self) -> None:
        """Refuse to go on with a model that other arguments than the present ones made."""
        for name, value in self._shaping().items():
            if value != self._made_with[name]:
                raise ValueError(
                    f"training goes on with a model that was made with {name}={self._made_with[name]}, and {name} is now "
                    f"{value}: set it back, or fit a new model (warm_start=False)."
                )

    @contextmanager
    def _unfitted_on_error(self) -> Iterator[None]:
        """Leave no model behind where its first training fails."""
        try:
            yield
        except BaseException:
            self.__dict__.pop("model_", None)
            raise

    def _new_seed(self) -> int:
        return joined().first(lambda: int(check_random_state(self.random_state).randint(2**31 - 1)))

    def _after_fit(self, x: Rows) -> None:
        """Keep what else the model needs of the training rows."""

    # -- composing the model ------------------------------------------------------------------

    def _build(self, array: np.ndarray | Surveyed, valid: np.ndarray | None = None) -> None:
        self.__dict__.pop("model_", None)
        self.choices_: dict[str, str] = {}
        self.history_: list[dict[str, float]] = []
        self.n_iter_, self.n_steps_ = 0, 0
        self._optimiser = None
        self._minimised = None
        self._rate = math.nan
        self._made_with = self._shaping()
        network = self._network(array)
        if _is_auto(self.channel_axis) and self.layout_.channel_axis == 0:
            self.choices_["channel_axis"] = (
                f"1: one observation has the shape {self.layout_.shape}, channels first"
            )
        self.event_shape_ = self.layout_.shape
        self._dtype = array.training_dtype if isinstance(array, Surveyed) else training_dtype(array)
        self._numpy_dtype = array.dtype.str
        x = self._table(array)
        statistics = self._statistics(x)
        self._check_variation(statistics)
        likelihood = self._likelihood(array, statistics)
        self._check_support(array, "X", likelihood)
        if isinstance(array, Surveyed) and isinstance(x, Streamed):
            self.choices_["rows"] = (
                f"{len(x)} rows are read in {len(array.bounds) - 1} blocks and shuffled in pools of {x.pool_rows} rows; "
                f"{len(array.kept)} rows are held out, in memory"
            )
        scale = self.scale if self.scale != "auto" else ("column" if likelihood.per_feature else "global")
        if scale == "column":
            statistics = self._statistics(x, scale="column")
        self._advise(statistics, likelihood)
        likelihood = likelihood.resolve(statistics)
        self._check_support(valid, "X_val", likelihood)
        parts: dict[str, Any] = {name: part.resolve(statistics) for name, part in self._parts().items()}
        model = self._composed(LatentModel(network, likelihood=likelihood, **parts))
        with seeded(self.seed_):
            model = self._place(model, Sizes(self.layout_.event, self.n_components))
            model.start(statistics)
        self._objective().check(model)
        self.n_components_ = self._n_features_out = self.n_components
        self.model_ = model.eval()

    def _statistics(self, x: Rows, scale: str = "global") -> Statistics:
        if isinstance(x, Bytes):
            return Statistics.of(x.stored, scale=scale, dtype=x.dtype)
        if isinstance(x, Tensor):
            return Statistics.of(x, scale=scale)
        assert isinstance(x.source, Surveyed)  # as _table makes it
        return x.source.statistics(self.layout_, x.convert, scale)

    def _composed(self, model: LatentModel) -> LatentModel:
        """Return what is trained, made of a model that is not yet built."""
        return model

    def _network(self, array: np.ndarray | BatchSource) -> networks.Network:
        if isinstance(self.network, str) and self.network == "auto":
            self.layout_ = Layout.of(array.shape, self.channel_axis, self.input_shape, signals=False)
            network, self.choices_["network"] = choices.choose_network(self.layout_)
        else:
            network = part_named("network", self.network, networks.BY_NAME, networks.Network)
            signals = network.n_event_dims == 2
            self.layout_ = Layout.of(array.shape, self.channel_axis, self.input_shape, signals=signals)
        n_values = math.prod(self.layout_.event)
        if isinstance(network, networks.Linear) and self.n_components > min(n_values, len(array)):
            raise ValueError(
                f"n_components must be at most the smaller of n_features = {n_values} feature(s) and n_samples = "
                f"{len(array)} for a linear network (there are no more principal components), got {self.n_components}."
            )
        return network

    def _likelihood(self, array: np.ndarray | Surveyed, statistics: Statistics) -> likelihoods.Likelihood:
        names = getattr(self, "feature_names_in_", None)
        if isinstance(self.likelihood, str) and self.likelihood == "auto":
            likelihood, why = choices.choose_likelihood(array, self.layout_, statistics, names)
        elif self._is_by_column:
            if self.layout_.kind != "table":
                raise ValueError(
                    f"likelihood={reprlib.repr(self.likelihood)} is for the columns of a table, and X holds "
                    f"{self.layout_.kind}s, whose values are of one kind."
                )
            likelihood, why = columns.mixed(self._kinds, statistics, names)
        else:
            return self._likelihood_named()
        self.choices_["likelihood"] = why
        return likelihood

    def _likelihood_named(self) -> likelihoods.Likelihood:
        """Return the likelihood that is asked for; of columns that are not named, one that refuses no numbers."""
        if self._is_by_column:
            names = getattr(self, "feature_names_in_", None)
            parts = columns.asked_for(self._kinds, names, self.n_features_in_)
            return likelihoods.Mixed(((likelihoods.Gaussian(), None), *parts))
        return part_named("likelihood", self.likelihood, columns.NAMES, likelihoods.Likelihood)

    @property
    def _is_by_column(self) -> bool:
        return isinstance(self.likelihood, Mapping) or (
            isinstance(self.likelihood, str) and self.likelihood == "mixed"
        )

    @property
    def _kinds(self) -> Mapping[Any, Any]:
        """The kinds of columns that are asked for."""
        return self.likelihood if isinstance(self.likelihood, Mapping) else {}

    def _check_support(
        self, array: np.ndarray | Surveyed | None, name: str, likelihood: likelihoods.Likelihood | None = None
    ) -> None:
        """Refuse rows, as ``_check_X`` returns them, with values that p(x|z) cannot have; ``name`` is theirs.

        Those of a source have been checked when they were looked at.
        """
        if array is None or isinstance(array, Surveyed):
            return
        try:
            (likelihood or self.model_.likelihood).check(array, getattr(self, "feature_names_in_", None))
        except ValueError as error:  # a likelihood knows no other name than X, nor who chose it
            chosen = self.choices_.get("likelihood") if likelihood is None else None
            why = f" (At fit: {chosen}.)" if chosen else ""
            raise ValueError(f"{str(error).replace(' X has ', f' {name} has ', 1)}{why}") from None

    # -- how to train -------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        positive_integer("n_components", self.n_components)
        positive_integer("batch_size", self.batch_size)
        if self.max_epochs is not None:
            positive_integer("max_epochs", self.max_epochs)
        positive_integer("n_iter_no_change", self.n_iter_no_change)
        if not (isinstance(self.verbose, numbers.Integral) and int(self.verbose) >= 0):
            raise ValueError(f"verbose must be 0, or 1 for a progress bar, got {self.verbose!r}.")
        flag("early_stopping", self.early_stopping)
        flag("warm_start", self.warm_start)
        rate, share = self.learning_rate, self.validation_fraction
        if not (_is_auto(rate) or (finite(rate) and rate > 0)):
            raise ValueError(f"learning_rate must be a number above 0, or 'auto', got {rate!r}.")
        if not (_is_auto(share) or (finite(share) and 0 < share < 1)):
            raise ValueError(
                f"validation_fraction must lie strictly between 0 and 1, or be 'auto', got {share!r}; "
                "to hold out no rows use early_stopping=False."
            )
        one_of("effort", self.effort, tuple(EFFORTS))
        one_of("scale", self.scale, ("auto", "global", "column"))
        shape, axis = self.input_shape, self.channel_axis
        if shape is not None and not isinstance(shape, tuple | list):
            raise ValueError(f"input_shape must be a tuple, such as (28, 28), or None, got {shape!r}.")
        for side in shape or ():
            positive_integer("each side of input_shape", side)
        if not (
            axis is None or (isinstance(axis, str) and axis == "auto") or isinstance(axis, numbers.Integral)
        ):
            raise ValueError(
                f"channel_axis must be 'auto', None or the number of an axis of X, got {axis!r}."
            )

    def _check_variation(self, statistics: Statistics) -> None:
        constant = (statistics.deviation == 0).flatten()
        if bool(constant.all()):
            raise ValueError(
                f"X must have rows that differ, but all its {statistics.n_rows} rows are equal: "
                "there is nothing to learn. Check how X was read."
            )
        if bool(constant.any()):
            names = getattr(self, "feature_names_in_", None)
            where = torch.nonzero(constant).flatten().tolist()
            shown = ", ".join(str(i if names is None else names[i]) for i in where[:10])
            more = ", ..." if len(where) > 10 else ""
            self.choices_["constant_columns"] = (
                f"{len(where)} of {len(constant)} columns are constant, and have the scale 1 where they are real numbers: {shown}{more}"
            )

    def _advise(self, statistics: Statistics, likelihood: likelihoods.Likelihood) -> None:
        """Say once what may have been meant otherwise, before the training begins."""

    def _plan(self, n_rows: int) -> Plan:
        n_steps = EFFORTS[self.effort]
        if n_rows >= choices.MANY_ROWS:
            n_steps = round(n_steps * self._steps_of_many_rows)
        if self.max_epochs is not None:
            n_steps = self.max_epochs * steps_per_epoch(n_rows, self.batch_size)
        rate = self.learning_rate
        if _is_auto(rate):
            rate, self.choices_["learning_rate"] = choices.choose_learning_rate(n_rows, n_steps)
        return Plan(
            n_steps=n_steps,
            batch_size=min(self.batch_size, n_rows),
            learning_rate=rate,
            check_every=max(1, math.ceil(n_steps / _CHECKS)),
            patience=self.n_iter_no_change if self.early_stopping else None,
        )

    def _n_held_out(self, n_rows: int) -> int:
        if not self.early_stopping or n_rows < _FEWEST_ROWS_TO_HOLD_OUT:
            return 0
        if _is_auto(self.validation_fraction):
            return min(max(1, round(_HELD_OUT * n_rows)), _MOST_ROWS_TO_HOLD_OUT)
        return min(max(1, round(self.validation_fraction * n_rows)), n_rows - 1)

    def _held_out(self, rows: np.ndarray | BatchSource) -> np.ndarray:
        """Return the sorted numbers of the rows that are held out, drawn by the seed."""
        n_valid, is_source = self._n_held_out(len(rows)), isinstance(rows, BatchSource)
        if is_source:
            most = max(1, _MOST_HELD_OUT_VALUES // math.prod(rows.shape[1:]))
            n_valid = min(n_valid, most, _MOST_HELD_OUT)
        return draw_rows(len(rows), n_valid, self.seed_, sparingly=is_source)

    def _hold_out(
        self, array: np.ndarray | Surveyed, valid: np.ndarray | None, context: dict[str, Tensor]
    ) -> tuple[Rows | Subset, Tensor | None, dict[str, Tensor | Subset], dict[str, Tensor]]:
        x = self._table(array)
        if valid is not None:
            x_valid = self._tensor(valid, self._dtype)
            return x, x_valid, {**context}, {}  # of which no noisy version is given: the corruption makes one
        if isinstance(x, Streamed):
            assert isinstance(array, Surveyed)
            held_out = self._tensor(array.kept, self._dtype) if len(array.kept) else None
            return Streamed(array.without(array.held_out), x.convert), held_out, {}, {}
        rows = self._held_out(array)
        if len(rows) == 0:
            return x, None, {**context}, {}
        held = torch.from_numpy(rows).to(x.device)
        kept = torch.from_numpy(np.delete(np.arange(len(x)), rows)).to(x.device)
        return (
            Subset(x, kept),
            x[held],
            {name: Subset(tensor, kept) for name, tensor in context.items()},
            {name: tensor[held] for name, tensor in context.items()},
        )

    # -- what came of it ----------------------------------------------------------------------

    def _record(self, outcome: Outcome, objective: Objective, *, first: bool) -> None:
        self.history_ = outcome.history if first else [*self.history_, *outcome.history]
        self.n_iter_ = (0 if first else self.n_iter_) + math.ceil(outcome.n_epochs)
        self.n_steps_ = (0 if first else self.n_steps_) + outcome.n_steps
        self.stopped_ = outcome.stopped
        self.best_step_ = outcome.best_step
        self.learning_rate_ = outcome.learning_rate
        if not _is_auto(self.learning_rate):
            self.choices_.pop("learning_rate", None)
        self._note(outcome)

    def _note(self, outcome: Outcome) -> None:
        """Say among the choices what divergences did to the learning rate."""
        if outcome.retries:
            steps = ", ".join(map(str, outcome.retries))
            chosen = self.choices_.get("learning_rate", f"learning_rate={self.learning_rate_:g}")
            self.choices_["learning_rate"] = (
                f"{chosen}, halved after each of the steps {steps}, where the loss diverged"
            )

    def _tell(self, outcome: Outcome) -> None:
        """Warn of what did not go as planned."""
        tell(outcome)

    # -- rows ---------------------------------------------------------------------------------

    def _check_X(self, X: ArrayLike | BatchSource, *, reset: bool, name: str = "X") -> np.ndarray:
        if reset:
            columns.refuse_numbered(self._kinds, X)
        return super()._check_X(X, reset=reset, name=name)

    def _looked_at(
        self,
        rows: np.ndarray | BatchSource,
        *,
        going_on: bool = False,
        hold_out: bool = False,
        digest: bool = False,
    ) -> np.ndarray | Surveyed:
        """Return an array as it is, and a source after a pass over all its rows, which checks and measures them."""
        if not isinstance(rows, BatchSource):
            return rows
        likelihood: likelihoods.Likelihood | None = None
        if going_on:
            likelihood = self.model_.likelihood
        elif not (isinstance(self.likelihood, str) and self.likelihood == "auto"):
            likelihood = self._likelihood_named()

        def check(block: np.ndarray) -> np.ndarray:
            block = checked_block(self, block, "X")
            if likelihood is not None:
                self._check_support(block, "X", likelihood)
            return block

        keep = self._held_out(rows) if hold_out else np.empty(0, np.int64)
        return Surveyed(rows, check, keep=keep, digest=digest)

    def _table(self, array: np.ndarray | Surveyed) -> Rows:
        """Return rows as training sees them; bytes stay bytes, where no stage needs all rows as they are."""
        if isinstance(array, Surveyed):
            dtype = self._dtype
            return Streamed(array, lambda block: self._tensor(block, dtype))
        return self._rows(array, self._dtype) if self._streams else self._tensor(array, self._dtype)

    def _check_seen(self, X_seen: ArrayLike, array: np.ndarray | BatchSource) -> np.ndarray:
        seen = self._check_X(X_seen, reset=False, name="X_noisy")
        if seen.shape != array.shape:
            raise ValueError(
                f"X_noisy must have the shape of X, row for row: X has {array.shape}, X_noisy has {seen.shape}."
            )
        return seen

    def _draw_seed(self, random_state: Any) -> int:
        """Return the seed of one draw; that of the fit for None, so that calls repeat."""
        return (
            self.seed_ + 2
            if random_state is None
            else int(check_random_state(random_state).randint(2**31 - 1))
        )


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"
