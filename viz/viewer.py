"""What is being looked at and how: the state behind a window, changed by keys and time. It knows no window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..envs.base import Ints
from ..evals.apart import Apart
from ..evals.beside import PATIENCE, Beside
from ..evals.episodes import Episode
from ..evals.minds import Mind, Outlook
from ..evals.reloading import Reloading, Reread
from ..evals.showing import Show
from .board import first_state
from .frame import OVERLAY_KEYS, USUAL, Frame
from .palette import DARK, LIGHT, Theme
from .whatif import KEYS as WHAT_IF_KEYS
from .whatif import WhatIf
from .words import deed, plain, status

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
"""Ticks in a second."""

KEYS = (
    ("space", "go on, or pause"),
    (", .", "one tick back, one tick on"),
    ("- =", "slower, faster"),
    ("home end", "to the start, to the end"),
    ("r", "play from the start"),
    ("p n", "the episode before, the next"),
    ("tab", "look at the next agent"),
    ("v", "the cells' value of the next head"),
    ("[ ]", "through what the search imagined"),
    *WHAT_IF_KEYS,
    ("t", "light or dark"),
    ("s", "save a picture"),
    ("h", "these keys"),
    ("esc", "leave"),
)
"""As the help shows them."""


class Viewer:
    """Plays a show. What takes time is worked out beside it; until it is there, frames lack it.

    Attributes:
        tick: the present one; playing: it moves on by itself, `speed` ticks in a second.
        number: of the episode; agent: index of the one looked at; head: whose value the cells show, -1 for the sum.
        overlays: those that are on; theme: of the colours; help: the keys are shown.
        message: the last thing worth telling, in place of the status; left: the viewer should be closed.
        node: of the search that is looked at, 0 for the present; notice: lines on what is wrong with the file.
        what_if: what is supposed by hand, None where nothing can be.
    """

    def __init__(
        self,
        show: Show,
        *,
        number: int = 0,
        overlays: frozenset[str] = USUAL,
        theme: Theme = LIGHT,
        wait: bool = False,
        keys: tuple[tuple[str, str], ...] = KEYS,
        label: str = "",
        beside: Viewer | None = None,
        supposing: bool = False,
        reloading: Reloading | None = None,
    ) -> None:
        """At the start of an episode.

        Args:
            show: what there is to see.
            number: of the episode.
            overlays: names from `OVERLAYS`.
            theme: of the colours.
            wait: for everything to be worked out, however long it takes (for a film, or a test).
            keys: what the help shows.
            label: what is said over the board where there are two.
            beside: of a show that is seen next to this one, tick by tick.
            supposing: whether something can be changed by hand.
            reloading: of the file behind the show, if that is to be read again whenever it is saved.
        """
        self.show, self.number, self.overlays, self.theme = show, number, overlays, theme
        self.tick, self.playing, self.help, self.left = 0, False, False, False
        self.agent, self.head, self.message = 0, -1, ""
        self._speed, self._time = SPEEDS.index(4.0), 0.0
        self.node, self.label, self.beside = 0, label, beside
        self.notice: tuple[str, ...] = ()
        self._wait, self._reloading, self._read = wait, reloading, 0
        self._reading: tuple[int, int, int, Episode | None] | None = None
        self._reader: Beside[Reread] = Beside(2)
        self._beside: Beside[Any] = Beside(patience=None if wait else PATIENCE)
        self._first, self._keys = first_state(show.world), keys
        self.what_if = WhatIf(show.scenario, show.world, show.stage, wait) if supposing else None

    @property
    def speed(self) -> float:
        """Ticks in a second."""
        return SPEEDS[self._speed]

    @property
    def episode(self) -> Episode | None:
        """What is played; None while it is being worked out."""
        number = self.number
        found: Episode | None = self._beside.ask(("episode", number), lambda: self.show.episode(number))
        return found

    @property
    def states(self) -> Ints:
        """int32 `[T + 1, F]`: from the start to the present one."""
        episode = self.episode
        return self._first[None] if episode is None else episode.states[: self.tick + 1]

    @property
    def length(self) -> int:
        """How many ticks there are to see."""
        lengths = [0 if self.episode is None else self.episode.length]
        if self.supposed is not None:
            lengths.append(self.supposed.length)
        elif self.beside is not None:
            lengths.append(self.beside.length)
        return max(lengths)

    @property
    def supposed(self) -> WhatIf | None:
        """What is supposed by hand, while something is."""
        return None if self.what_if is None or self.what_if.edit is None else self.what_if

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._reload()
        if self.beside is not None:
            self.beside._reload()
        episode = self.episode
        if not self.playing or episode is None:
            return
        self._time += seconds * self.speed
        ticks = int(self._time)
        self._time -= ticks
        self.seek(self.tick + ticks)
        if self.tick >= self.length:
            self.playing = False

    def seek(self, tick: int) -> None:
        """Go to a tick, as near as the episode has it."""
        before, self.tick = self.tick, min(max(tick, 0), self.length)
        if self.tick != before:
            self.node = 0
        if self.supposed is not None and self.tick < self.supposed.since and self.episode is not None:
            self.supposed.begin(self.episode, self.tick, self.agent)

    def turn_to(self, number: int, episode: Episode) -> None:
        """Look at the end of an episode that is known already."""
        self.number = number
        self._beside.put(("episode", number), episode)
        self.seek(episode.length)

    def press(self, key: str) -> bool:
        """Do what a key asks for; says whether it asked for anything."""
        if self._suppose(key):
            return True
        deed = self.deeds.get(key)
        overlay = next((name for name, its in OVERLAY_KEYS.items() if its == key), None)
        if deed is None and overlay is not None:
            self.overlays ^= {overlay}
            return True
        if deed is None:
            return False
        self.message = ""
        deed()
        return True

    def suppose(self) -> WhatIf | None:
        """Begin to suppose something here, or go back to where it is supposed; None where nothing can be."""
        what_if, episode = self.what_if, self.episode
        if what_if is None or episode is None or self.help:
            return None
        self.playing = False
        if what_if.edit is None and self.tick >= episode.length:
            self.message = "the episode is over: go back a tick to change something"
            return None
        if what_if.edit is None:
            what_if.begin(episode, self.tick, self.agent)
        elif self.tick != what_if.since:
            self.seek(what_if.since)
        return what_if

    def _suppose(self, key: str) -> bool:
        """Take a key that changes something by hand, or that ends it."""
        if self.help:
            return False
        if self.supposed is not None:
            if key in ("escape", "backspace", "c"):
                self.supposed.leave()
                self.seek(self.tick)
                return True
            if key not in ("up", "down", "left", "right", "o") and not key.startswith("shift+"):
                return False
        elif key not in ("c", "o") and not key.startswith("shift+"):
            return False
        what_if = self.suppose()
        if what_if is not None:
            self.message = what_if.message = ""
            what_if.press(key)
            self.message = what_if.message
        return self.what_if is not None

    @property
    def deeds(self) -> dict[str, Callable[[], None]]:
        """What each key does, but for those of the overlays; a window adds to them what needs one."""
        return {
            "space": self._toggle,
            ".": lambda: self._step(1),
            ",": lambda: self._step(-1),
            "right": lambda: self._step(1),
            "left": lambda: self._step(-1),
            "-": lambda: self._set_speed(-1),
            "=": lambda: self._set_speed(1),
            "+": lambda: self._set_speed(1),
            "home": lambda: self._step(-self.tick),
            "end": lambda: self._step(1 << 30),
            "r": self._restart,
            "n": lambda: self._other_episode(1),
            "p": lambda: self._other_episode(-1),
            "tab": self._next_agent,
            "v": self._next_head,
            "]": lambda: self._next_node(1),
            "[": lambda: self._next_node(-1),
            "t": self._other_theme,
            "h": self._toggle_help,
            "escape": self._leave,
        }

    def frame(self) -> Frame:
        """What is to be seen now."""
        frame = self._own_frame(self.tick)
        if self.supposed is not None and frame.episode is not None:
            return self.supposed.seen(frame, self.tick)
        if self.beside is not None:
            other = self.beside
            other.number, other.agent, other.head = self.number, self.agent, self.head
            other.overlays, other.theme, other.tick = self.overlays, self.theme, self.tick
            return replace(frame, other=other._own_frame(self.tick))
        return frame

    def _own_frame(self, tick: int) -> Frame:
        episode = self.episode
        mind: Mind | None = None
        before: Mind | None = None
        outlook: Outlook | None = None
        if episode is not None:
            tick = min(tick, episode.length)
            if self.overlays & {"bars", "plan", "doubt", "tree"}:
                mind = self._mind(episode, tick)
            if "foreseen" in self.overlays and tick:
                before = self._mind(episode, tick - 1)
            if self.overlays & {"value", "policy"}:
                key = ("outlook", self.number, tick, self.agent)
                outlook = self._beside.ask(key, lambda: self.show.outlook(episode, tick, key[3]))
        else:
            tick = 0
        return Frame(
            title=self.show.scenario.document.title,
            about=self._about(episode),
            world=self.show.world,
            states=self._first[None] if episode is None else episode.states[: tick + 1],
            episode=episode,
            mind=mind,
            outlook=outlook,
            overlays=self.overlays,
            head=self.head,
            agent=self.agent,
            status=self.message or ("solving the world" if episode is None else status(episode, tick)),
            hint=f"{'playing' if self.playing else 'paused'} · {self.speed:g} ticks a second · H: keys",
            theme=self.theme,
            keys=self._keys if self.help else (),
            label=self.label,
            short=self.label,
            told="" if episode is None or tick >= episode.length else deed(episode, tick),
            before=before,
            node=0 if mind is None or mind.search is None else min(self.node, len(mind.search.parents) - 1),
            notice=self.notice,
        )

    def _mind(self, episode: Episode, tick: int) -> Mind | None:
        agent = self.agent
        key = ("mind", self.number, tick, agent)
        mind: Mind | None = self._beside.ask(key, lambda: self.show.mind(episode, tick, agent))
        return mind

    def _reload(self) -> None:
        """Take up what was saved, as soon as it is read and played."""
        reloading = self._reloading
        if reloading is None:
            return
        if self._reading is None and reloading.changes != self._read:
            self._reading = (reloading.changes, self.number, self.tick, self.episode)
        if self._reading is None:
            return
        changes, number, tick, episode = self._reading
        reread = self._reader.ask(changes, lambda: reloading.again(number, episode, tick, self.show.scenario.hash))
        if reread is not None:
            self._read, self._reading = changes, None
            self._take_up(reread, number, tick)

    def _take_up(self, reread: Reread, number: int, ticks: int) -> None:
        mended, self.notice = bool(self.notice) and not reread.fault, reread.fault
        if reread.show is None or reread.episode is None:
            self.message = "the file is sound again" if mended else self.message
            return
        self._close_show()
        self.show = reread.show
        self._beside.close()
        self._beside = Beside(patience=None if self._wait else PATIENCE)
        self._beside.put(("episode", number), reread.episode)
        self._first = first_state(self.show.world)
        if self.what_if is not None:
            self.what_if.close()
            self.what_if = WhatIf(self.show.scenario, self.show.world, self.show.stage, self._wait)
        self.agent = min(self.agent, len(self.show.world.agents) - 1)
        self.head, self.node = min(self.head, len(self.show.world.channels) - 1), 0
        self.seek(self.tick)
        self.message = "read again"
        if reread.replayed < ticks:
            self.message += f"; only the first {reread.replayed} of {ticks} ticks could be replayed"

    def _close_show(self) -> None:
        if isinstance(self.show, Apart):
            self.show.close()

    def close(self) -> None:
        """Begin no more work."""
        self._beside.close()
        self._reader.close()
        self._close_show()
        if self._reloading is not None:
            self._reloading.close()
        if self.what_if is not None:
            self.what_if.close()
        if self.beside is not None:
            self.beside.close()

    # -------------------------------------------------------------- deeds

    def _toggle(self) -> None:
        if self.episode is not None and not self.playing and self.tick >= self.length:
            self.seek(0 if self.supposed is None else self.supposed.since)
        self.playing = not self.playing
        self._time = 0.0

    def _step(self, ticks: int) -> None:
        self.playing = False
        self.seek(self.tick + ticks)

    def _set_speed(self, by: int) -> None:
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)

    def _restart(self) -> None:
        self._forget()
        self.tick, self.playing, self._time = 0, True, 0.0

    def _other_episode(self, by: int) -> None:
        last = (1 << 32) - 1 if self.show.count is None else self.show.count - 1
        number = min(max(self.number + by, 0), last)
        if number == self.number:
            self.message = "there is no other episode on this side"
        else:
            self._forget()
            self.number, self.tick = number, 0

    def _forget(self) -> None:
        """Suppose nothing, and look at the present."""
        self.node = 0
        if self.supposed is not None:
            self.supposed.leave()

    def _next_node(self, by: int) -> None:
        mind = self._own_frame(self.tick).mind if "tree" in self.overlays else None
        count = 0 if mind is None or mind.search is None else len(mind.search.parents)
        if count:
            self.node = (self.node + by) % count
        else:
            self.message = "no search is shown; 0 shows it where there is one"

    def _next_agent(self) -> None:
        self._forget()
        agents = self.show.world.agents
        self.agent = (self.agent + 1) % len(agents)
        self.message = f"looking at {plain(agents[self.agent].name)}"

    def _next_head(self) -> None:
        heads = len(self.show.world.channels)
        self.head = self.head + 1 if self.head + 1 < heads else -1
        self.overlays |= {"value"}

    def _other_theme(self) -> None:
        self.theme = DARK if self.theme is LIGHT else LIGHT

    def _toggle_help(self) -> None:
        self.help = not self.help

    def _leave(self) -> None:
        if self.help:
            self.help = False
        else:
            self.left = True

    # -------------------------------------------------------------- words and work

    def _about(self, episode: Episode | None) -> str:
        parts = [self.show.scenario.name, self.show.stage]
        if episode is not None:
            parts += [episode.agent, f"seed {episode.seed}"]
            if self.show.count is not None:
                parts.append(f"episode {self.number + 1} of {self.show.count}")
        if len(self.show.world.agents) > 1:
            parts.append(plain(self.show.world.agents[self.agent].name))
        return " · ".join(parts)
