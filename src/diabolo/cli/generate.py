"""``diabolo sample`` and ``diabolo interpolate``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from .arrays import check_out, deliver
from .codes import ImageOut, Input, RunName
from .errors import UsageError
from .run import open_run
from .show import Show
from .source import Reading

Number = Annotated[int, Parameter(name=("-n", "--number"), help="How many.")]


def sample(
    run: RunName,
    /,
    *,
    n: Number = 64,
    latent: Annotated[
        Literal["prior", "aggregate", "ex_post"],
        Parameter(
            help="Where codes come from: the prior, the posteriors of the training rows, or the density that "
            "fit_prior fitted (in Python) before the model was saved."
        ),
    ] = "prior",
    observation: Annotated[
        Literal["draw", "mean"], Parameter(help="A draw from p(x|z), or its mean.")
    ] = "draw",
    seed: Annotated[int | None, Parameter(help="Seed; that of the training by default.")] = None,
    out: ImageOut = None,
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Generate new rows with a VAE."""
    opened = open_run(run)
    estimator = opened.load()
    more: dict[str, Any] = {"latent": latent}
    if not hasattr(estimator, "encode"):  # codes without a distribution of their own
        more = {}
        if latent != "ex_post":
            raise UsageError(
                f"sample needs a model with a prior, {run} holds a {type(estimator).__name__}: train one "
                "(diabolo fit --model vae), or fit a density to the codes in Python and use --latent ex_post"
            )
    path = check_out(out, images=estimator.layout_.kind == "image")
    rows = estimator.sample(n, observation=observation, random_state=seed, **more)
    deliver(
        rows,
        name="X",
        what=f"samples ({latent}, {observation})",
        out=path,
        show=show,
        columns=opened.config.get("feature_names"),
        layout=estimator.layout_,
    )


def interpolate(
    run: RunName,
    source: Input,
    /,
    *,
    rows: Annotated[str, Parameter(help="The two rows of INPUT at the ends, counted from 0.")] = "0,1",
    n: Number = 10,
    out: ImageOut = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Decode the straight line between the codes of two rows."""
    ends = _two(rows)
    opened = open_run(run)
    estimator = opened.load()
    layout = estimator.layout_
    path = check_out(out, images=layout.kind == "image")
    data = opened.rows(source, reading, estimator.row_shape_)
    for row in ends:
        if not -len(data.X) <= row < len(data.X):
            raise UsageError(
                f"--rows must lie between 0 and {len(data.X) - 1}, the last row of {source}, got {row}"
            )
    points = estimator.interpolate(data.X[ends[0]], data.X[ends[1]], n)
    what = f"line from row {ends[0]} to row {ends[1]} of {data.name}"
    deliver(points, name="X", what=what, out=path, show=show, columns=data.feature_names, layout=layout)


def _two(rows: str) -> tuple[int, int]:
    try:
        first, last = (int(word) for word in rows.split(","))
    except ValueError:
        raise UsageError(
            f"--rows must be two row numbers with a comma between, such as 0,5, got {rows!r}"
        ) from None
    return first, last
