"""From an estimator to an ONNX file."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from diabolo import __version__
from diabolo.estimators.base import LatentEstimator
from diabolo.estimators.inputs import flag
from diabolo.export.check import Comparison
from diabolo.export.extra import needed
from diabolo.export.graph import Graph, What, graph_of
from diabolo.export.onnx_model import OnnxModel
from diabolo.export.record import Exported
from diabolo.storage import write_atomic


def export_onnx(
    estimator: Any,
    path: str | os.PathLike[str],
    what: What = "whole",
    *,
    X: ArrayLike | None = None,
    beta: float | None = None,
    int8: bool = False,
) -> Exported:
    """Write a fitted estimator, or one half of it, as an ONNX file that needs neither diabolo nor torch.

    The file takes any number of rows at once. It is run by onnxruntime before it is written, and refused if it
    differs from the estimator.

    Parameters
    ----------
    estimator : AutoEncoder, DenoisingAutoEncoder, VAE or MultiRateVAE
        A fitted estimator.
    path : str or path-like
        The file to write.
    what : {"encoder", "decoder", "whole"}
        ``"encoder"``: rows in the layout and the units of X to codes (``transform``), and for a model with a
        posterior to its standard deviations as a second output, ``scale``. ``"decoder"``: codes to rows in the
        layout and the units of X (``inverse_transform``; whole-number data come out rounded and in their dtype).
        ``"whole"``: one after the other (``reconstruct``).
    X : array of shape (n_rows, ...), optional
        Rows to compare the file with the estimator on, 2 or more; by default 64 rows drawn around the mean of the
        training rows.
    beta : float, optional
        Where a multi-rate model is used; its default beta if not given.
    int8 : bool
        Keep the weights of linear layers in 8 bits, and quantise what they read on the fly. Convolutions stay
        as they are. The record states the error on ``X``, which should be real rows then.

    Returns
    -------
    Exported
        The file, its inputs and outputs, and the error that was seen.

    Raises
    ------
    ImportError
        Without the extra ``onnx``.
    ValueError
        If the file differs from the estimator by more than 1e-5 of the size of the values, or if onnxruntime
        has no kernel for it (convolutions of a model in float64).
    """
    for module in ("onnx", "onnxscript", "onnxruntime"):
        needed(module, "exporting to ONNX")
    flag("int8", int8)
    estimator, graph = graph_of(estimator, what, beta)
    if int8 and graph.precision is torch.float64:
        raise ValueError(
            "int8 must be False for a model that was trained in float64, since a column of X has an offset or a size "
            "that float32 cannot hold: subtract the offset from X and fit again."
        )
    comparison = Comparison(estimator, graph, X)
    content = _content(estimator, graph, comparison.rows)
    model = _runnable(content, graph)
    error = comparison.passed(
        model.run,
        f"the ONNX {what}",
        ": give X, real rows, if these may be no rows of this kind, or use export_torch",
    )
    lost: dict[str, float] = {}
    if int8:
        content = _quantised(content)
        wanted = model(comparison.rows).astype(np.float64)
        rmse = float(np.sqrt(np.square(OnnxModel(content)(comparison.rows) - wanted).mean()))
        deviation = float(np.sqrt(wanted.var(0).mean()))
        lost = {"int8_rmse": rmse, "int8_share": rmse / deviation if deviation > 0 else float("nan")}
    written = write_atomic(path, content)
    return Exported(written, "onnx", what, graph.input, graph.outputs, len(comparison.rows), error, **lost)


def metadata(estimator: LatentEstimator, graph: Graph) -> dict[str, str]:
    """Return what a file says of its model, as texts; structures are JSON."""
    facts = {
        "version": __version__,
        "estimator": type(estimator).__name__,
        "what": graph.what,
        "input": json.dumps(asdict(graph.input)),
        "outputs": json.dumps([asdict(port) for port in graph.outputs]),
    }
    if hasattr(estimator, "feature_names_in_"):
        facts["feature_names"] = json.dumps([str(name) for name in estimator.feature_names_in_])
    if hasattr(estimator, "beta_"):
        facts["beta"] = repr(float(estimator.beta_))
    return {f"diabolo.{name}": text for name, text in facts.items()}


def _content(estimator: LatentEstimator, graph: Graph, rows: np.ndarray) -> bytes:
    with _quiet():
        program: Any = torch.onnx.export(
            graph.trace(rows),
            (torch.from_numpy(rows[:2]),),
            dynamic_shapes=({0: torch.export.Dim("rows")},),
            dynamo=True,
            verbose=False,
            input_names=[graph.input.name],
            output_names=[port.name for port in graph.outputs],
        )
    model = program.model
    model.metadata_props.update(metadata(estimator, graph))
    model.producer_name, model.producer_version = "diabolo", __version__
    model.graph.name = graph.what
    for node in (
        model.graph,
        *model.graph.all_nodes(),
    ):  # the exporter writes source lines of this machine there
        node.metadata_props.clear()
        node.doc_string = None
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    return program.model_proto.SerializeToString()


def _runnable(content: bytes, graph: Graph) -> OnnxModel:
    try:
        return OnnxModel(content)
    except ValueError as error:
        if graph.precision is not torch.float64:
            raise
        raise ValueError(
            f"{error}. The model was trained in float64, since a column of X has an offset or a size that float32 "
            "cannot hold, and onnxruntime has no convolutions in float64: subtract the offset from X and fit again, "
            "use network='mlp', or export_torch."
        ) from error


def _quantised(content: bytes) -> bytes:
    quantisation = needed("onnxruntime.quantization", "int8")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        float_file, int8_file = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        float_file.write_bytes(content)
        # unsigned weights: products of signed ones with unsigned inputs saturate on processors without VNNI
        unsigned = quantisation.QuantType.QUInt8
        quantisation.quantize_dynamic(
            float_file, int8_file, op_types_to_quantize=["MatMul"], weight_type=unsigned, per_channel=True
        )
        return int8_file.read_bytes()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporters say of themselves; errors are raised all the same."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    levels = [(logger, logger.level) for logger in (*loggers, registration, logging.getLogger())]
    try:
        for logger, _ in levels:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)
