"""What is being looked at and how: the state behind a window, changed by keys and time. It knows no window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..envs.base import Ints
from ..evals.beside import PATIENCE, Beside
from ..evals.episodes import Episode
from ..evals.minds import Mind, Outlook
from ..evals.showing import Show
from .board import first_state
from .frame import OVERLAYS, USUAL, Frame
from .palette import DARK, LIGHT, Theme
from .words import plain, status

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
    ) -> None:
        """At the start of an episode.

        Args:
            show: what there is to see.
            number: of the episode.
            overlays: names from `OVERLAYS`.
            theme: of the colours.
            wait: for everything to be worked out, however long it takes (for a film, or a test).
            keys: what the help shows.
        """
        self.show, self.number, self.overlays, self.theme = show, number, overlays, theme
        self.tick, self.playing, self.help, self.left = 0, False, False, False
        self.agent, self.head, self.message = 0, -1, ""
        self._speed, self._time = SPEEDS.index(4.0), 0.0
        self._beside: Beside[Any] = Beside(patience=None if wait else PATIENCE)
        self._first, self._keys = first_state(show.world), keys

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

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        episode = self.episode
        if not self.playing or episode is None:
            return
        self._time += seconds * self.speed
        ticks = int(self._time)
        self._time -= ticks
        self.seek(self.tick + ticks)
        if self.tick >= episode.length:
            self.playing = False

    def seek(self, tick: int) -> None:
        """Go to a tick, as near as the episode has it."""
        episode = self.episode
        self.tick = min(max(tick, 0), 0 if episode is None else episode.length)

    def turn_to(self, number: int, episode: Episode) -> None:
        """Look at the end of an episode that is known already."""
        self.number = number
        self._beside.put(("episode", number), episode)
        self.seek(episode.length)

    def press(self, key: str) -> bool:
        """Do what a key asks for; says whether it asked for anything."""
        deed = self.deeds.get(key)
        if deed is None and key in "123456789"[: len(OVERLAYS)]:
            self.overlays ^= {list(OVERLAYS)[int(key) - 1]}
            return True
        if deed is None:
            return False
        self.message = ""
        deed()
        return True

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
            "t": self._other_theme,
            "h": self._toggle_help,
            "escape": self._leave,
        }

    def frame(self) -> Frame:
        """What is to be seen now."""
        episode, tick = self.episode, self.tick
        mind: Mind | None = None
        outlook: Outlook | None = None
        if episode is not None:
            key = (self.number, tick, self.agent)
            if self.overlays & {"bars", "plan", "doubt"}:
                mind = self._beside.ask(("mind", *key), lambda: self.show.mind(episode, tick, key[2]))
            if self.overlays & {"value", "policy"}:
                outlook = self._beside.ask(("outlook", *key), lambda: self.show.outlook(episode, tick, key[2]))
        return Frame(
            title=self.show.scenario.document.title,
            about=self._about(episode),
            world=self.show.world,
            states=self.states,
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
        )

    def close(self) -> None:
        """Begin no more work."""
        self._beside.close()

    # -------------------------------------------------------------- deeds

    def _toggle(self) -> None:
        episode = self.episode
        if episode is not None and not self.playing and self.tick >= episode.length:
            self.tick = 0
        self.playing = not self.playing
        self._time = 0.0

    def _step(self, ticks: int) -> None:
        self.playing = False
        self.seek(self.tick + ticks)

    def _set_speed(self, by: int) -> None:
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)

    def _restart(self) -> None:
        self.tick, self.playing, self._time = 0, True, 0.0

    def _other_episode(self, by: int) -> None:
        last = (1 << 32) - 1 if self.show.count is None else self.show.count - 1
        number = min(max(self.number + by, 0), last)
        if number == self.number:
            self.message = "there is no other episode on this side"
        else:
            self.number, self.tick = number, 0

    def _next_agent(self) -> None:
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
