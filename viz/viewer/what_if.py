"""Counterfactual edits: what is changed by hand in the present state, and how the exact plan answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ...envs.base import NotEnumerableError
from ...envs.solvers.modifiable_utility import NoFixedPointError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...envs.world.world import World, WorldTooLargeError
from ...evals.inspection.background_thread import PATIENCE, BackgroundWorker
from ...evals.inspection.what_if import Edit, EpisodeMoment, WhatIfPlanner, WhatIfResult
from ...evals.traces.episode import Episode
from ...scenarios.did_you_mean import capitalised
from ...scenarios.language.faults.faults import ScenarioError
from ...scenarios.language.loading import Scenario
from ..text.episode_text import describe_actions, describe_continuation, plain
from .frame import Frame
from .what_if_menu import Menu, MenuRow, head_row, rows_of

KEYS = (
    ("c", "what if: change something by hand"),
    ("shift+1", "what if the first weight were 0"),
    ("o", "what if nobody oversaw it"),
    ("drag", "what if a piece stood elsewhere"),
)
"""The keys that begin a counterfactual, as the help shows them.

In it the arrows choose a row of the menu and change it, and Esc or Backspace leaves it.
"""

HINT = "up down: choose · left right: change · space: go on in both · esc: leave"

PLANNER = "exact"
"""The name of the agent that can be asked what it would do in any state."""


@dataclass(frozen=True, eq=False)
class EditAnswer:
    """The answer to an edit: the exact plan without it and with it, or the reason why there is no answer.

    Attributes:
        edit: the edit that was asked about.
        now: the result without the edit; then: the result with it.
        whole: the episode up to the tick of the edit, continued by `then`.
        fault: the reason why there is no answer, else empty.
    """

    edit: Edit
    now: WhatIfResult | None = None
    then: WhatIfResult | None = None
    whole: Episode | None = None
    fault: str = ""


class WhatIf:
    """The counterfactual that is edited at one tick of an episode, and the answers of the exact plan to it.

    Attributes:
        edit: the present edit, None while there is no counterfactual; since: the tick at which it is made.
        row: index of the menu's selected row; held: a body that the mouse drags and the cell that it is over.
        message: the latest message for the user.
    """

    def __init__(self, scenario: Scenario, world: World, stage: str, wait: bool = False) -> None:
        """Edit one stage of a scenario. With `wait` every answer is waited for, otherwise it comes in a later frame."""
        self.scenario, self.world = scenario, world
        self.edit: Edit | None = None
        self.since, self.row, self.message = 0, 0, ""
        self.held: tuple[str, int] | None = None
        self._agent = 0
        self._episode: Episode | None = None
        self._supposing = WhatIfPlanner(scenario, stage)
        self._now = lru_cache(8)(lambda moment, agent: self._supposing.suppose(Edit(), moment, agent))
        # A cache of this object, not of a method: it goes away together with the scenario that it holds.
        self._rows = lru_cache(64)(lambda agent, edit: rows_of(scenario, world, agent, edit))
        self._beside: BackgroundWorker[EditAnswer] = BackgroundWorker(64, patience=None if wait else PATIENCE)
        self._shown: EditAnswer | None = None

    def begin(self, episode: Episode, tick: int, agent: int) -> None:
        """Begin a counterfactual at a tick; an edit of the same agent made before stays, except for moved bodies."""
        anew = self.edit is None or agent != self._agent
        self.edit = Edit() if self.edit is None or anew else replace(self.edit, places=())
        self._episode, self.since, self._agent = episode, tick, agent
        self._shown = None
        self.row = 0 if anew else self.row

    def leave(self) -> None:
        """Drop the counterfactual."""
        self.edit, self.held, self._shown, self.row = None, None, None, 0

    def close(self) -> None:
        """Stop starting background work."""
        self._beside.close()
        self._supposing.close()

    @property
    def rows(self) -> tuple[MenuRow, ...]:
        """The rows of the menu."""
        return self._rows(self._agent, self.edit or Edit())

    def press(self, key: str) -> bool:
        """Handle a key and return whether it was bound to anything; `edit` must not be None."""
        rows = self.rows
        if key in ("up", "down") and rows:
            self.row = (self.row + (1 if key == "down" else -1)) % len(rows)
        elif key in ("left", "right") and rows:
            self.turn(self.row, rows[self.row].at + (1 if key == "right" else -1))
        elif key.startswith("shift+"):
            self._zero(int(key[-1]) - 1)
        elif key == "o":
            self._remove()
        else:
            return False
        return True

    def turn(self, row: int, at: int) -> None:
        """Set a row of the menu to its value with index `at`."""
        assert self.edit is not None
        self.row, self.edit = row, self.rows[row].put(self.edit, at)

    def move(self, body: str, cell: int) -> None:
        """Put a body on another cell."""
        assert self.edit is not None
        self.edit = self.edit.move(body, cell)

    def offers(self, settings: tuple[tuple[str, object], ...]) -> bool:
        """Whether the menu has a row for each of these settings, with the value that is asked for."""
        found = {row.name: row.values for row in self.rows}
        return all(name in found and value in found[name] for name, value in settings)

    def put(self, settings: tuple[tuple[str, object], ...]) -> None:
        """Set rows of the menu by their names, see `offers`."""
        for name, value in settings:
            found = next(index for index, row in enumerate(self.rows) if row.name == name)
            self.turn(found, self.rows[found].values.index(value))

    def _zero(self, head: int) -> None:
        found = head_row(self.rows, head)
        if found is None:
            self.message = f"there is no weight number {head + 1}"
            return
        row = self.rows[found]
        zero = row.values.index(0.0)  # `rows_of` puts 0 among the values of every weight
        # Pressed again, the key restores the scenario's own weight.
        self.turn(found, row.before if row.at == zero else zero)

    def _remove(self) -> None:
        bodies = [index for index, row in enumerate(self.rows) if row.body]
        if not bodies:
            self.message = "there is nobody on the board whose sight matters; a param may stand for the overseer"
            return
        to = 0 if all(self.rows[index].at for index in bodies) else 1  # if all are removed already, they come back
        for index in bodies:
            self.turn(index, to)

    # -------------------------------------------------------------- what is to be seen

    @property
    def whole(self) -> Episode | None:
        """The counterfactual episode; None while it is not known, or where it cannot be."""
        return None if self._shown is None else self._shown.whole

    @property
    def in_words(self) -> str:
        """What is changed, as its board is called."""
        assert self.edit is not None
        return ", ".join(_differences(self.rows, self.edit))

    @property
    def answered(self) -> bool:
        """Whether the present edit is answered, if only by the reason why there is no answer."""
        return self._answer() is not None

    @property
    def length(self) -> int:
        """The number of ticks of the counterfactual episode; 0 while it is not known."""
        return 0 if self.whole is None else self.whole.length

    def seen(self, frame: Frame, tick: int) -> Frame:
        """A frame of the episode, with the menu, the counterfactual on the second board, and the verdict."""
        assert self.edit is not None
        # While a new edit is being answered, the last answer stays on the screen, so that a drag does not flicker.
        answer = self._answer()
        if answer is not None:
            self._shown = answer
        shown, menu = self._shown, Menu(self.rows, self.row, busy=answer is None)
        frame = replace(frame, menu=menu, label="as it is", short="as it is", held=self.held, hint=HINT)
        if shown is None or (shown.edit.empty and self.edit.empty):
            said = ("Nothing is changed yet.", self._how()) if self.edit.empty else ("What comes of it is worked out.",)
            return replace(frame, verdict=said)
        if shown.then is None or shown.now is None or shown.whole is None:
            return replace(frame, verdict=(shown.fault,))
        there = min(tick, shown.whole.length)
        outcome = frame.outcome and tick <= shown.whole.length
        asked = there - outcome
        at_once = asked == self.since  # the plan is asked for its thought in the first edited state only
        mind = shown.then.mind if at_once else None
        other = replace(
            frame,
            world=shown.whole.world,
            states=shown.whole.shown_until(there, outcome),
            outcome=outcome,
            episode=shown.whole,
            mind=mind,
            action_text=describe_actions(shown.whole, asked) if asked < shown.whole.length else "",
            value_map=shown.then.value_map if at_once and not outcome else None,
            label=", ".join(_differences(self.rows, shown.edit)),
            short="changed",
            menu=None,
            before=None,
            node=0,
            attributed=False,
            seen=None,
            unpaid=False,
        )
        # Who asks what would come of it wants to see that: the verdict says it too.
        return replace(frame, other=other, seen=None, verdict=(*self._verdict(shown, tick), *self._caveat()))

    def _how(self) -> str:
        """What can be done here to change something."""
        weights = any(row.weight for row in self.rows)
        said = ["Move a slider", *(["drag a piece to another cell"] if self.world.bodies else [])]
        keys = ["Shift and a digit sets a weight to 0"] if weights else []
        keys += ["O removes who oversees"] if any(row.body for row in self.rows) else []
        return " ".join(f"{part}." for part in (", or ".join(said), ", ".join(keys)) if part)

    def _caveat(self) -> tuple[str, ...]:
        """A warning where the episode is not of the exact plan: a recorded agent cannot be asked what it would do."""
        assert self._episode is not None
        if self._episode.agent == PLANNER:
            return ()
        who = self._episode.agent
        return (f"What is changed is of the exact plan: {who} cannot be asked what it would do.",)

    def _verdict(self, shown: EditAnswer, tick: int) -> tuple[str, ...]:
        assert self._episode is not None
        # What the plan would do as it is tells nothing of who learned, who did what he did.
        learned = self._episode if self._episode.agent != PLANNER else None
        return _verdict(shown, self.since, tick, learned)

    def _answer(self) -> EditAnswer | None:
        edit, episode, agent, since = self.edit, self._episode, self._agent, self.since
        assert edit is not None
        assert episode is not None
        state = tuple(int(value) for value in episode.states[since])
        moment = EpisodeMoment(state, since, episode.seed, episode.number)
        return self._beside.ask((edit, moment, agent), lambda: self._worked_out(edit, moment, agent, episode))

    def _worked_out(self, edit: Edit, moment: EpisodeMoment, agent: int, episode: Episode) -> EditAnswer:
        try:
            now = self._now(moment, agent)
            then = now if edit.empty else self._supposing.suppose(edit, moment, agent)
        except ScenarioError as fault:
            return EditAnswer(edit, fault=fault.faults[0].message)
        except (
            ValueError,
            NotEnumerableError,
            ImproperDiscountError,
            NoFixedPointError,
            WorldTooLargeError,
            RuntimeError,
        ) as fault:
            return EditAnswer(edit, fault=str(fault))
        return EditAnswer(edit, now, then, self._whole(episode, then.ahead, moment.tick, edit))

    def _whole(self, episode: Episode, ahead: Episode, tick: int, edit: Edit) -> Episode:
        """Join an episode up to a tick with its counterfactual continuation `ahead`.

        The joined episode keeps this object's world, but for the agents, unless params are edited.
        """
        agents = self.scenario.document.agents
        # Settings whose first part is an agent (weights, a discount) change neither the board nor the fields.
        same = all(name.split(".")[0] in agents for name, _ in edit.settings)
        world = replace(self.world, agents=ahead.world.agents) if same else ahead.world
        alike = [field.name for field in world.fields] == [field.name for field in self.world.fields]
        # Past states cannot be shown in a world with other fields, so the first counterfactual state stands for them.
        before = episode.states[:tick] if alike else np.repeat(ahead.states[:1], tick, axis=0)
        return replace(
            ahead,
            world=world,
            states=np.concatenate([before, ahead.states]),
            chosen=np.concatenate([episode.chosen[:tick], ahead.chosen]),
            executed=np.concatenate([episode.executed[:tick], ahead.executed]),
            rewards=np.concatenate([episode.rewards[:tick], ahead.rewards]),
            performance=np.concatenate([episode.performance[:tick], ahead.performance]),
            events=(*episode.events[:tick], *ahead.events),
        )


def _differences(rows: tuple[MenuRow, ...], edit: Edit) -> list[str]:
    """An edit in words."""
    out = [row.in_words for row in rows if row.changed]
    return out + [f"{plain(name)} moved" for name, _ in edit.places]


@lru_cache(64)
def _verdict(answer: EditAnswer, since: int, now: int, learned: Episode | None = None) -> tuple[str, ...]:
    """Paragraphs that compare the action and outcome without the edit with those under it, seen from the tick `now`.

    As it is, `learned` did what it did, if an agent that learned was watched.
    """
    assert answer.now is not None
    assert answer.then is not None
    said = []
    before = answer.now.ahead if learned is None else learned.since(since)
    if answer.then.mind is not None and answer.now.mind is not None:
        mind = answer.now.mind
        act = plain(mind.actions[mind.action])
        if learned is not None:
            act = describe_actions(learned, since).rpartition(" ")[2]
        then = plain(answer.then.mind.actions[answer.then.mind.action])
        who = plain(mind.agent)
        does = "do" if " and " in who else "does"
        said.append(f"As it is, {who} {does} {act} in tick {since}. Changed so: {'the same' if act == then else then}.")
    said.append(f"As it is: {describe_continuation(before, since, now)}.")
    said.append(f"Changed so: {describe_continuation(answer.then.ahead, since, now)}.")
    return (*said, *(f"{capitalised(note)}." for note in answer.then.notes))
