"""From an estimator to a torch.export program."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from diabolo.export.check import Comparison
from diabolo.export.graph import What, graph_of
from diabolo.export.record import Exported
from diabolo.storage import write_atomic


def export_torch(
    estimator: Any,
    path: str | os.PathLike[str],
    what: What = "whole",
    *,
    X: ArrayLike | None = None,
    beta: float | None = None,
) -> Exported:
    """Write a fitted estimator, or one half of it, as a ``torch.export`` program (.pt2), which needs torch alone.

    ``torch.export.load(path).module()`` is a function of a tensor of rows, any number at once. It is compared
    with the estimator before it is written.

    Parameters
    ----------
    estimator : AutoEncoder, DenoisingAutoEncoder, VAE or MultiRateVAE
        A fitted estimator.
    path : str or path-like
        The file to write; it must end in ``.pt2``.
    what : {"encoder", "decoder", "whole"}
        As in :func:`diabolo.export_onnx`.
    X : array of shape (n_rows, ...), optional
        Rows to compare on, as in :func:`diabolo.export_onnx`.
    beta : float, optional
        Where a multi-rate model is used; its default beta if not given.

    Returns
    -------
    Exported
        The file, its inputs and outputs, and the error that was seen.

    Raises
    ------
    ValueError
        If the program differs from the estimator by more than 1e-5 of the size of the values, or if torch cannot
        follow a part of the model.

    Examples
    --------
    >>> import tempfile, torch
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import AutoEncoder, export_torch
    >>> X = load_digits().images[:200]
    >>> ae = AutoEncoder(2, network="linear", max_epochs=1, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = export_torch(ae, f"{folder}/encoder.pt2", "encoder", X=X[:9])
    ...     encoder = torch.export.load(written.path).module()
    >>> encoder(torch.zeros(3, 8, 8)).shape, written.error < 1e-5
    (torch.Size([3, 2]), True)
    """
    if not str(path).endswith(".pt2"):
        raise ValueError(f"path must end in .pt2, which torch wants, got {str(path)!r}.")
    estimator, graph = graph_of(estimator, what, beta)
    comparison = Comparison(estimator, graph, X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's of itself
        program = graph.trace(comparison.rows)
    module = program.module()

    def run(rows: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            out = module(torch.from_numpy(rows))
        return [tensor.numpy() for tensor in (out if isinstance(out, tuple) else (out,))]

    error = comparison.passed(run, f"the exported {what}")
    written = write_atomic(path, lambda file: torch.export.save(program, file))
    return Exported(written, "pt2", what, graph.input, graph.outputs, len(comparison.rows), error)
