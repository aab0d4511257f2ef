"""Models for other programs: ONNX files and torch.export programs, checked against the estimator when written."""

from diabolo.export.onnx_file import export_onnx
from diabolo.export.onnx_model import OnnxModel
from diabolo.export.record import Exported, Port
from diabolo.export.torch_program import export_torch

__all__ = ["Exported", "OnnxModel", "Port", "export_onnx", "export_torch"]
