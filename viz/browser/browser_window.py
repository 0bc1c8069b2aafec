"""The window of the browser: its loop, and the player that takes its place while a recording is open."""

from __future__ import annotations

import pygame
from PIL import Image

from ..drawing.palette import DARK, LIGHT, Theme
from ..viewer.viewer import Viewer
from ..window.display import fitting, open_display, usual_scale
from ..window.window import RATE, SMALLEST, Window
from .page import BrowserPage, draw_page, row_at
from .run_browser import RunBrowser

NAMED = ("up", "down", "left", "right", "page up", "page down", "home", "end", "return", "enter", "escape", "backspace",
         "space", "f5")  # fmt: skip
"""Keys that the browser is told by their names; of any other it is told the character."""
WHEEL_ROWS = 3
"""Rows that a notch of the mouse wheel goes on."""


class _Player(Window):
    """The window of one recording, which leaves the screen to the browser."""

    def __init__(self, viewer: Viewer, size: tuple[int, int], scale: float) -> None:
        super().__init__(viewer, size, scale)
        self.gone = False

    def close(self) -> str:
        return self.release()

    def _take(self, event: pygame.event.Event) -> None:
        self.gone |= event.type == pygame.QUIT
        super()._take(event)


class BrowserWindow:
    """The pygame window of a browser."""

    def __init__(
        self, browser: RunBrowser, size: tuple[int, int] | None = None, scale: float | None = None, theme: Theme = LIGHT
    ) -> None:
        """Open the window; see `Window` for the size and the scale.

        Raises:
            DisplayUnavailableError: there is no screen.
        """
        self.browser, self.theme = browser, theme
        open_display(lambda: None)
        screen = pygame.display.get_desktop_sizes()[0]
        self.scale = scale or usual_scale(screen[1])
        self._size = size or fitting(screen, self.scale)
        self._drawn: tuple[object, ...] = ()
        self._show_again()

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, in points."""
        across, down = self._screen.get_size()
        return max(across / self.scale, SMALLEST[0]), max(down / self.scale, SMALLEST[1])

    def run(self) -> None:
        """Run until the browser is left."""
        clock = pygame.time.Clock()
        try:
            while not self.browser.left:
                self.turn(clock.tick(RATE) / 1000)
        finally:
            self.browser.close()
            pygame.display.quit()

    def turn(self, seconds: float) -> None:
        """Handle one frame: take the events, go on, show a recording that was opened, and draw if anything changed."""
        for event in pygame.event.get():
            self._take(event)
        self.browser.advance(seconds)
        if (viewer := self.browser.viewer) is not None:
            self.browser.viewer = None
            self._play(viewer)
        page = self.browser.page()
        state = (page, self.theme.name, self._screen.get_size())
        if state != self._drawn:
            self._drawn = state
            self._show(draw_page(page, self.theme, *self.size, self.scale))

    def _play(self, viewer: Viewer) -> None:
        viewer.theme = self.theme
        size = self._screen.get_size()
        player = _Player(viewer, (round(size[0] / self.scale), round(size[1] / self.scale)), self.scale)
        self.browser.message = player.run()
        self.browser.left |= player.gone
        self._size = round(player.size[0]), round(player.size[1])
        self._show_again()

    def _show_again(self) -> None:
        self._screen = pygame.display.set_mode([round(side * self.scale) for side in self._size], pygame.RESIZABLE)
        pygame.display.set_caption("Turncoat: runs")
        pygame.key.set_repeat(400, 50)
        self._drawn = ()

    def _show(self, picture: Image.Image) -> None:
        self._screen.blit(pygame.image.frombuffer(picture.tobytes(), picture.size, "RGB"), (0, 0))
        pygame.display.flip()

    def _take(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT:
            self.browser.left = True
        elif event.type == pygame.KEYDOWN:
            name = str(pygame.key.name(event.key))
            self._press(name if name in NAMED else event.unicode)
        elif event.type == pygame.MOUSEWHEEL:
            for _ in range(WHEEL_ROWS):
                self.browser.press("up" if event.y > 0 else "down")
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            page: BrowserPage = self.browser.page()
            x, y = event.pos[0] / self.scale, event.pos[1] / self.scale
            if (index := row_at(page, *self.size, x, y)) is not None:
                self.browser.choose(index)
        elif event.type in (pygame.VIDEORESIZE, pygame.WINDOWEXPOSED):
            self._screen = pygame.display.get_surface() or self._screen
            self._drawn = ()

    def _press(self, key: str) -> None:
        # A letter is the filter's while that is typed.
        if key == "t" and not self.browser.typing:
            self.theme = DARK if self.theme is LIGHT else LIGHT
        elif key:
            self.browser.press(key)
