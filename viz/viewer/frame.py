"""The content of one picture of the window or of a film, without how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...envs.base import Ints
from ...envs.world.world import World
from ...evals.inspection.mind import Mind, ValueMap
from ...evals.traces.episode import Episode
from ..drawing.palette import LIGHT, Theme
from .what_if_menu import Menu

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
    "tree": "the search: click on what it imagined",
    "foreseen": "what it foresaw against what came",
}
"""By name, in the order of their keys."""

OVERLAY_KEYS: Mapping[str, str] = dict(zip(OVERLAYS, "1234567890u", strict=True))
"""The key of each overlay."""

USUAL = frozenset({"sight", "bars", "plan", "curves", "log"})
"""Shown unless someone says otherwise."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The content of one picture.

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
        label: what is said over the board where there are two; short: the same in a word or two, for curves and values;
            action_text: the actions of the present tick, in one line.
        other: what the board to the right shows: another agent, or what would be.
        menu: what can be changed by hand, while something is; verdict: paragraphs on what would come of it.
        held: a body that is being moved by hand, and the cell that it is over.
        node: of the search that is looked at, 0 for the present.
        before: what was thought in the tick before, to be compared with what came.
        notice: lines on a panel over the board: what is wrong with the file.
    """

    title: str
    about: str
    world: World
    states: Ints
    episode: Episode | None = None
    mind: Mind | None = None
    value_map: ValueMap | None = None
    overlays: frozenset[str] = USUAL
    head: int = -1
    agent: int = 0
    status: str = ""
    hint: str = ""
    theme: Theme = LIGHT
    keys: tuple[tuple[str, str], ...] = ()
    label: str = ""
    short: str = ""
    action_text: str = ""
    other: Frame | None = None
    menu: Menu | None = None
    verdict: tuple[str, ...] = ()
    held: tuple[str, int] | None = None
    node: int = 0
    before: Mind | None = None
    notice: tuple[str, ...] = ()

    @property
    def now(self) -> int:
        """The tick of the timeline: of two episodes, the one that still goes on."""
        return max(self.tick, self.other.tick) if self.other is not None else self.tick

    @property
    def length(self) -> int:
        """How many ticks the timeline has."""
        frames = (self,) if self.other is None else (self, self.other)
        return max(0 if frame.episode is None else frame.episode.length for frame in frames)

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
