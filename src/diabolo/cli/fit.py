"""``diabolo fit``."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from . import errors, keeping, report
from .models import make
from .options import DEFAULT_MODEL, DEFAULTS, values, with_options
from .run import new_folder
from .show import Show
from .source import Reading, Rows, gather, settled
from .summary import plan_facts, plan_text, run_facts, run_text
from .training import effective, measure, measuring, save, suit, train_in

_ROWS = Group("Rows", sort_key=1)
RUN = Group("Run", sort_key=2)
ENDS = {"diverged": errors.DIVERGED, "interrupted": errors.INTERRUPTED}


Source = Annotated[
    str, Parameter(group=_ROWS, help="A file, a folder of images or sounds, or a data set's name.")
]
Test = Annotated[
    str | None,
    Parameter(
        group=_ROWS, help="Rows to measure on; else the data set's test rows, else a tenth that is held out."
    ),
]
Noisy = Annotated[
    str | None,
    Parameter(group=_ROWS, help="A noisy version of each row, for a denoising model with real pairs."),
]
Folder = Annotated[
    str | None,
    Parameter(group=RUN, help="Folder for the run; else runs/SOURCE-MODEL, numbered if taken."),
]
Config = Annotated[
    str | None,
    Parameter(group=RUN, help="TOML file of options, or a run's config.json; the command line wins."),
]
Resume = Annotated[
    str | None,
    Parameter(
        group=RUN,
        help="Go on with the RUN that was broken off in this folder, with its options, to the same bits.",
    ),
]
Every = Annotated[
    float,
    Parameter(
        group=RUN,
        help="Seconds between two checkpoints in the run's folder, which --resume goes on from.",
    ),
]
_flag = Parameter(group=RUN, negative=(), show_default=False)
Overwrite = Annotated[bool, _flag, Parameter(help="Replace a run that is in the folder --out.")]
DryRun = Annotated[bool, _flag, Parameter(help="Show the effective configuration and the shapes, and stop.")]

Draw = Annotated[
    bool,
    Parameter(name="--report", group=RUN, show_default=False, help="Draw report.html (the default), or not."),
]


@with_options
def fit(
    source: Source = "digits",
    *,
    test: Test = None,
    noisy: Noisy = None,
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
    """Train a model on rows and write a run folder."""
    keeping.check(resume, out, overwrite)
    model = given.pop("model", DEFAULT_MODEL)
    options = {**DEFAULTS, **values(given)}
    estimator, notes = make(model, options)
    if noisy is not None and not hasattr(estimator, "denoise"):
        raise errors.UsageError(
            f"--noisy is for denoising models, {model} does not restore: use --model denoising"
        )
    if noisy is not None and test is not None:
        raise errors.UsageError("--test and --noisy do not go together: a tenth of the pairs is held out")
    reading = settled(source, reading)
    rows = gather(source, reading, test=test, noisy=noisy, seed=_seed(options))
    suit(estimator, options, rows)
    estimator.set_params(verbose=show.verbose)
    setting = {"source": source, "model": model, "test": test, "noisy": noisy, **reading.options()}
    configuration = effective(estimator, options, setting, rows, reading, seed=_seed(options))
    if dry_run:
        folder = new_folder(out, rows.data.name, model, overwrite=overwrite, make=False)
        facts = plan_facts(estimator, rows, configuration, folder)
        show.result(plan_text(facts, rows, notes), facts)
        return errors.OK
    from diabolo.training import joined

    processes = joined()
    again = resume or processes.first(lambda: keeping.broken_off(out))

    with ExitStack() as until_the_end:

        def place() -> Path:
            if again is not None:
                where = keeping.unfinished(again)
            else:
                folder = new_folder(out, rows.data.name, model, overwrite=overwrite)
                where = keeping.start(folder, configuration)
            until_the_end.enter_context(keeping.held(where))
            return where

        kept = processes.first(place)
        folder = kept.parent
        show.aside(f"{rows.data.source}\n{len(rows.train)} rows to learn from; to measure on: {rows.said}")
        is_new = again is None and processes.is_first
        seconds = train_in(kept, estimator, rows, checkpoint_every, is_new=is_new)
        if not processes.is_first:
            return ENDS.get(estimator.stopped_, errors.OK)
        folder = save(estimator, folder, configuration, seconds)
        code = ENDS.get(estimator.stopped_, errors.OK)
        record = None
        if code != errors.INTERRUPTED:
            record, drawn = _measured(estimator, folder, rows, draw)
            code = code if drawn else code or errors.UNEXPECTED
            if folder == kept.parent:  # and not rescued to another
                keeping.end(kept)
        facts = run_facts(estimator, folder, rows, configuration, record, code)
        show.result(run_text(facts, rows, record, notes), facts, brief=str(folder))
        if estimator.stopped_ in ENDS:
            step = estimator.best_step_
            more = f"; {keeping.go_on(kept)}" if keeping.is_of_use(kept) else ""
            print(
                f"diabolo: {estimator.stopped_}: saved in {folder} with the weights of step {step}{more}",
                file=sys.stderr,
            )
        return code


def _measured(estimator: Any, folder: Path, rows: Rows, draw: bool) -> tuple[Any, bool]:
    """Return the record, and whether the report was drawn (or cannot be, here); the model is safe already."""
    saved = f"the trained model is saved in {folder} (next: diabolo evaluate {folder})"
    with measuring(saved):
        record = measure(estimator, folder, rows)
    if not draw:
        return record, True
    return record, report.drawn(folder, lambda path: report.write(path, estimator, rows, record), saved)


def _seed(options: dict[str, Any]) -> int:
    seed = options.get("random_state")
    return seed if isinstance(seed, int) else 0
