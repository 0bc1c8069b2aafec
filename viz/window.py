"""The window: passes keys, the mouse and time to a viewer, and puts its scene on the screen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

from .frame import Frame
from .grips import Grip, grip_at
from .scene import draw
from .viewer import Viewer

RATE = 60
"""Frames in a second, at most."""
SMALLEST = (240, 180)
"""A window is never drawn smaller, in points."""
UNSEEN = ("offscreen", "evdev")
"""What SDL falls back on where there is no screen."""


class NoWindow(Exception):
    """There is no screen to open a window on; the message says what else can be done."""


class Window:
    """A window on a viewer.

    Attributes:
        viewer: what it shows.
        scale: pixels in a point.
    """

    def __init__(
        self,
        viewer: Viewer,
        size: tuple[int, int] = (1280, 800),
        scale: float | None = None,
        keys: Callable[[str], bool] | None = None,
    ) -> None:
        """Opens it.

        Args:
            viewer: what it shows.
            size: in points.
            scale: pixels in a point; when None, 2 on a screen with very many.
            keys: takes a key by its name before the viewer gets it; says whether it wanted it.

        Raises:
            NoWindow: there is no screen.
        """
        self.viewer = viewer
        _open_display()
        self.scale = scale or (2.0 if pygame.display.get_desktop_sizes()[0][1] >= 2000 else 1.0)
        self._screen = pygame.display.set_mode([round(side * self.scale) for side in size], pygame.RESIZABLE)
        pygame.display.set_caption(f"Turncoat: {viewer.show.scenario.name}")
        pygame.key.set_repeat(400, 50)
        self._keys = keys
        self._grip: Grip | None = None
        self._drawn: tuple[object, ...] = ()

    @property
    def size(self) -> tuple[float, float]:
        """In points."""
        across, down = self._screen.get_size()
        return max(across / self.scale, SMALLEST[0]), max(down / self.scale, SMALLEST[1])

    def run(self) -> None:
        """Show it until someone leaves."""
        clock = pygame.time.Clock()
        try:
            while not self.viewer.left:
                self.turn(clock.tick(RATE) / 1000)
        finally:
            self.close()

    def turn(self, seconds: float) -> None:
        """One frame: take what came in, let time pass, draw what changed."""
        for event in pygame.event.get():
            self._take(event)
        self.viewer.advance(seconds)
        frame = self.viewer.frame()
        state = (*frame_key(frame), self._screen.get_size(), self.scale)
        if state != self._drawn:
            self._drawn = state
            picture = draw(frame, *self.size, self.scale)
            pixels = pygame.image.frombuffer(picture.tobytes(), picture.size, "RGB")
            self._screen.blit(pixels, (0, 0))
            pygame.display.flip()

    def close(self) -> None:
        """Close it."""
        self.viewer.close()
        pygame.display.quit()

    def screenshot(self, folder: Path | None = None) -> Path:
        """Save what is shown as a picture that no other has the name of.

        Raises:
            OSError: it cannot be written.
        """
        picture = draw(self.viewer.frame(), *self.size, self.scale)
        stem = f"{self.viewer.show.scenario.name}-{self.viewer.show.stage}-tick-{self.viewer.tick}"
        return save_new(folder or Path.cwd(), stem, ".png", lambda path: picture.save(path, "PNG"))

    # -------------------------------------------------------------- what comes in

    def _take(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT:
            self.viewer.left = True
        elif event.type == pygame.KEYDOWN:
            self._press(_key(event))
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._grip = self._take_hold(event.pos)
        elif event.type == pygame.MOUSEMOTION and self._grip is not None:
            self._grip.drag(*self._at(event.pos))
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            if self._grip is not None:
                self._grip.drop(*self._at(event.pos))
            self._grip = None
        elif event.type in (pygame.VIDEORESIZE, pygame.WINDOWEXPOSED):
            self._screen = pygame.display.get_surface() or self._screen
            self._drawn = ()

    def _press(self, key: str) -> None:
        if self._keys is not None and self._keys(key):
            return
        if key != "s":
            self.viewer.press(key)
            return
        try:
            self.viewer.message = f"saved {self.screenshot()}"
        except OSError as fault:
            self.viewer.message = f"not saved: {fault.strerror or fault}"

    def _at(self, position: tuple[int, int]) -> tuple[float, float]:
        """Where the mouse is, in points."""
        return position[0] / self.scale, position[1] / self.scale

    def _take_hold(self, position: tuple[int, int]) -> Grip | None:
        return grip_at(self.viewer, *self.size, *self._at(position))


def _key(event: pygame.event.Event) -> str:
    """The name of a key; of a digit, with `shift+` where that is down."""
    name = str(pygame.key.name(event.key))
    return f"shift+{name}" if event.mod & pygame.KMOD_SHIFT and name in "123456789" else name


def frame_key(frame: Frame) -> tuple[object, ...]:
    """What a picture depends on: two frames with one key look alike."""
    return (
        id(frame.world),
        id(frame.episode),
        frame.tick,
        id(frame.mind),
        id(frame.outlook),
        id(frame.before),
        frame.overlays,
        frame.head,
        frame.agent,
        frame.status,
        frame.hint,
        frame.about,
        frame.theme.name,
        frame.keys,
        frame.label,
        frame.told,
        frame.menu,
        frame.verdict,
        frame.held,
        frame.node,
        frame.notice,
        None if frame.other is None else frame_key(frame.other),
    )


def save_new(folder: Path, stem: str, ending: str, write: Callable[[Path], None]) -> Path:
    """Write a file whole, under a name that is free: `STEM.png`, `STEM-2.png` and so on.

    Raises:
        OSError: it cannot be written.
    """
    names = (f"{stem}{ending}", *(f"{stem}-{number}{ending}" for number in range(2, 10_000)))
    target = next(folder / name for name in names if not (folder / name).exists())
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        write(part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _open_display() -> None:
    """Open a display that someone can see, or the one that `SDL_VIDEODRIVER` names.

    Raises:
        NoWindow: there is none.
    """
    wanted = os.environ.get("SDL_VIDEODRIVER")
    try:
        pygame.display.init()
    except pygame.error as fault:
        raise NoWindow(_no_screen(str(fault))) from fault
    if not wanted and pygame.display.get_driver() in UNSEEN:
        pygame.display.quit()
        raise NoWindow(_no_screen("no display was found"))


def _no_screen(why: str) -> str:
    return (
        f"no window can be opened here ({why}); `turncoat record` makes a film without one, "
        "and DISPLAY or SDL_VIDEODRIVER names a screen"
    )
