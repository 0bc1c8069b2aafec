"""The window while what it will show is being made: a card says what is done, and closing it or Escape leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import pygame

from ...envs.time_limit import listening
from ...scenarios.did_you_mean import capitalised
from ...scenarios.errors import TurncoatError
from ..drawing.canvas import Canvas, fitted
from ..drawing.palette import LIGHT, Theme, mix
from .display import DisplayUnavailableError, fitting, open_display, usual_scale

Made = TypeVar("Made")

RATE = 20
"""How often in a second keys are looked for and the card is drawn anew, if it says something else."""
SLOW = 3.0
"""Seconds after which the card says how long it has taken so far."""


class LeftWhileLoadingError(TurncoatError):
    """Raised when the window is closed before there is anything to show."""


class LoadingWindow:
    """A window that is there at once, in which another one goes on as soon as there is something to show.

    Where no window can be opened it does nothing, so that what is wrong with a scenario is said all the same; the
    window that would go on says then that there is no screen.
    """

    def __init__(
        self,
        name: str,
        size: tuple[int, int] | None = None,
        scale: float | None = None,
        theme: Theme = LIGHT,
        *,
        lost: Callable[[str], None] = lambda said: None,
    ) -> None:
        """Open the window.

        Args:
            name: of what will be shown.
            size: in points; when None, as large as usual and no larger than the screen has room for.
            scale: pixels in a point; when None, what suits the screen.
            theme: the colours.
            lost: called with nothing to say if the display goes away; the process ends afterwards.
        """
        self._name, self._theme, self._drawn = name, theme, ""
        self.open = True
        try:
            open_display(lambda: lost(""))
        except DisplayUnavailableError:
            self.open = False
            return
        screen = pygame.display.get_desktop_sizes()[0]
        self._scale = scale or usual_scale(screen[1])
        pixels = [round(side * self._scale) for side in size or fitting(screen, self._scale)]
        pygame.display.set_mode(pixels, pygame.RESIZABLE)
        pygame.display.set_caption(f"Turncoat: {name}")
        self._show("starting")

    def wait(self, doing: str, work: Callable[[], Made]) -> Made:
        """Do some work while the window answers, and give its result; what it raises is raised here.

        Args:
            doing: what is done, in words.
            work: does it, in another thread.

        Raises:
            LeftWhileLoadingError: the window was closed, or Escape pressed; the work goes on unheard.
        """
        if not self.open:
            return work()
        found: list[Made] = []
        faults: list[BaseException] = []
        heard = [""]

        def run() -> None:
            try:
                with listening(lambda said: heard.__setitem__(0, said)):
                    found.append(work())
            except BaseException as fault:  # it is raised where the work was asked for
                faults.append(fault)

        worker = threading.Thread(target=run, name="loading", daemon=True)
        began = time.monotonic()
        worker.start()
        while worker.is_alive():
            self._show(doing, time.monotonic() - began, heard[0])
            worker.join(1 / RATE)
            self._listen()
        if faults:
            raise faults[0]
        return found[0]

    def close(self) -> None:
        """Close the window, if no other one went on in it."""
        if self.open:
            pygame.display.quit()
            self.open = False

    def _listen(self) -> None:
        for event in pygame.event.get():
            if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
                raise LeftWhileLoadingError("the window was closed before there was anything to show")
            if event.type in (pygame.VIDEORESIZE, pygame.WINDOWEXPOSED):
                self._drawn = ""

    def _show(self, doing: str, seconds: float = 0.0, heard: str = "") -> None:
        """Draw the card, if it says something else than before."""
        lasting = f", {seconds:.0f} s so far" if seconds >= SLOW else ""
        said = f"{doing}{lasting}{f': {heard}' if heard else ''} ..."
        if said == self._drawn:
            return
        self._drawn = said
        screen = pygame.display.get_surface()  # anew: pygame makes another one when the window's size changes
        assert screen is not None
        width, height = (side / self._scale for side in screen.get_size())
        canvas = Canvas(width, height, self._scale, self._theme, finer=1)
        draw_loading(canvas, self._name, said)
        picture = canvas.picture()
        screen.blit(pygame.image.frombuffer(picture.tobytes(), picture.size, "RGB"), (0, 0))
        pygame.display.flip()


def draw_loading(canvas: Canvas, name: str, said: str) -> None:
    """Draw the card: what will be shown, and what is done until then."""
    theme, wide = canvas.theme, min(canvas.width - 32, 560.0)
    left, top = (canvas.width - wide) / 2, max(canvas.height / 2 - 62, 4)
    canvas.box(left, top, left + wide, top + 124, theme.panel, 12, mix(theme.muted, theme.panel, 0.3), 1)
    size, lines = fitted(name, (19.0, 16.0, 13.0, 11.0), wide - 48, bold=True)
    canvas.text(left + 24, top + 38, lines[0], size, bold=True)
    size, lines = fitted(capitalised(said), (14.0, 12.5, 11.0), wide - 48, 2)
    for number, line in enumerate(lines):
        canvas.text(left + 24, top + 66 + (size + 4) * number, line, size)
    canvas.text(left + 24, top + 108, "Esc: leave", 12.0, theme.muted)
