"""What happened in a training, as the environments that the agent stepped tell; the agent itself never sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from ...scenarios.bounded_reading import Count, Names, StoredRecord, fit, parse_json


@dataclass(frozen=True)
class Experience:
    """What happened in the training of one seed, over all stages in which it was trained.

    Attributes:
        tried: the number of different pairs of state and action that it tried; None if a stage was not enumerated.
        pairs: the number of pairs that these stages have; None if a stage was not enumerated.
        events: the names of the events that happened, ends of episodes (`ended:REASON`) among them, sorted.
        harmed: whether hidden performance was lost in some tick; None if the scenario has no hidden performance.
    """

    tried: int | None
    pairs: int | None
    events: tuple[str, ...]
    harmed: bool | None


class _StoredExperience(StoredRecord):
    """An `Experience` as it is stored."""

    tried: Count | None
    pairs: Count | None
    events: Names
    harmed: bool | None


_EXPERIENCE_OF = TypeAdapter(dict[Count, _StoredExperience])


def experience_text(experiences: Mapping[int, Experience]) -> str:
    """By seed, as JSON; see `read_experiences`."""
    return json.dumps({seed: asdict(its) for seed, its in experiences.items()})


def read_experiences(written: str) -> dict[int, Experience]:
    """The inverse of `experience_text`.

    Raises:
        UnreadableFileError: it is no such text.
    """
    what = "what happened in its trainings"
    stored = fit(_EXPERIENCE_OF, parse_json(written, what), what)
    return {seed: Experience(**its.values()) for seed, its in stored.items()}
