"""What ``diabolo fit`` says: the plan before, what was done after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .run import FILES
from .show import aligned
from .source import Rows

_ENDINGS = {
    "budget": "the whole budget",
    "early": "stopped early, the held-out loss no longer fell",
    "settled": "the clusters settled",
    "interrupted": "interrupted",
    "diverged": "diverged",
}


def plan_facts(estimator: Any, rows: Rows, configuration: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what a fit would do, after building the model but before any training."""
    plan = estimator.plan(rows.train)
    return {
        "out": str(folder),
        "shapes": {
            "train": rows.train.shape,
            "test": rows.test.shape,
            "codes": (len(rows.train), estimator.n_components),
        },
        "n_parameters": plan.n_parameters,
        "n_steps": plan.n_steps,
        "choices": plan.choices,
        **configuration,
    }


def plan_text(facts: dict[str, Any], rows: Rows, notes: list[str]) -> str:
    """Return the plan for a person."""
    shapes = facts["shapes"]
    lines = {
        "data": facts["data"],
        "train on": f"{rows.train.dtype} {shapes['train']}",
        "measure on": f"{rows.test.dtype} {shapes['test']}: {rows.said}",
        "codes": f"{shapes['codes']}",
        "model": f"{facts['estimator']}, {facts['n_parameters']:,} parameters, at most {facts['n_steps']:,} steps",
        **chosen(facts["choices"], notes),
        "would write": facts["out"],
    }
    options = {f"  {name}": str(value) for name, value in facts["options"].items()}
    return f"{aligned(lines)}\noptions\n{aligned(options)}\nnothing was trained (--dry-run)"


def run_facts(
    estimator: Any, folder: Path, rows: Rows, configuration: dict[str, Any], record: Any, code: int
) -> dict[str, Any]:
    """Return what a fit did."""
    return {
        "run": str(folder),
        "files": {name: str(folder / name) for name in FILES if (folder / name).exists()},
        "model": configuration["options"]["model"],
        "estimator": configuration["estimator"],
        "kind": estimator.layout_.kind,
        "training": configuration["training"],
        "rows": configuration["rows"],
        "metrics": None if record is None else record.as_dict(),
        "exit_code": code,
    }


def run_text(facts: dict[str, Any], rows: Rows, record: Any, notes: list[str]) -> str:
    """Return what a fit did, for a person."""
    training = facts["training"]
    lines = {
        "trained": f"{training['n_steps']:,} steps ({training['n_epochs']:,} epochs) in {training['seconds']:.1f} s: "
        f"{_ENDINGS.get(training['stopped'], training['stopped'])}; kept the weights of step {training['best_step']:,}",
        **chosen(training["choices"], notes),
    }
    text = aligned(lines)
    if record is not None:
        text += f"\n\nmeasured on {rows.said}\n" + indented(str(record))
    files = "  ".join(facts["files"])
    text += f"\n\nwrote {facts['run']}: {files}"
    return text + f"\nnext: {follow_up(facts)}"


def follow_up(facts: dict[str, Any]) -> str:
    """Return a command that somebody may want to run now."""
    if facts["metrics"] is None:
        return f"diabolo evaluate {facts['run']}"
    if facts["estimator"] == "VAE":
        suffix = "png" if facts["kind"] == "image" else "npy"
        return f"diabolo sample {facts['run']} -n 64 --observation mean --out samples.{suffix}"
    return f"diabolo info {facts['run']}"


def chosen(choices: dict[str, str], notes: list[str]) -> dict[str, str]:
    """Return what "auto" chose, as lines."""
    texts = [*choices.values(), *notes]
    return {"chosen" if i == 0 else " " * i: text for i, text in enumerate(texts)}


def indented(text: str) -> str:
    """Return text two columns to the right."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def n_parameters(estimator: Any) -> int:
    """Return the number of trained numbers of a built model."""
    return sum(p.numel() for p in estimator.model_.parameters())
