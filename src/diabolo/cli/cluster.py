"""``diabolo cluster``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from . import errors, keeping, report
from .classes import classes
from .codes import cluster_columns
from .fit import ENDS, RUN, Config, Draw, DryRun, Every, Overwrite, Resume, Source
from .models import make
from .options import DEFAULT_CLUSTERING, DEFAULTS, values, with_options
from .run import METRICS, new_folder
from .show import Show, aligned
from .source import Reading, Rows, in_memory, read, whole
from .summary import indented, plan_facts, plan_text, run_facts, run_text
from .training import effective, measuring, save, suit, train_in

LABELS, PROBABILITIES, TABLE = "labels.npy", "probabilities.npy", "clusters.csv"

Labels = Annotated[
    str | None,
    Parameter(
        group=RUN,
        help="File with a known class for each row (numbers, or words in a CSV file), to score the clusters with and for "
        "nothing else; else those that the source has.",
    ),
]
Folder = Annotated[
    str | None,
    Parameter(group=RUN, help="Folder for the run; else runs/SOURCE-MODEL, numbered if taken."),
]


@with_options
def cluster(
    source: Source = "digits",
    *,
    labels: Labels = None,
    out: Folder = None,
    overwrite: Overwrite = False,
    config: Config = None,
    resume: Resume = None,
    checkpoint_every: Every = 60.0,
    dry_run: DryRun = False,
    draw: Draw = True,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
    **given: Any,
) -> int:
    """Find clusters of all rows, and write labels, probabilities and a report."""
    from diabolo.storage import write_json

    keeping.check(resume, out, overwrite)
    model = given.pop("model", DEFAULT_CLUSTERING)
    options = {**DEFAULTS, **values(given)}
    estimator, notes = make(model, options)
    data = read(source, in_memory(reading, "a clustering looks at all rows"))
    rows = whole(data, None if labels is None else classes(labels, reading, len(data.X)))
    suit(estimator, options, rows)
    estimator.set_params(verbose=show.verbose)
    setting = {"source": source, "model": model, "labels": labels, **reading.options()}
    seed = options["random_state"] if isinstance(options["random_state"], int) else 0
    configuration = effective(estimator, options, setting, rows, reading, seed=seed)
    configuration["rows"]["whole"] = True
    if labels is not None:
        configuration["rows"]["labels"] = str(Path(labels).expanduser().resolve())
    if dry_run:
        folder = new_folder(out, data.name, model, overwrite=overwrite, make=False)
        facts = plan_facts(estimator, rows, configuration, folder)
        show.result(plan_text(facts, rows, notes), facts)
        return errors.OK
    if resume is None:
        kept = keeping.start(new_folder(out, data.name, model, overwrite=overwrite), configuration)
    else:
        kept = keeping.unfinished(resume)
    with keeping.held(kept):
        show.aside(f"{data.source}\n{len(rows.train)} rows to cluster")
        seconds = train_in(kept, estimator, rows, checkpoint_every, is_new=resume is None)
        folder = save(estimator, kept.parent, configuration, seconds)
        with measuring(f"the trained model is saved in {folder}"):
            _write(estimator, folder, rows)
            metrics = measured(estimator, rows)
            write_json(folder / METRICS, metrics)
        code = ENDS.get(estimator.stopped_, errors.OK)
        drawn = not draw or report.drawn(
            folder,
            lambda path: report.write_clusters(path, estimator, rows, metrics),
            f"the clusters are in {folder}",
        )
        if code != errors.INTERRUPTED and folder == kept.parent:  # and not rescued to another
            keeping.end(kept)
        facts = run_facts(estimator, folder, rows, configuration, None, code)
        more = {name: str(folder / name) for name in (LABELS, PROBABILITIES, TABLE)}
        facts = {**facts, "files": {**facts["files"], **more}, "metrics": metrics}
        text = f"{_found(estimator, metrics)}\n\n{run_text(facts, rows, None, notes)}"
        show.result(text, facts, brief=str(folder))
        if estimator.stopped_ in ENDS:
            then = f"; {keeping.go_on(kept)}" if keeping.is_of_use(kept) else ""
            print(f"diabolo: {estimator.stopped_}: saved in {folder}{then}", file=sys.stderr)
        return code if drawn else code or errors.UNEXPECTED


def measured(estimator: Any, rows: Rows) -> dict[str, Any]:
    """Return the record of the reconstructions, the sizes of the clusters and, with classes, the scores."""
    import numpy as np

    from diabolo.measures import clustering_scores

    metrics = {"rows": rows.said, **estimator.evaluate(rows.train).as_dict()}
    metrics["cluster_sizes"] = np.bincount(estimator.labels_, minlength=estimator.n_clusters).tolist()
    predicted = estimator.predict(rows.train)
    metrics["predicted_elsewhere"] = int(np.sum(predicted != estimator.labels_))
    metrics["restarts"] = [vars(restart) for restart in getattr(estimator, "restarts_", ())]
    if rows.test_labels is not None and rows.test_labels.ndim == 1:
        metrics["clustering"] = clustering_scores(rows.test_labels, estimator.labels_).as_dict()
        metrics["predicted_accuracy"] = clustering_scores(rows.test_labels, predicted).accuracy
    return metrics


def _write(estimator: Any, folder: Path, rows: Rows) -> None:
    import numpy as np

    from .arrays import write_array

    probabilities = getattr(estimator, "label_distributions_", None)
    if probabilities is None:  # what the codes say is all that is known
        probabilities = estimator.predict_proba(rows.train)
    write_array(folder / LABELS, estimator.labels_, name="labels")
    write_array(folder / PROBABILITIES, probabilities, name="probabilities")
    table = np.column_stack([estimator.labels_, probabilities])
    names = cluster_columns(estimator.n_clusters)
    write_array(folder / TABLE, table, name="clusters", columns=names)


def _found(estimator: Any, metrics: dict[str, Any]) -> str:
    """Return what was found, for a person."""
    sizes = ", ".join(map(str, metrics["cluster_sizes"]))
    lines = {"clusters": f"{estimator.n_clusters} with {sizes} rows"}
    if n_elsewhere := metrics["predicted_elsewhere"]:
        n_rows = len(estimator.labels_)
        accuracy = metrics.get("predicted_accuracy")
        scored = "" if accuracy is None else f", accuracy {accuracy:.1%}"
        lines["codes alone"] = (
            f"predict, which new rows get, puts {n_elsewhere:,} of {n_rows:,} rows elsewhere{scored}"
        )
    restarts = getattr(estimator, "restarts_", ())
    if len(restarts) > 1:
        agreement = max(restarts, key=lambda restart: restart.rank).agreement
        lines["restarts"] = (
            f"{len(restarts)}; the best agrees with the others to {agreement:.2f} (adjusted Rand)"
        )
    text = aligned(lines)
    if "clustering" in metrics:
        from diabolo.measures import ClusteringScores

        text += "\nbeside the known classes\n" + indented(str(ClusteringScores(**metrics["clustering"])))
    return text
