"""The scene, the window that its keys drive, and films: what is pressed changes what is shown, and only that."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from turncoat import cli
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.inspection.game import Game
from turncoat.evals.inspection.narration import Narration, opening_of
from turncoat.evals.inspection.show import LiveShow
from turncoat.evals.traces.provenance import RunError
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import apply_overrides, load, load_text
from turncoat.viz.drawing.color_scales import scale_of
from turncoat.viz.drawing.palette import DARK, LIGHT
from turncoat.viz.film.live_recorder import LiveRecorder
from turncoat.viz.film.render import record, write_film
from turncoat.viz.scene.scene import draw, tick_at
from turncoat.viz.text.episode_text import log_until, status
from turncoat.viz.viewer.frame import OVERLAY_KEYS, OVERLAYS, USUAL, Frame
from turncoat.viz.viewer.viewer import KEYS, SPEEDS, Viewer
from turncoat.viz.window.play_keys import PlayKeys, action_keys

from .worlds import LIVES, ONE_OF_EACH, SIMULATED, sampled

HERE = Path(__file__).resolve().parent
EVERY = frozenset(OVERLAYS)

NOWHERE = """
turncoat: 1
name: nowhere
title: No board at all
origin: given
claim: Counters are enough.
counters:
  coins: {max: 5, start: 5}
agents:
  robot: {actions: [take, leave], values: {own: {}}, discount: 0.9}
rewards: {own: {}}
rules:
  - name: taking
    when: robot does take and coins > 0
    then:
      - coins -= 1
      - event took
    pays: {own: 1}
stages: {deploy: {limit: 6}}
"""


@pytest.fixture(scope="module")
def lab() -> LiveShow:
    return LiveShow(load("treacherous_turn/lab"), "deploy")


def _viewer(show: LiveShow, overlays: frozenset[str] = USUAL) -> Viewer:
    return Viewer(show, overlays=overlays, wait=True)


def _apart(first: Image.Image, second: Image.Image) -> float:
    assert first.size == second.size
    return float(np.abs(np.asarray(first, int) - np.asarray(second, int)).mean())


# ------------------------------------------------------------------ the scene


@pytest.mark.parametrize("name", sampled(sorted(set(library.names()) - SIMULATED - LIVES), ONE_OF_EACH))
def test_every_scenario_can_be_seen_at_any_size(name: str) -> None:
    scenario = load(name)
    show = LiveShow(scenario, next(reversed(scenario.document.stages)))
    viewer = _viewer(show, EVERY)
    for tick, size, ratio in ((3, (320, 240), 1.5), (1 << 20, (801, 500), 1)):
        viewer.seek(tick)
        viewer.press("t")
        picture = draw(viewer.frame(), *size, ratio)
        assert picture.size == (round(size[0] * ratio), round(size[1] * ratio))
        assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 50


def test_a_world_without_a_board_can_be_seen() -> None:
    viewer = _viewer(LiveShow(load_text(NOWHERE), "deploy"), EVERY)
    first = draw(viewer.frame(), 640, 480)
    viewer.seek(3)
    assert _apart(first, draw(viewer.frame(), 640, 480)) > 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_scene_looks_as_it_did(lab: LiveShow, theme: str, tmp_path: Path) -> None:
    viewer = _viewer(lab, EVERY - {"tree", "foreseen"})
    viewer.theme = DARK if theme == "dark" else LIGHT
    viewer.seek(20)
    picture = draw(viewer.frame(), 720, 480)
    picture.save(tmp_path / f"scene-{theme}.png")

    # Builds of FreeType differ by a few shades at the rims of letters; anything that is drawn elsewhere costs more.
    where = tmp_path / f"scene-{theme}.png"
    with Image.open(HERE / "pictures" / f"scene-{theme}.png") as golden:
        assert _apart(picture, golden) < 1.0, f"look at {where}; if it is right, put it in tests/pictures"


def test_the_tolerance_would_notice_one_tick(lab: LiveShow) -> None:
    viewer = _viewer(lab, EVERY)
    viewer.seek(20)
    one = draw(viewer.frame(), 720, 480)
    viewer.seek(21)
    assert _apart(one, draw(viewer.frame(), 720, 480)) > 1.0


@pytest.mark.parametrize("overlay", sorted(EVERY - {"doubt"}))
def test_each_overlay_shows(lab: LiveShow, overlay: str) -> None:
    viewer = _viewer(lab, frozenset())
    viewer.seek(20)
    without = draw(viewer.frame(), 800, 600)
    viewer.overlays = frozenset({overlay})
    assert _apart(without, draw(viewer.frame(), 800, 600)) > 0.05


def test_cells_have_the_colours_of_their_values(lab: LiveShow) -> None:
    viewer = _viewer(lab, frozenset({"value"}))
    viewer.seek(24)  # the guard is gone
    frame = viewer.frame()
    assert frame.value_map is not None
    values = frame.value_map.of(-1)
    scale = scale_of(values, LIGHT)
    shown = {tuple(colour) for colour in np.asarray(draw(frame, 800, 600)).reshape(-1, 3).tolist()}

    known = np.flatnonzero(np.isfinite(values))
    colours = {tuple(int(scale.colour(float(values[cell]))[i : i + 2], 16) for i in (1, 3, 5)) for cell in known}
    assert len(colours) > 8
    assert colours <= shown


def test_a_scale_keeps_signs_apart() -> None:
    scale = scale_of(np.array([-1.0, np.nan, 3.0]), LIGHT)
    assert (scale.low, scale.high) == (-1.0, 3.0)
    assert scale.colour(-1) != scale.colour(1)
    assert scale.colour(3) == LIGHT.above
    flat = scale_of(np.zeros(3), LIGHT)
    assert flat.colour(0.0) not in (LIGHT.above, LIGHT.below)


def test_the_timeline_finds_its_ticks(lab: LiveShow) -> None:
    viewer = _viewer(lab)
    frame = viewer.frame()
    assert frame.episode is not None
    ticks = [tick_at(frame, 1280, 800, x, 760) for x in range(0, 1280)]
    assert ticks[0] == 0
    assert ticks[-1] == frame.episode.length
    assert sorted(set(ticks)) == list(range(frame.episode.length + 1))  # type: ignore[type-var]
    assert tick_at(frame, 1280, 800, 600, 300) is None


# ------------------------------------------------------------------ words


def test_the_log_says_what_happened_once(lab: LiveShow) -> None:
    episode = lab.episode(0)
    entries = log_until(episode, 60)

    told = [(entry.first, entry.last, entry.text) for entry in entries]
    assert told[0] == (2, 2, "delivered; task +1, performance +1")
    assert told[-2:] == [(23, 23, "disarmed"), (27, 59, "seized; own +1, performance -2")]
    assert log_until(episode, 0) == []
    assert status(episode, 23) == "tick 23: robot does disarm"  # what comes of it is not seen yet
    assert status(episode, 23, came=True) == "tick 23: robot does disarm (disarmed)"
    assert status(episode, 120).startswith("after tick 119, the last: seized, time is up")


# ------------------------------------------------------------------ the window


@pytest.fixture(scope="module")
def screen() -> Iterator[None]:
    before = os.environ.get("SDL_VIDEODRIVER")
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    yield
    if before is None:
        del os.environ["SDL_VIDEODRIVER"]
    else:
        os.environ["SDL_VIDEODRIVER"] = before


class Driver:
    """A window that is told what to do by posted events."""

    def __init__(self, viewer: Viewer, **more: object) -> None:
        import pygame

        from turncoat.viz.window.window import Window

        self.pygame, self.viewer = pygame, viewer
        self.window = Window(viewer, (640, 480), 1.0, **more)  # type: ignore[arg-type]
        self.window.turn(0)

    def press(self, *keys: str, seconds: float = 0.0) -> None:
        for key in keys:
            code = self.pygame.key.key_code(key)
            for kind in (self.pygame.KEYDOWN, self.pygame.KEYUP):
                self.pygame.event.post(self.pygame.event.Event(kind, key=code, mod=0, unicode=""))
            self.window.turn(0)
        self.window.turn(seconds)

    def mouse(self, kind: str, x: float, y: float) -> None:
        more = {"buttons": (1, 0, 0), "rel": (0, 0)} if kind == "MOUSEMOTION" else {"button": 1}
        self.pygame.event.post(self.pygame.event.Event(getattr(self.pygame, kind), pos=(int(x), int(y)), **more))
        self.window.turn(0)

    def pixels(self) -> np.ndarray:
        surface = self.pygame.display.get_surface()
        assert surface is not None
        return self.pygame.surfarray.array3d(surface).transpose(1, 0, 2)


@pytest.fixture
def driver(lab: LiveShow, screen: None) -> Iterator[Driver]:
    driver = Driver(_viewer(lab))
    yield driver
    driver.window.close()


def test_the_window_shows_the_scene(driver: Driver) -> None:
    driver.press("end")
    assert np.array_equal(driver.pixels(), np.asarray(draw(driver.viewer.frame(), 640, 480)))


def test_space_steps_home_and_end(driver: Driver) -> None:
    viewer = driver.viewer
    driver.press("space", seconds=1.0)
    assert (viewer.playing, viewer.tick) == (True, 4)
    driver.press("space", seconds=1.0)
    assert (viewer.playing, viewer.tick) == (False, 4)
    driver.press(".", ".", ",")
    assert viewer.tick == 5
    driver.press("end")
    assert viewer.tick == 120
    driver.press(".")
    assert viewer.tick == 120
    driver.press("home")
    assert viewer.tick == 0
    driver.press(",")
    assert viewer.tick == 0
    driver.press("end", "space", seconds=0.5)  # at the end it begins again
    assert (viewer.playing, viewer.tick) == (True, 2)


def test_playing_stops_at_the_end(driver: Driver) -> None:
    driver.press("end", ",", "space", seconds=10)
    assert (driver.viewer.playing, driver.viewer.tick) == (False, 120)


def test_speed_episodes_and_restart(driver: Driver) -> None:
    viewer = driver.viewer
    driver.press("=", "=")
    assert viewer.speed == 16
    driver.press(*["-"] * 20)
    assert viewer.speed == SPEEDS[0]
    driver.press(*["="] * 20)
    assert viewer.speed == SPEEDS[-1]
    driver.press("end", "n")
    assert (viewer.number, viewer.tick) == (1, 0)
    driver.press("p", "p")
    assert viewer.number == 0
    assert "no other episode" in viewer.message
    driver.press("end", "r")
    assert (viewer.tick, viewer.playing) == (0, True)


@pytest.mark.parametrize(("key", "overlay"), [(key, name) for name, key in OVERLAY_KEYS.items()])
def test_numbers_switch_overlays(driver: Driver, key: str, overlay: str) -> None:
    driver.press(key)
    assert driver.viewer.overlays == USUAL ^ {overlay}
    driver.press(key)
    assert driver.viewer.overlays == USUAL


def test_heads_theme_help_and_leaving(driver: Driver) -> None:
    viewer = driver.viewer
    heads = []
    for _ in range(3):
        driver.press("w")
        heads.append(viewer.head)
    assert heads == [0, 1, -1]
    assert "value" in viewer.overlays
    driver.press("t")
    assert viewer.theme is DARK
    assert tuple(driver.pixels()[-1, -1]) == tuple(int(DARK.panel[i : i + 2], 16) for i in (1, 3, 5))
    driver.press("h")
    # Only what does something here: there is no life, no second agent, no search, nothing to edit or to compare with.
    idle = {"b f", "tab", "[ ]", "c", "shift+1", "o", "drag", "e", "k", "i"}
    assert viewer.frame().keys == tuple(pair for pair in KEYS if pair[0] not in idle)
    driver.press("escape")
    assert not viewer.help
    assert not viewer.left
    driver.press("escape")
    assert viewer.left


def test_tab_looks_at_the_next_agent(screen: None) -> None:
    driver = Driver(_viewer(LiveShow(load("two_systems/chicken"), "deploy")))
    driver.press("tab")
    assert driver.viewer.agent == 1
    driver.press("tab")
    assert driver.viewer.agent == 0
    driver.window.close()


def test_a_picture_is_saved_beside_those_that_are_there(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    driver.press(".", "s", "s")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab-deploy-tick-1-2.png", "lab-deploy-tick-1.png"]
    with Image.open(tmp_path / "lab-deploy-tick-1.png") as saved:
        assert saved.size == (640, 480)
    assert "saved" in driver.viewer.message


def test_a_picture_that_cannot_be_saved_stops_nothing(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "missing")
    driver.press("s")
    assert "not saved" in driver.viewer.message


def test_a_film_of_the_window_lasts_as_long_as_what_it_shows(driver: Driver, tmp_path: Path) -> None:
    now = [0.0]
    first = draw(driver.viewer.frame(), 640, 480)
    driver.press(".")
    second = draw(driver.viewer.frame(), 640, 480)
    for name, lasts in (("film.gif", [400, 1000]), ("film", None)):
        now[0] = 0.0
        camera = LiveRecorder(tmp_path / name, first, lambda: now[0])
        now[0] = 0.41
        camera.take(draw(driver.viewer.frame(), 300, 200))  # is seen for no time at all
        camera.take(second)
        now[0] = 1.41
        assert camera.finish() == tmp_path / name
        if lasts is None:
            wanted = [np.asarray(first), np.asarray(second)]
            pictures = [np.asarray(Image.open(path)) for path in sorted((tmp_path / name).iterdir())]
            assert [np.array_equal(*pair) for pair in zip(pictures, wanted, strict=True)] == [True, True]
        else:
            assert _film(tmp_path / name)[1:] == ((640, 480), lasts)


def test_v_films_and_a_closed_window_ends_the_film(
    lab: LiveShow, screen: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    driver = Driver(_viewer(lab), ending=".webp")
    driver.press("v", ".", "v")
    assert driver.viewer.message == f"saved {tmp_path / 'lab-deploy.webp'}"
    driver.press("v", ".")
    assert driver.window.close() == f"saved {tmp_path / 'lab-deploy-2.webp'}"

    driver = Driver(_viewer(lab), ending=".webp")
    driver.press("v")
    (tmp_path / "lab-deploy-3.webp").write_text("someone else's")
    assert "not saved: " in driver.window.close()
    assert (tmp_path / "lab-deploy-3.webp").read_text() == "someone else's"


def test_the_timeline_is_dragged(driver: Driver) -> None:
    viewer = driver.viewer
    places = {tick_at(viewer.frame(), 640, 480, x, 440): x for x in range(640)}
    driver.mouse("MOUSEBUTTONDOWN", places[30], 440)
    assert viewer.tick == 30
    driver.mouse("MOUSEMOTION", places[75], 200)  # the mouse may stray from the line...
    assert viewer.tick == 30
    driver.mouse("MOUSEMOTION", places[75], 440)
    assert viewer.tick == 75
    driver.mouse("MOUSEBUTTONUP", places[75], 440)
    driver.mouse("MOUSEMOTION", places[10], 440)
    assert viewer.tick == 75
    driver.mouse("MOUSEBUTTONDOWN", 100, 100)
    assert viewer.tick == 75


def test_it_can_be_resized(driver: Driver) -> None:
    pygame = driver.pygame
    pygame.display.set_mode((500, 700), pygame.RESIZABLE)
    pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, size=(500, 700), w=500, h=700))
    driver.window.turn(0)
    assert np.array_equal(driver.pixels(), np.asarray(draw(driver.viewer.frame(), 500, 700)))


def test_nothing_is_drawn_twice(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    from turncoat.viz.window import window

    drawn: list[int] = []

    def draw_and_note(frame: Frame, *rest: float) -> Image.Image:
        drawn.append(frame.tick)
        return draw(frame, *rest)

    monkeypatch.setattr(window, "draw", draw_and_note)
    for _ in range(5):
        driver.window.turn(0.01)
    assert drawn == []
    driver.press(".")
    assert drawn == [1]


def test_a_show_that_takes_long_never_stops_the_window(screen: None) -> None:
    import threading

    go = threading.Event()

    class Slow(LiveShow):
        def episode(self, number: int):
            assert go.wait(20)
            return super().episode(number)

    viewer = Viewer(Slow(load("treacherous_turn/lab"), "deploy"))
    driver = Driver(viewer)
    driver.press("t", "space", seconds=1.0)  # it answers, though nothing is known yet
    assert viewer.theme is DARK
    assert viewer.frame().status.startswith("Solving the world: it begins by itself as soon as that is done")
    go.set()
    while viewer.episode is None:
        driver.window.turn(0)
    driver.window.turn(1.0)
    assert viewer.tick == 4
    driver.window.close()


# ------------------------------------------------------------------ a person at the keys


def test_a_person_plays_takes_back_and_saves(screen: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    game = Game(load("treacherous_turn/lab"), "deploy")
    viewer = Viewer(game)
    driver = Driver(viewer, keys=PlayKeys(game, viewer, tmp_path, "treacherous_turn/lab").press)
    driver.press("s")
    assert "nothing to save" in viewer.message

    driver.press("right", "right", "down", "backspace", "right")
    assert viewer.tick == 3
    assert "delivered" in viewer.message
    assert game.episode(game.changes).events[2] == ("delivered",)
    driver.press(",", "n")  # looks back; there is no other episode
    assert viewer.tick == 2
    driver.press("space")
    assert viewer.tick == 4
    driver.press("d", "escape")
    assert "Esc again" in viewer.message
    assert not viewer.left
    driver.press("s")
    saved = tmp_path / "lab_played.yaml"
    assert str(saved) in viewer.message
    assert load(saved).document.replays[0].actions == ["right", "right", "right", "stay", "disarm"]
    driver.press("r")
    assert viewer.tick == 0
    driver.window.close()

    assert _call(["check", str(saved)], capsys)[0] == 0


def test_every_action_of_the_library_has_a_key_of_its_own() -> None:
    for name in library.names():
        for program in compile_world(load(name)).agents:
            keys = action_keys(program.actions)
            assert set(keys) == set(program.actions)
            assert len(set(keys.values())) == len(keys)
            assert not set(keys.values()) & {*"hnprstuvw,.-=[]", *OVERLAY_KEYS.values()}


# ------------------------------------------------------------------ films and commands


def _film(path: Path) -> tuple[int, tuple[int, int], list[int]]:
    """How many frames a film has, of which size, and how many milliseconds each lasts."""
    with Image.open(path) as film:
        count = film.n_frames  # type: ignore[attr-defined]
        lasts = []
        for frame in range(count):
            film.seek(frame)
            film.load()
            lasts.append(int(film.info["duration"]))
        return count, film.size, lasts


@pytest.mark.parametrize("ending", [".mp4", ".gif", ".webp", ""])
def test_a_film_has_a_frame_for_every_tick_and_one_for_the_end(ending: str, tmp_path: Path) -> None:
    viewer = _viewer(LiveShow(load("safety_gridworlds/absent_supervisor"), "deploy"))
    out = tmp_path / f"film{ending}"
    assert record(viewer, out, size=(321, 241), fps=5) == 10

    if ending == ".mp4":
        frames, seconds = imageio_ffmpeg.count_frames_and_secs(out)
        assert (frames, round(seconds, 1)) == (10, 2.0)
    elif ending:
        assert _film(out) == (10, (321, 241), [200] * 10)
    else:
        assert len(sorted(out.iterdir())) == 10
        viewer.seek(4)
        with Image.open(out / "0004.png") as fourth:
            assert _apart(fourth, draw(viewer.frame(), 321, 241)) == 0
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_nothing_is_left_of_a_film_that_fails(tmp_path: Path) -> None:
    viewer = _viewer(LiveShow(load("safety_gridworlds/absent_supervisor"), "deploy"))

    def stop(done: int, count: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    for name in ("film.mp4", "film.gif", "film.webp", "film"):
        with pytest.raises(KeyboardInterrupt):
            record(viewer, tmp_path / name, size=(320, 240), progress=stop)
    assert list(tmp_path.iterdir()) == []

    with pytest.raises(RunError, match=r"one of .mp4, .gif, .webp, or a folder"):
        record(viewer, tmp_path / "film.avi")


def _call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    import sys

    before = sys.argv
    sys.argv = ["turncoat", *arguments]
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        sys.argv = before
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_film_is_not_said_to_be_paused(tmp_path: Path) -> None:
    viewer = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"), wait=True, steered=False)
    assert viewer.frame().hint == ""
    viewer.close()
    window = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"))
    assert "4 ticks a second" in window.frame().hint
    window.close()


def test_record_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "film.gif"
    arguments = ["record", "safety_gridworlds/absent_supervisor", "--out", str(out), "--size", "320x240", "--json"]
    code, text, _ = _call([*arguments, "--overlay", "value", "--seed", "3"], capsys)

    assert code == 0
    episode = LiveShow(load("safety_gridworlds/absent_supervisor"), "deploy").episode(3)
    news = [tick for tick, events in enumerate(episode.events) if events or tick == episode.length - 1]
    frames = episode.length + 1 + len(news)
    made = {"scenario": "absent_supervisor", "stage": "deploy", "seed": 3, "out": str(out), "frames": frames + 2}
    assert json.loads(text) == made
    count, size, lasts = _film(out)
    assert (count, size) == (frames + 2, (320, 240))
    # The cards before and after it stand for as long as they take to be read, and so does what is new in a tick.
    assert sorted(lasts[1:-1])[: episode.length + 1] == [170] * (episode.length + 1)
    assert all(1_000 < each < 9_000 for each in sorted(lasts[1:-1])[episode.length + 1 :])
    assert all(4_000 < each < 17_000 for each in (lasts[0], lasts[-1]))
    before = out.read_bytes()
    code, text, _ = _call(arguments, capsys)
    assert (code, out.read_bytes()) == (2, before)


def test_watch_opens_what_was_asked_for(
    screen: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from turncoat.viz.window.window import Window

    seen: list[Viewer] = []

    def run(window: Window) -> None:
        while window.viewer.frame().other is None or window.viewer.episode is None:
            window.turn(0)
        seen.append(window.viewer)
        window.close()

    monkeypatch.setattr(Window, "run", run)
    file = tmp_path / "mine.yaml"
    file.write_text("turncoat: 1\nname: mine\nextends: treacherous_turn/lab\n", encoding="utf-8")
    code, _, err = _call(["watch", str(file), "--beside", "aligned", "--reload", "--param", "threshold=2"], capsys)
    assert code == 0
    assert "reading what is to be watched" in err  # nobody need wonder whether a window will come
    (viewer,) = seen
    assert viewer.label == "threshold=2"
    assert viewer.beside is not None
    assert viewer.beside.label == "aligned"
    assert viewer.beside.show.scenario.overrides == {"threshold": 2, "robot.values.own": 0}
    assert viewer.what_if is not None


def test_two_worlds_are_recorded_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "film"
    arguments = ["record", "safety_gridworlds/absent_supervisor", "--seed", "0", "--out", str(out), "--size", "640x360"]
    code, _, _ = _call([*arguments, "--beside", "watched", "--beside", "punishment=1", "--json"], capsys)
    assert code == 0
    scenario = load("safety_gridworlds/absent_supervisor")
    other = apply_overrides(scenario, {**scenario.document.variants["watched"], "punishment": 1})
    beside = Viewer(LiveShow(other, "deploy"), wait=True, label="watched, punishment=1")
    told = Narration(scenario, opening_of(scenario), "safety_gridworlds/absent_supervisor", asked=True)
    viewer = Viewer(
        LiveShow(scenario, "deploy"),
        wait=True,
        label="absent_supervisor",
        beside=beside,
        narration=told,
        steered=False,
    )
    assert len(list(out.iterdir())) == viewer.length + 4  # a card before and after, and what came of it once
    viewer.seek(4)
    with Image.open(out / "0005.png") as fourth:
        assert _apart(fourth, draw(viewer.frame(), 640, 360)) == 0


UNNEEDED = {
    "scipy.stats",
    "scipy.special",
    "joblib",
    "torch",
    "gymnasium",
    "matplotlib",
    "polars",
    "imageio_ffmpeg",
    "turncoat.api",
}
FIRST = """
import sys
from turncoat.cli import main
from turncoat.viz.window.window import Window
shown = Window._show
def show(window, picture):
    shown(window, picture)
    window.viewer.left = window.viewer.episode is not None
Window._show = show
sys.argv = ["turncoat", "watch", "treacherous_turn/lab"]
try:
    main()
except SystemExit as ending:
    print(ending.code, *sys.modules)
"""


def test_the_first_picture_waits_for_nothing_that_it_does_not_need() -> None:
    settings = {**os.environ, "SDL_VIDEODRIVER": "dummy"}
    done = subprocess.run([sys.executable, "-c", FIRST], env=settings, capture_output=True, text=True, check=True)
    code, *modules = done.stdout.split("\n")[-2].split()
    assert code == "0"
    assert "turncoat.viz.scene.scene" in modules
    assert not UNNEEDED & set(modules)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["watch", "treacherous_turn/lab", "--overlay", "curve"], "did you mean `curves`"),
        (["watch", "treacherous_turn/lab", "--size", "big"], "not of the form 1280x800"),
        (["watch", "treacherous_turn/lab", "--size", "1x1"], "from 240x180"),
        (["watch", "treacherous_turn/lab", "--agent", "counts"], "give the folder of a run"),
        (["watch", "treacherous_turn/lab", "--beside", "align"], "did you mean `aligned`"),
        (["watch", "treacherous_turn/lab", "--beside", "threshold=9"], "range is from 1 to 4"),
        (["watch", ".", "--reload"], "not the folder of a run"),
        (["watch", "."], "not the folder of a run"),
        (["play", "two_systems/chicken", "--as", "an"], "did you mean `ann`"),
        (["record", "treacherous_turn/lab", "--out", "film.avi"], "a film is one of"),
        (["record", "treacherous_turn/lab", "--out", "film.gif", "--set", "runs.max_states=9"], "max_states"),
    ],
)
def test_what_cannot_be_shown_is_said(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = _call(arguments, capsys)

    assert code == 2
    assert says in " ".join(err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["watch", "play"])
def test_without_a_screen_it_is_said_what_else_can_be_done(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "nosuchdriver")
    code, _, err = _call([command, "safety_gridworlds/absent_supervisor"], capsys)

    assert code == 2
    assert "no window can be opened here" in " ".join(err.split())
    assert "turncoat record" in err


@pytest.mark.skipif(sys.platform != "linux", reason="files of limited size")
def test_a_film_that_the_disk_has_no_room_for_is_no_film(tmp_path: Path) -> None:
    """Of ffmpeg's end nothing was heard, and a file that nothing can play was called a film."""
    import resource

    noise = np.random.default_rng(0)
    pictures = [Image.fromarray(noise.integers(0, 255, (64, 64, 3), np.uint8)) for _ in range(6)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(RunError, match="ffmpeg left no whole film"):
            write_film(iter(pictures), tmp_path / "film.mp4", 6)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
