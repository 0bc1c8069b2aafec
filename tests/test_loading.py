"""Until there is something to show, the window says what is being made, and answers."""

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pygame
import pytest

from turncoat.envs.time_limit import check_time
from turncoat.viz.window.loading import LeftWhileLoadingError, LoadingWindow


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadingWindow]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    opened = LoadingWindow("escape/cluster", (640, 480), 1.0)
    yield opened
    opened.close()


def _shown() -> np.ndarray:
    surface = pygame.display.get_surface()
    assert surface is not None
    return np.asarray(pygame.surfarray.array3d(surface)).copy()


def test_it_is_never_black_and_says_what_is_done(window: LoadingWindow) -> None:
    first = _shown()
    assert first.mean() > 200
    seen = []

    def work() -> str:
        for count in range(4):
            check_time(f"states were found ({count})")
            time.sleep(0.08)
            seen.append(_shown())
        return "solved"

    assert window.wait("solving the world", work) == "solved"
    assert (seen[-1] != first).any()
    assert (seen[-1] != seen[0]).any(), "the card follows what the solver says"
    with pytest.raises(ZeroDivisionError):
        window.wait("solving the world", lambda: 1 // 0)


@pytest.mark.parametrize("leaving", [pygame.QUIT, pygame.KEYDOWN])
def test_it_is_left_at_once_whatever_goes_on(window: LoadingWindow, leaving: int) -> None:
    more: dict[str, Any] = {"key": pygame.K_ESCAPE, "mod": 0, "unicode": ""} if leaving == pygame.KEYDOWN else {}
    pygame.event.post(pygame.event.Event(leaving, **more))
    began = time.monotonic()
    with pytest.raises(LeftWhileLoadingError):
        window.wait("solving the world", lambda: time.sleep(2))
    assert time.monotonic() - began < 1.5


def test_without_a_screen_the_work_is_done_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "nosuchdriver")
    window = LoadingWindow("escape/cluster")
    assert not window.open
    assert window.wait("solving the world", lambda: os.getpid()) == os.getpid()
