"""A real X server without a screen (Xvfb), and someone who sits before it: keys, mouse, and what there is to see."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from Xlib import XK, X, display
from Xlib.error import BadWindow
from Xlib.ext import xtest
from Xlib.protocol import event

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 40.0
"""Seconds that anything may take: machines under load are slow."""

needs_xvfb = pytest.mark.skipif(
    shutil.which("Xvfb") is None, reason="there is no virtual display here: `make display` installs Xvfb"
)


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait for something."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"in {PATIENCE:g} seconds there was no {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def virtual_display(size: str = "1600x1000") -> Iterator["Screen"]:
    """An X server of its own."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as said:
        number = said.readline().strip()
    assert number, "Xvfb did not start"
    screen = Screen(f":{number}", server)
    try:
        yield screen
        screen.end()
    finally:
        screen.clear()
        screen.end()


class Screen:
    """Before the display: presses real keys, moves a real mouse, and sees pixels."""

    def __init__(self, name: str, server: subprocess.Popen) -> None:
        self.name, self._server = name, server
        self._display = display.Display(name)
        self._root = self._display.screen().root
        self._programs: list[Program] = []

    def end(self) -> None:
        """The server goes, and with it the display of everyone."""
        with contextlib.suppress(Exception):  # the server may be gone already
            self._display.close()
        self._server.kill()
        self._server.wait()

    def clear(self) -> None:
        """End the programs that were begun."""
        for program in self._programs:
            program.process.kill()
            program.said()
        self._programs.clear()

    def run(self, *arguments: str, folder: Path) -> "Program":
        """Begin `turncoat ...`, wait for its first picture, and give it the keys, as a window manager does."""
        program = Program(self, arguments, folder)
        self._programs.append(program)
        until(lambda: program.shows() or program.process.poll() is not None, "window with a picture")
        assert program.process.poll() is None, program.said()
        program.window().set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()
        return program

    def window(self, title: str):
        """The window whose title begins so, if there is one."""
        name = self._display.intern_atom("_NET_WM_NAME")
        for each in self._root.query_tree().children:
            with contextlib.suppress(BadWindow):  # SDL tries windows out and drops them
                if str(each.get_full_text_property(name)).startswith(title):
                    return each
        return None

    def send(self, kind: int, detail: int = 0, x: int = 0, y: int = 0) -> None:
        """An input event, as if it came from a device."""
        xtest.fake_input(self._display, kind, detail, x=x, y=y)
        self._display.sync()

    def code(self, key: str) -> int:
        return int(self._display.keysym_to_keycode(XK.string_to_keysym(key)))

    def close_politely(self, window) -> None:
        """What a window manager sends when someone clicks on the cross."""
        protocols, delete = (self._display.intern_atom(name) for name in ("WM_PROTOCOLS", "WM_DELETE_WINDOW"))
        message = event.ClientMessage(window=window, client_type=protocols, data=(32, [delete, X.CurrentTime, 0, 0, 0]))
        window.send_event(message)
        self._display.sync()

    def sync(self) -> None:
        self._display.sync()


class Program:
    """A `turncoat` with a window."""

    def __init__(self, screen: Screen, arguments: tuple[str, ...], folder: Path) -> None:
        self.screen, self.folder = screen, folder
        env = {**os.environ, "DISPLAY": screen.name, "SDL_VIDEODRIVER": "x11", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "turncoat", *arguments],
            cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._said: tuple[str, str] | None = None

    def window(self):
        """Its window, as soon as there is one."""
        return self.screen.window("Turncoat")

    def shows(self) -> bool:
        """There is a window, and something in it."""
        window = self.window()
        if window is None or window.get_attributes().map_state != X.IsViewable:
            return False
        return len(np.unique(self.pixels().reshape(-1, 3)[::97], axis=0)) > 5

    def press(self, *keys: str) -> None:
        for key in keys:
            for kind in (X.KeyPress, X.KeyRelease):
                self.screen.send(kind, self.screen.code(key))
                time.sleep(0.01)  # what follows faster than a hand can be is taken for a key that is held

    def drag(self, *places: tuple[int, int]) -> None:
        """Press the mouse at the first place of the window, move it through the others, and let go."""
        at = self.window().get_geometry()
        for number, (x, y) in enumerate(places):
            self.screen.send(X.MotionNotify, 0, at.x + x, at.y + y)
            if number == 0:
                self.screen.send(X.ButtonPress, 1)
        self.screen.send(X.ButtonRelease, 1)

    def resize(self, width: int, height: int) -> None:
        self.window().configure(width=width, height=height)
        self.screen.sync()

    def close_politely(self) -> None:
        self.screen.close_politely(self.window())

    def pixels(self) -> np.ndarray:
        """uint8 `[H, W, 3]`: what is on the screen where the window is."""
        window = self.window()
        size = window.get_geometry()
        image = window.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
        return np.frombuffer(image.data, np.uint8).reshape(size.height, size.width, 4)[:, :, 2::-1]

    def settled(self) -> np.ndarray:
        """What is on the screen once it no longer changes."""
        seen = [self.pixels()]

        def same() -> bool:
            time.sleep(0.15)
            seen.append(self.pixels())
            return np.array_equal(seen[-1], seen[-2])

        until(same, "steady picture")
        return seen[-1]

    def saved(self, name: str) -> Path:
        """A file that it writes."""
        path = self.folder / name
        until(path.exists, f"file {name}, only {sorted(p.name for p in self.folder.iterdir())}")
        return path

    def ends(self) -> int:
        """Its exit code."""
        self.said()
        return self.process.returncode

    def said(self) -> tuple[str, str]:
        """What it wrote, once it has ended."""
        if self._said is None:
            self._said = self.process.communicate(timeout=PATIENCE)
        return self._said
