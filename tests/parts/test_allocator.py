"""Pages that a step frees stay with the process."""

import os
import platform
import subprocess
import sys

import pytest

_STEPS = """
import resource, sys
import torch
from diabolo.training.allocator import keep_pages

torch.set_num_threads(1)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():  # ten blocks of 1 MB at once, and none after it
    blocks = [torch.ones(1 << 18) for _ in range(10)]

if sys.argv[1] == "kept":
    keep_pages()
step(), step()
before = faults()
for _ in range(5):
    step()
print((faults() - before) / 5)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of the C library of GNU")
def test_a_step_finds_the_pages_of_the_one_before():
    """The system counts the times that it hands out pages."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    times = {}
    for way in ("kept", "given back"):
        command = [sys.executable, "-c", _STEPS, way]
        ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        times[way] = float(ended.stdout)
    assert times["kept"] < times["given back"] / 4
