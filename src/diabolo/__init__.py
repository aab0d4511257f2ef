"""Auto-encoders and variational auto-encoders for your own arrays."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diabolo.estimators import (
        VAE,
        AutoEncoder,
        DeepClustering,
        DenoisingAutoEncoder,
        MixtureVAE,
        MultiRateVAE,
    )
    from diabolo.estimators.trade_off import rate_distortion
    from diabolo.export import OnnxModel, export_onnx, export_torch
    from diabolo.measures import TargetWarning
    from diabolo.persistence import load
    from diabolo.storage import ModelFileError
    from diabolo.training import CheckpointWarning, DivergenceWarning, InterruptedWarning

__version__ = "0.1.0.dev0"

#: Checks of ``sklearn.utils.estimator_checks`` that an estimator is known to fail, with the reason.
EXPECTED_FAILED_CHECKS: dict[str, dict[str, str]] = {}

_HOMES = {
    "AutoEncoder": "estimators",
    "DeepClustering": "estimators",
    "DenoisingAutoEncoder": "estimators",
    "MixtureVAE": "estimators",
    "MultiRateVAE": "estimators",
    "VAE": "estimators",
    "rate_distortion": "estimators.trade_off",
    "load": "persistence",
    "OnnxModel": "export",
    "export_onnx": "export",
    "export_torch": "export",
    "ModelFileError": "storage",
    "CheckpointWarning": "training",
    "DivergenceWarning": "training",
    "InterruptedWarning": "training",
    "TargetWarning": "measures",
}
_ROOMS = (
    "likelihoods",
    "posteriors",
    "priors",
    "corruptions",
    "networks",
    "objectives",
    "schedules",
    "models",
    "graphs",
    "measures",
)

__all__ = [
    "EXPECTED_FAILED_CHECKS",
    "VAE",
    "AutoEncoder",
    "CheckpointWarning",
    "DeepClustering",
    "DenoisingAutoEncoder",
    "DivergenceWarning",
    "InterruptedWarning",
    "MixtureVAE",
    "ModelFileError",
    "MultiRateVAE",
    "OnnxModel",
    "TargetWarning",
    "export_onnx",
    "export_torch",
    "load",
    "rate_distortion",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"diabolo.{_HOMES[name]}"), name)
    if name in _ROOMS:
        return importlib.import_module(f"diabolo.{name}")
    raise AttributeError(f"module 'diabolo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS, "__version__"])
