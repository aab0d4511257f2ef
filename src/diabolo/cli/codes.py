"""``diabolo encode`` and ``diabolo decode``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from .arrays import check_out, deliver, deliver_from
from .errors import UsageError
from .run import Run, open_run
from .show import Show
from .source import Reading, in_memory, read

RunName = Annotated[str, Parameter(help="A run's folder, or a .diabolo file.")]
Input = Annotated[str, Parameter(name="INPUT", help="Rows: a file, a folder, or a data set's name.")]
Out = Annotated[
    str | None, Parameter(help="File to write: .npy, .npz or .csv; without it the first rows are shown.")
]
Beta = Annotated[
    float | None,
    Parameter(
        help="Weight of the rate at which a multi-rate model is used; 1 by default, where it has that."
    ),
]
Latent = Annotated[
    Literal["prior", "aggregate", "ex_post"],
    Parameter(
        help="Where codes come from: the prior, the posteriors of the training rows, or the density that "
        "diabolo fit-prior fitted; the prior by default, or that density where there is no prior."
    ),
]
ImageOut = Annotated[
    str | None,
    Parameter(
        help="File to write: .npy, .npz, .csv, or .png for images; without it the first rows are shown."
    ),
]


def encode(
    run: RunName,
    source: Input,
    /,
    *,
    out: Out = None,
    clusters: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Of a clustering: the cluster of each row and how far it belongs to each, in place of its code.",
        ),
    ] = False,
    beta: Beta = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Turn rows into codes."""
    path = check_out(out, source=source)
    opened = open_run(run)
    estimator = opened.load(beta)
    if clusters:
        _deliver_clusters(opened, estimator, source, reading, path, show)
        return
    data = opened.rows(source, reading, estimator.row_shape_)
    columns = [str(name) for name in estimator.get_feature_names_out()]
    what = f"codes of {data.name}"
    how: dict[str, Any] = {"name": "Z", "columns": columns, "labels": data.y}
    deliver_from(estimator.transform, data.X, out=path, show=show, what=what, **how)


def _deliver_clusters(
    opened: Run, estimator: Any, source: str, reading: Reading, path: Path | None, show: Show
) -> None:
    import numpy as np

    if not hasattr(estimator, "predict_proba"):
        raise UsageError(
            f"--clusters needs a clustering, {opened.model} is a model without: make one by diabolo cluster"
        )
    data = opened.rows(source, in_memory(reading, "rows are put into clusters at once"), estimator.row_shape_)
    shares = estimator.predict_proba(data.X)
    columns = cluster_columns(estimator.n_clusters)
    table = np.column_stack([shares.argmax(1), shares])
    what = f"clusters of {data.name}, by their codes"
    deliver(table, out=path, show=show, what=what, name="clusters", columns=columns, labels=data.y)


def cluster_columns(n_clusters: int) -> list[str]:
    """Return the names of the columns of a table of clusters."""
    return ["cluster", *(f"probability {k}" for k in range(n_clusters))]


def decode(
    run: RunName,
    codes: Annotated[str, Parameter(name="CODES", help="Codes, as diabolo encode writes them.")],
    /,
    *,
    out: ImageOut = None,
    key: Annotated[str | None, Parameter(help="The array to take from an .npz file.")] = None,
    beta: Beta = None,
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Turn codes into rows."""
    opened = open_run(run)
    estimator = opened.load(beta)
    path = check_out(out, images=estimator.layout_.kind == "image", source=codes)
    Z = read(codes, Reading(key=key)).X
    how = {"name": "X", "columns": opened.config.get("feature_names"), "layout": estimator.layout_}
    deliver_from(estimator.inverse_transform, Z, out=path, show=show, what="decoded rows", **how)
