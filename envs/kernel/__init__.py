"""The same semantics compiled: a byte-code interpreter that steps many lanes at once."""

from __future__ import annotations

import math
import os

from ...scenarios.errors import UsageError


def _check_settings() -> None:
    """Refuse settings with which Numba cannot be used here, before it is imported.

    Raises:
        UsageError: the environment turns its compiler off, or leaves it no thread.
    """
    for name, least, most, why in (
        ("NUMBA_DISABLE_JIT", 0, 0, "worlds are stepped by compiled code"),
        ("NUMBA_NUM_THREADS", 1, math.inf, "Numba needs one thread at least"),
    ):
        text = os.environ.get(name, "").strip()
        # What is no whole number Numba passes over, with a warning.
        if text.lstrip("+-").isdecimal() and not least <= int(text) <= most:
            raise UsageError(f"the environment sets {name} to {text}, and {why}; unset it")


_check_settings()
