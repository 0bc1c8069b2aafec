"""The state behind a window: a view that keys and time change. It does not depend on pygame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from ...evals.inspection.live_reload import LiveReloader, ReloadResult
from ...evals.inspection.narration import BREATH, Card, ControlSetting, Narration, Question
from ...evals.inspection.show import Show
from ...evals.inspection.show_process import SubprocessShow
from ...evals.traces.episode import Episode
from ...evals.traces.whole_life import WholeLife
from ...scenarios.did_you_mean import capitalised
from ...scenarios.language.faults.faults import ScenarioError
from ..drawing.buttons import Button
from ..drawing.palette import DARK, LIGHT, Theme
from ..text.episode_text import plain
from .buttons import edit_buttons
from .editor import HINT as EDIT_HINT
from .editor import KEYS as EDIT_KEYS
from .editor import ScenarioEditor
from .frame import OVERLAY_KEYS, OVERLAYS, USUAL, Frame, offers
from .show_view import ShowView
from .what_if import KEYS as WHAT_IF_KEYS
from .what_if import WhatIf

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
"""The speeds that can be chosen, in ticks per second."""

AWAITED = "it begins by itself as soon as that is done"
"""What is said to who wants to see an episode that is still being computed."""

SOLVING_CONTROL = "solving the control beside it; both begin as soon as that is done"
"""What is said while a control is shown whose episode is still being computed."""

PLAYING_ON = "the agent is still playing this episode"
"""What is said while what comes next is not known yet."""

WHY_NOT = "what is best in one episode hangs on all that follow"
"""Why nothing in a life is edited by hand."""

LOOK = 2 * BREATH
"""Seconds at the usual speed in which a counterfactual that a card asked for is looked at before it is played."""

USUAL_SPEED = SPEEDS.index(4.0)
"""Index of the speed at the beginning."""

KEYS = (
    ("space", "go on, or pause"),
    (", .", "one tick back, one tick on"),
    ("- =", "slower, faster"),
    ("home end", "to the start, to the end"),
    ("r", "play from the start"),
    ("p n", "the seed before, the next"),
    ("b f", "in a life: to the episode before, to the next"),
    ("tab", "look at the next agent"),
    ("w", "the cells' worth to the next head"),
    ("[ ]", "through what the search imagined"),
    *WHAT_IF_KEYS,
    ("e", "edit the scenario's file by hand"),
    ("t", "light or dark"),
    ("s", "save a picture"),
    ("v", "record a film, or end it"),
    ("k", "the control beside it, or away"),
    ("i", "what this is about"),
    ("h", "these keys"),
    ("esc", "leave"),
)
"""The (key, what it does) pairs that the help shows."""


class Viewer(ShowView):
    """The player of a show: its tick, speed, overlays and edits, changed by named commands.

    Attributes:
        playing: whether time advances by itself, `speed` ticks in a second.
        help: whether the keys are shown; left: whether the viewer should be closed.
        card: which card is over the picture: that before the episode, that after it or after a counterfactual, or none.
        by_hand: whether the episode is a game that someone plays, so that it never goes on by itself.
        beside: the view of the second board, or None.
        what_if: the counterfactual edits; None where nothing can be edited.
        editor: of the file behind what is shown, or the reason why it cannot be edited, which may be empty.
        buttons: makes the buttons below the picture; None for no buttons.
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
        beside: ShowView | None = None,
        supposing: bool = False,
        reloading: LiveReloader | None = None,
        narration: Narration | None = None,
        card: bool = False,
        steered: bool = True,
        editor: ScenarioEditor | str = "",
        buttons: Callable[[Viewer], tuple[Button, ...]] | None = None,
        control: Callable[[ControlSetting, int], ShowView] | None = None,
    ) -> None:
        """Start at tick 0 of an episode.

        Args:
            show: the source of episodes and thoughts.
            number: see `ShowView`, as for `overlays`, `theme`, `wait`, `label`, `reloading` and `narration`.
            overlays: see there.
            theme: see there.
            wait: see there.
            label: see there.
            reloading: see there.
            narration: see there.
            card: whether it opens with a card that says what is to be seen, and ends with one on what came of it.
            steered: whether someone sits before it; a film of one picture for each tick is neither paused nor steered.
            keys: the (key, what it does) pairs that the help shows.
            beside: a view that is shown next to this one, at the same tick.
            supposing: whether the state and the settings can be edited.
            editor: see above.
            buttons: see above.
            control: makes the view of the control that the narration names, and of an episode's number.
        """
        super().__init__(
            show,
            number=number,
            overlays=overlays,
            theme=theme,
            wait=wait,
            label=label,
            reloading=reloading,
            narration=narration,
        )
        self._steered = steered
        self._carded = card and narration is not None
        self.card: Literal["", "opening", "ending", "answer"] = "opening" if self._carded else ""
        self.by_hand = False
        # Seconds at the usual speed: of standing still, of these without a caption to be read, and that one has stood.
        self._pause, self._breath, self._stood = 0.0, 0.0, 0.0
        self._leaving = False
        self._awaited = False  # whether the card is to be put away as soon as there is an episode
        self._hurried = False  # whether its end is to be shown as soon as it has been played
        self._to_ask = False  # whether the card's question is to be asked as soon as it is known
        self._asked_on_card: Question | None = None  # what the counterfactual answers, if a card asked it
        self.playing, self.help, self.left = False, False, False
        self.beside = beside
        self._speed, self._time, self._keys = USUAL_SPEED, 0.0, keys
        self._supposing = supposing
        self.editor, self.buttons, self._adopting = editor, buttons, False
        self.what_if = self._new_what_if()
        self._make_control, self._compared = control, False  # whether `beside` is the control
        # Of which only what comes of it is told, on the card at the end; and the number of its episode.
        self._answering: tuple[int, ShowView] | None = None

    @property
    def control(self) -> ControlSetting | None:
        """The control that can be shown beside what is shown, or None."""
        return None if self._make_control is None or self.narration is None else self.narration.control

    @property
    def speed(self) -> float:
        """The present speed, in ticks per second."""
        return SPEEDS[self._speed]

    @property
    def length(self) -> int:
        """The number of ticks that can be shown: those of the longer episode where there are two boards."""
        lengths = [super().length]
        if self.supposed is not None:
            lengths.append(self.supposed.length)
        elif self.beside is not None:
            lengths.append(self.beside.length)
        return max(lengths)

    @property
    def supposed(self) -> WhatIf | None:
        """The counterfactual edits while there are any, else None."""
        return None if self.what_if is None or self.what_if.edit is None else self.what_if

    @property
    def editing(self) -> ScenarioEditor | None:
        """The editor while the file is edited, else None."""
        return self.editor if isinstance(self.editor, ScenarioEditor) and self.editor.on else None

    def advance(self, seconds: float) -> None:
        """Advance playback by the elapsed time, and take up a scenario file that was saved in the meantime."""
        if (editing := self.editing) is not None:
            editing.look(seconds)
            return
        if self._adopting:
            self._adopt()
        self.reload()
        if self.beside is not None:
            self.beside.reload()
        episode = self.episode
        if self._awaited and episode is not None:
            self.begin()
        if self._to_ask and episode is not None:
            self._ask_once_known(episode)
        if self._hurried and episode is not None and episode.complete:
            self._to_the_end()
        if not self.playing or episode is None or not self._beside_solved():
            return
        spent = seconds * self.speed / SPEEDS[USUAL_SPEED]
        self._stood += spent
        if self._pause > 0:
            self._pause -= spent
            self.outcome = self.outcome and self._pause > self._breath
            return
        self.outcome = False
        self._time += seconds * self.speed * self._stride()
        ticks = int(self._time)
        self._time -= ticks  # the fraction is kept, so that the speed is right at any frame rate
        for _ in range(min(ticks, self.length - self.tick)):
            if self._outrun(episode):
                self._time = 0.0
                break
            if any(told.unread(its, min(self.tick, its.length), self._stood) > 0 for told, its in self._tellings()):
                self._time = 1.0  # it goes on as soon as that is read
                break
            said = self._said()
            self.seek(self.tick + 1)
            self._stood = self._stood if said == self._said() else 0.0
            if self._rest():
                break
        if self.tick >= self.length and self._pause <= 0 and episode.complete:
            self._end()

    def _outrun(self, episode: Episode) -> bool:
        """Whether the next tick of an episode that is still being played is not known well enough to be shown."""
        return self.narration is not None and not self.narration.known_at(episode, self.tick + 1)

    def _beside_solved(self) -> bool:
        if self.supposed is not None:
            return self.supposed.answered
        if self.beside is None:
            return True
        self.beside.follow(self)
        return self.beside.episode is not None

    def _tellings(self) -> list[tuple[Narration, Episode]]:
        """The episodes of which something is told at present, each with what tells it."""
        told: list[tuple[Narration, Episode]] = []
        beside = None if self.supposed is not None else self.beside
        for view in (self, beside):
            if view is not None and view.narration is not None and (episode := view.episode) is not None:
                told.append((view.narration, episode))
        if self.supposed is not None and self.narration is not None and self.supposed.whole is not None:
            told.append((self.narration, self.supposed.whole))
        return told

    def _said(self) -> list[str]:
        return [told.says(its, self.tick) for told, its in self._tellings()]

    def _rest(self) -> bool:
        """Stand still at this tick for as long as what is told takes to be read; return whether anything is."""
        told = self._tellings()
        reading = max((each.reading(its, self.tick) for each, its in told), default=0.0)
        self._breath = max((each.breath(its, self.tick) for each, its in told), default=0.0)
        if reading + self._breath <= 0:
            return False
        self._pause, self._time = reading + self._breath, 0.0
        self.outcome = self.news_at(self.tick) > 0
        return True

    def _stride(self) -> float:
        """How fast to go on, by the first of two boards, as long as nothing happens on the other."""
        tellings = self._tellings()
        if not tellings or any(not told.calm(its, self.tick) for told, its in tellings[1:]):
            return 1.0
        told, its = tellings[0]
        return told.stride(its, min(self.tick, its.length))

    def seek(self, tick: int) -> None:
        """See `ShowView.seek`. A counterfactual that would begin later is moved to the new tick."""
        super().seek(tick)
        if self.supposed is not None and self.tick < self.supposed.since and self.episode is not None:
            self.supposed.begin(self.episode, self.tick, self.agent)

    def turn_to(self, number: int, episode: Episode) -> None:
        """Show the end of an episode that is known already."""
        self.number = number
        self._beside.put(("episode", number), episode)
        self.seek(episode.length)

    def press(self, key: str) -> bool:
        """Handle a key; return whether it was bound to anything."""
        self._leaving, self._hurried = self._leaving and key == "escape", False
        # The help of the editor names the editor's keys, so they act while it is open; Escape closes it first.
        if (editing := self.editing) is not None and not (self.help and key == "escape"):
            return self._edit_key(editing, key)
        if self.card and not self.help and self._on_card(key):
            return True
        # While something is edited, the arrows and Escape act on the menu, so it gets every key first.
        if self._suppose(key):
            return True
        handler = self.key_bindings.get(key)
        overlay = next((name for name, its in OVERLAY_KEYS.items() if its == key), None)
        if handler is None and overlay is not None:
            self.overlays ^= {overlay}
            return True
        if handler is None:
            return False
        self.message = ""
        handler()
        return True

    def begin(self) -> None:
        """Put the card away: after the one before an episode it is played, after the one at its end it begins anew.

        While the episode is being computed the card stays, says so, and is put away once there is an episode.
        """
        card, episode = self.card, self.episode
        self._awaited = episode is None
        if episode is None:
            return
        self.card = ""
        if self.by_hand:
            return
        if card == "answer" and self.supposed is not None:
            self.seek(self.supposed.since)
        elif card != "opening":
            self._restart()
        self.playing = True
        self._stood = 0.0
        self._rest()
        self._ask_control()

    def _on_card(self, key: str) -> bool:
        """Handle a key while a card is over the picture; return whether it was one for the card."""
        if key in ("space", "return", "enter", "right"):
            self.begin()
            return True
        if key not in ("h", "s", "v", "t"):
            self._awaited = self._to_ask = False
        if self.card == "answer" and key in ("escape", "backspace", "c", "k"):
            self._forget()
            self._to_the_end()
            if key != "k":
                return True
        if key == "escape":
            self.card = ""
            return True
        if key == "k":
            self._compare()
            return True
        if key == "c" and self.card == "ending" and self.what_if is not None and self.episode is not None:
            self._to_ask = True
            self._ask_once_known(self.episode)
            return True
        if key not in ("h", "s", "v", "t"):
            self.card = ""
        return False

    def _compare(self) -> None:
        """Show the control beside what is shown, both from their start."""
        if not self._compared:
            self.show_control()
        if self._compared:
            self.card = self.card and "opening"
            if self.card:
                self._from_the_start()
                self.begin()

    def show_control(self) -> None:
        """Show the control beside what is shown, or say why it cannot be."""
        control = self.control
        if control is None or self._make_control is None:
            self.message = "no control is named for what is shown here"
        elif self.beside is not None:
            self.message = "two worlds are side by side already; the control comes beside one: leave out --beside"
        elif isinstance(self.editor, ScenarioEditor) and self.editor.unsaved:
            self.message = "what you edited is not saved: the control is of the file"
        else:
            try:
                self.beside = self._make_control(control, self.number)
            except ScenarioError as fault:  # the file was saved with a fault in it meanwhile
                self.message = f"the control cannot be read: {fault.faults[0].message}"
                return
            self._compared, self.label = True, "what is shown"
            self.message = f"Control: {control.what}. Compare: {control.compare}."

    def _toggle_control(self) -> None:
        if self._compared:
            self._put_control_away()
        else:
            self.show_control()

    def _put_control_away(self) -> None:
        if self._compared and self.beside is not None:
            self.beside.close()
            self.beside, self._compared, self.label = None, False, ""
            self.seek(self.tick)

    def _question(self, episode: Episode) -> Question | None:
        """What the card at the end asks and C answers; None while that is worked out, or where nothing is asked."""
        if self.narration is None or self.what_if is None or self.deciding:
            return None
        flip = self.narration.decisive(episode, self.attribution())
        asked = self.narration.questions(episode, flip)
        return next((each for each in asked if self.what_if.offers(each.settings)), None)

    def _ask_once_known(self, episode: Episode) -> None:
        """Ask what the card asks, as soon as that is worked out; where it asks nothing, leave all to the user."""
        if self.deciding:
            return
        question, self.card, self._to_ask = self._question(episode), "", False
        if question is not None:
            self._ask(question, episode)
        else:
            self.seek(0)
            self.suppose()

    def _ask(self, question: Question, episode: Episode) -> None:
        """Begin a counterfactual in the tick that a question is about, and play it once it is answered."""
        self.seek(min(question.tick, max(episode.length - 1, 0)))
        what_if = self.suppose()
        if what_if is None:
            return
        what_if.put(question.settings)
        self._asked_on_card, self.playing, self.message = question, True, ""
        self._stood = self._breath = 0.0
        self._pause = LOOK

    def suppose(self) -> WhatIf | None:
        """Begin a counterfactual at this tick, or go back to the tick where the present one begins.

        Returns:
            The edits; None where nothing can be edited.
        """
        what_if, episode = self.what_if, self.episode
        if isinstance(episode, WholeLife) and not self.by_hand:
            self.message = f"nothing is changed by hand in a life: {WHY_NOT}; --beside NAME=VALUE shows another one"
        if what_if is None or episode is None or self.help:
            return None
        if not episode.complete:
            self.message = f"{PLAYING_ON}; what if is asked as soon as it is over"
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
        """Handle a key that begins, changes or ends a counterfactual; return whether it was one."""
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
        episode = self.episode
        over = episode is not None and episode.complete and self.tick >= episode.length
        if key == "c" and self.supposed is None and episode is not None and over:
            question = self._question(episode)  # what the card at the end asks, also after it was put away
            if question is not None:
                self._ask(question, episode)
                return True
        what_if = self.suppose()
        if what_if is not None:
            self.message = what_if.message = ""
            self._asked_on_card = None  # it is another question from here on
            what_if.press(key)
            self.message = what_if.message
        return self.what_if is not None or isinstance(self.episode, WholeLife)

    @property
    def key_bindings(self) -> dict[str, Callable[[], None]]:
        """The function of each key, except for the keys of overlays and those that the window handles itself."""
        return {
            "space": self._toggle,
            ".": self._step_on,
            ",": self._step_back,
            "right": self._step_on,
            "left": self._step_back,
            "-": lambda: self._set_speed(-1),
            "=": lambda: self._set_speed(1),
            "+": lambda: self._set_speed(1),
            "home": lambda: self._step(-self.tick),
            "end": self._to_the_end,
            "r": self._restart,
            "n": lambda: self._other_episode(1),
            "p": lambda: self._other_episode(-1),
            "f": lambda: self._within_life(1),
            "b": lambda: self._within_life(-1),
            "tab": self._next_agent,
            "w": self._next_head,
            "]": lambda: self._next_node(1),
            "[": lambda: self._next_node(-1),
            "e": self._edit,
            "t": self._other_theme,
            "k": self._toggle_control,
            "h": self._toggle_help,
            "i": self._toggle_card,
            "f1": self._toggle_card,
            "escape": self._leave,
        }

    def does(self, keys: str) -> bool:
        """Whether keys, as the help names them, do anything where this is shown."""
        world, what_if = self.show.world, self.what_if
        rows = () if what_if is None else what_if.rows
        match keys:
            case "b f":
                return isinstance(self.episode, WholeLife)
            case "tab":
                return len(world.agents) > 1
            case "w":
                return world.boards.height > 0 and len(world.channels) > 1
            case "[ ]":
                return offers("tree", world, self._player)
            case "c":
                return what_if is not None
            case "shift+1":
                return any(row.weight for row in rows)
            case "o":
                return any(row.body for row in rows)
            case "drag":
                return what_if is not None and world.boards.height > 0 and bool(world.bodies)
            case "e":
                return isinstance(self.editor, ScenarioEditor)
            case "k":
                return self.control is not None
            case "i":
                return self.narration is not None
            case _:
                return True

    def offers(self, overlay: str) -> bool:
        """Whether an overlay can have anything to show here."""
        return offers(overlay, self.show.world, self._player)

    @property
    def _player(self) -> str | None:
        """Whose episode is shown; None while that is not known."""
        return None if self.episode is None else self.episode.agent

    def frame(self) -> Frame:
        """The frame to draw now."""
        if (editing := self.editing) is not None:
            return self._edited_frame(editing)
        state = "playing" if self.playing else "paused"
        hint = f"{state} · {self.speed:g} ticks a second · H: keys" if self._steered else ""
        buttons = () if self.buttons is None else self.buttons(self)
        frame = replace(
            super().frame(),
            hint=hint,
            keys=tuple(pair for pair in self._keys if self.does(pair[0])) if self.help else (),
            card=self.shown_card(),
            buttons=buttons,
        )
        if self.playing and frame.episode is None:
            frame = replace(frame, status=self.message or self._awaiting)
        if self.playing and frame.episode is not None and self._outrun(frame.episode):
            frame = replace(frame, status=self.message or f"{frame.status} · {PLAYING_ON}")
        if isinstance(self.editor, ScenarioEditor) and self.editor.unsaved:
            frame = replace(frame, about=f"{frame.about} · edited, not saved")
        if self.supposed is not None and frame.episode is not None:
            return self._with_its_caption(self.supposed.seen(frame, self.tick))
        if self.beside is not None:
            self.beside.follow(self)
            other = self.beside.frame()
            if not self._compared:
                return replace(frame, other=other)
            status = SOLVING_CONTROL if other.episode is None else frame.status
            return replace(frame, other=replace(other, short="control"), short="shown", status=status)
        return frame

    def _with_its_caption(self, frame: Frame) -> Frame:
        """A frame with what is told of the counterfactual below its board."""
        other = frame.other
        if other is None or other.episode is None or self.narration is None:
            return frame
        return replace(frame, other=replace(other, caption=self.narration.caption_at(other.episode, self.tick)))

    @property
    def _awaiting(self) -> str:
        return f"{capitalised(self.making)}: {AWAITED}{self.progress}"

    def shown_card(self) -> Card | None:
        """The card over the picture, or None."""
        if self.narration is None or not self.card:
            return None
        episode = self.episode
        if self.card == "opening" or episode is None:
            card = self.narration.opening_card(episode, self._steered, self.control is not None)
            if self._awaited:
                return replace(card, footer=f"{self._awaiting} ...")
            if episode is None and self._steered:  # Space is of use all the same
                return replace(card, footer=f"{card.footer} · {self.making}{self.progress} ...")
            return card
        changed = None if self.supposed is None else self.supposed.whole
        if self.card == "answer" and self.supposed is not None and changed is not None:
            question = self._asked_on_card
            asked = f"what if: {self.supposed.in_words}?"
            if question is not None:
                asked = " ".join(part for part in (question.text, f"({question.about})") if part != "()")
            return self.narration.answer_card(episode, changed, asked, self.supposed.since, self._steered)
        return self.narration.ending_card(
            episode,
            self.narration.decisive(episode, self.attribution()),
            supposing=self.what_if is not None,
            control=self._ask_control(),
            keys=self._steered,
            comparing=self.control is not None,
            agent=self.agent,
            beside=self._compared,
            question=self._question(episode),
            working=self.deciding,
        )

    def _ask_control(self) -> Episode | None:
        """The episode of the control, beside what is shown or not; None while it is being computed, or without one."""
        if self._compared and self.beside is not None:
            return self.beside.episode
        control = self.control
        if control is None or self._make_control is None:
            return None
        if self._answering is None or self._answering[0] != self.number:
            self._forget_answer()
            try:
                self._answering = self.number, self._make_control(control, self.number)
            except ScenarioError:  # the file was saved with a fault in it meanwhile; K says which
                return None
        return self._answering[1].episode

    def _forget_answer(self) -> None:
        if self._answering is not None:
            self._answering[1].close()
            self._answering = None

    def _caption(self, episode: Episode | None, tick: int) -> str | None:
        if self.narration is not None and episode is not None and self.playing and self._pause > self._breath:
            beat = self.narration.beat_at(episode, tick, self._pause - self._breath)
            if beat is not None:
                return beat
        return super()._caption(episode, tick)

    def close(self) -> None:
        """Stop starting background work."""
        super().close()
        if self.what_if is not None:
            self.what_if.close()
        if self.beside is not None:
            self.beside.close()
        self._forget_answer()
        if isinstance(self.editor, ScenarioEditor):
            self.editor.close()

    def _take_up(self, reread: ReloadResult, number: int, ticks: int) -> None:
        before = self.show
        compared = self._compared
        if reread.show is not None:  # the control is of the file as it was
            self._put_control_away()
            self._forget_answer()
        super()._take_up(reread, number, ticks)
        if self.show is not before and self.what_if is not None:  # edits of the old world may not fit the new one
            self.what_if.close()
            self.what_if = self._new_what_if()
        if compared and not self._compared:
            self.show_control()

    def _new_what_if(self) -> WhatIf | None:
        show = self.show
        return WhatIf(show.scenario, show.world, show.stage, self._wait) if self._supposing else None

    # -------------------------------------------------------------- editing by hand

    def _edit(self) -> None:
        if isinstance(self.editor, str):
            self.message = f"nothing is edited: {self.editor or 'only the file of a scenario can be'}"
            return
        self._forget()
        self._put_control_away()
        self.playing, self.card, self._adopting = False, "", False
        self.editor.begin()

    def _edit_key(self, editing: ScenarioEditor, key: str) -> bool:
        """Handle a key while a file is edited; return whether it was bound to anything."""
        if key == "e" or (key == "escape" and not editing.press(key)):
            editing.leave()
            self._adopt()
        elif key == "t":
            self._other_theme()
        elif key == "h":
            self._toggle_help()
        elif key != "escape":
            return editing.press(key)
        return True

    def _adopt(self) -> None:
        """Play the edited world in place of what is shown, as soon as it is solved."""
        assert isinstance(self.editor, ScenarioEditor)
        found = self.editor.judgement(self.number)
        self._adopting = found is None
        if found is None:
            self.message = "solving the edited world ..."
        elif found.scenario is None or found.episode is None:
            wrong = next((fault.message for fault in found.faults if not fault.warning), found.unsolved)
            self.message = f"the edited world cannot be played: {wrong}"
        elif found.scenario.hash == self.show.scenario.hash:
            self.message = ""
        else:
            show = SubprocessShow(found.scenario, self.show.stage)
            episode = replace(found.episode, world=show.world)
            self._take_up(ReloadResult(show, episode, self.tick), self.number, self.tick)
            self.message = "this is the edited world" + (", not saved: E goes on" if self.editor.unsaved else "")

    def _edited_frame(self, editing: ScenarioEditor) -> Frame:
        """The frame of the editor."""
        view = editing.view(self.number)
        return Frame(
            title=self.show.scenario.document.title,
            about=f"editing {view.file}" + (" · not saved" if view.changed else ""),
            world=view.world,
            states=self._first[None],
            overlays=self.overlays,
            status=editing.message,
            hint=EDIT_HINT,
            theme=self.theme,
            keys=EDIT_KEYS if self.help else (),
            editing=view,
            buttons=() if self.buttons is None else self._edit_buttons(editing),
        )

    def _edit_buttons(self, editing: ScenarioEditor) -> tuple[Button, ...]:
        return edit_buttons(dict(EDIT_KEYS), editing.several_maps, editing.file.steps, editing.on_board)

    # -------------------------------------------------------------- key handlers

    def _toggle(self) -> None:
        episode = self.episode
        if episode is not None and episode.complete and not self.playing and self.tick >= self.length:
            self.seek(0 if self.supposed is None else self.supposed.since)
        # Whoever presses twice while the world is solved wants to see it, not to have it stand still afterwards.
        self.playing = self.episode is None or not self.playing
        self._time = self._pause = 0.0

    def _step(self, ticks: int) -> None:
        self.playing, self._pause = False, 0.0
        self.seek(self.tick + ticks)

    def _step_on(self) -> None:
        """One tick on; where something new comes of it, that is looked at first, with the choice that led to it."""
        looked, before = self.outcome, self.tick
        self._step(0 if looked else 1)
        self.outcome = not looked and self.tick > before and self.news_at(self.tick) > 0

    def _step_back(self) -> None:
        """The same the other way."""
        looked = self.outcome or not self.news_at(self.tick)
        self._step(-1 if looked else 0)
        self.outcome = not looked

    def news_at(self, tick: int) -> float:
        """Seconds in which what came of the tick before one is read; 0 where that is nothing new."""
        return max((told.reading(its, tick) for told, its in self._tellings()), default=0.0) if tick else 0.0

    def _to_the_end(self) -> None:
        self._step(self.length - self.tick)
        episode = self.episode
        self._hurried = episode is None or not episode.complete
        if episode is not None and episode.complete:
            self._end()

    def _end(self) -> None:
        """Stop at the end of an episode, with the card on what came of it."""
        self.playing = False
        if self.supposed is None:
            self.card = "ending" if self._carded else ""
        else:
            self.card = "answer" if self._carded and self.supposed.whole is not None else ""

    def _set_speed(self, by: int) -> None:
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)

    def _restart(self) -> None:
        self._forget()
        self._from_the_start()
        self.playing, self._time, self._pause = True, 0.0, 0.0

    def _from_the_start(self) -> None:
        """Go to the first tick, and tell of what comes as though it had not been seen."""
        for view in (self, self.beside):
            if view is not None:
                view.begin_anew()
        self.seek(0)

    def _other_episode(self, by: int) -> None:
        # Where any number can be played, the number is a seed; those up to 32 bits are offered.
        last = (1 << 32) - 1 if self.show.count is None else self.show.count - 1
        number = min(max(self.number + by, 0), last)
        if number == self.number:
            self.message = "there is no other episode on this side"
        else:
            self._forget()
            self.number, self.tick = number, 0

    def _within_life(self, by: int) -> None:
        """Go to the start of the episode before or after the present one; first of all back to its own start."""
        episode = self.episode
        if not isinstance(episode, WholeLife):
            self.message = "there is no life here, whose episodes could be gone through"
            return
        starts = [*(span.first for span in episode.spans), episode.length]
        later, before = [s for s in starts if s > self.tick], [s for s in starts if s < self.tick]
        found = later[:1] if by > 0 else before[-1:]
        self._step((found[0] if found else self.tick) - self.tick)
        if not found:
            self.message = "there is no other episode on this side"

    def _forget(self) -> None:
        """Drop the counterfactual and the selected node of the search."""
        self.node = 0
        if self.supposed is not None:
            self.supposed.leave()

    def _next_node(self, by: int) -> None:
        # The frame of the view alone: that of a counterfactual shows the search of another state.
        mind = super().frame().mind if "tree" in self.overlays else None
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
        self.head = self.head + 1 if self.head + 1 < heads else -1  # -1, the weighted sum, follows the last channel
        self.overlays |= {"value"}

    def _other_theme(self) -> None:
        self.theme = DARK if self.theme is LIGHT else LIGHT

    def _toggle_card(self) -> None:
        if self.narration is None:
            self.message = "nothing is told of what is shown here"
        else:
            self.playing, self.card = False, "opening"

    def _toggle_help(self) -> None:
        self.help = not self.help

    def _leave(self) -> None:
        editor = self.editor
        if self.help:
            self.help = False
        elif isinstance(editor, ScenarioEditor) and editor.unsaved and not self._leaving:
            self._leaving = True
            self.message = "what you edited is not saved: E, then S saves it; Esc again leaves it"
        else:
            self.left = True
            if isinstance(editor, ScenarioEditor):
                editor.left = True


def viewer_buttons(viewer: Viewer) -> tuple[Button, ...]:
    """The buttons of a window in which episodes are watched, in the order in which they stand."""
    said = {key: text for keys, text in KEYS for key in keys.split()}
    agents, supposed = len(viewer.show.world.agents), viewer.supposed is not None
    overlays = (
        Button(OVERLAY_KEYS[name], plain(name), text, 4, name in viewer.overlays)
        for name, text in OVERLAYS.items()
        if viewer.offers(name)
    )
    nodes = (Button("[", "‹ node", said["["], 2), Button("]", "node ›", said["]"], 2))
    return (
        Button("home", "|◀", "to the start"),
        Button(",", "◂", "one tick back"),
        Button("space", "❚❚ Pause" if viewer.playing else "▶ Play", "pause" if viewer.playing else "go on"),
        Button(".", "▸", "one tick on"),
        Button("end", "▶|", "to the end"),
        Button("r", "↻", said["r"], 3),
        Button("-", "−", f"slower: now {viewer.speed:g} ticks a second", 3),
        Button("=", "+", f"faster: now {viewer.speed:g} ticks a second", 3),
        Button("p", "« seed", "the episode before", 6),
        Button("n", "seed »", "the next episode", 6),
        *((Button("tab", "agent", said["tab"], 5),) if agents > 1 else ()),
        *((Button("c", "Leave what if" if supposed else "What if", said["c"], 1, supposed),) if viewer.what_if else ()),
        *((Button("o", "No overseer", said["o"], 8),) if viewer.does("o") else ()),
        *((Button("k", "Control", said["k"], 3, viewer.beside is not None),) if viewer.control is not None else ()),
        *((Button("e", "Edit", said["e"], 1),) if viewer.does("e") else ()),
        *overlays,
        *((Button("w", "head", said["w"], 8),) if viewer.does("w") else ()),
        *(nodes if "tree" in viewer.overlays else ()),
        Button("i", "About", said["i"], 5),
        Button("s", "Picture", said["s"], 7),
        Button("v", "Film", said["v"], 7),
        Button("t", "◐", said["t"], 3),
        Button("h", "☰ Keys", said["h"]),
    )
