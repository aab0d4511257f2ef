"""``diabolo export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from .codes import Beta, RunName
from .errors import UsageError
from .run import Run, open_run
from .show import Show
from .source import Reading

if TYPE_CHECKING:
    import numpy as np

_PARTS = ("encoder", "decoder", "whole")
_ONNX, _TORCH = ".onnx", ".pt2"


def export(
    run: RunName,
    source: Annotated[
        str | None,
        Parameter(
            name="INPUT",
            help="Rows to compare the files with the model on: a file, a folder, or a data set's name; else rows drawn "
            "around the mean, and with --int8 those that the run held out.",
        ),
    ] = None,
    /,
    *,
    onnx: Annotated[bool, Parameter(negative=(), help="Write ONNX files (needs the extra onnx).")] = False,
    torch_export: Annotated[bool, Parameter(negative=(), help="Write torch.export programs.")] = False,
    what: Annotated[
        Literal["encoder", "decoder", "whole", "all"],
        Parameter(help="Rows to codes, codes to rows, both in one, or a file of each."),
    ] = "all",
    out: Annotated[
        str | None,
        Parameter(help="The file for one of them, else the folder; the model's folder by default."),
    ] = None,
    int8: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Keep the weights of linear layers of ONNX files in 8 bits, and say what that loses.",
        ),
    ] = False,
    beta: Beta = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    show: Show = Show(),  # noqa: B008 - frozen
) -> None:
    """Write a model for other programs, checked against the model."""
    if not (onnx or torch_export):
        raise UsageError("export needs --onnx, --torch-export, or both")
    if int8 and not onnx:
        raise UsageError("--int8 is for ONNX files: add --onnx")
    opened = open_run(run)
    parts = _PARTS if what == "all" else (what,)
    files = _files(
        opened, parts, [s for s, wanted in ((_ONNX, onnx), (_TORCH, torch_export)) if wanted], out, int8
    )
    estimator = opened.load(beta)
    X = _rows(opened, estimator, source, reading, int8)
    written = [_write(estimator, part, path, X, int8) for part, path in files]
    text = "\n".join(f"wrote {record}" for record in written)
    brief = "\n".join(str(record.path) for record in written)
    show.result(text, {"files": [record.as_dict() for record in written]}, brief=brief)


def _files(
    opened: Run, parts: tuple[str, ...], suffixes: list[str], out: str | None, int8: bool
) -> list[tuple[str, Path]]:
    """Return what is written where, or refuse it before any work is done."""
    folder = opened.model.parent if out is None else Path(out).expanduser()
    if folder.suffix.lower() in (_ONNX, _TORCH) and not folder.is_dir():
        if len(parts) * len(suffixes) > 1 or folder.suffix.lower() != suffixes[0]:
            raise UsageError(
                f"--out must be a folder for several files, or a file that ends in {suffixes[0]} with --what encoder, "
                f"decoder or whole, got {out!r}"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        return [(parts[0], folder)]
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"--out must be a folder, or end in {' or '.join(suffixes)}; {folder} is another file"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return [
        (part, folder / f"{part}{'.int8' if int8 and suffix == _ONNX else ''}{suffix}")
        for part in parts
        for suffix in suffixes
    ]


def _rows(opened: Run, estimator: Any, source: str | None, reading: Reading, int8: bool) -> np.ndarray | None:
    if source is not None:
        return opened.rows(source, reading, estimator.row_shape_).X
    return opened.own_rows().test if int8 else None


def _write(estimator: Any, part: str, path: Path, X: np.ndarray | None, int8: bool) -> Any:
    from diabolo.export import export_onnx, export_torch

    if path.suffix.lower() == _TORCH:
        return export_torch(estimator, path, part, X=X)  # type: ignore[arg-type]
    return export_onnx(estimator, path, part, X=X, int8=int8)  # type: ignore[arg-type]
