"""One page that shows what was fitted."""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from diabolo.report.numbers import key_numbers, plain
from diabolo.report.page import diabolo_drawing, render
from diabolo.report.sections import Material, all_sections
from diabolo.report.view import as_rows, spaced
from diabolo.storage import write_atomic

_MOST_ROWS = 5000
_ENDS = {
    "budget": "the budget of steps was used up",
    "early": "the held-out rows no longer improved",
    "settled": "hardly a row changed its cluster any more",
    "interrupted": "it was interrupted from the keyboard",
    "diverged": "the loss became no finite number or far too large, and the last good weights were kept",
}


def write_report(
    path: str | os.PathLike[str],
    estimator: Any,
    X_train: Any,
    X_test: Any = None,
    *,
    metrics: Mapping[str, Any] | None = None,
    title: str | None = None,
    source: str | None = None,
    X_test_noisy: Any = None,
    labels: Any = None,
) -> Path:
    """Write a self-contained HTML page with the key numbers and pictures of a fitted estimator.

    Parameters
    ----------
    path : str or path-like
        The file, usually ``report.html``; written whole or not at all.
    estimator : AutoEncoder, DenoisingAutoEncoder or VAE
        A fitted one.
    X_train : array of shape (n_rows, ...)
        Rows it was fitted on; of a clustering all of them in their order, for whom the labels are those of the fit.
    X_test : array of shape (n_rows, ...), optional
        Rows it has not seen, one or more, which are shown and measured; training rows by default.
    metrics : mapping, optional
        ``estimator.evaluate(X_test).as_dict()``; made here by default, on at most 5,000 rows.
    title : str, optional
        Head of the page.
    source : str, optional
        Where the data come from, in words.
    X_test_noisy : array of the shape of X_test, optional
        Noisy versions of the test rows, for a denoising auto-encoder with real pairs.
    labels : array of shape (n_test_rows,), optional
        Classes or numbers that colour the map of the codes.

    Returns
    -------
    pathlib.Path
        ``path``.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import AutoEncoder
    >>> from diabolo.report import write_report
    >>> X = load_digits().images[:60]
    >>> ae = AutoEncoder(2, max_epochs=1, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(pathlib.Path(folder, "report.html"), ae, X).name
    'report.html'
    """
    check_is_fitted(estimator)
    folder = Path(path).parent
    if not folder.is_dir():  # said before minutes of drawing
        raise FileNotFoundError(
            errno.ENOENT,
            f"cannot write {path}: the folder {folder} does not exist: create it first (mkdir -p)",
        )
    train = as_rows(X_train)
    test = train if X_test is None else as_rows(X_test)
    noisy = None if X_test_noisy is None else as_rows(X_test_noisy)
    labels = None if labels is None else np.asarray(labels)
    for name, rows in (("X_train", train), ("X_test", test)):
        if len(rows) == 0:
            raise ValueError(f"{name} must hold at least one row, got none.")
    for name, beside in (("X_test_noisy", noisy), ("labels", labels)):
        if beside is not None and len(beside) != len(test):
            raise ValueError(
                f"{name} must have a row for each of the {len(test)} test rows, got {len(beside)}."
            )
    which = spaced(len(test), _MOST_ROWS)
    if metrics is None:
        more = {} if noisy is None else {"X_noisy": noisy[which]}
        metrics = estimator.evaluate(test[which], **more).as_dict()
    shown = spaced(len(train), _MOST_ROWS)
    material = Material(
        estimator=estimator,
        train=train[shown],
        test=test[which],
        held_out=X_test is not None,
        metrics=metrics,
        noisy=None if noisy is None else noisy[which],
        labels=None if labels is None else labels[which],
        shares=_shares(estimator, train, shown),
    )
    name = type(estimator).__name__
    html = render(
        title=title or f"{name} of {material.view.noun}",
        lead=_lead(material, len(train), source),
        drawing=diabolo_drawing(" × ".join(str(n) for n in material.view.shape), estimator.n_components_),
        numbers=key_numbers(metrics),
        notes=_notes(material),
        sections=all_sections(material),
        tables=_tables(estimator),
        footer=_footer(),
    )
    return write_atomic(path, html.encode("utf-8"))


def _shares(estimator: Any, train: np.ndarray, shown: np.ndarray) -> np.ndarray | None:
    """Return how far rows belong to clusters, as the fit had it where it says more than ``predict``; else None."""
    if not hasattr(estimator, "cluster_centers_"):
        return None
    known = getattr(estimator, "label_distributions_", ())
    if len(known) == len(train):
        return np.asarray(known)[shown]
    return np.asarray(estimator.predict_proba(train[shown]))


def _lead(m: Material, n_train: int, source: str | None) -> str:
    e = m.estimator
    article = "an" if type(e).__name__[0] in "AEIO" else "a"
    numbers = "one number" if e.n_components_ == 1 else f"{e.n_components_} numbers"
    sentences = [
        f"This is {article} <b>{escape(type(e).__name__)}</b> that writes {escape(m.view.noun)} as <b>{numbers}</b> each.",
        f"It was fitted on {n_train:,} rows{'' if not source else f' ({escape(str(source))})'} in {e.n_steps_:,} steps "
        f"({e.n_iter_:,} epochs); training ended because {_ENDS.get(e.stopped_, escape(str(e.stopped_)))}.",
        f"The numbers below are for {_counted(m)}.",
    ]
    return " ".join(sentences)


def _counted(m: Material) -> str:
    n = m.metrics.get("n_rows", len(m.test))
    if m.held_out:
        return "one row that it has not seen" if n == 1 else f"{n:,} rows that it has not seen"
    return "the training rows" if n == len(m.train) else f"{n:,} of the training rows"


def _notes(m: Material) -> list[str]:
    notes = []
    if not m.metrics.get("is_density", True):
        notes.append(
            "The likelihood is the cross-entropy of values that are not 0 or 1: no density. Its nats compare only "
            "with those of the same likelihood on the same data."
        )
    if not m.metrics.get("kl_is_exact", True):
        notes.append("The rate has no closed form for this posterior and prior: it is averaged over draws.")
    if n_elsewhere := m.metrics.get("predicted_elsewhere"):
        accuracy = m.metrics.get("predicted_accuracy")
        scored = "" if accuracy is None else f", and by it {accuracy:.1%} of all are in the right cluster"
        notes.append(
            "The clusters shown are those of the fit, which the graph of the rows and their codes make together. What new rows "
            f"get, predict, knows codes alone: it puts {n_elsewhere:,} of these {sum(m.metrics['cluster_sizes']):,} rows "
            f"elsewhere{scored}."
        )
    if not m.held_out:
        notes.append(
            "No test rows were given: the numbers and pictures show rows that the model was fitted on."
        )
    return notes


def _tables(estimator: Any) -> list[tuple[str, list[tuple[str, str]], bool]]:
    settings = [
        (name, " ".join(repr(value).split())) for name, value in estimator.get_params(deep=False).items()
    ]
    tables = [("Configuration", settings, False)]
    facts = [(name.replace("_", " "), str(sentence)) for name, sentence in estimator.choices_.items()]
    facts += [("seed", str(estimator.seed_)), ("weights kept", f"of step {estimator.best_step_:,}")]
    seconds = estimator.history_[-1].get("seconds") if estimator.history_ else None
    if seconds is not None:
        facts.append(("time", f"{plain(seconds)} s of training"))
    n_parameters = sum(p.numel() for p in estimator.model_.parameters())
    facts.append(("parameters", f"{n_parameters:,}"))
    for restart in estimator.restarts_ if len(getattr(estimator, "restarts_", ())) > 1 else ():
        said = f"score {plain(restart.score)}, {restart.n_empty} empty clusters; agrees with the others to "
        facts.append((f"restart from seed {restart.seed}", said + plain(restart.agreement)))
    tables.append(("What was chosen and done", facts, True))
    return tables


def _footer() -> str:
    from importlib.metadata import PackageNotFoundError, version

    from diabolo import __version__

    parts = [f"diabolo {__version__}", f"Python {platform.python_version()}"]
    for package in ("torch", "numpy", "scikit-learn"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return " · ".join(parts)
