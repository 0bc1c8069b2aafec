"""The window: passes keys, the mouse and time to a viewer, and puts its scene on the screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pygame
from PIL import Image

from ...evals.traces.provenance import RunError
from ...scenarios.output_file import free_name, this_folder, whole_file
from ..editing.editor_scene import draw_editor
from ..scene.scene import draw
from ..viewer.frame import Frame
from ..viewer.viewer import Viewer
from .display import fitting, open_display, usual_scale
from .mouse_targets import Drag, button_under, erase_at, grip_at, point_at

if TYPE_CHECKING:
    from ..film.live_recorder import LiveRecorder

RATE = 60
"""The greatest number of frames in a second."""
SMALLEST = (240, 180)
"""The least size at which a scene is laid out, in points, however small the window is."""
REPEATED = frozenset([",", ".", "-", "=", "+", "[", "]", "left", "right", "up", "down", "backspace"])
"""Keys that act repeatedly while they are held."""
FILMING = (220, 50, 40)
"""The colour of the dot that shows that a film is being recorded; the dot is not part of the film."""


class Window:
    """The pygame window of a viewer.

    Attributes:
        viewer: the viewer whose frames it shows.
        scale: pixels in a point.
    """

    def __init__(
        self,
        viewer: Viewer,
        size: tuple[int, int] | None = None,
        scale: float | None = None,
        keys: Callable[[str], bool] | None = None,
        *,
        ending: str = ".mp4",
        lost: Callable[[str], None] = lambda said: None,
        opened: bool = False,
    ) -> None:
        """Open the window.

        Args:
            viewer: the viewer whose frames it shows.
            size: in points; when None, as large as usual and no larger than the screen has room for.
            scale: pixels in a point; when None, what suits the screen, see `usual_scale`.
            keys: called with the name of a key before the viewer gets it; returns whether it has handled the key.
            ending: of recorded films, one of `render.ENDINGS`, or empty for folders of pictures.
            lost: called if the display goes away, with a message about a film that was being recorded or an empty one;
                the process ends afterwards.
            opened: whether it goes on in the window that is there already, as large as that is.

        Raises:
            DisplayUnavailableError: there is no screen.
        """
        self.viewer = viewer
        open_display(lambda: lost(self.release()))
        screen = pygame.display.get_desktop_sizes()[0]
        self.scale = scale or usual_scale(screen[1])
        pixels = [round(side * self.scale) for side in size or fitting(screen, self.scale)]
        there = pygame.display.get_surface() if opened else None
        self._screen = there or pygame.display.set_mode(pixels, pygame.RESIZABLE)
        pygame.key.set_repeat(400, 50)
        self._keys, self._ending = keys, ending
        self._camera: LiveRecorder | None = None
        self._grip: Drag | None = None
        self._held: set[int] = set()
        self._drawn: tuple[object, ...] = ()
        self._pointed = ""
        self._call_it()

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the scene, in points; at least `SMALLEST`."""
        across, down = self._screen.get_size()
        return max(across / self.scale, SMALLEST[0]), max(down / self.scale, SMALLEST[1])

    def run(self) -> str:
        """Run until the viewer is left.

        Returns:
            A message about a film that was being recorded then, or an empty one.
        """
        clock = pygame.time.Clock()
        try:
            while not self.viewer.left:
                self.turn(clock.tick(RATE) / 1000)
        finally:
            said = self.close()
        return said

    def turn(self, seconds: float) -> None:
        """Handle one frame: take the events, advance the viewer by `seconds`, and draw if anything changed."""
        for event in pygame.event.get():
            self._take(event)
        self.viewer.advance(seconds)
        frame = self._frame()
        # Between two ticks nothing changes; a frame is drawn only if it would look different from the last one.
        state = (*frame_key(frame), self._screen.get_size(), self.scale)
        if state != self._drawn:
            self._drawn = state
            self._show(frame)

    def _frame(self) -> Frame:
        frame = self.viewer.frame()
        return replace(frame, pointed=self._pointed) if self._pointed else frame

    def _picture(self, frame: Frame) -> Image.Image:
        return (draw if frame.editing is None else draw_editor)(frame, *self.size, self.scale)

    def _bare(self) -> Image.Image:
        """What is shown, without the buttons: what pictures and films are of."""
        return self._picture(replace(self.viewer.frame(), buttons=()))

    def _show(self, frame: Frame) -> None:
        picture = self._picture(frame)
        pixels = pygame.image.frombuffer(picture.tobytes(), picture.size, "RGB")
        self._screen.blit(pixels, (0, 0))
        if self._camera is not None:
            # The dot is drawn on the screen only, after the film has got its picture.
            self._camera.take(self._bare() if frame.buttons else picture)
            centre = self._screen.get_width() - round(14 * self.scale), round(14 * self.scale)
            pygame.draw.circle(self._screen, FILMING, centre, round(6 * self.scale))
        pygame.display.flip()

    def close(self) -> str:
        """Close the window and end a film that is being recorded.

        Returns:
            A message about that film, or an empty one.
        """
        said = self.release()
        pygame.display.quit()
        return said

    def release(self) -> str:
        """Release everything but the screen, which a lost display no longer has, or which another window goes on with.

        Returns:
            A message about a film that was being recorded, or an empty one.
        """
        said = self.end_film()
        self.viewer.close()
        return said

    def screenshot(self, folder: Path | None = None) -> Path:
        """Save what is shown as a PNG under a free name, in the working folder by default.

        Raises:
            OSError: it cannot be written.
        """
        picture = self._bare()
        stem = f"{self._stem}-tick-{self.viewer.tick}"
        return save_new(folder or this_folder(), stem, ".png", lambda path: picture.save(path, "PNG"))

    def begin_film(self, folder: Path | None = None) -> None:
        """Record what is shown from now on, under a free name in a folder, by default the working folder."""
        from ..film.live_recorder import LiveRecorder  # not before it is needed: the first picture should be there soon

        target = free_name(folder or this_folder(), self._stem, self._ending)
        self._camera = LiveRecorder(target, self._bare())
        self._call_it(" (recording, V ends it)")

    def end_film(self) -> str:
        """End the film that is being recorded, if any.

        Returns:
            A message that says where it was saved or why not; empty if there was none.
        """
        camera, self._camera = self._camera, None
        if camera is None:
            return ""
        try:
            said = f"saved {camera.finish()}"
        except RunError as fault:
            said = f"not saved: {fault}"
        self.viewer.message = said
        self._call_it()
        return said

    def _call_it(self, more: str = "") -> None:
        """Set the title of the window, and have the next frame drawn whether or not it has changed."""
        pygame.display.set_caption(f"Turncoat: {self.viewer.show.scenario.name}{more}")
        self._drawn = ()

    @property
    def _stem(self) -> str:
        """The beginning of the names of saved files: the scenario and its stage."""
        return f"{self.viewer.show.scenario.name}-{self.viewer.show.stage}"

    # -------------------------------------------------------------- what comes in

    def _take(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT:
            self.viewer.left = True
        elif event.type == pygame.KEYDOWN:
            # A slow frame between its ways down and up makes a key look held: no switch may flip twice for that.
            if event.key not in self._held or pygame.key.name(event.key) in REPEATED:
                self._press(_key(event))
            self._held.add(event.key)
        elif event.type == pygame.KEYUP:
            self._held.discard(event.key)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._grip = self._take_hold(event.pos)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 3:
            self._grip = erase_at(self.viewer, *self.size, *self._at(event.pos))
        elif event.type == pygame.MOUSEMOTION and self._grip is not None:
            self._grip.drag(*self._at(event.pos))
        elif event.type == pygame.MOUSEMOTION:
            self._pointed = point_at(self.viewer, *self.size, *self._at(event.pos))
        elif event.type == pygame.WINDOWLEAVE:
            self._pointed = ""
        elif event.type == pygame.MOUSEBUTTONUP and event.button in (1, 3):
            if self._grip is not None:
                self._grip.drop(*self._at(event.pos))
            self._grip = None
        elif event.type in (pygame.VIDEORESIZE, pygame.WINDOWEXPOSED):
            # pygame makes a new surface when the window's size changes; the old one is no longer shown.
            self._screen = pygame.display.get_surface() or self._screen
            self._drawn = ()

    def _press(self, key: str) -> None:
        if self._keys is not None and self._keys(key):
            return
        editing = self.viewer.editing
        if key == "v" and self._camera is None:
            self.begin_film()
        elif key == "v":
            self.end_film()
        elif key in ("s", "ctrl+s") and editing is not None:
            editing.save(this_folder())
        elif key == "s":
            self._save()
        else:
            self.viewer.press(key)

    def _save(self) -> None:
        try:
            self.viewer.message = f"saved {self.screenshot()}"
        except OSError as fault:
            self.viewer.message = f"not saved: {fault.strerror or fault}"

    def _at(self, position: tuple[int, int]) -> tuple[float, float]:
        """A position of the mouse in pixels as a position in points."""
        return position[0] / self.scale, position[1] / self.scale

    def _take_hold(self, position: tuple[int, int]) -> Drag | None:
        place = self._at(position)
        if (key := button_under(self.viewer.frame(), *self.size, *place)) is not None:
            self._press(key)
            return None
        return grip_at(self.viewer, *self.size, *place)


def _key(event: pygame.event.Event) -> str:
    """The name of a key, with `shift+` before a digit that is pressed together with shift, and `ctrl+` before letters.

    Only letters that mean something together with Ctrl have it, or the command key where there is one.
    """
    # pygame names the key, not the character: which character shift and a digit give depends on the keyboard.
    name = str(pygame.key.name(event.key))
    if event.mod & (pygame.KMOD_CTRL | pygame.KMOD_META) and name in ("z", "y", "s"):
        return f"ctrl+{'shift+' if event.mod & pygame.KMOD_SHIFT else ''}{name}"
    return f"shift+{name}" if event.mod & pygame.KMOD_SHIFT and name in "123456789" else name


def frame_key(frame: Frame) -> tuple[object, ...]:
    """The parts of a frame that its picture depends on: frames with equal keys look alike."""
    return (
        id(frame.world),
        id(frame.episode),
        frame.episode is None or frame.episode.complete or frame.episode.length,
        frame.tick,
        id(frame.mind),
        id(frame.value_map),
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
        frame.action_text,
        frame.menu,
        frame.verdict,
        frame.held,
        frame.node,
        frame.notice,
        frame.caption,
        frame.card,
        frame.attributed,
        frame.seen,
        frame.outcome,
        frame.editing,
        frame.buttons,
        frame.pointed,
        None
        if frame.learning is None
        else (frame.learning.progress.step, frame.learning.state, len(frame.learning.looks)),
        None if frame.other is None else frame_key(frame.other),
    )


def save_new(folder: Path, stem: str, ending: str, write: Callable[[Path], None]) -> Path:
    """Write a file under a free name, whole or not at all, with a function that is given the path to write to.

    Raises:
        OSError: it cannot be written.
    """
    target = free_name(folder, stem, ending)
    with whole_file(target) as part:
        write(part)
    return target
