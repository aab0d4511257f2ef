"""How much memory there is."""

import os
from contextlib import suppress
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_UNKNOWN = 8 << 30


def memory_bytes() -> int:
    """Return the memory that this process may use: the machine's, or what its control group allows; 8 GiB if unknown.

    Examples
    --------
    >>> memory_bytes() > 0
    True
    """
    found = []
    with suppress(ValueError, OSError, AttributeError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for file in _LIMITS:
        with suppress(ValueError, OSError):  # "max" is no number
            found.append(int(Path(file).read_text(encoding="ascii")))
    return min(found, default=_UNKNOWN)
