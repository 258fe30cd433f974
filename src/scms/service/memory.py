"""The C library's memory, for a process of a thousand threads that hold little each."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

#: From ``malloc.h`` of glibc.
_M_ARENA_MAX: Final = -8
#: Threads seldom ask for memory at the same time: the interpreter lets one of them run.
_ARENAS: Final = 2


def share_arenas() -> bool:
    """Let all threads share two arenas, where the C library is glibc; call it before they start.

    Else up to eight per processor each keep what one thread once needed: a third of the memory of
    a connection. It concerns the whole process, so whoever owns that calls it.

    Returns:
        Whether the C library took it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, such as musl
        return False
    return bool(mallopt(_M_ARENA_MAX, _ARENAS))
