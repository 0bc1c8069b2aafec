"""A scenario's file edited by hand: its text by its positions, the editor that strokes it, and the window with it."""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turncoat.evals.editing.edit_judge import EditJudge, compared
from turncoat.evals.editing.patrol_route import rerouted
from turncoat.evals.inspection.show import LiveShow
from turncoat.scenarios import library
from turncoat.scenarios.edited_file import EditedFile
from turncoat.scenarios.language.files.text_edits import (
    CannotEditError,
    rows_at,
    source_of,
    with_glyphs,
    with_map,
    with_points,
    with_value,
)
from turncoat.scenarios.language.files.yaml_source import parse
from turncoat.scenarios.language.loading import load, load_text
from turncoat.scenarios.language.schema.starter import starter
from turncoat.viz.drawing.buttons import placed_buttons
from turncoat.viz.editing.editor_scene import draw_editor, editor_slider_at, map_cell_at, tool_at
from turncoat.viz.scene.panels import key_at
from turncoat.viz.viewer.editor import ScenarioEditor
from turncoat.viz.viewer.frame import OVERLAY_KEYS, OVERLAYS
from turncoat.viz.viewer.viewer import KEYS, Viewer, viewer_buttons
from turncoat.viz.window.display import fitting, usual_scale

from .test_viz_window import Driver
from .test_viz_window import screen as screen

LAB = Path(library.FOLDER) / "treacherous_turn/lab.yaml"
TEXT = LAB.read_text(encoding="utf-8")


def _lines(before: str, after: str) -> list[str]:
    """The lines that differ, without context."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in found if line[0] in "+-" and line[:3] not in ("+++", "---")]


# ------------------------------------------------------------------ the text


def test_a_value_is_changed_in_its_place_and_nothing_else_is() -> None:
    assert _lines(TEXT, with_value(TEXT, "lab", ("params", "threshold", "value"), 2)) == [
        "-  threshold: {value: 3, range: [1, 4], about: deliveries until the robot can disarm the guard}",
        "+  threshold: {value: 2, range: [1, 4], about: deliveries until the robot can disarm the guard}",
    ]
    assert _lines(TEXT, with_glyphs(TEXT, "lab", ("map",), {(1, 1): ".", (2, 2): "A"})) == [
        "-  #A..1...#",
        "-  #.......#",
        "+  #...1...#",
        "+  #.A.....#",
    ]
    assert _lines(TEXT, with_value(TEXT, "lab", ("agents", "robot", "sight"), 3)) == ["+    sight: 3"]


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: 1  # one\nb: 2\n", ("a",), "a: 0.5  # one\nb: 2\n"),
        ("a: {b: {}}\n", ("a", "b", "c"), "a: {b: {c: 0.5}}\n"),
        ("a: {b: {d: 1 }}\n", ("a", "b", "c"), "a: {b: {d: 1, c: 0.5 }}\n"),
        ("a:\n  b:\n  d: 1\n", ("a", "b", "c"), "a:\n  b: {c: 0.5}\n  d: 1\n"),
        ("a:\n  d: 1\n\n# end\nz: 1\n", ("a", "b", "c"), "a:\n  d: 1\n  b: {c: 0.5}\n\n# end\nz: 1\n"),
        ("a:\n  d: |\n    x\n\n    y\n\nz: 1\n", ("a", "b"), "a:\n  d: |\n    x\n\n    y\n  b: 0.5\n\nz: 1\n"),
        ("\ufeffa: 1\r\nz: 2", ("b",), "\ufeffa: 1\r\nz: 2\r\nb: 0.5\r\n"),
        ("\ufeffa: 1\r\nz: 2\r\n", ("a",), "\ufeffa: 0.5\r\nz: 2\r\n"),
    ],
)
def test_what_is_missing_is_added_where_it_belongs(text: str, path: tuple[str, ...], after: str) -> None:
    assert with_value(text, "file", path, 0.5) == after


@pytest.mark.parametrize("text", ["a: 'one'\n", "a: |\n  one\n", "a: [1,\n  2]\n", "a: {b: 1}  # \n"])
def test_what_cannot_be_changed_by_itself_is_refused(text: str) -> None:
    with pytest.raises(CannotEditError):
        with_value(text, "file", ("a",) if "b" not in text else ("a", "b", "c"), 0.5)


def test_the_stops_of_a_patrol_that_stay_are_not_touched() -> None:
    block = "patrol:\n  - [1, 2]  # here it begins\n  - [1, 3]\n  - [1, 4]\nz: 1\n"
    longer = with_points(block, "file", ("patrol",), [(1, 2), (1, 3), (2, 3), (2, 4), (1, 4)])
    assert _lines(block, longer) == ["+  - [2, 3]", "+  - [2, 4]"]
    assert _lines(block, with_points(block, "file", ("patrol",), [(1, 2), (1, 3)])) == ["-  - [1, 4]"]
    with pytest.raises(CannotEditError, match="a comment"):
        with_points(block, "file", ("patrol",), [(5, 2), (1, 3), (1, 4)])
    flow = "patrol: [[1, 2],  [1,3], [1, 4]] # round\n"
    a, b, c, d, e = (0, 2), (1, 2), (1, 3), (1, 4), (1, 5)
    for stops in ([b, c, d, e], [c, d], [b, c], [a, b, c, d]):
        after = with_points(flow, "file", ("patrol",), stops)
        assert source_of(after, "file").data == {"patrol": [list(stop) for stop in stops]}
        assert after.endswith("]] # round\n")
        assert ("[1,3]" in after) == ((1, 3) in stops)


def test_a_map_comes_to_the_end_of_a_file_that_has_none() -> None:
    own = with_map("turncoat: 1\nextends: treacherous_turn/lab", "file", ("###", "#A#"))
    assert own == "turncoat: 1\nextends: treacherous_turn/lab\nmap: |\n  ###\n  #A#\n"
    assert rows_at(own, "file", ("map",)) == ("###", "#A#")
    with pytest.raises(CannotEditError):
        with_map(own, "file", ("###",))
    with pytest.raises(CannotEditError, match="block of lines"):
        rows_at('map: "###\\n#A#"\n', "file", ("map",))


# ------------------------------------------------------------------ patrols


def test_a_patrol_is_pulled_like_a_string_and_let_in_again() -> None:
    thing = load(LAB).document.things["guard"]
    assert thing.patrol is not None
    stops = tuple((r, c) for r, c in thing.patrol)
    walls = {(3, 3), (3, 4), (4, 3)}

    def free(cell: tuple[int, int]) -> bool:
        return 1 <= cell[0] <= 6 and 1 <= cell[1] <= 7 and cell not in walls

    out = rerouted(stops, 3, (1, 4), True, free)
    assert out is not None
    assert (1, 4) in out
    assert rerouted(out, out.index((1, 4)), (2, 4), True, free) == stops
    assert rerouted(stops, 3, (3, 3), True, free) is None
    for loop in (True, False):
        for at in (0, 3, 13):
            for cell in [(r, c) for r in range(1, 7) for c in range(1, 8, 2) if free((r, c))]:
                found = rerouted(stops, at, cell, loop, free)
                assert found is not None
                assert cell in found
                steps = zip(found, (*found[1:], *found[:1]) if loop else found[1:], strict=False)
                assert all(abs(a - c) + abs(b - d) <= 1 for (a, b), (c, d) in steps)


# ------------------------------------------------------------------ the file


def test_a_file_is_written_whole_and_never_over_what_another_wrote(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    file = EditedFile(path)
    file.do(with_value(file.content, "mine", ("params", "threshold", "value"), 2))
    saved = file.save(tmp_path)
    assert (saved.path, saved.said) == (path, f"saved {path}: 1 line changed")
    assert path.read_bytes() == TEXT.replace("value: 3,", "value: 2,").replace("\n", "\r\n").encode()
    assert not file.changed
    assert file.save(tmp_path).said == "nothing is changed"

    path.write_text("someone: else\n", encoding="utf-8")
    file.do(with_value(file.content, "mine", ("params", "threshold", "value"), 1))
    refused = file.save(tmp_path)
    assert refused.path is None
    assert "changed on disk" in refused.said
    assert path.read_text(encoding="utf-8") == "someone: else\n"
    copy = file.save(tmp_path, copy=True)
    assert copy.path == tmp_path / "mine-2.yaml"
    assert "value: 1," in copy.path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "someone: else\n"


def test_what_another_wrote_can_be_taken_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("turncoat: 1\n", encoding="utf-8")
    file = EditedFile(path)
    file.do("turncoat: 1\nname: mine\n")
    path.write_text("turncoat: 1\nname: theirs\n", encoding="utf-8")
    assert file.changed_on_disk
    file.take_from_disk()
    assert file.content == "turncoat: 1\nname: theirs\n"
    assert not file.changed
    assert file.undo()
    assert file.content == "turncoat: 1\nname: mine\n"
    assert file.changed


def test_a_file_that_cannot_be_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT, encoding="utf-8")
    file = EditedFile(path)
    file.do(TEXT + "# more\n")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="No space"):
        file.save(tmp_path)
    assert path.read_text(encoding="utf-8") == TEXT
    assert file.changed
    assert [each.name for each in tmp_path.iterdir()] == ["mine.yaml"]


# ------------------------------------------------------------------ the editor


@pytest.fixture(scope="module")
def lab() -> LiveShow:
    return LiveShow(load("treacherous_turn/lab"), "deploy")


@pytest.fixture(scope="module")
def courier() -> LiveShow:
    return LiveShow(load_text(starter("mine")), "deploy")


def _editor(show: LiveShow, path: Path) -> ScenarioEditor:
    editor = ScenarioEditor(path, show.scenario, show.stage, show.world, wait=True)
    editor.begin()
    return editor


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(starter("mine"), encoding="utf-8")
    return path


@pytest.fixture
def viewer(mine: Path) -> Iterator[Viewer]:
    show = LiveShow(load(mine), "deploy")
    editor = ScenarioEditor(mine, show.scenario, "deploy", show.world, wait=True)
    viewer = Viewer(show, wait=True, supposing=True, editor=editor, buttons=viewer_buttons)
    yield viewer
    viewer.close()


def _view(viewer: Viewer):
    view = viewer.frame().editing
    assert view is not None
    return view


_GLYPHS = st.integers(0, 7)
_CELL = st.tuples(st.integers(0, 5), st.integers(0, 8))
_STROKE = st.one_of(
    st.tuples(st.just("stroke"), _GLYPHS, st.lists(_CELL, min_size=1, max_size=4)),
    st.tuples(st.just("erase"), _GLYPHS, st.lists(_CELL, min_size=1, max_size=2)),
    st.tuples(st.just("slide"), st.integers(0, 4), st.integers(0, 40)),
    st.tuples(st.just("drag slider"), st.integers(0, 4), st.lists(st.integers(0, 40), min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["undo", "redo"]), st.none(), st.none()),
)


def _do(editor: ScenarioEditor, stroke: tuple) -> None:
    kind, which, more = stroke
    if kind in ("stroke", "erase"):
        editor.choose(which)
        editor.take(more[0], erase=kind == "erase")
        for cell in more[1:]:
            editor.drag(cell)
        editor.drop()
    elif kind == "slide":
        editor.turn(which, more)
    elif kind == "drag slider":
        editor.hold_slider()
        for at in more:
            editor.turn(which, at)
        editor.drop()
    else:
        getattr(editor, kind)()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strokes=st.lists(_STROKE, max_size=8))
def test_whatever_is_stroked_undoing_all_gives_the_file_back(courier: LiveShow, tmp_path: Path, strokes: list) -> None:
    path = tmp_path / "mine.yaml"
    text = starter("mine")
    whole = text.replace("\n", "\r\n").encode()
    path.write_bytes(whole)
    editor = _editor(courier, path)
    for stroke in strokes:
        _do(editor, stroke)
        content = editor.file.content
        document = source_of(content, str(path)).data
        assert source_of(content, str(path)) == parse(content, str(path))
        assert isinstance(document, dict)
        assert document.keys() == source_of(text, "mine").data.keys()  # type: ignore[union-attr]
        assert [len(row) for row in editor.text.rows] == [9] * 6
    after, back = editor.file.content, 0
    while editor.file.undo():
        back += 1
    assert editor.file.content.encode() == whole
    for _ in range(back):
        assert editor.file.redo()
    assert editor.file.content == after
    if editor.file.changed:
        editor.save(tmp_path)
        assert path.read_bytes() == after.encode()
    assert sum(line[0] == "+" for line in _lines(text, after)) <= 6 + 1 + 3  # rows of the map, the patrol, the sliders
    editor.close()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_saved_loads_as_the_world_that_the_editor_shows(viewer: Viewer, mine: Path, seed: int) -> None:
    viewer.press("e")
    editor, chance = viewer.editing, np.random.default_rng(seed)
    assert editor is not None
    while True:
        for _ in range(2):
            editor.choose(int(chance.choice([0, 2, 3, 6])))
            editor.take((int(chance.integers(1, 5)), int(chance.integers(1, 8))))
            editor.drag((int(chance.integers(1, 5)), int(chance.integers(1, 8))))
            editor.drop()
        editor.turn(2, int(chance.integers(0, 8)))
        found = editor.judgement(0)
        assert found is not None
        if found.sound:
            break
        while editor.file.undo():
            pass
    assert found.scenario is not None
    assert found.world is not None
    editor.save(mine.parent)
    again = load(mine)
    assert again.hash == found.scenario.hash
    board = again.boards["deploy"][0]
    rows, glyphs = _view(viewer).rows, {glyph.glyph: glyph for glyph in _view(viewer).glyphs}
    drawn = {(r, c): glyphs[sign] for r, row in enumerate(rows) for c, sign in enumerate(row)}
    assert board.walls == {cell for cell, its in drawn.items() if its.wall}
    assert board.agents == {its.body: cell for cell, its in drawn.items() if its.agent}
    assert board.zones["garden"] == tuple(cell for cell, its in drawn.items() if "garden" in its.zones)
    viewer.press("e")
    assert viewer.show.scenario.hash == again.hash
    assert viewer.show.world.boards.walls.tobytes() == found.world.boards.walls.tobytes()


def test_a_stroke_is_solved_and_compared(viewer: Viewer) -> None:
    viewer.press("e")
    assert _view(viewer).said == ("208 states", "trampled at 1, ended (arrived) at 5", "origin proxy: proved")
    editor = viewer.editing
    assert editor is not None
    editor.choose(2)
    for cell in ((1, 4), (2, 4), (3, 4)):  # a wall across the room, with a door at the gardener's end
        editor.take(cell)
        editor.drop()
    view = _view(viewer)
    assert [fault.cells for fault in view.faults if not fault.warning] == [((3, 4),)]
    assert "goes through [3, 4], which is a wall" in view.faults[0].text
    viewer.press("ctrl+z")
    view = _view(viewer)
    assert not view.faults
    assert view.said[0].startswith("208 → ")
    assert view.said[1] == "trampled at 1 → never"
    assert view.said[-1] == "origin proxy: proved"
    viewer.press("ctrl+shift+z")
    assert len(_view(viewer).faults) == 1


def test_an_agent_goes_along_and_an_erased_one_is_missed(viewer: Viewer) -> None:
    viewer.press("e")
    viewer.press("4")
    for key in ("right", "down", "space"):
        viewer.press(key)
    assert _view(viewer).rows[2:4] == ("#..ggg.G#", "#.A.....#")
    assert not _view(viewer).faults
    viewer.press("delete")
    (fault,) = [fault for fault in _view(viewer).faults if not fault.warning]
    assert "agent `courier` is not on the map" in fault.text
    assert fault.cells == ()
    viewer.press("e")  # it cannot be played: what was, still is
    assert "cannot be played: agent `courier` is not on the map" in viewer.message
    assert viewer.show.scenario.hash == load(viewer.editor.file.path).hash  # type: ignore[union-attr]


def test_a_piece_and_a_stop_are_carried_by_keys(viewer: Viewer) -> None:
    viewer.press("e")
    for key in ("space", "up", "space"):
        viewer.press(key)
    assert _view(viewer).rows[1:3] == ("#A......#", "#..ggg.G#")
    editor = viewer.editing
    assert editor is not None
    viewer.press("1")
    editor.cursor = (3, 4)
    for key in ("space", "left", "space"):
        viewer.press(key)
    (patrol,) = _view(viewer).patrols
    assert patrol.stops == ((4, 4), (4, 5), (4, 6), (4, 7), (3, 7), (3, 6), (3, 5), (3, 4), (3, 3), (3, 4))
    assert _view(viewer).faults == ()
    for key in ("space", "up", "escape"):  # put back where it was
        viewer.press(key)
    assert _view(viewer).patrols == (patrol,)
    viewer.press("ctrl+z")
    viewer.press("ctrl+z")
    assert editor.file.content == editor.file.saved


def test_the_keys_that_the_editors_help_names_act_while_it_is_open(viewer: Viewer) -> None:
    """They were those of the player: C began a what-if, digits switched overlays, and Ctrl+Z did nothing."""
    overlays = viewer.overlays
    for key in ("e", "delete", "h", "ctrl+z", "2", "c"):
        viewer.press(key)
    editor = viewer.editing
    assert editor is not None
    assert (editor.file.steps, editor.tool) == ((0, 1), 2)
    assert (viewer.overlays, viewer.supposed, viewer.help) == (overlays, None, True)
    viewer.press("escape")
    assert (viewer.editing, viewer.help) == (editor, False)


def test_a_smaller_map_is_taken_from_disk_while_a_piece_is_carried(viewer: Viewer, mine: Path) -> None:
    """The piece came down on what was taken, and a cursor beside the new map was an IndexError."""
    viewer.press("e")
    editor, text = viewer.editing, mine.read_text(encoding="utf-8")
    assert editor is not None
    viewer.press("space")
    theirs = text.replace("  #...W...#\n", "")
    mine.write_text(theirs, encoding="utf-8")
    editor.cursor = (5, 8)
    for key in ("l", "space"):
        viewer.press(key)
    assert editor.file.content == editor.content == theirs
    assert editor.cursor == (4, 8)


def test_sliders_write_the_values_and_go_back_to_what_was_written(viewer: Viewer) -> None:
    viewer.press("e")
    viewer.press("tab")
    editor = viewer.editing
    assert editor is not None
    assert [row.title for row in editor.rows] == ["weight of parcels", "discount", "sight"]
    for key in ("down", "down", "right", "right"):
        viewer.press(key)
    assert "sight: {value: 3, range" in editor.file.content
    assert _view(viewer).menu.rows[2].said == "3"
    assert editor.file.steps == (1, 0)  # steps of one slider are one
    for key in ("left", "left"):
        viewer.press(key)
    assert editor.file.content == editor.file.saved


def test_a_library_scenario_is_saved_as_a_copy(lab: LiveShow, tmp_path: Path) -> None:
    editor = _editor(lab, LAB)
    editor.turn(3, 0)
    editor.save(tmp_path)
    copy = tmp_path / "lab.yaml"
    assert editor.message == f"the library's lab.yaml stays as it is: saved as {copy}"
    assert LAB.read_text(encoding="utf-8") == TEXT
    assert load(copy).params["threshold"] == 1
    editor.turn(3, 1)
    editor.save(tmp_path)
    assert editor.message == f"saved {copy}: 1 line changed"
    editor.close()

    goal = Path(library.FOLDER) / "safety_gridworlds/conveyor_belt_sushi_goal.yaml"
    show = LiveShow(load(goal), "deploy")
    other = _editor(show, goal)
    other.take(other.cursor, erase=True)
    other.drop()
    other.save(tmp_path)
    assert other.message.startswith("not saved: a copy in ")
    assert [path.name for path in tmp_path.iterdir()] == ["lab.yaml"]
    other.close()


def test_a_file_that_extends_another_gets_what_is_changed(lab: LiveShow, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("turncoat: 1\nname: mine\nextends: treacherous_turn/lab\n", encoding="utf-8")
    show = LiveShow(load(path), "deploy")
    editor = _editor(show, path)
    assert "the map is written in lab.yaml" in editor.view(0).refused[0]
    editor.turn(1, 0)
    editor.choose(4)
    editor.take((2, 1))
    editor.drop()
    editor.save(tmp_path)
    again = load(path)
    assert again.boards["deploy"][0].agents == {"robot": (2, 1)}
    assert again.document.agents["robot"].values["own"].weight == 0
    assert again.document.agents["robot"].values["task"].weight == 1
    editor.close()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("wrong_goals/corner_cheese", "its boards are generated from a seed"),
        ("escape/cluster", "this world has no board"),
        ("two_systems/treaty", "this world has no board"),
    ],
)
def test_what_cannot_be_painted_says_why(name: str, why: str) -> None:
    show = LiveShow(load(name), load(name).judged_stage)
    editor = _editor(show, library.find(name))
    assert why in editor.text.refused[0]
    assert editor.rows
    editor.take((0, 0))
    assert why in editor.message
    assert editor.file.content == editor.file.saved
    editor.close()


def test_a_weight_that_is_taken_over_from_another_agent_has_no_slider() -> None:
    """A `values:` of its own would have taken the place of all that are taken over."""
    show = LiveShow(load("two_systems/chicken"), "deploy")
    editor = _editor(show, library.find("two_systems/chicken"))
    names = {row.name for row in editor.rows}
    assert ("ann.values.score" in names, "bob.values.score" in names) == (True, False)
    assert "bob.values.score: taken over from `ann`, in whose block it stands" in editor.view(0).refused
    editor.close()


def test_each_of_several_maps_is_edited_by_itself() -> None:
    name = "safety_gridworlds/distributional_shift"
    show = LiveShow(load(name), load(name).judged_stage)
    editor = _editor(show, library.find(name))
    seen = {}
    for _ in editor.text.drawn:
        seen[editor.text.about] = editor.text.rows
        editor.press("m")
    assert len(seen) == len(editor.text.drawn) > 1
    before = editor.file.content
    editor.choose(1)
    editor.take(editor.cursor)
    editor.drop()
    assert len(_lines(before, editor.file.content)) == 2
    editor.close()


# ------------------------------------------------------------------ its judge


def test_a_judge_says_what_a_text_comes_to(mine: Path) -> None:
    judge, text = EditJudge(mine, "deploy", {}), mine.read_text(encoding="utf-8")
    before = judge.judge(text, 0)
    assert before.states == 208
    proxy = judge.judge(text.replace("origin: proxy", "origin: given"), 0)
    assert compared(before, proxy) == (
        "208 states",
        "trampled at 1, ended (arrived) at 5, as before",
        "origin given: refuted, it is proxy",
    )
    faulty = judge.judge(text.replace("courier in garden", "courier in gardens"), 0)
    assert not faulty.sound
    assert compared(before, faulty) == ()
    large = judge.judge(text.replace("  steps: 5000", "  steps: 5000\n  max_states: 10"), 0)
    assert "more than 10 states" in large.unsolved
    assert not large.sound
    assert judge.check(text) == ()
    found = judge.check(text.replace("at_least: 0.5", "at_least: 2"))
    assert [claim.code for claim in found] == ["TC241", "TC620"]


# ------------------------------------------------------------------ the picture and the mouse


@pytest.mark.parametrize("size", [(1366, 768, 1.0), (640, 480, 1.0), (640, 480, 2.0), (320, 300, 1.0)])
def test_the_editor_has_everything_at_every_size(viewer: Viewer, size: tuple[int, int, float]) -> None:
    width, height, ratio = size
    viewer.press("e")
    editor = viewer.editing
    assert editor is not None
    frame = viewer.frame()
    picture = draw_editor(frame, *size)
    assert picture.size == (width * ratio, height * ratio)
    points = [(x, y) for x in range(0, width, 9) for y in range(0, height, 9)]
    assert {tool_at(frame, width, height, *at) for at in points} == {None, *range(8)}
    rows = _view(viewer).rows
    cells = {map_cell_at(frame, width, height, *at) for at in points}
    assert cells == {None, *((r, c) for r in range(len(rows)) for c in range(len(rows[0])))}
    if width >= 640:
        assert {found[0] for at in points if (found := editor_slider_at(frame, width, height, *at))} == {0, 1, 2}
    editor.choose(2)
    editor.take((3, 4))
    editor.drop()
    assert not np.array_equal(np.asarray(picture), np.asarray(draw_editor(viewer.frame(), *size)))


@pytest.mark.parametrize("width", [640, 1024, 1366])
def test_every_key_has_a_button_or_an_entry_that_the_mouse_can_press(viewer: Viewer, width: int) -> None:
    placed = placed_buttons(viewer.frame().buttons, width)
    buttons = [button.key for button, left, wide in placed if left + wide <= width]
    assert {"space", "c", "e", "h", "home", "end"} <= set(buttons)
    viewer.press("h")
    frame = viewer.frame()
    found = {key_at(frame, width, 480, x, y) for x in range(0, width, 5) for y in range(0, 480, 9)}
    asked = {key for keys, _ in KEYS if viewer.does(keys) for key in keys.split()} - {"drag", "esc"} | {"escape"}
    assert asked <= found
    assert {OVERLAY_KEYS[name] for name in OVERLAYS if viewer.offers(name)} <= found
    assert not {"b", "f", "tab", "k"} & found  # here is no life, no second agent, no control


@pytest.mark.parametrize(
    ("screen", "scale", "size"),
    [
        ((1920, 1080), 1.0, (1280, 800)),
        ((1366, 768), 1.0, (1280, 680)),
        ((1024, 600), 1.0, (1000, 512)),
        ((640, 480), 1.0, (616, 392)),
        ((3840, 2160), 2.0, (1280, 800)),
        ((2560, 1600), 1.5, (1280, 800)),
    ],
)
def test_a_window_fits_its_screen(
    screen: tuple[int, int], scale: float, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GDK_SCALE", raising=False)
    monkeypatch.delenv("QT_SCALE_FACTOR", raising=False)
    assert usual_scale(screen[1]) == scale
    assert fitting(screen, scale) == size
    monkeypatch.setenv("GDK_SCALE", "2")
    assert usual_scale(screen[1]) == 2


# ------------------------------------------------------------------ the window


def _press(driver: Driver, key: str, mod: int = 0) -> None:
    pygame = driver.pygame
    for kind in (pygame.KEYDOWN, pygame.KEYUP):
        pygame.event.post(pygame.event.Event(kind, key=pygame.key.key_code(key), mod=mod, unicode=""))
    driver.window.turn(0)


def _point(viewer: Viewer, cell: tuple[int, int]) -> tuple[float, float]:
    frame = viewer.frame()
    found = [(x, y) for x in range(0, 360, 12) for y in range(0, 480, 12) if map_cell_at(frame, 640, 480, x, y) == cell]
    return tuple(np.mean(found, axis=0))


def test_the_mouse_paints_undoes_and_saves(
    viewer: Viewer, mine: Path, screen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mine.parent)
    before = mine.read_text(encoding="utf-8")
    driver = Driver(viewer)
    _press(driver, "e")
    places = {tool_at(viewer.frame(), 640, 480, x, y): (x, y) for x in range(360, 640, 12) for y in range(40, 200, 12)}
    driver.mouse("MOUSEBUTTONDOWN", *places[2])
    driver.mouse("MOUSEBUTTONDOWN", *_point(viewer, (1, 2)))
    for column in (3, 4):
        driver.mouse("MOUSEMOTION", *_point(viewer, (1, column)))
    driver.mouse("MOUSEBUTTONUP", *_point(viewer, (1, 4)))
    assert _view(viewer).rows[1] == "#.###...#"
    assert np.array_equal(driver.pixels(), np.asarray(draw_editor(driver.window._frame(), 640, 480)))
    _press(driver, "z", driver.pygame.KMOD_CTRL)
    assert _view(viewer).rows[1] == "#.......#"
    _press(driver, "z", driver.pygame.KMOD_CTRL | driver.pygame.KMOD_SHIFT)
    assert _view(viewer).rows[1] == "#.###...#"
    left = next(left + 4 for button, left, _ in placed_buttons(viewer.frame().buttons, 640) if button.key == "s")
    driver.mouse("MOUSEBUTTONDOWN", left, 480 - 26 - 15)
    assert viewer.frame().status == f"saved {mine}: 1 line changed"
    assert _lines(before, mine.read_text(encoding="utf-8")) == ["-  #.......#", "+  #.###...#"]
    driver.mouse("MOUSEMOTION", left, 480 - 26 - 15)
    assert driver.window._frame().pointed == "s"
    driver.window.close()


def test_edits_that_are_not_saved_are_asked_about_and_kept(viewer: Viewer, mine: Path) -> None:
    viewer.press("e")
    viewer.press("delete")
    viewer.press("escape")
    assert viewer.editing is None
    assert "edited, not saved" in viewer.frame().about
    viewer.press("escape")
    assert not viewer.left
    assert "Esc again" in viewer.message
    editor = viewer.editor
    assert isinstance(editor, ScenarioEditor)
    kept = editor.keep(mine.parent)
    assert kept == f"what was edited was saved as {mine.parent / 'mine-unsaved.yaml'}"
    viewer.press("escape")
    assert viewer.left
    assert editor.keep(mine.parent) == ""


def test_what_is_no_file_is_not_edited(lab: LiveShow) -> None:
    viewer = Viewer(lab, wait=True, editor="this was recorded")
    viewer.press("e")
    assert viewer.editing is None
    assert viewer.message == "nothing is edited: this was recorded"
    viewer.close()
