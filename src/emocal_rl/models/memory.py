"""How the C library hands out memory."""

from __future__ import annotations

import ctypes

# options of glibc's malloc.h and what they are set to
OPTIONS = {
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: what may lie free at the end before it is given back, in bytes
    -2: 2**26,  # M_TOP_PAD: asked of the kernel beyond what is needed, in bytes
    -4: 0,  # M_MMAP_MAX: blocks that are mapped by themselves, and unmapped when freed
    -8: 1,  # M_ARENA_MAX: one heap for all threads; gradients are computed in one of their own, whose heap shrinks
}


def keep_freed_memory() -> bool:
    """Keep freed memory for the next use instead of giving it back to the kernel; whether the C library can.

    A step frees and asks for the same hundreds of megabytes again and again.  Left alone, glibc maps large blocks anew
    each time, and the kernel clears every page of them before it is used.  The process stays as large as it has been.

    >>> keep_freed_memory()  # with glibc
    True
    """
    try:
        set_option = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    done = [set_option(name, value) for name, value in OPTIONS.items()]  # all of them, also after one that fails
    return all(done)
