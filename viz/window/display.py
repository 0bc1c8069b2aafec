"""Opens a display for the window, and reports one that is missing or lost."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

import pygame

from ...scenarios.errors import UsageError

UNSEEN = ("offscreen", "evdev")
"""The SDL drivers without a visible window, on which SDL falls back where there is no screen."""
USUAL = (1280, 800)
"""The usual size of a window, in points."""
AROUND = (24, 88)
"""What the frame of a window and the bars of a desktop take of its screen, in pixels across and down."""
LOST = 2
"""The exit code of a process whose display was lost; the same as where no window can be opened."""

_held: list[Any] = []  # Xlib keeps only the address of the handler, so a reference here must keep the handler alive


class DisplayUnavailableError(UsageError):
    """Raised where there is no screen for a window; the message names alternatives."""


def open_display(lost: Callable[[], None]) -> None:
    """Open a display with a visible screen, or the one that `SDL_VIDEODRIVER` names.

    Args:
        lost: called if an X11 display goes away; the process ends afterwards, as Xlib allows nothing else.

    Raises:
        DisplayUnavailableError: there is no such display.
    """
    wanted = os.environ.get("SDL_VIDEODRIVER")
    if wanted == "":  # set to nothing is as not set; SDL would look for a driver of that name
        del os.environ["SDL_VIDEODRIVER"]
    try:
        pygame.display.init()
    except pygame.error as fault:
        raise DisplayUnavailableError(_no_screen(str(fault))) from fault
    if not wanted and pygame.display.get_driver() in UNSEEN:
        pygame.display.quit()
        raise DisplayUnavailableError(_no_screen("no display was found"))
    if pygame.display.get_driver() == "x11":
        _when_lost(lost)


def usual_scale(rows: int) -> float:
    """Pixels in a point on a screen with so many rows of pixels, where nothing else is said.

    Desktops say it to programs in GDK_SCALE or QT_SCALE_FACTOR; otherwise it is guessed: very many rows are small ones.
    """
    for name in ("GDK_SCALE", "QT_SCALE_FACTOR"):
        try:
            told = float(os.environ.get(name, ""))
        except ValueError:
            continue
        if 0.5 <= told <= 8:
            return told
    return 2.0 if rows >= 2000 else 1.5 if rows >= 1600 else 1.0


def fitting(screen: tuple[int, int], scale: float) -> tuple[int, int]:
    """The size of a window in points: as usual, or what a screen of a size in pixels has room for."""
    room = (max(side - around, side // 2) for side, around in zip(screen, AROUND, strict=True))
    return tuple(min(usual, int(side / scale)) for usual, side in zip(USUAL, room, strict=True))  # type: ignore[return-value]


def _no_screen(why: str) -> str:
    return (
        f"no window can be opened here ({why}); `turncoat record` makes a film without one, "
        "and DISPLAY or SDL_VIDEODRIVER names a screen"
    )


def _when_lost(lost: Callable[[], None]) -> None:
    """Have Xlib call `lost` before it ends the process, which it does whenever its connection breaks."""
    try:
        xlib = ctypes.CDLL("libX11.so.6")
    except OSError:
        return

    def ended(_: int) -> int:
        # `sys.exit` would raise an exception through Xlib's C code, which ctypes drops; Xlib would then end the
        # process with an exit code of its own.
        try:
            lost()
        finally:
            os._exit(LOST)

    handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(ended)
    xlib.XSetIOErrorHandler.argtypes = [ctypes.c_void_p]
    xlib.XSetIOErrorHandler.restype = ctypes.c_void_p
    xlib.XSetIOErrorHandler(ctypes.cast(handler, ctypes.c_void_p))
    _held[:] = [handler]
