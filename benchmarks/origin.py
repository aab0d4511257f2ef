"""Where numbers come from: the commit, the version of torch and the machine of a measurement."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
#: What torch may compute with, by the flag that the processor shows.
_VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}


def origin() -> dict[str, Any]:
    """Return the commit of the code, the version of torch, its threads, and the machine."""
    return {
        "commit": commit(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        **machine(),
    }


def commit() -> str:
    """Return the commit of the code, with a + if files of it have changed since, or "unknown"."""
    found = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "src", "benchmarks", ":(exclude)benchmarks/measured")
    return f"{found}+" if found and changed else found or "unknown"


def _git(*words: str) -> str:
    try:
        return subprocess.run(
            ["git", *words], capture_output=True, text=True, cwd=ROOT, check=False
        ).stdout.strip()
    except FileNotFoundError:
        return ""


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, Any]:
    """Return the architecture, the processor, how many cores there are, and their widest vectors where they are told."""
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    told = dict(re.findall(r"^(model name|flags)\s*:\s*(.*)$", text, re.M))
    found = {
        "machine": platform.machine(),
        "processor": told.get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
    if "flags" in told:
        flags = told["flags"].split()
        found["vectors"] = next((name for flag, name in _VECTORS.items() if flag in flags), "no AVX2")
    return found


def machine_in_words(entry: dict[str, Any]) -> str:
    """Return the machine of a measurement; lines that were kept before the processor was hold no more than "x86_64"."""
    if "processor" not in entry:
        return entry.get("machine", "unknown")
    words = [entry["processor"], f"{entry['cores']} cores", entry.get("vectors", "")]
    return ", ".join(word for word in words if word)
