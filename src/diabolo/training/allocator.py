"""What an allocator keeps of the memory that a step, or a block of rows, frees."""

from __future__ import annotations

import torch

#: Just below the largest block after whose release the C library of GNU adapts: 32 MiB.
_BLOCK_BYTES = (1 << 25) - (1 << 13)


def keep_pages() -> None:
    """Have the allocator of the processor keep the pages that a step or a block of rows frees, for the next one.

    The C library of GNU returns free memory to the system when there is more of it than twice the largest block that
    was freed, and larger blocks at once; what comes next asks for the same memory again, page after page. So a block of
    32 MiB, of which no page is touched, is freed here (mallopt(3), M_MMAP_THRESHOLD). A process then keeps up to 64 MiB of
    what was free anyway. Nothing happens where memory comes from elsewhere, or the environment sets these thresholds
    (``MALLOC_TRIM_THRESHOLD_``).
    """
    torch.empty(_BLOCK_BYTES, dtype=torch.uint8, device="cpu")
