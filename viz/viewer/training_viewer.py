"""The viewer of a training that goes on: it follows the newest look at the agent, and its keys steer the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...evals.live.training_show import TrainingShow
from ...scenarios.output_file import free_name, this_folder
from ..drawing.palette import LIGHT, Theme
from .frame import Frame, LearningSoFar
from .viewer import KEYS, Viewer, viewer_buttons

TRAINING_KEYS = (
    ("g", "the training: pause it, or let it go on"),
    ("x", "the training: stop it, twice"),
    ("k", "keep the agent as it is now in a file"),
    ("p n", "the look at the agent before, the next"),
    ("l", "the newest look, and follow it"),
)
"""The (key, what it does) pairs that only a training has."""
OVERLAYS_OF_TRAINING = frozenset({"sight", "bars", "plan", "curves"})
"""The overlays that are on at the beginning."""


class TrainingViewer(Viewer):
    """A viewer of a `TrainingShow`.

    Attributes:
        training: what it shows.
        following: whether it goes on to each new look by itself.
    """

    def __init__(
        self, training: TrainingShow, *, overlays: frozenset[str] = OVERLAYS_OF_TRAINING, theme: Theme = LIGHT
    ) -> None:
        """Begin with the first look that comes."""
        own = {key for key, _ in TRAINING_KEYS}
        keys = (
            *TRAINING_KEYS,
            *((key, text) for key, text in KEYS if key not in own and key not in ("c", "e", "o", "i")),
        )
        super().__init__(training, overlays=overlays, theme=theme, keys=keys, buttons=viewer_buttons)
        self.training, self.following = training, True
        self._warned = ""
        self._told = ""

    def advance(self, seconds: float) -> None:
        """See `Viewer.advance`; the newest look is shown at the same tick, or at its end."""
        newest = max(len(self.training.looks) - 1, 0)
        if self.following and self.number != newest:
            self.number = newest
            self.seek(self.tick)
        if self.training.message != self._told:
            self._told = self.message = self.training.message
        super().advance(seconds)

    def press(self, key: str) -> bool:
        """See `Viewer.press`; what ends a training has to be pressed twice."""
        if self._warned and key != self._warned:
            self._warned = self.message = ""
        return super().press(key)

    @property
    def key_bindings(self) -> dict[str, Callable[[], None]]:
        """See `Viewer.key_bindings`."""
        return {
            **super().key_bindings,
            "g": self._pause_training,
            "x": lambda: self._twice("x", "X again stops the training", self.training.stop),
            "k": lambda: self.training.keep(free_name(this_folder(), *self.training.file_name)),
            "l": self._follow_newest,
        }

    def frame(self) -> Frame:
        """See `Viewer.frame`, with how far the training is."""
        frame, training = super().frame(), self.training
        state = training.fault or training.state
        about = f"look {self.number + 1} of {max(len(training.looks), 1)}"
        status = frame.status if frame.episode is not None or self.message else "the first look at the agent is to come"
        return replace(
            frame,
            about=f"{training.scenario.name} · {training.stage} · {training.request.agent} · {about}",
            learning=LearningSoFar(training.progress, state, training.history, training.looks, self.number),
            status=status,
            seen=None,  # nothing is told here that an ending could spoil, and looks are compared whole
        )

    def _pause_training(self) -> None:
        self.training.pause()
        self.message = {
            "paused": "the training pauses; G lets it go on",
            "training": "the training goes on",
        }.get(self.training.state, "the training is over")

    def _follow_newest(self) -> None:
        self.following = True
        self.message = "following the newest look"

    def _other_episode(self, by: int) -> None:
        super()._other_episode(by)
        self.following = self.number == len(self.training.looks) - 1

    def _leave(self) -> None:
        if self.help or not self.training.going_on:
            super()._leave()
        else:
            self._twice("escape", "Esc again ends the training and leaves; K keeps the agent first", super()._leave)

    def _twice(self, key: str, warning: str, do: Callable[[], None]) -> None:
        """Do something only if its key was the last one pressed, and warn before."""
        if self._warned == key:
            self._warned = ""
            do()
        elif self.training.going_on:
            self._warned, self.message = key, warning
