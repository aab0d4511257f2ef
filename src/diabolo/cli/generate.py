"""``diabolo sample``, ``diabolo fit-prior`` and ``diabolo interpolate``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from .arrays import check_out, deliver
from .codes import Beta, ImageOut, Input, Latent, RunName
from .errors import UsageError
from .run import open_run
from .show import Show
from .source import Reading, row_of

Number = Annotated[int, Parameter(name=("-n", "--number"), help="How many.")]


def sample(
    run: RunName,
    /,
    *,
    n: Number = 64,
    latent: Latent | None = None,
    observation: Annotated[
        Literal["draw", "mean"], Parameter(help="A draw from p(x|z), or its mean.")
    ] = "draw",
    seed: Annotated[int | None, Parameter(help="Seed; that of the training by default.")] = None,
    out: ImageOut = None,
    beta: Beta = None,
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Generate new rows."""
    opened = open_run(run)
    estimator = opened.load(beta, aggregate=latent == "aggregate")
    has_prior = hasattr(estimator, "encode")
    source = latent or ("prior" if has_prior else "ex_post")
    if not has_prior and (source != "ex_post" or not hasattr(estimator, "ex_post_prior_")):
        raise UsageError(
            f"{type(estimator).__name__} of {run} defines no distribution of codes to draw from: fit one to them "
            "(diabolo fit-prior) and sample again with --latent ex_post, or train a VAE (diabolo fit --model vae)"
        )
    path = check_out(out, images=estimator.layout_.kind == "image")
    rows = estimator.sample(n, latent=source, observation=observation, random_state=seed)
    deliver(
        rows,
        name="X",
        what=f"samples ({source}, {observation})",
        out=path,
        show=show,
        columns=opened.config.get("feature_names"),
        layout=estimator.layout_,
    )


def fit_prior(
    run: RunName,
    source: Annotated[
        str | None,
        Parameter(
            name="INPUT", help="Rows: a file, a folder, or a data set's name; else those of the training."
        ),
    ] = None,
    /,
    *,
    prior: Annotated[
        Literal["gaussian", "gaussian_mixture", "flow", "second_stage"],
        Parameter(help="The density: one Gaussian, ten, a normalising flow, or a VAE on the codes."),
    ] = "gaussian_mixture",
    seed: Annotated[int | None, Parameter(help="Seed; that of the training by default.")] = None,
    out: Annotated[
        str | None, Parameter(help="File to write, .diabolo; the run's own model by default.")
    ] = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Fit a density to the codes of a trained model, to sample from and to score with."""
    opened = open_run(run)
    estimator = opened.load()
    X = opened.own_rows().train if source is None else opened.rows(source, reading, estimator.row_shape_).X
    path = estimator.fit_prior(X, prior, random_state=seed).save(out or opened.model)
    facts = {"out": str(path), "prior": repr(estimator.ex_post_prior_), "n_codes": len(X)}
    text = f"wrote {path}: {facts['prior']} fitted to {len(X)} codes; use it with --latent ex_post"
    show.result(text, facts, brief=str(path))


def interpolate(
    run: RunName,
    source: Input,
    /,
    *,
    rows: Annotated[str, Parameter(help="The two rows of INPUT at the ends, counted from 0.")] = "0,1",
    n: Number = 10,
    out: ImageOut = None,
    beta: Beta = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Decode the straight line between the codes of two rows."""
    ends = _two(rows)
    opened = open_run(run)
    estimator = opened.load(beta)
    layout = estimator.layout_
    path = check_out(out, images=layout.kind == "image", source=source)
    data = opened.rows(source, reading, estimator.row_shape_)
    for row in ends:
        if not -len(data.X) <= row < len(data.X):
            raise UsageError(
                f"--rows must lie between 0 and {len(data.X) - 1}, the last row of {source}, got {row}"
            )
    points = estimator.interpolate(*(row_of(data.X, row) for row in ends), n)
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
