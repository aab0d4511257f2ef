"""``diabolo reconstruct`` and ``diabolo denoise``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arrays import check_out, deliver_from
from .codes import Beta, ImageOut, Input, RunName
from .errors import UsageError
from .run import Run, open_run
from .show import Show
from .source import Reading


def reconstruct(
    run: RunName,
    source: Input,
    /,
    *,
    out: ImageOut = None,
    beta: Beta = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Encode rows and decode them again."""
    opened = open_run(run)
    estimator = opened.load(beta)
    _through(opened, estimator, estimator.reconstruct, "reconstructions of", source, out, reading, show)


def denoise(
    run: RunName,
    source: Input,
    /,
    *,
    out: ImageOut = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Restore noisy rows with a denoising model."""
    opened = open_run(run)
    estimator = opened.load()
    if not hasattr(estimator, "denoise"):
        raise UsageError(
            f"denoise needs a denoising model, {run} holds a {type(estimator).__name__}: "
            "train one (diabolo fit --model denoising), or use diabolo reconstruct"
        )
    _through(opened, estimator, estimator.denoise, "restored rows of", source, out, reading, show)


def _through(
    opened: Run,
    estimator: Any,
    method: Callable[..., Any],
    what: str,
    source: str,
    out: str | None,
    reading: Reading,
    show: Show,
) -> None:
    layout = estimator.layout_
    path = check_out(out, images=layout.kind == "image", source=source)
    data = opened.rows(source, reading, estimator.row_shape_)
    deliver_from(
        method,
        data.X,
        name="X",
        what=f"{what} {data.name}",
        out=path,
        show=show,
        columns=data.feature_names,
        labels=data.y,
        layout=layout,
    )
