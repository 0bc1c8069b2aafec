"""The window at 60 frames a second: what a frame costs with every overlay, and how soon the first is there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from turncoat.evals.inspection.show_process import SubprocessShow
from turncoat.scenarios.language.loading import load
from turncoat.viz.viewer.frame import OVERLAYS
from turncoat.viz.viewer.viewer import Viewer

from .measuring import Figure

BUDGET = 1000 / 60
"""Milliseconds of a frame."""
FIRST = """
import time
from turncoat.viz.window import Window
shown = Window._show
def show(self, picture):
    shown(self, picture)
    if self.viewer.episode is not None:
        print(time.process_time(), flush=True)
        self.viewer.left = True
Window._show = show
import sys
sys.argv = ["turncoat", "watch", "treacherous_turn/lab"]
from turncoat.cli import main
main()
"""
"""Watches until the first picture of the solved world, and says what it took of the processor."""


def frames() -> list[Figure]:
    """Playing `lab` at 16 ticks a second, twice through, and turning a slider; milliseconds of the processor."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    from turncoat.viz.window.window import Window

    scenario = load("treacherous_turn/lab")
    out = []
    for name, overlays in (("every overlay but the tree", frozenset(OVERLAYS) - {"tree"}), ("every overlay", OVERLAYS)):
        viewer = Viewer(SubprocessShow(scenario, "deploy"), overlays=frozenset(overlays), supposing=True)
        window = Window(viewer, (1280, 800), 1.0)
        while viewer.episode is None:
            window.turn(0)
        viewer._speed, viewer.playing = 5, True
        out += _figures(f"playing, {name}", _timed(lambda window=window: window.turn(1 / 60), 450))
        viewer.seek(23)
        viewer.press("c")
        step = iter("right" if k // 12 % 2 == 0 else "left" for k in range(10_000))

        def turn(window: Window = window, viewer: Viewer = viewer, step: Iterator[str] = step) -> None:
            if int(time.perf_counter() * 60) % 6 == 0:
                viewer.press(next(step))
            window.turn(1 / 60)

        out += _figures(f"turning a slider, {name}", _timed(turn, 240))
        window.close()
    return out


def first_frame(runs: int = 5) -> list[Figure]:
    """From the command to the first picture of `lab`, solved."""
    env = {**os.environ, "SDL_VIDEODRIVER": "dummy"}
    wall, cpu = [], []
    for _ in range(runs):
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", FIRST], env=env, capture_output=True, text=True, check=True)
        wall.append(time.perf_counter() - begun)
        cpu.append(float(done.stdout.splitlines()[0]))
    return [
        Figure("first frame: the processor", "s", tuple(cpu), at_most=2.0),
        Figure("first frame: by the clock, until it is closed again", "s", tuple(wall)),
    ]


def _timed(frame: Callable[[], None], count: int) -> np.ndarray:
    """Milliseconds that each of some frames takes this thread, at 60 frames a second; float64 `[count]`."""
    frame()
    taken = np.empty(count)
    for number in range(count):
        due = time.perf_counter() + BUDGET / 1000
        begun = time.thread_time()
        frame()
        taken[number] = 1000 * (time.thread_time() - begun)
        time.sleep(max(due - time.perf_counter(), 0))
    return taken


def _figures(name: str, taken: np.ndarray) -> list[Figure]:
    """Of a frame that is drawn; one in which nothing changes costs next to nothing."""
    drawn = taken[taken > 1]
    late = 100 * float((taken > BUDGET).mean())
    return [
        *(Figure(f"{name}: {p} % within", "ms", (float(np.percentile(drawn, p)),)) for p in (50, 90, 99)),
        Figure(f"{name}: late frames", "%", (late,), at_most=3.0),
    ]


def main(_: list[str]) -> int:
    """Measure and print."""
    from .measuring import table

    figures = [*frames(), *first_frame()]
    print(table(figures))
    return int(not all(figure.met for figure in figures))
