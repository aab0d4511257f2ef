"""Arrays out: to a file by its suffix, or in short to the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import UsageError
from .show import Show
from .source import in_blocks
from .tiles import write_tiles

if TYPE_CHECKING:
    import numpy as np

_PREVIEWED = 5
_FORMATS = {"f2": "%.5g", "f4": "%.9g", "f8": "%.17g"}  # digits that give back the same bits


def check_out(out: str | None, *, images: bool = False, source: str | None = None) -> Path | None:
    """Return the path to write to, or refuse it before any work is done; ``source`` is the file that is read."""
    if out is None:
        return None
    path = Path(out).expanduser()
    allowed = (".npy", ".npz", ".csv", *((".png",) if images else ()))
    if path.suffix.lower() not in allowed:
        why = " (a picture needs images)" if path.suffix.lower() == ".png" else ""
        raise UsageError(f"--out must end in {', '.join(allowed)}{why}, got {out!r}")
    if path.is_dir():
        raise UsageError(f"--out must be a file, {path} is a folder; add a name, such as {path / 'out.npy'}")
    if source is not None and path.exists() and path.resolve() == Path(source).expanduser().resolve():
        raise UsageError(f"--out {out} is the file that is read: choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def deliver(
    array: np.ndarray,
    *,
    name: str,
    what: str,
    out: Path | None,
    show: Show,
    columns: list[str] | None = None,
    labels: np.ndarray | None = None,
    layout: Any = None,
) -> None:
    """Write an array to ``out`` and say so; without ``out`` show its shape and first rows.

    Parameters
    ----------
    array : array of shape (n, ...)
        The rows.
    name : str
        Its name in an .npz file.
    what : str
        What the rows are, in words.
    columns : list of str, optional
        Header of a .csv file.
    labels : array of shape (n,), optional
        Kept as "y" in an .npz file.
    layout : Layout, optional
        How an image is laid out, for .png.
    """
    facts: dict[str, Any] = {"what": what, "shape": array.shape, "dtype": str(array.dtype)}
    title = f"{what}: {array.dtype} {array.shape}"
    if out is None:
        show.result(
            f"{title}\n{preview(array)}\n(--out FILE keeps them)", {**facts, "values": array}, brief=title
        )
        return
    write_array(out, array, name=name, columns=columns, labels=labels, layout=layout)
    show.result(f"wrote {out}: {title}", {**facts, "out": str(out)}, brief=str(out))


def deliver_from(
    method: Callable[..., np.ndarray], X: Any, *, out: Path | None, show: Show, what: str, **how: Any
) -> None:
    """Deliver what a method makes of rows; of rows that are read in blocks to a .npy file, or the first ones."""
    if not in_blocks(X):
        deliver(method(X), out=out, show=show, what=what, **how)
    elif out is None:
        import numpy as np

        first = method(X.take(np.arange(min(_PREVIEWED, len(X)))))
        deliver(first, out=None, show=show, what=f"{what}, the first {len(first)} of {len(X)}", **how)
    elif out.suffix.lower() != ".npy":
        raise UsageError(f"--out must end in .npy for rows that are read in blocks, got {out}")
    else:
        made = method(X, out=out)
        facts = {"what": what, "shape": made.shape, "dtype": str(made.dtype), "out": str(out)}
        show.result(f"wrote {out}: {what}: {made.dtype} {made.shape}", facts, brief=str(out))


def write_array(
    path: Path,
    array: np.ndarray,
    *,
    name: str,
    columns: list[str] | None = None,
    labels: np.ndarray | None = None,
    layout: Any = None,
) -> None:
    """Write an array as .npy, .npz, .csv or, for images, .png; whole or not at all."""
    import numpy as np

    from diabolo.storage import write_atomic

    suffix = path.suffix.lower()
    if suffix == ".png":
        write_tiles(path, array, layout)
        return

    def write(file: BinaryIO) -> None:
        if suffix == ".npy":
            np.save(file, array, allow_pickle=False)
        elif suffix == ".npz":
            arrays: dict[str, Any] = {name: array} if labels is None else {name: array, "y": labels}
            np.savez(file, **arrays)
        else:
            flat = array.reshape(len(array), -1)
            header = columns if columns and len(columns) == flat.shape[1] else _numbered(name, flat.shape[1])
            fmt = _FORMATS.get(array.dtype.str[1:], "%d")
            np.savetxt(file, flat, fmt, delimiter=",", header=_line(header), comments="", encoding="utf-8")

    write_atomic(path, write)


def preview(array: np.ndarray, n_rows: int = 5, n_columns: int = 8) -> str:
    """Return the first numbers of an array as text.

    Examples
    --------
    >>> import numpy as np
    >>> print(preview(np.arange(4.0).reshape(2, 2)))
           0        1
           2        3
    """
    flat = array.reshape(len(array), -1)
    rows = [
        " ".join(f"{float(value):8.4g}" for value in row[:n_columns])
        + (" ..." if len(row) > n_columns else "")
        for row in flat[:n_rows]
    ]
    return "\n".join([*rows, *([f"     ... {len(flat) - n_rows} more rows"] if len(flat) > n_rows else [])])


def _numbered(name: str, n: int) -> list[str]:
    return [f"{name.lower()}{i}" for i in range(n)]


def _line(cells: list[str]) -> str:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
