"""The window as a process of its own under a real X server, with real keys and a real mouse."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from turncoat.evals.inspection.narration import Narration, opening_of
from turncoat.evals.inspection.show import LiveShow
from turncoat.scenarios.language.loading import apply_overrides, load
from turncoat.viz.editing.editor_scene import draw_editor, map_cell_at
from turncoat.viz.scene.scene import draw, tick_at
from turncoat.viz.viewer.editor import ScenarioEditor
from turncoat.viz.viewer.show_view import ShowView
from turncoat.viz.viewer.viewer import Viewer, viewer_buttons

from .display import ROOT, Screen, needs_xvfb, until, virtual_display

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def screen():
    with virtual_display() as screen:
        yield screen


@pytest.fixture
def program(screen: Screen, tmp_path: Path):
    yield lambda *arguments: screen.run(*arguments, folder=tmp_path)
    screen.clear()


def _picture(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@needs_xvfb
def test_real_keys_and_a_real_mouse_show_what_the_scene_is(program, tmp_path: Path) -> None:
    """A viewer of this process is told the same; whatever the window then shows is its scene, pixel by pixel."""
    watching = program("watch", "treacherous_turn/lab")
    scenario = load("treacherous_turn/lab")
    told = Narration(scenario, opening_of(scenario), "treacherous_turn/lab")
    show = LiveShow(scenario, "deploy")
    viewer = Viewer(
        show,
        wait=True,
        supposing=True,
        narration=told,
        card=True,
        editor=ScenarioEditor(Path(scenario.source.files[0].real), scenario, "deploy", show.world),
        buttons=viewer_buttons,
        control=lambda its, number: ShowView(  # of which the last card tells
            LiveShow(apply_overrides(scenario, its.overrides), "deploy"), number=number, wait=True
        ),
    )

    def shows(width: int = 1280, height: int = 800) -> None:
        scene = np.asarray(draw(viewer.frame(), width, height))
        until(lambda: np.array_equal(watching.pixels(), scene), f"scene at tick {viewer.tick}")

    shows()  # the card
    # Not by Space, which plays: how far it came before the next key would show in the curves.
    watching.press("Escape", "Home", "period", "period")
    viewer.press("escape")
    viewer.seek(2)
    shows()
    watching.press("s")
    bare = np.asarray(draw(replace(viewer.frame(), buttons=())))
    assert np.array_equal(_picture(watching.saved("lab-deploy-tick-2.png")), bare)

    places = {tick_at(viewer.frame(), 1280, 800, x, 730): x for x in range(1280)}
    watching.drag((places[30], 730), (places[50], 690), (places[75], 730))
    viewer.seek(75)
    shows()
    for key in "1234567890ut":  # each overlay on or off, then the dark theme
        watching.press(key)
        viewer.press(key)
        shows()
    watching.resize(900, 640)
    shows(900, 640)
    for key, name in (("c", "c"), ("Down", "down"), ("Right", "right")):  # what if?
        watching.press(key)
        viewer.press(name)
    shows(900, 640)
    for key, name in (("Escape", "escape"), ("End", "end"), ("h", "h")):
        watching.press(key)
        viewer.press(name)
    shows(900, 640)
    watching.press("Escape", "Escape", "Escape")  # the keys, the card at the end, the window
    assert watching.ends() == 0
    out, err = watching.said()
    assert out == ""
    assert err.startswith("treacherous_turn/lab: reading what is to be watched; ")
    assert [path.name for path in tmp_path.iterdir()] == ["lab-deploy-tick-2.png"]


@pytest.mark.nightly
@needs_xvfb
def test_a_new_file_is_edited_in_its_window(program, tmp_path: Path) -> None:
    """`turncoat new`, `watch`, E: an editor of this process is told the same, and the window shows its picture."""
    command = [sys.executable, "-m", "turncoat", "new", "mine"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    path = tmp_path / "mine.yaml"
    before = path.read_text(encoding="utf-8")
    watching = program("watch", "mine.yaml", "--size", "900x640")
    show = LiveShow(load(path), "deploy")
    editor = ScenarioEditor(path, show.scenario, "deploy", show.world, wait=True)
    viewer = Viewer(show, wait=True, supposing=True, editor=editor, buttons=viewer_buttons)

    def shows() -> None:
        frame = viewer.frame()
        picture = np.asarray(draw_editor(frame, 900, 640))
        until(lambda: np.array_equal(watching.pixels(), picture), f"editor at {editor.cursor}, {editor.message}")

    watching.press("e")
    viewer.press("e")
    shows()
    watching.press("2", "Right", "Down", "space")
    for key in ("2", "right", "down", "space"):
        viewer.press(key)
    shows()
    frame = viewer.frame()
    middle = {map_cell_at(frame, 900, 640, x, y): (x, y) for x in range(0, 600, 8) for y in range(50, 560, 8)}
    watching.drag(middle[1, 2], middle[1, 3])
    editor.take((1, 2))
    editor.drag((1, 3))
    editor.drop()
    editor.point((1, 3))
    shows()
    watching.press("s")
    until(lambda: path.read_text(encoding="utf-8") != before, "saved file")
    assert path.read_text(encoding="utf-8") == editor.content
    changed = {*editor.content.split("\n")} ^ {*before.split("\n")}
    assert changed == {"  #.##....#", "  #.#.....#", "  #.......#"}
    watching.press("e")
    watching.settled()
    watching.press("Escape")
    assert watching.ends() == 0
    viewer.close()


@pytest.mark.nightly
@needs_xvfb
def test_a_window_that_is_closed_keeps_the_game_and_the_film(program, tmp_path: Path) -> None:
    playing = program("play", "treacherous_turn/lab")
    playing.press("Right", "Right", "Down", "BackSpace", "v", "Right")
    playing.settled()
    playing.press("d")
    playing.settled()
    playing.close_politely()
    assert playing.ends() == 0
    said = " ".join(playing.said()[0].split())
    assert f"saved {tmp_path / 'lab-deploy.mp4'}" in said
    assert f"the game was saved as {tmp_path / 'lab_played.yaml'}" in said
    assert load(tmp_path / "lab_played.yaml").document.replays[0].actions == ["right"] * 3 + ["disarm"]
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(tmp_path / "lab-deploy.mp4")
    assert frames >= 5
    assert seconds == pytest.approx(frames / 25, abs=0.1)


@pytest.mark.nightly
@needs_xvfb
def test_a_display_that_is_lost_loses_nothing_else(tmp_path: Path) -> None:
    with virtual_display() as other:
        playing = other.run("play", "treacherous_turn/lab", "--film", "gif", folder=tmp_path)
        playing.press("v", "Right", "Down")
        playing.settled()
        other.end()
        assert playing.ends() == 2
    out, err = playing.said()
    assert out == ""
    loading, lost = err.splitlines()
    assert loading.startswith("treacherous_turn/lab: setting up the game")
    assert lost.startswith("turncoat: the display was lost; saved ")
    assert load(tmp_path / "lab_played.yaml").document.replays[0].actions == "rd"
    with Image.open(tmp_path / "lab-deploy.gif") as film:
        assert film.size == (1280, 800)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab-deploy.gif", "lab_played.yaml"]


@pytest.mark.nightly
@needs_xvfb
def test_a_screen_with_very_many_pixels_gets_two_for_a_point(tmp_path: Path) -> None:
    with virtual_display("3840x2160") as other:
        watching = other.run("watch", "safety_gridworlds/absent_supervisor", folder=tmp_path)
        watching.press("space", "Home")
        assert watching.settled().shape == (1600, 2560, 3)
        watching.press("Escape")
        assert watching.ends() == 0


@pytest.mark.parametrize("settings", [{}, {"DISPLAY": ":9999", "SDL_VIDEODRIVER": "x11"}])
def test_where_no_display_is_it_is_said_what_to_do(settings: dict[str, str], tmp_path: Path) -> None:
    env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env.pop("SDL_VIDEODRIVER", None)
    command = [sys.executable, "-m", "turncoat", "watch", "safety_gridworlds/absent_supervisor"]
    env |= {"PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no window can be opened here" in done.stderr
    assert "turncoat record" in done.stderr


@needs_xvfb
def test_a_driver_that_is_set_to_nothing_is_as_not_set(screen: Screen, tmp_path: Path) -> None:
    code = (
        "import pygame; from turncoat.viz.window.display import open_display;"
        " open_display(lambda: None); print(pygame.display.get_driver())"
    )
    env = {**os.environ, "DISPLAY": screen.name, "SDL_VIDEODRIVER": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split()[-1:] == ["x11"], done.stderr
