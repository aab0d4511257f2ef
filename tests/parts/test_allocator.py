"""The allocator learns to keep its pages."""

import ctypes
import os
import subprocess
import sys

import pytest

_BLOCKS = """
import ctypes, torch
from diabolo.training.allocator import keep_pages

class Counts(ctypes.Structure):  # struct mallinfo2
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

counts = ctypes.CDLL(None).mallinfo2
counts.restype = Counts

def from_the_system():
    before = counts().hblks
    block = torch.empty(24 << 20, dtype=torch.uint8)
    return counts().hblks - before

found = [from_the_system()]
keep_pages()
print(*found, from_the_system())
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="of the C library of GNU, 2.33 or later",
)
def test_a_large_block_comes_from_what_was_freed():
    """The library's own count of blocks that it got from the system one by one, and returns one by one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", _BLOCKS]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert ended.stdout.split() == ["1", "0"]
