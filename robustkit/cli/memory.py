"""How the process of a command asks the system for memory."""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What malloc.h of glibc calls M_TRIM_THRESHOLD and M_MMAP_THRESHOLD."""

_LARGEST = (1 << 30, 1 << 25)
"""Bytes up to which a block is kept: 1 GiB, or what older versions of glibc allow at most."""


def keep_freed_memory() -> None:
    """Let the process keep memory that it has freed, for the next batch.

    Networks and perturbations make and free the same large tensors batch after batch. By default glibc gives such
    blocks back each time, and the system clears every page anew: on a CPU up to half of the time of an evaluation. No
    result depends on it. Nothing happens without glibc, or where the environment sets `MALLOC_…` itself. It is for
    processes of our own only, since it cannot be undone.
    """
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None and any(set_option(_MMAP_THRESHOLD, size) for size in _LARGEST):
        set_option(_TRIM_THRESHOLD, (1 << 31) - 1)
