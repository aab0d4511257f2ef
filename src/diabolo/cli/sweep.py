"""``diabolo sweep``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from . import errors, keeping
from .fit import Config, Overwrite, Test
from .grid import betas_of, check_grid, name_of
from .models import make
from .options import DEFAULT_MODEL, DEFAULTS, values, with_options
from .run import CHECKPOINTS, CONFIG, FILES, METRICS, MODEL, new_folder, open_run
from .show import Show, as_json
from .source import Reading, Rows, gather, settled, some
from .summary import indented
from .training import effective, measure, save, suit, train

if TYPE_CHECKING:
    from diabolo.measures import RateDistortionCurve

SWEEP, TABLE, CURVE, PICTURES = "sweep.json", "curve.csv", "curve.png", "points.png"
_SHOWN = 6
#: Most rows to measure on, of those that are read in blocks.
_MOST_TO_JUDGE = 10_000

Source = Annotated[
    str,
    Parameter(
        group=Group("Rows", sort_key=1),
        help="Rows, as diabolo fit takes them; or the RUN of a multi-rate model, which is not trained again.",
    ),
]
_sweep = Group("Sweep", sort_key=2)
Grid = Annotated[
    str,
    Parameter(
        group=_sweep,
        help="Weights of the rate: FROM:TO:NUMBER at equal ratios (to six digits), or numbers with commas between.",
    ),
]
Folder = Annotated[
    str | None,
    Parameter(
        group=_sweep,
        help="Folder for the sweep; else runs/SOURCE-MODEL-sweep. What is finished there is not trained again.",
    ),
]


@with_options
def sweep(
    source: Source = "digits",
    *,
    beta: Grid = "0.1:10:9",
    test: Test = None,
    out: Folder = None,
    overwrite: Overwrite = False,
    config: Config = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
    **given: Any,
) -> int:
    """Fit a VAE at each beta, or a multi-rate model once, and draw distortion over rate."""
    betas = betas_of(beta)
    if _is_run(source):
        return _of_run(source, betas, test, out, overwrite, reading, show, values(given))
    model = given.pop("model", DEFAULT_MODEL)
    options = {**DEFAULTS, **values(given)}
    estimator, _ = make(model, options)
    check_grid(betas, estimator)
    reading = settled(source, reading)
    rows = gather(source, reading, test=test, seed=options["random_state"])
    suit(estimator, options, rows)
    setting = {"source": source, "model": model, "test": test, **reading.options()}
    configuration = effective(estimator, options, setting, rows, reading, seed=options["random_state"])
    folder = _folder(out, f"{rows.data.name}-{model}", {"beta": betas, **configuration}, overwrite)
    show.aside(f"{rows.data.source}\n{len(rows.train)} rows to learn from; to measure on: {rows.said}")
    try:
        if hasattr(estimator, "beta_range"):
            return _of_one(_fitted(estimator, rows, folder, configuration), betas, rows, folder, show)
        return _of_many(estimator, betas, rows, folder, configuration, show)
    except (KeyboardInterrupt, SystemExit) as error:
        done = sum((folder / name_of(b) / METRICS).is_file() for b in betas)
        more = f"{done} of {len(betas)} points are finished in {folder}: the same command goes on"
        if isinstance(error, SystemExit):
            raise errors.Terminated(f"terminated; {more}") from None
        raise KeyboardInterrupt(f"interrupted; {more}") from None
    except FloatingPointError as error:
        raise errors.Diverged(f"{error} The points before it are in {folder}.") from error


def _of_many(
    estimator: Any, betas: list[float], rows: Rows, folder: Path, configuration: dict[str, Any], show: Show
) -> int:
    """Fit one model for each beta, each from the weights of the one before; finished ones are read."""
    from rich.console import Console
    from rich.progress import track

    import diabolo
    from diabolo.estimators.trade_off import refit
    from diabolo.measures import RateDistortionCurve

    records, last, loaded = [], None, True
    bar = {"console": Console(stderr=True), "transient": True, "disable": not show.verbose}
    for beta in track(betas, "sweep over beta", **bar):  # type: ignore[arg-type]
        place = folder / name_of(beta)
        if not (place / METRICS).is_file():
            if last is not None and loaded:
                estimator = diabolo.load(last / MODEL)
            place.mkdir(exist_ok=True)
            started = time.perf_counter()
            refit(estimator, beta, rows.train, checkpoint_dir=place / CHECKPOINTS)
            if estimator.stopped_ == "interrupted":
                raise KeyboardInterrupt
            own = {**configuration, "options": {**configuration["options"], "beta": beta}}
            save(estimator, place, own, time.perf_counter() - started)
            measure(estimator, place, rows)
            keeping.end(place / CHECKPOINTS)
            loaded = False
        else:
            loaded = True
        last = place
        records.append(_read(place / METRICS))

    def at(beta: float) -> tuple[Any, dict[str, Any]]:
        return diabolo.load(folder / name_of(beta) / MODEL), {}

    ended = [_read(folder / name_of(beta) / CONFIG)["training"]["stopped"] for beta in betas]
    code = errors.DIVERGED if "diverged" in ended else errors.OK
    is_density = all(record["is_density"] for record in records)
    return _tell(RateDistortionCurve.of(betas, records), at, rows, folder, show, is_density, code)


def _of_run(
    source: str,
    betas: list[float],
    test: str | None,
    out: str | None,
    overwrite: bool,
    reading: Reading,
    show: Show,
    options: dict[str, Any],
) -> int:
    opened = open_run(source)
    estimator = opened.load()
    if not hasattr(estimator, "beta_range"):
        raise errors.UsageError(
            f"{source} holds a {type(estimator).__name__} with one beta, and a sweep trains one for each: give the rows, "
            f"or --config {opened.model.parent / CONFIG}"
        )
    if set(options) - {"model"}:
        names = ", ".join(f"--{name}".replace("_", "-") for name in options)
        raise errors.UsageError(f"{source} is trained already, so {names} has no effect: drop it")
    check_grid(betas, estimator)
    if test is None:
        rows = opened.own_rows()
    else:
        data = opened.rows(test, reading, estimator.row_shape_)
        X = some(data.X, _MOST_TO_JUDGE)
        rows = Rows(data, X, X, f"{'all ' * (len(X) == len(data.X))}{len(X)} rows of {data.name}")
    asked = {"beta": betas, "run": str(opened.model.resolve()), "test": test, **reading.options()}
    stem = opened.model.parent.name if opened.model.name == MODEL else opened.model.stem
    return _of_one(estimator, betas, rows, _folder(out, stem, asked, overwrite), show)


def _fitted(estimator: Any, rows: Rows, folder: Path, configuration: dict[str, Any]) -> Any:
    """Return the multi-rate model of the folder, after one fit if it is not there yet."""
    import diabolo

    if (folder / CONFIG).is_file():  # written behind the model
        return diabolo.load(folder / MODEL)
    seconds = train(estimator, rows, checkpoint_dir=folder / CHECKPOINTS)
    if estimator.stopped_ == "interrupted":
        raise KeyboardInterrupt
    save(estimator, folder, dict(configuration), seconds)
    keeping.end(folder / CHECKPOINTS)
    return estimator


def _of_one(estimator: Any, betas: list[float], rows: Rows, folder: Path, show: Show) -> int:
    """Judge one multi-rate model at each beta."""
    from diabolo.measures import RateDistortionCurve

    records = [estimator.evaluate(rows.test, beta=beta, n_draws=100) for beta in betas]
    code = errors.DIVERGED if estimator.stopped_ == "diverged" else errors.OK
    curve = RateDistortionCurve.of(betas, records)
    is_density = all(record.is_density for record in records)
    return _tell(curve, lambda beta: (estimator, {"beta": beta}), rows, folder, show, is_density, code)


def _tell(
    curve: RateDistortionCurve,
    at: Callable[[float], tuple[Any, dict[str, Any]]],
    rows: Rows,
    folder: Path,
    show: Show,
    is_density: bool,
    code: int,
) -> int:
    """Write the table and the pictures, and say what was found."""
    from diabolo.storage import write_csv, write_json

    write_csv(folder / TABLE, curve.rows())
    _draw(curve, at, rows, folder, is_density)
    asked = _read(folder / SWEEP)["asked"]
    found = {"rows": rows.said, "curve": curve.as_dict()}
    write_json(folder / SWEEP, {"asked": asked, **found})
    places = sorted(str(path) for path in folder.glob(f"*/{MODEL}"))
    files = {name: str(folder / name) for name in (SWEEP, TABLE, CURVE, PICTURES)}
    facts = {"sweep": str(folder), "files": files, "models": places, **found, "exit_code": code}
    text = (
        f"measured on {rows.said}, nats per row\n{indented(str(curve))}\n\nwrote {folder}: {'  '.join(files)}"
    )
    show.result(text, facts, brief=str(folder))
    return code


def _draw(curve: RateDistortionCurve, at: Any, rows: Rows, folder: Path, is_density: bool) -> None:
    from diabolo.report import View, plot_rate_distortion, plot_sweep
    from diabolo.report.view import spaced
    from diabolo.storage import write_atomic

    shown = rows.test[spaced(len(rows.test), _SHOWN)]
    rebuilt, drawn = [], []
    for beta in curve.beta.tolist():
        model, more = at(beta)
        rebuilt.append(model.reconstruct(shown, **more))
        drawn.append(model.sample(_SHOWN, observation="mean", **more))
    view = View.of(model, rows.test)
    figures = {
        CURVE: plot_rate_distortion(curve, bound=is_density),
        PICTURES: plot_sweep(shown, curve.beta.tolist(), rebuilt, drawn, view=view),
    }
    for name, figure in figures.items():
        write_atomic(folder / name, lambda file, figure=figure: figure.savefig(file, format="png"))  # type: ignore[misc]


def _is_run(source: str) -> bool:
    path = Path(source).expanduser()
    return path.suffix == ".diabolo" or (path / MODEL).is_file()


def _folder(out: str | None, stem: str, asked: dict[str, Any], overwrite: bool) -> Path:
    """Return the folder of this very sweep to go on in, or a new one."""
    asked = json.loads(as_json(asked))
    known = [Path(out).expanduser()] if out else sorted(Path("runs").glob(f"{stem}-sweep*"))
    for folder in known if not overwrite else ():
        before = _read(folder / SWEEP)["asked"] if (folder / SWEEP).is_file() else None
        if before is not None and _essence(before) == _essence(asked):
            return folder
        if before is not None and out:
            raise errors.UsageError(
                f"--out {folder} holds another sweep, with other {_first_difference(before, asked)}: choose another "
                "name, or --overwrite to replace it"
            )
    folder = new_folder(out, stem, "sweep", overwrite=overwrite)
    _clear(folder)
    from diabolo.storage import write_json

    write_json(folder / SWEEP, {"asked": asked})
    return folder


def _clear(folder: Path) -> None:
    """Remove the files of an earlier sweep, and nothing else."""
    for place in (folder, *folder.glob("beta-*/")):
        keeping.clear(place)
        for name in (*FILES, SWEEP, TABLE, CURVE, PICTURES):
            (place / name).unlink(missing_ok=True)
        if place != folder:
            with suppress(OSError):  # somebody's own files stay
                place.rmdir()


def _essence(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name != "versions"}


def _first_difference(before: dict[str, Any], asked: dict[str, Any]) -> str:
    """Return the name of the first option, or other entry, that two sweeps differ in."""
    for old, new, sign in ((before.get("options", {}), asked.get("options", {}), "--"), (before, asked, "")):
        for name in {**old, **new}:
            if name not in ("versions", "options") and old.get(name) != new.get(name):
                return f"{sign}{name}" if name != "beta" else "--beta"
    return "options"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
