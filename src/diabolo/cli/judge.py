"""``diabolo evaluate``, ``diabolo diagnose``, ``diabolo info`` and ``diabolo report``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from cyclopts import Parameter

from . import report as pages
from .codes import Beta, Latent, RunName
from .errors import UsageError
from .run import REPORT, Run, open_run
from .show import Show, aligned
from .source import Reading, in_blocks
from .summary import chosen, indented, n_parameters

MaybeInput = Annotated[
    str | None,
    Parameter(
        name="INPUT", help="Rows: a file, a folder, or a data set's name; else those that the run held out."
    ),
]


def evaluate(
    run: RunName,
    source: MaybeInput = None,
    /,
    *,
    n_draws: Annotated[
        int | None, Parameter(help="Importance draws for each row (VAE; 100 by default).")
    ] = None,
    latent: Annotated[
        Latent | None,
        Parameter(
            help="The density of codes in the importance-weighted log p(x) (VAE): the prior (the default), the posteriors "
            "of the training rows, or the density that diabolo fit-prior fitted."
        ),
    ] = None,
    beta: Beta = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Measure a model on rows."""
    opened = open_run(run)
    estimator = opened.load(beta)
    more = _of_a_vae(estimator, run, n_draws=n_draws, latent=latent)
    rows = _to_measure(opened, estimator, source, reading)
    if rows.noisy is not None:
        more["X_noisy"] = rows.noisy
    record = estimator.evaluate(rows.X, **more)
    text = f"measured on {rows.said}\n{indented(str(record))}"
    show.result(text, {"rows": rows.said, **record.as_dict()}, brief=str(record))


def diagnose(
    run: RunName,
    source: MaybeInput = None,
    /,
    *,
    path: Annotated[
        Literal["straight", "spherical"],
        Parameter(help="The paths between codes on which holes are looked for."),
    ] = "straight",
    beta: Beta = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Say what the latent space of a model holds."""
    from diabolo.measures.continuity import FEWEST_CODES

    opened = open_run(run)
    estimator = opened.load(beta, aggregate=True)
    rows = _to_measure(opened, estimator, source, reading, least=FEWEST_CODES)
    found = estimator.diagnose(rows.X, path=path)
    text = f"measured on {rows.said}\n{indented(str(found))}"
    show.result(text, {"rows": rows.said, **found.as_dict()}, brief="\n".join(found.findings))


def info(run: RunName, /, *, show: Show = Show()) -> None:  # noqa: B008 - frozen
    """Say what a model is and how it was trained."""
    opened = open_run(run)
    estimator = opened.load()
    training = {
        "n_steps": estimator.n_steps_,
        "n_epochs": estimator.n_iter_,
        "stopped": estimator.stopped_,
        "best_step": estimator.best_step_,
        "choices": estimator.choices_,
        "seed": estimator.seed_,
        **opened.config.get("training", {}),
    }
    model = estimator.model_
    parts = {name: repr(part) for name, part in model.get_params(deep=False).items() if part is not None}
    facts = {
        "file": str(opened.model),
        "bytes": opened.model.stat().st_size,
        "estimator": type(estimator).__name__,
        "params": {
            name: value for name, value in estimator.get_params(deep=False).items() if name != "verbose"
        },
        "parts": parts,
        "observation": list(estimator.row_shape_),
        "kind": estimator.layout_.kind,
        "n_components": estimator.n_components_,
        "n_parameters": n_parameters(estimator),
        "training": training,
        "source": opened.config.get("data"),
        "versions": opened.config.get("versions", {}),
    }
    seconds = f" in {training['seconds']:.1f} s" if "seconds" in training else ""
    lines = {
        "file": f"{facts['file']} ({facts['bytes'] / 1e6:.2f} MB)",
        "estimator": _call(estimator),
        **parts,
        "observation": f"{facts['kind']} {tuple(facts['observation'])} -> {facts['n_components']} numbers",
        "parameters": f"{facts['n_parameters']:,}",
        "trained": f"{training['n_steps']:,} steps ({training['n_epochs']:,} epochs){seconds}, seed {training['seed']}; "
        f"ended: {training['stopped']}, weights of step {training['best_step']:,}",
        **chosen(training["choices"], []),
        "data": facts["source"] or "not known (no config.json beside the file)",
        "versions": ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
        or "not known",
    }
    show.result(aligned(lines), facts, brief=facts["estimator"])


def report(
    run: RunName,
    /,
    *,
    out: Annotated[
        str | None, Parameter(help="File to write; report.html in the run's folder by default.")
    ] = None,
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Write the page of pictures of a run again."""
    opened = open_run(run)
    estimator = opened.load()
    rows = opened.own_rows()
    path = Path(out).expanduser() if out else opened.model.parent / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    if opened.config["rows"].get("whole"):
        from .classes import scored_again
        from .cluster import measured

        rows = scored_again(rows, opened.config)
        pages.write_clusters(path, estimator, rows, measured(estimator, rows))
        show.result(f"wrote {path}", {"out": str(path)}, brief=str(path))
        return
    more = {} if rows.test_noisy is None else {"X_noisy": rows.test_noisy}
    pages.write(path, estimator, rows, estimator.evaluate(rows.test, **more))
    show.result(f"wrote {path}", {"out": str(path)}, brief=str(path))


def _call(estimator: Any) -> str:
    """Return the constructor call with what differs from its defaults, on one line."""
    return " ".join(repr(estimator).split())


class _Measured(NamedTuple):
    X: Any
    noisy: Any
    said: str


def _to_measure(
    opened: Run, estimator: Any, source: str | None, reading: Reading, *, least: int = 0
) -> _Measured:
    """Return the rows of a source, or those that the run held out; all of its rows, where that is too few."""
    if source is None:
        own = opened.own_rows()
        n_rows, n_held_out = len(own.data.X), len(own.test)
        if n_held_out < min(least, n_rows) and own.test_noisy is None and not in_blocks(own.data.X):
            said = f"all {n_rows} rows, those of the training too, since {n_held_out} were held out"
            return _Measured(own.data.X, None, said)
        return _Measured(own.test, own.test_noisy, own.said)
    data = opened.rows(source, reading, estimator.row_shape_)
    return _Measured(data.X, None, f"all {len(data.X)} rows of {data.name}")


def _of_a_vae(estimator: Any, run: str, **given: Any) -> dict[str, Any]:
    """Return the options that were given; refuse those that ``evaluate`` has for a VAE alone."""
    options = {name: value for name, value in given.items() if value is not None}
    for name in options:
        if name not in inspect.signature(estimator.evaluate).parameters:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} is for a VAE, {run} holds a {type(estimator).__name__}: drop it")
    return options
