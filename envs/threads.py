"""Threads that work on compiled code beside the one that asks: such code does not hold Python's lock."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache


@cache
def helpers(count: int) -> ThreadPoolExecutor:
    """So many threads, which stay for the next call."""
    return ThreadPoolExecutor(count, "turncoat")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=helpers.cache_clear)  # a child has none of its parent's threads
