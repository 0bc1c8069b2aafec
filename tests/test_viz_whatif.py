"""By hand at a paused frame: what is changed is planned anew beside the window and shown beside what is."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from turncoat.evals.inspection.live_reload import LiveReloader
from turncoat.evals.inspection.mind import unexpected_fields
from turncoat.evals.inspection.show import LiveShow, open_run
from turncoat.evals.runs.run import RunSettings, run_scenario
from turncoat.evals.runs.run_folder import StoredRun
from turncoat.scenarios.language.loading import apply_overrides, load, load_text
from turncoat.viz.drawing.canvas import Canvas
from turncoat.viz.gallery import WANDERING
from turncoat.viz.scene.scene import cell_at, draw, layout_for, searched_at
from turncoat.viz.scene.search_tree import placed
from turncoat.viz.scene.what_if_panels import ANSWER
from turncoat.viz.viewer.frame import USUAL, Frame
from turncoat.viz.viewer.viewer import Viewer
from turncoat.viz.viewer.what_if_menu import rows_of
from turncoat.viz.window.mouse_targets import grip_at, point_at

SIZE = (1000.0, 700.0)


@pytest.fixture(scope="module")
def lab() -> LiveShow:
    return LiveShow(load("treacherous_turn/lab"), "deploy")


@pytest.fixture
def viewer(lab: LiveShow) -> Iterator[Viewer]:
    viewer = Viewer(lab, wait=True, supposing=True)
    yield viewer
    viewer.close()


def _apart(first: Image.Image, second: Image.Image) -> float:
    return float(np.abs(np.asarray(first, int) - np.asarray(second, int)).mean())


def _place(frame: Frame, cell: int) -> tuple[float, float]:
    """The middle of the points that lie on a cell of the first board."""
    found = [
        (x, y)
        for x in np.arange(0, SIZE[0], 5.0)
        for y in np.arange(0, SIZE[1], 5.0)
        if (under := cell_at(frame, *SIZE, x, y)) is not None and under[0] is frame and under[1] == cell
    ]
    return tuple(np.mean(found, axis=0))


def _other(viewer: Viewer) -> Frame:
    other = viewer.frame().other
    assert other is not None
    return other


# ------------------------------------------------------------------ what if


def test_shift_and_a_digit_zeroes_a_weight_and_backspace_leaves(viewer: Viewer) -> None:
    viewer.seek(23)
    alone = draw(viewer.frame(), *SIZE)
    viewer.playing = True
    viewer.press("shift+2")
    frame, other = viewer.frame(), _other(viewer)

    assert not viewer.playing
    assert frame.mind is not None
    assert other.mind is not None
    assert frame.mind.actions[frame.mind.action] == "disarm"
    assert other.mind.weights.tolist() == [1, 0]
    assert other.mind.actions[other.mind.action] != "disarm"
    assert (frame.label, other.label) == ("as it is", "own worth 0 to it")
    assert frame.verdict[0] == "As it is, robot does disarm in tick 23. Changed so: down."
    assert "disarmed in tick 23, seized in tick 27" in frame.verdict[1]
    assert "seized" not in frame.verdict[2]
    assert _apart(alone, draw(frame, *SIZE)) > 1

    viewer.press("shift+2")  # again, and it is as it was
    assert viewer.frame().other is None
    viewer.press("shift+2")
    viewer.press("backspace")
    assert viewer.frame().menu is None
    assert _apart(alone, draw(viewer.frame(), *SIZE)) == 0
    viewer.press("shift+9")
    assert "no weight number 9" in viewer.message
    viewer.press("escape")
    assert not viewer.left


def test_without_its_overseer_it_would_turn_at_once(viewer: Viewer) -> None:
    viewer.seek(5)
    viewer.press("o")
    other = _other(viewer)
    assert other.episode is not None
    assert other.episode.ticks("seized")[0] < 15
    assert "Changed so: seized in tick" in viewer.frame().verdict[2]
    viewer.press("o")
    assert viewer.frame().other is None


def test_the_arrows_choose_a_row_and_change_it(viewer: Viewer) -> None:
    viewer.seek(5)
    viewer.press("c")
    menu = viewer.frame().menu
    assert menu is not None
    titles = [row.title for row in menu.rows]
    assert titles == ["weight of task", "weight of own", "discount", "threshold", "sight", "guard"]
    for _ in range(3):
        viewer.press("down")
    for _ in range(9):
        viewer.press("left")
    assert viewer.tick == 5
    supposed = viewer.supposed
    assert supposed is not None
    assert supposed.edit is not None
    assert dict(supposed.edit.settings) == {"threshold": 1}
    viewer.press("up")
    for _ in range(3):
        viewer.press("right")
    assert dict(supposed.edit.settings)["robot.discount"] == 1.0
    assert _fault(viewer).startswith("at discount 1 an agent can go on for ever")
    viewer.press("left")
    assert _other(viewer).episode is not None


def _fault(viewer: Viewer) -> str:
    frame = viewer.frame()
    assert frame.other is None
    return frame.verdict[0]


def test_time_goes_on_in_both(viewer: Viewer) -> None:
    viewer.seek(20)
    viewer.press("shift+2")
    viewer.press("space")
    viewer.advance(2.5)
    frame, other = viewer.frame(), _other(viewer)
    assert (viewer.tick, frame.tick, other.tick) == (30, 30, 30)
    assert frame.episode is not None
    assert other.episode is not None
    assert np.array_equal(other.states[:20], frame.states[:20])
    assert not np.array_equal(other.states[-1], frame.states[-1])
    assert np.array_equal(other.episode.rewards[:20], frame.episode.rewards[:20])
    viewer.press(",")
    assert viewer.tick == 29
    viewer.seek(10)  # before it was supposed: then it is supposed there
    assert viewer.supposed is not None
    assert viewer.supposed.since == 10
    assert _other(viewer).label == "own worth 0 to it"


def test_a_piece_is_dragged_to_another_cell(viewer: Viewer, lab: LiveShow) -> None:
    viewer.seek(5)
    column = lab.world.columns["robot.cell"].index
    here, vault = int(viewer.frame().state[column]), 55
    begin, end = _place(viewer.frame(), here), _place(viewer.frame(), vault)
    grip = grip_at(viewer, *SIZE, *begin)
    assert grip is not None
    grip.drag(*end)
    assert viewer.supposed is not None  # the boards now lie elsewhere, so the mouse has to follow
    end = _place(viewer.frame(), vault)
    grip.drag(*end)
    held = draw(viewer.frame(), *SIZE)
    assert viewer.frame().held == ("robot", vault)
    grip.drop(*end)
    assert viewer.frame().held is None
    assert _apart(held, draw(viewer.frame(), *SIZE)) > 0
    assert int(_other(viewer).state[column]) == vault
    assert int(viewer.frame().state[column]) == here
    assert _other(viewer).label == "robot moved"
    viewer.supposed.move("robot", 0)
    assert _fault(viewer) == "robot cannot stand in a wall"


def test_a_slider_is_dragged(viewer: Viewer) -> None:
    viewer.seek(5)
    viewer.press("c")
    left, width = layout_for(viewer.frame(), *SIZE).side
    middle = 48 + 21 + ANSWER + 22 * 1.5  # of the second row
    # Pointed at, by its name too, it says what it means, and the row that is chosen stays.
    pointed = point_at(viewer, *SIZE, left + 4, middle)
    assert pointed == "setting robot.values.own"
    assert point_at(viewer, *SIZE, left - 20, middle) == ""
    frame = replace(viewer.frame(), pointed=pointed)
    assert frame.menu is not None
    assert frame.menu.row == 0
    written: list[str] = []
    with patch.object(Canvas, "text", lambda _, x, y, text, *more, **named: written.append(text)):
        draw(frame, *SIZE)
    assert any(text.startswith("what own is worth to it") for text in written)
    grip = grip_at(viewer, *SIZE, left + 0.6 * width, middle)
    assert grip is not None
    grip.drag(0, 0)
    assert viewer.supposed is not None
    assert viewer.supposed.edit is not None
    assert dict(viewer.supposed.edit.settings) == {"robot.values.own": 0.0}
    grip.drag(SIZE[0], 0)
    assert dict(viewer.supposed.edit.settings) == {"robot.values.own": 2.0}


def test_what_is_shown_without_supposing_cannot_be_changed(lab: LiveShow) -> None:
    viewer = Viewer(lab, wait=True)
    for key in ("shift+1", "o", "c"):
        assert not viewer.press(key)
    assert viewer.frame().menu is None


def test_every_row_can_be_set_to_all_that_it_may_be(lab: LiveShow) -> None:
    from turncoat.evals.inspection.what_if import Edit

    scenario = lab.scenario
    for row in rows_of(scenario, lab.world, 0, Edit()):
        for at in range(len(row.values)):
            edit = row.put(Edit(), at)
            assert edit.empty == (at == row.before)
            apply_overrides(scenario, dict(edit.settings))


# ------------------------------------------------------------------ side by side


def test_two_shows_share_a_timeline(lab: LiveShow) -> None:
    short = LiveShow(apply_overrides(lab.scenario, {"robot.discount": 0.5}), "deploy")
    viewer = Viewer(lab, wait=True, label="lab", beside=Viewer(short, wait=True, label="myopic"))
    viewer.press("end")
    frame, other = viewer.frame(), _other(viewer)
    assert (viewer.tick, frame.tick, other.tick, frame.length) == (120, 120, 19, 120)
    assert other.episode is not None
    assert other.episode.ended == "shut down"
    viewer.press("n")
    viewer.seek(4)
    assert (_other(viewer).tick, _other(viewer).about.split(" · ")[-1]) == (4, "seed 1")
    for size in ((1280, 800), (500, 900), (320, 240)):
        picture = draw(viewer.frame(), *size)
        alone = draw(Viewer(lab, number=1, wait=True).frame(), *size)
        assert _apart(picture, alone) > 1
    viewer.close()


def test_two_agents_of_a_run_are_seen_side_by_side(run: StoredRun) -> None:
    exact, learned = (open_run(run.folder, "deploy", agent) for agent in ("exact", "counts"))
    viewer = Viewer(exact, wait=True, label="exact", beside=Viewer(learned, wait=True, label="counts"), supposing=True)
    viewer.overlays = USUAL | {"foreseen"}
    viewer.seek(3)
    frame, other = viewer.frame(), _other(viewer)
    assert frame.mind is not None
    assert other.mind is not None
    assert "counts" in other.about
    assert other.before is not None
    viewer.press("c")  # what is supposed takes the place of the second agent
    viewer.press("right")
    assert _other(viewer).short == "changed"
    assert "cannot be asked" not in viewer.frame().verdict[-1]
    viewer.press("c")
    assert _other(viewer).short == "counts"
    viewer.close()
    viewer = Viewer(learned, wait=True, supposing=True)
    viewer.press("o")
    assert "counts cannot be asked" in viewer.frame().verdict[-1]
    viewer.close()


# ------------------------------------------------------------------ searches


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """A short run of two agents."""
    run = run_scenario(load("treacherous_turn/lab"), RunSettings(agents=("exact", "counts"), seeds=1, steps=400))
    return run.save(tmp_path_factory.mktemp("runs") / "run", command=["test"])


def test_a_node_of_the_search_is_imagined_on_the_board(viewer: Viewer) -> None:
    viewer.overlays = USUAL | {"tree"}
    viewer.seek(6)
    frame = viewer.frame()
    assert frame.mind is not None
    assert frame.mind.search is not None
    parts = layout_for(frame, *SIZE)
    assert parts.second is not None
    present = draw(frame, *SIZE)
    hits = {
        node
        for x in np.arange(parts.second[0], SIZE[0], 4.0)
        for y in np.arange(40, parts.chart[0], 4.0)
        if (node := searched_at(frame, *SIZE, x, y)) is not None
    }
    box = (parts.second[0], parts.second[1] - 42, parts.second[2], parts.second[3] + 42)
    tree = placed(frame.mind, box)
    assert tree is not None
    assert hits == set(tree.nodes)

    assert grip_at(viewer, *SIZE, float(tree.x[2]), float(tree.y[2])) is None
    assert viewer.node == 2
    assert _apart(present, draw(viewer.frame(), *SIZE)) > 1
    viewer.press("[")
    viewer.press("[")
    assert viewer.node == 0
    viewer.press("]")
    viewer.press(".")
    assert viewer.node == 0


def test_a_tree_that_is_too_large_keeps_the_most_visited_and_their_ways(viewer: Viewer) -> None:
    viewer.seek(6)
    mind = viewer.frame().mind
    assert mind is not None
    assert mind.search is not None
    for height in (90.0, 120.0, 500.0):
        tree = placed(mind, (0.0, 0.0, 400.0, height))
        assert tree is not None
        parents = {int(mind.search.parents[node]) for node in tree.nodes[1:]}
        assert parents <= set(tree.nodes)
        assert len(tree.nodes) + tree.left_out == len(mind.search.parents)
        shown = tree.y[list(tree.nodes)]
        assert (shown > 0).all()
        assert (shown < height).all()


def test_what_came_otherwise_than_foreseen_is_found(lab: LiveShow) -> None:
    episode = lab.episode(0)
    mind = lab.mind(episode, 4, 0)
    assert mind is not None
    assert unexpected_fields(mind, episode.states[5]) == []
    other = episode.states[5].copy()
    other[2] += 1
    assert unexpected_fields(mind, other) == [2]


def test_a_guard_that_wanders_is_not_where_it_was_foreseen() -> None:
    show = LiveShow(load_text(WANDERING), "deploy")
    viewer = Viewer(show, wait=True, overlays=frozenset({"foreseen"}))
    surprised = []
    for tick in range(1, 12):
        viewer.seek(tick)
        frame = viewer.frame()
        assert frame.before is not None
        wrong = unexpected_fields(frame.before, frame.state)
        assert {frame.world.fields[index].name for index in wrong} <= {"guard.cell"}
        if wrong:
            surprised.append(tick)
            with_it = draw(frame, *SIZE)
            assert _apart(with_it, draw(replace(frame, before=None), *SIZE)) > 0.1
    assert 2 < len(surprised) < 11


# ------------------------------------------------------------------ while the file is written


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("turncoat: 1\nname: mine\nextends: treacherous_turn/lab\n", encoding="utf-8")
    return path


def _until(viewer: Viewer, done: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not done():
        viewer.advance(0)
        assert time.monotonic() - begun < 30
        time.sleep(0.01)


def _save(path: Path, text: str) -> None:
    """As editors do: a new file in place of the old one."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def test_a_saved_file_is_read_again_and_the_actions_are_replayed(file: Path) -> None:
    reloading = LiveReloader(lambda: load(file), "deploy")
    viewer = Viewer(LiveShow(load(file), "deploy"), wait=True, supposing=True, reloading=reloading)
    viewer.seek(18)
    before = viewer.frame()
    text = file.read_text(encoding="utf-8")
    time.sleep(0.3)  # the watching thread begins

    _save(file, text + "agents: {robot: {values: {own: {weight: 0}}}}\n")
    _until(viewer, lambda: viewer.message == "read again")
    after = viewer.frame()
    assert viewer.tick == 18
    assert np.array_equal(after.states, before.states)
    assert after.episode is not None
    assert not after.episode.ticks("seized")
    assert after.mind is not None
    assert after.mind.weights.tolist() == [1, 0]

    shown = draw(after, *SIZE)
    _save(file, text + "agents: {robot: {values: {own: {weight: heavy}}}}\n")
    _until(viewer, lambda: bool(viewer.notice))
    assert viewer.notice[0] == "The file has a fault; the last good one is shown."
    assert "mine.yaml:4" in viewer.notice[1]
    assert viewer.show.scenario.document.agents["robot"].values["own"].weight == 0
    assert _apart(shown, draw(viewer.frame(), *SIZE)) > 0.5

    _save(file, text + "agents: {robot: {values: {own: {weight: 0}}}}\n")
    _until(viewer, lambda: not viewer.notice)
    assert viewer.message == "the file is sound again"
    viewer.close()


def test_a_replay_goes_as_far_as_it_can(file: Path) -> None:
    reloading = LiveReloader(lambda: load(file), "deploy")
    show = LiveShow(load(file), "deploy")
    episode, text = show.episode(0), file.read_text(encoding="utf-8")
    assert reloading.reload(0, episode, 60, show.scenario.hash).show is None  # nothing has changed

    file.write_text(text + "params: {threshold: {value: 4}}\n", encoding="utf-8")
    reread = reloading.reload(0, episode, 60, show.scenario.hash)
    assert reread.episode is not None
    assert np.array_equal(reread.episode.chosen[:34], episode.chosen[:34])  # it still tries to disarm in tick 23, ...
    assert (reread.replayed, reread.episode.ended) == (34, "shut down")  # ... in vain, and the guard comes round

    file.write_text(text.replace("treacherous_turn/lab", "wrong_goals/corner_cheese"), encoding="utf-8")
    reread = reloading.reload(0, episode, 60, show.scenario.hash)
    assert reread.episode is not None
    assert 0 < reread.replayed < 60
    assert reread.episode.world.name == "mine"

    file.unlink()
    assert reloading.reload(0, episode, 60, show.scenario.hash).fault
    reloading.close()
