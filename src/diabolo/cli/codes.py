"""``diabolo encode`` and ``diabolo decode``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from .arrays import check_out, deliver_from
from .run import open_run
from .show import Show
from .source import Reading, read

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
        "diabolo fit-prior fitted."
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
    beta: Beta = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Turn rows into codes."""
    path = check_out(out)
    opened = open_run(run)
    estimator = opened.load(beta)
    data = opened.rows(source, reading, estimator.row_shape_)
    columns = [str(name) for name in estimator.get_feature_names_out()]
    what = f"codes of {data.name}"
    how: dict[str, Any] = {"name": "Z", "columns": columns, "labels": data.y}
    deliver_from(estimator.transform, data.X, out=path, show=show, what=what, **how)


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
    path = check_out(out, images=estimator.layout_.kind == "image")
    Z = read(codes, Reading(key=key)).X
    how = {"name": "X", "columns": opened.config.get("feature_names"), "layout": estimator.layout_}
    deliver_from(estimator.inverse_transform, Z, out=path, show=show, what="decoded rows", **how)
