"""Everything that one picture of the window or of a video shows, and nothing about how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..envs.base import Ints
from ..envs.world import World
from ..evals.episodes import Episode
from ..evals.minds import Mind, Outlook
from .palette import LIGHT, Theme

OVERLAYS: Mapping[str, str] = {
    "sight": "what an overseer sees",
    "value": "what each cell would be worth",
    "policy": "the best moves from each cell",
    "bars": "the values of each action",
    "plan": "the plan and the future it expects",
    "doubt": "how unsure it is of each action",
    "curves": "reward and hidden performance so far",
    "log": "what happened, in words",
    "names": "the names of bodies",
}
"""By name, in the order of their keys 1 to 9."""

USUAL = frozenset({"sight", "bars", "plan", "curves", "log"})
"""Shown unless someone says otherwise."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture's content.

    Attributes:
        title: of the scenario; about: the stage, who acts, the episode.
        world: compiled.
        states: int32 `[T + 1, F]`, from the start of the episode to the present state, the last.
        episode: all of it, or None while it is being worked out.
        mind, outlook: of the agent that is looked at, where they are known.
        overlays: names from `OVERLAYS`; head: whose value the cells show, -1 for the weighted sum.
        agent: index of the agent that is looked at.
        status: the line at the foot; hint: at its right end.
        theme: of the colours; keys: (key, what it does), shown on a panel over everything; none for no panel.
    """

    title: str
    about: str
    world: World
    states: Ints
    episode: Episode | None = None
    mind: Mind | None = None
    outlook: Outlook | None = None
    overlays: frozenset[str] = USUAL
    head: int = -1
    agent: int = 0
    status: str = ""
    hint: str = ""
    theme: Theme = LIGHT
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def tick(self) -> int:
        """How many ticks have passed."""
        return len(self.states) - 1

    @property
    def state(self) -> Ints:
        """int32 `[F]`: the present one."""
        return self.states[-1]

    def shows(self, overlay: str) -> bool:
        """Whether an overlay is on."""
        return overlay in self.overlays
