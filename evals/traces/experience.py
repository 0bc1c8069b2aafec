"""What happened in a training, as the environments that the agent stepped tell; the agent itself never sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


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


def experience_text(experiences: Mapping[int, Experience]) -> str:
    """By seed, as JSON; see `read_experiences`."""
    return json.dumps({seed: asdict(its) for seed, its in experiences.items()})


def read_experiences(written: str) -> dict[int, Experience]:
    """The inverse of `experience_text`.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is no such text.
    """
    return {int(seed): _read(its) for seed, its in json.loads(written).items()}


def _read(data: dict[str, Any]) -> Experience:
    tried, pairs, harmed = data["tried"], data["pairs"], data["harmed"]
    return Experience(
        None if tried is None else int(tried),
        None if pairs is None else int(pairs),
        tuple(str(event) for event in data["events"]),
        None if harmed is None else bool(harmed),
    )
