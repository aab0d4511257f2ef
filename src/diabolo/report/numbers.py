"""The key numbers of a model, with their units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple


class Number(NamedTuple):
    """One number as it stands at the head of a page."""

    name: str
    value: str
    unit: str


def key_numbers(metrics: Mapping[str, Any]) -> list[Number]:
    """Choose and write the numbers that say most, from ``evaluate(X).as_dict()``.

    Examples
    --------
    >>> key_numbers({"reconstruction_mse": 4.0, "explained_variance": 0.75})[0]
    Number(name='reconstruction error', value='2', unit='root mean square per value, units of X')
    """
    numbers: list[Number] = []
    if "elbo" in metrics:
        error = metrics.get("log_likelihood_se", math.nan)
        margin = f", ± {error:.2g} (standard error)" if math.isfinite(error) else ""
        what = "log p(x)" if metrics.get("is_density", True) else "− cross-entropy bound"
        numbers += [
            Number(what, plain(metrics["log_likelihood"]), f"nats per row{margin}"),
            Number("ELBO", plain(metrics["elbo"]), "nats per row"),
            Number("distortion", plain(metrics["distortion"]), "nats per row"),
            Number("rate", plain(metrics["rate"]), "nats per row"),
            Number(
                "active units", f"{metrics['active_units']} of {metrics['n_components']}", "dimensions in use"
            ),
        ]
    if "clustering" in metrics:
        scores = metrics["clustering"]
        numbers += [
            Number("accuracy", f"{scores['accuracy']:.1%}", "of the rows, clusters matched to known classes"),
            Number("NMI", plain(scores["normalised_mutual_information"]), "with the known classes, 0 to 1"),
        ]
    if "noisy_mse" in metrics:
        unit = "root mean square per value, units of X"
        numbers += [
            Number("noise before", plain(math.sqrt(metrics["noisy_mse"])), unit),
            Number("error after denoising", plain(math.sqrt(metrics["denoising_mse"])), unit),
        ]
    if "reconstruction_mse" in metrics:
        unit = "root mean square per value, units of X"
        numbers.append(Number("reconstruction error", plain(math.sqrt(metrics["reconstruction_mse"])), unit))
    if math.isfinite(metrics.get("explained_variance", math.nan)):
        numbers.append(
            Number(
                "explained variance", f"{metrics['explained_variance']:.1%}", "of X about its column means"
            )
        )
    return numbers


def plain(value: float) -> str:
    """Write a number with four digits and a real minus sign.

    Examples
    --------
    >>> plain(-1234.5678), plain(0.0123456), plain(12.0)
    ('−1235', '0.01235', '12')
    """
    if not math.isfinite(value):
        return "—"
    text = f"{value:.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"
    return text.replace("-", "−")
