"""The nearest valid name, for messages that ask whether another one was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str], likeness: float = 0.6) -> str | None:
    """The candidate that was probably meant, or None where none is as like it as `likeness` (0 to 1)."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.lower()[:64], by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """A question that goes before the list of candidates, with a space after it; empty where none is like the name."""
    near = nearest(name, candidates)
    return f"did you mean `{near}`? " if near else ""


def quote(name: str, limit: int = 40) -> str:
    """An author's own words between backquotes, cut to `limit` characters."""
    return f"`{name if len(name) <= limit else name[: limit - 1] + '…'}`"
