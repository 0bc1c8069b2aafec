"""Words of messages: the nearest valid name, what was written in quotation marks, the beginning of a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str], likeness: float = 0.6) -> str | None:
    """The candidate that is most similar to a name, ignoring case.

    Args:
        name: what was written.
        candidates: the valid names.
        likeness: the lowest similarity that counts, from 0 (any) to 1 (equal).

    Returns:
        The candidate, or None where no similarity reaches `likeness`.
    """
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    # difflib takes quadratic time, and the text may be a stranger's: 64 characters, the most that a name has, suffice.
    found = difflib.get_close_matches(name.lower()[:64], by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """The question "did you mean ...?" with a trailing space, for a message; empty where no candidate is similar."""
    near = nearest(name, candidates)
    return f"did you mean `{near}`? " if near else ""


def quote(name: object, limit: int = 40) -> str:
    """What an author wrote, in backquotes and cut to `limit` characters; of what is no text, as Python writes it."""
    name = name if isinstance(name, str) else repr(name)
    return f"`{name if len(name) <= limit else name[: limit - 1] + '…'}`"


def capitalised(text: str) -> str:
    """A text as a sentence begins: its first letter large, and nothing else changed."""
    return text[:1].upper() + text[1:]
