"""One show with what is selected in it, and the resulting frame. Slow answers are computed in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...envs.base import Ints
from ...envs.time_limit import listening
from ...evals.exact.solved_worlds import WHOLE_LIFE
from ...evals.inspection.attribution import Attribution, AttributionPlanner
from ...evals.inspection.background_thread import PATIENCE, BackgroundWorker
from ...evals.inspection.live_reload import LiveReloader, ReloadResult
from ...evals.inspection.mind import Mind, ValueMap
from ...evals.inspection.narration import Narration, first_seed, setting_of, unpaid
from ...evals.inspection.show import LiveShow, RecordedShow, Show, UnfoldingShow
from ...evals.inspection.show_process import SubprocessShow
from ...evals.traces.episode import Episode
from ..drawing.palette import LIGHT, Theme
from ..text.ascii_board import first_state, meanings
from ..text.episode_text import describe_actions, plain, status
from .frame import USUAL, Frame

SLOW, OFTEN = 3.0, 0.5
"""Seconds after which it is said how long there has been no episode, and how often what a solver says is looked at."""


class ShowView:
    """A show at one tick of one of its episodes. A background worker computes what takes long.

    Attributes:
        show: the source of episodes and thoughts.
        tick: the present tick.
        number: of the episode; agent: index of the selected agent.
        head: index of the channel whose values the cells show, -1 for the weighted sum.
        overlays: the overlays that are on; theme: the colours.
        node: the selected node of the search, 0 for the present state.
        label: the title of the board where there are two.
        outcome: whether what came of the tick before is looked at together with the choice that led to it.
        message: the latest message for the user, shown in place of the status; notice: lines on what is wrong with the
            scenario file.
    """

    def __init__(
        self,
        show: Show,
        *,
        number: int = 0,
        overlays: frozenset[str] = USUAL,
        theme: Theme = LIGHT,
        wait: bool = False,
        label: str = "",
        reloading: LiveReloader | None = None,
        narration: Narration | None = None,
    ) -> None:
        """Start at tick 0 of an episode.

        Args:
            show: the source of episodes and thoughts.
            number: of the episode.
            overlays: names from `OVERLAYS`.
            theme: the colours.
            wait: whether to wait for every answer, however long it takes (for a film, or a test).
            label: the title of the board where there are two.
            reloading: the reloader of the scenario file, if the file is to be read again whenever it is saved.
            narration: what is told of the episodes; if nobody has asked for one, it begins with the one that it opens
                with, whatever `number` is.
        """
        self.narration = narration
        # Of a recording there are only the episodes that were recorded.
        self._choosing = narration is not None and not narration.asked and show.count is None
        self.show, self.number, self.overlays, self.theme, self.label = show, number, overlays, theme, label
        self.tick, self.agent, self.head, self.node = 0, 0, -1, 0
        self.message, self.outcome = "", False
        self._asked: float | None = None  # when the episode was asked for that is still to come
        self._heard = (0.0, "")  # when a solver last said what it does, and that
        self._seen: dict[int, int] = {}  # by the number of an episode: its last tick that was shown
        self.notice: tuple[str, ...] = ()
        self._wait, self._reloading, self._read = wait, reloading, 0
        self._reading: tuple[int, int, int, Episode | None] | None = None
        self._reader: BackgroundWorker[ReloadResult] = BackgroundWorker(2)
        self._first = first_state(show.world)  # shown until the episode is known
        self._beside: BackgroundWorker[Any] = BackgroundWorker(patience=None if wait else PATIENCE)
        # Plans without one of the values take as long as the plan itself: they have a thread of their own.
        self._attributing: BackgroundWorker[tuple[Attribution | None]] = BackgroundWorker(
            16, patience=None if wait else PATIENCE
        )
        self._attribution = self._new_attribution()
        self._latest: tuple[object, Mind | None] = (None, None)
        self._played: dict[int, Episode] = {}  # by its number, what is known so far of the one that is being played

    @property
    def episode(self) -> Episode | None:
        """The episode being played; None while it is being computed."""
        if self._choosing and self.narration is not None:
            opening, show = self.narration.opening, self.show
            chosen: int | None = self._beside.ask(
                ("opening",), lambda: self._heeding(lambda: first_seed(opening, show.episode))
            )
            if chosen is None:
                self._asked = self._asked or time.monotonic()
                return None
            self.number, self._choosing = chosen, False
        found = self._ask_episode(self.number)
        self._asked = None if found is not None else self._asked or time.monotonic()
        return found

    def _ask_episode(self, number: int) -> Episode | None:
        show = self.show
        if self._wait or not isinstance(show, UnfoldingShow):
            found: Episode | None = self._beside.ask(
                ("episode", number), lambda: self._heeding(lambda: self.show.episode(number))
            )
            return found
        # What has been played so far is shown meanwhile, and asked for more.
        known = self._played.get(number)
        if known is None or not known.complete:
            ticks = 1 if known is None else known.length + 1
            more: Episode | None = self._beside.ask(
                ("beginning", number, ticks),
                lambda: self._heeding(lambda: show.beginning(number, ticks)),
                at_once=known is not None,
            )
            if more is not None:
                self._played = {number: more}
                return more
        return known

    @property
    def making(self) -> str:
        """What is done while there is no episode yet."""
        if self.narration is not None and self.narration.learned:
            return "the agent is loaded, and plays"
        return "the recording is read" if self.narration is not None and self.narration.run else "solving the world"

    @property
    def progress(self) -> str:
        """How long the episode has been waited for, and what a solver says, in parentheses; empty at first."""
        seconds = 0.0 if self._asked is None else time.monotonic() - self._asked
        if seconds < SLOW:
            return ""
        return f" ({seconds:.0f} s so far{f'; {self._heard[1]}' if self._heard[1] else ''})"

    def _heeding(self, work: Callable[[], Any]) -> Any:
        """Do some work, and keep now and then what is said of it."""

        def hear(said: str) -> None:
            if time.monotonic() - self._heard[0] > OFTEN:
                self._heard = time.monotonic(), said

        with listening(hear):
            return work()

    @property
    def states(self) -> Ints:
        """int32 `[T + 1, F]`: the states from the start to the present tick; one state until the episode is known."""
        episode = self.episode
        return self._first[None] if episode is None else episode.states[: self.tick + 1]

    @property
    def length(self) -> int:
        """The number of ticks of the episode; 0 until it is known."""
        return 0 if self.episode is None else self.episode.length

    def seek(self, tick: int) -> None:
        """Go to a tick, or to the nearest one that the episode has."""
        self.outcome = False
        before, self.tick = self.tick, min(max(tick, 0), self.length)
        if self.tick != before:
            self.node = 0

    def follow(self, other: ShowView) -> None:
        """Take over the selections and the tick of another view, as the second of two boards does."""
        self.number, self.agent, self.head = other.number, other.agent, other.head
        self.overlays, self.theme, self.tick, self.outcome = other.overlays, other.theme, other.tick, other.outcome

    def begin_anew(self) -> None:
        """Tell of the episode as though nothing of it had been shown."""
        self._seen.pop(self.number, None)

    def frame(self) -> Frame:
        """The frame to draw now."""
        episode = self.episode
        # The second of two boards follows the first, so its tick may lie beyond the end of its own episode.
        tick = 0 if episode is None else min(self.tick, episode.length)
        outcome = episode is not None and self.outcome and 0 < self.tick <= episode.length
        asked = tick - outcome
        mind, before, value_map = self._thoughts(episode, tick, asked)
        mind, attributed = self._attributed(episode, asked, mind)
        self._seen[self.number] = seen = max(self._seen.get(self.number, 0), tick)
        return Frame(
            title=self.show.scenario.document.title,
            about=self._about(episode, asked),
            world=self.show.world if episode is None else episode.world_at(asked),
            states=self._first[None] if episode is None else episode.shown_until(tick, outcome),
            episode=episode,
            mind=mind,
            value_map=value_map,
            overlays=self.overlays,
            head=self.head,
            agent=self.agent,
            status=self.message
            or (f"{self.making}{self.progress}" if episode is None else status(episode, asked, outcome)),
            theme=self.theme,
            label=self.label,
            short=self.label,
            action_text="" if episode is None or asked >= episode.length else describe_actions(episode, asked),
            before=before,
            node=0 if mind is None or mind.search is None else min(self.node, len(mind.search.parents) - 1),
            notice=self.notice,
            caption=self._caption(episode, tick),
            attributed=attributed,
            meanings=meanings(self.show.scenario.document),
            begun=0 if episode is None else episode.begun(asked),
            seen=seen,
            outcome=outcome,
            unpaid=episode is not None and unpaid(self.show.scenario, episode),
        )

    def attribution(self) -> Attribution | None:
        """The values that decide in each tick of the episode; None while it is being computed, or where none do."""
        found = self._ask_attribution(self.episode)
        return None if found is None else found[0]

    @property
    def deciding(self) -> bool:
        """Whether it is still being worked out which values decide."""
        planned = self._attribution is not None and self.episode is not None and self.episode.agent == "exact"
        return planned and self._ask_attribution(self.episode) is None

    def _caption(self, episode: Episode | None, tick: int) -> str | None:
        if self.narration is None:
            return None
        return "" if episode is None else self.narration.caption_at(episode, tick)

    def _ask_attribution(self, episode: Episode | None) -> tuple[Attribution | None] | None:
        """The attribution in a tuple of one; None while it is being computed, or for who cannot be planned for anew."""
        planner = self._attribution
        if planner is None or episode is None or episode.agent != "exact" or not episode.complete:
            return None
        agent = self.agent
        return self._attributing.ask((self.number, agent), lambda: (planner.attribute(episode, agent),))

    def _attributed(self, episode: Episode | None, tick: int, mind: Mind | None) -> tuple[Mind | None, bool | None]:
        """A thought with the values that decide it as plans made anew say; and whether they do, None for not yet."""
        if mind is None or episode is None or episode.agent != "exact" or self._attribution is None:
            return mind, False
        found = self._ask_attribution(episode)
        if found is None:
            return mind, None
        if found[0] is None or tick >= len(found[0]):
            return mind, False
        key = (mind, found[0], tick)  # compared by identity: a thought equals itself only
        if self._latest[0] != key:  # the same object as long as nothing changes, by which a picture is kept
            flips = found[0][tick]
            anew = replace(
                mind,
                decided_by=tuple(flip.channel for flip in flips),
                instead=tuple(flip.instead for flip in flips),
            )
            self._latest = (key, anew)
        return self._latest[1], True

    def _new_attribution(self) -> AttributionPlanner | None:
        whole = self.show.stage == WHOLE_LIFE  # of a life no plan of one stage is made anew
        if not whole and isinstance(self.show, LiveShow | SubprocessShow | RecordedShow):
            return AttributionPlanner(self.show.scenario, self.show.stage)
        return None

    def _thoughts(
        self, episode: Episode | None, tick: int, asked: int
    ) -> tuple[Mind | None, Mind | None, ValueMap | None]:
        """What the overlays need: the decision in the tick `asked`, that before a tick, and the tick's value map.

        Only what an overlay shows is asked for, as each may take long to compute.
        """
        mind: Mind | None = None
        before: Mind | None = None
        value_map: ValueMap | None = None
        if episode is not None:
            if asked == episode.length and not episode.complete:
                return None, None, None  # it has not decided yet
            if self.overlays & {"bars", "plan", "doubt", "tree"}:
                mind = self._mind(episode, asked)
            if "foreseen" in self.overlays and tick:
                before = self._mind(episode, tick - 1)
            if self.overlays & {"value", "policy"}:
                key = ("value_map", self.number, tick, self.agent)
                value_map = self._beside.ask(key, lambda: self.show.value_map(episode, tick, key[3]))
        return mind, before, value_map

    def _mind(self, episode: Episode, tick: int) -> Mind | None:
        agent = self.agent  # a copy: the question is answered in another thread, when the selection may have changed
        key = ("mind", self.number, tick, agent)
        mind: Mind | None = self._beside.ask(key, lambda: self.show.mind(episode, tick, agent))
        return mind

    def reload(self) -> None:
        """Begin to read a scenario file that was saved, or take up the result once it has been read and played."""
        reloading = self._reloading
        if reloading is None:
            return
        # The question is fixed when it is first asked: time may go on while it is answered.
        if self._reading is None and reloading.changes != self._read:
            self._reading = (reloading.changes, self.number, self.tick, self.episode)
        if self._reading is None:
            return
        changes, number, tick, episode = self._reading
        reread = self._reader.ask(changes, lambda: reloading.reload(number, episode, tick, self.show.scenario.hash))
        if reread is not None:
            self._read, self._reading = changes, None
            self._take_up(reread, number, tick)

    def close(self) -> None:
        """Stop starting background work."""
        self._beside.close()
        self._attributing.close()
        if self._attribution is not None:
            self._attribution.close()
        self._reader.close()
        self._close_show()
        if self._reloading is not None:
            self._reloading.close()

    def _take_up(self, reread: ReloadResult, number: int, ticks: int) -> None:
        mended, self.notice = bool(self.notice) and not reread.fault, reread.fault
        if reread.show is None or reread.episode is None:
            self.message = "the file is sound again" if mended else self.message
            return
        self._close_show()
        # A new worker, since the answers of the old one are about the old show.
        self.show = reread.show
        self._beside.close()
        self._beside = BackgroundWorker(patience=None if self._wait else PATIENCE)
        self._beside.put(("episode", number), reread.episode)
        self._attributing.close()
        if self._attribution is not None:
            self._attribution.close()
        self._attributing = BackgroundWorker(16, patience=None if self._wait else PATIENCE)
        self._attribution = self._new_attribution()
        if self.narration is not None:
            self.narration = replace(self.narration, scenario=self.show.scenario)
        self._first, self._seen = first_state(self.show.world), {}
        self.agent = min(self.agent, len(self.show.world.agents) - 1)
        self.head, self.node = min(self.head, len(self.show.world.channels) - 1), 0
        self.seek(self.tick)
        self.message = "read again"
        if reread.replayed < ticks:
            self.message += f"; only the first {reread.replayed} of {ticks} ticks could be replayed"

    def _close_show(self) -> None:
        if isinstance(self.show, SubprocessShow):
            self.show.close()

    def _about(self, episode: Episode | None, tick: int) -> str:
        setting = setting_of(self.show.scenario)
        name = f"{self.show.scenario.name}{f' ({plain(setting)})' if setting else ''}"
        parts = [name, self.show.stage if episode is None else episode.where(tick)]
        if episode is not None:
            parts += [episode.agent, f"seed {episode.seed}"]
            if self.show.count is not None:
                parts.append(f"episode {self.number + 1} of {self.show.count}")
        if len(self.show.world.agents) > 1:
            parts.append(plain(self.show.world.agents[self.agent].name))
        return " · ".join(parts)
