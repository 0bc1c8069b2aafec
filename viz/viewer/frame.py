"""The content of one picture of the window or of a film, without how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...envs.base import Ints
from ...envs.world.world import World
from ...evals.inspection.mind import Mind, ValueMap
from ...evals.inspection.narration import Card
from ...evals.traces.episode import Episode
from ..drawing.buttons import Button
from ..drawing.palette import LIGHT, Theme
from ..drawing.seen_cells import watchers
from .edit_view import EditView
from .what_if_menu import Menu

if TYPE_CHECKING:  # training waits for what the first picture of `watch` does not need
    from ...evals.live.training_process import TrainingProgress
    from ...evals.live.training_show import TrainingLook

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
"""What each overlay shows, by its name, in the order of their keys."""

OVERLAY_KEYS: Mapping[str, str] = dict(zip(OVERLAYS, "1234567890u", strict=True))
"""The key of each overlay."""


def offers(overlay: str, world: World, agent: str | None) -> bool:
    """Whether an overlay can have anything to show in a world, of an agent by its name or None."""
    board = world.boards.height > 0
    match overlay:
        case "sight":
            return board and bool(watchers(world))
        case "value" | "policy" | "plan":
            return board
        case "names":
            return board and bool(world.bodies)
        case "doubt" | "tree":  # the exact plan is sure, and searches nothing
            return agent != "exact"
        case _:
            return True


RECENT = 12
"""How many of the latest states the drawn way of an agent covers."""

USUAL = frozenset({"sight", "bars", "plan", "curves", "log"})
"""The overlays that are on by default."""


@dataclass(frozen=True, eq=False)
class LearningSoFar:
    """A training that goes on, as the panel about it shows it.

    Attributes:
        progress: how far it is now; state: whether it goes on, or why it failed.
        history: how far it was before; looks: at the agent; number: of the look that is shown.
    """

    progress: TrainingProgress
    state: str
    history: Sequence[TrainingProgress]
    looks: Sequence[TrainingLook]
    number: int


@dataclass(frozen=True, eq=False)
class Frame:
    """The content of one picture.

    Attributes:
        title: of the scenario; about: the stage, the agent that acts, the episode.
        world: the compiled world.
        states: int32 `[T + 1, F]`, from the start of the episode to the present state, which is the last.
        episode: the whole episode, or None while it is being computed.
        mind, value_map: of the selected agent, where they are known.
        overlays: names from `OVERLAYS`; head: index of the channel whose values the cells show, -1 for the weighted
            sum.
        agent: index of the selected agent.
        status: the line at the foot; hint: the text at the right end of that line.
        theme: the colours; keys: (key, what it does) pairs for a panel over the scene; empty for no panel.
        label: the title of the board where there are two; short: the same in a word or two, for curves and values;
            action_text: the actions of the present tick, in one line.
        other: the frame of a second board: another agent, or a counterfactual.
        menu: the menu of edits, while a counterfactual is shown; verdict: paragraphs on its outcome.
        held: the name of a body that the mouse drags, and the cell that it is over.
        node: the selected node of the search, 0 for the present state.
        before: the decision in the tick before, whose prediction is compared with the present state.
        notice: lines for a panel over the board, on what is wrong with the scenario file.
        caption: what is told at this tick; None where nothing is told of the episode at all.
        card: what is told before or after the episode, over the picture.
        meanings: what fields of the state mean, by their names.
        editing: what is shown in place of all this while the file is edited, else None.
        buttons: below the picture; pointed: the key of the button, or the setting, that the mouse is over and whose tip
            is shown.
        learning: of a training that goes on; None of anything else.
        begun: the tick in which the present episode of a life began; 0 where there is one episode.
        seen: the last tick of the episode that was shown so far: curves and marks tell nothing of what comes after it;
            None: they tell of the whole.
        outcome: whether the present state is shown as what came of the tick before it, whose choice is shown with it.
        unpaid: whether an agent that learned acts in a stage in which nobody pays.
        attributed: whether `mind` says which value decides by plans made anew; None while these are being made.
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
    caption: str | None = None
    card: Card | None = None
    editing: EditView | None = None
    buttons: tuple[Button, ...] = ()
    pointed: str = ""
    attributed: bool | None = False
    meanings: Mapping[str, str] = field(default_factory=dict)
    learning: LearningSoFar | None = None
    begun: int = 0
    seen: int | None = None
    outcome: bool = False
    unpaid: bool = False

    @property
    def told(self) -> int:
        """The tick up to which curves and marks tell of the episode: the present one, or a later one that was shown.

        Of two episodes neither gives away what was not shown of the other.
        """
        seen = [each.seen for each in (self, self.other) if each is not None and each.seen is not None]
        return self.length if not seen else min(max(min(seen), self.tick), self.length)

    @property
    def now(self) -> int:
        """The present tick of the timeline; of two episodes the later tick, as the shorter one stays at its end."""
        return max(self.asked, self.other.asked) if self.other is not None else self.asked

    @property
    def length(self) -> int:
        """The number of ticks on the timeline: those of the longer episode, or all that one still comes to."""
        frames = (self,) if self.other is None else (self, self.other)
        return max(0 if frame.episode is None else frame.episode.most for frame in frames)

    @property
    def learned(self) -> bool:
        """Whether an agent that learned acts, rather than the exact plan."""
        return self.episode is not None and self.episode.agent != "exact"

    @property
    def tick(self) -> int:
        """The number of ticks that have passed in this frame's own episode."""
        return len(self.states) - 1

    @property
    def asked(self) -> int:
        """The tick whose choice is shown: the present one, or the one of which the present state is the outcome."""
        return self.tick - self.outcome

    @property
    def asking(self) -> Ints:
        """int32 `[F]`: the state in which that choice is made."""
        return self.states[self.asked]

    @property
    def state(self) -> Ints:
        """int32 `[F]`: the present state."""
        return self.states[-1]

    @property
    def trail(self) -> Ints:
        """int32 `[n, F]`: the latest states of the present episode, at most `RECENT`; the last is the present one."""
        return self.states[max(self.begun, len(self.states) - RECENT) :]

    def meaning(self, name: str) -> str:
        """What a field of the state means, for a reader."""
        return self.meanings.get(name) or name.replace("_", " ").replace(".", " ")

    def shows(self, overlay: str) -> bool:
        """Whether an overlay is on."""
        return overlay in self.overlays
