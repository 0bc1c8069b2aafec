"""Boards as text, and pictures: what they show is what the engine has."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cut_texts import recording
from tests.worlds import played, sampled, scenario_of
from turncoat.envs.adapters.gymnasium_env import TurncoatEnv
from turncoat.envs.adapters.pettingzoo_env import parallel_env
from turncoat.envs.reference.expressions import context_between_ticks, evaluate_bool
from turncoat.envs.reference.looks import looks
from turncoat.envs.reference.replay import replay_actions
from turncoat.envs.world.ascii_board import glyphs
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.world import World
from turncoat.evals.inspection.show import LiveShow
from turncoat.scenarios import library
from turncoat.scenarios.language.expressions.parser import parse_expression
from turncoat.scenarios.language.loading import load, load_text
from turncoat.viz.drawing import fonts
from turncoat.viz.drawing.board import RIM
from turncoat.viz.drawing.canvas import Canvas, wrapped
from turncoat.viz.drawing.seen_cells import seen_cells, watchers
from turncoat.viz.gallery import PICTURES, main
from turncoat.viz.pictures.state_picture import Caption, filmstrip, picture
from turncoat.viz.report.replay_data import stage_data
from turncoat.viz.scene.curves import Chart, ChartMark, Curve, curves, parting
from turncoat.viz.scene.overlays import expected_elsewhere
from turncoat.viz.scene.panels import _rest_of_state
from turncoat.viz.scene.return_curves import ReturnCurves, chart_of
from turncoat.viz.scene.scene import draw
from turncoat.viz.text.ascii_board import describe, first_state, state_text
from turncoat.viz.text.observation_text import observation_text
from turncoat.viz.viewer.viewer import Viewer

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
LAB = """\
#########
#A..1...#
#.......#
#..##.O.#
#..#....#
#.......#
#V....2.#
#########"""

SMALL = """
turncoat: 1
name: small
title: A key, a rival and a guard
origin: given
claim: There is a bit of everything.
map: |
  ########
  #Ak.#.W#
  #.B..c.#
  #..zz..#
  ########
legend: {"#": wall, ".": floor, A: {agent: robot, zone: home}, B: rival, W: guard, k: key, c: crate, z: {zone: yard}}
counters:
  power: {max: 3}
  debt: {min: -2, max: 2, start: 0}
  mood: {values: [calm, cross]}
draws:
  lucky: {p: 0.1}
things:
  guard: {kind: overseer, sight: 3, facing: true}
  key: {}
  crate: {kind: block}
agents:
  robot: {actions: [stay, up, down, left, right], values: {own: {}}}
  rival: {actions: [stay, left], values: {own: {}}}
rewards: {own: {}}
rules:
  - name: taking
    when: robot on key
    then:
      - robot takes key
      - power += 2
  - name: crossing
    when: guard sees robot
    then:
      - remove crate
      - mood cycles
stages:
  deploy: {limit: 10}
solution: joint
"""

NOWHERE = """
turncoat: 1
name: nowhere
title: No board at all
origin: given
claim: Counters are enough.
counters:
  coins: {max: 5, start: 2}
  open: {}
agents:
  robot: {actions: [take], values: {own: {}}}
rewards: {own: {}}
rules:
  - name: taking
    when: robot does take
    then:
      - coins -= 1
      - end "done"
stages:
  deploy: {limit: 10}
"""


@pytest.fixture(scope="module")
def lab() -> World:
    return compile_world(load("treacherous_turn/lab"), "deploy")


@pytest.fixture(scope="module")
def small() -> World:
    return compile_world(load_text(SMALL))


# ------------------------------------------------------------------ text


def test_the_first_board_of_lab(lab: World) -> None:
    document = load("treacherous_turn/lab").document

    assert state_text(lab, first_state(lab), glyphs(document)) == LAB
    assert describe(lab, first_state(lab)) == ["power 0 of 3", "next_job bench_1"]


OTHERWISE = {
    "escape/botnet",
    "treacherous_turn/first_turn",
    "treacherous_turn/hearts",
    "treacherous_turn/hearts_replica",
}
"""Scenarios with two glyphs for walls, a thing or a zone, and things that are placed at the start."""


@pytest.mark.parametrize("name", library.names())
def test_every_scenario_has_a_text_and_a_drawn_one_its_own_map(name: str) -> None:
    scenario = load(name)
    for stage, spec in scenario.document.stages.items():
        world = compile_world(scenario, stage)
        text = state_text(world, first_state(world), glyphs(scenario.document))
        drawn = spec.map or scenario.document.map
        if world.boards.height == 0:
            assert text.splitlines() == describe(world, first_state(world))
        elif spec.generate or scenario.document.generate or drawn is None:
            assert {len(line) for line in text.splitlines()} == {world.boards.width}
            assert len(text.splitlines()) == world.boards.height
        elif name in OTHERWISE:
            assert len(text.splitlines()) == len(str(drawn).splitlines())
        else:
            assert text == (drawn if isinstance(drawn, str) else drawn[0]).rstrip("\n")


LOOKS = """
map: |
  #####
  #Att#
  #####
legend:
  t: tree
things:
  tree:
    drawn_as: {faded: tree.felled == 1, crossed: robot on tree, marked: tree near(1) robot}
    fields: {felled: {}}
rules:
  - name: felling
    each: tree
    when: robot on tree and robot does stay
    then: tree.felled = 1
"""


def test_bodies_are_drawn_as_the_first_condition_that_holds_says() -> None:
    scenario = scenario_of(LOOKS)
    world = compile_world(scenario)
    states = played(world, "s r s l").states
    assert [dict(looks(world, state)) for state in states] == [
        {"tree[0]": "marked"},
        {"tree[0]": "marked"},
        {"tree[0]": "crossed", "tree[1]": "marked"},
        {"tree[0]": "faded", "tree[1]": "marked"},
        {"tree[0]": "faded"},
    ]
    assert state_text(world, states[-1], glyphs(scenario.document)) == "#####\n#ATt#\n#####"
    assert "T" not in observation_text(world, states[-1], glyphs(scenario.document), 0)
    drawn = [body["looks"] for body in stage_data(world)["bodies"] if "looks" in body]
    assert [list(shapes) for shapes in drawn] == [["faded", "crossed", "marked"]] * 2
    assert len({str(shape) for shape in drawn[0].values()}) == 3


ON_BELT = """
turncoat: 1
name: on_belt
title: A vase on a belt
origin: learned
claim: None.
map: |
  #######
  #OAPR.#
  #######
legend:
  "#": wall
  ".": floor
  O: {thing: vase, zone: belt}
  P: {thing: pot, zone: shelf}
  A: {agent: robot, zone: [belt, start]}
  R: {zone: [rug, corner]}
things: {vase: {kind: item}, pot: {kind: item}}
agents:
  robot: {actions: [stay, right], values: {reward: {}}}
rewards: {reward: {}}
rules:
  - name: gone
    when: robot does stay
    then:
      - remove vase
      - remove pot
stages: {train: {limit: 5}}
"""


def test_a_zone_never_looks_like_a_thing_that_is_not_there() -> None:
    """Nor like an agent: a character that puts somebody on a zone stands for that alone."""
    scenario = load_text(ON_BELT)
    env = TurncoatEnv(scenario, render_mode="ansi")
    env.reset(seed=0)
    assert env.render() == "#######\n#OAPR.#\n#######"
    env.step(0)
    env.step(1)
    assert env.render() == "#######\n#..AR.#\n#######"
    assert env.render() == state_text(env.world, env.get_state(), glyphs(scenario.document))


@pytest.mark.parametrize("name", ["treacherous_turn/lab", "two_systems/chicken", "wrong_goals/corner_cheese"])
def test_environments_and_viewers_draw_one_board(name: str) -> None:
    scenario = load(name)
    env = parallel_env(scenario, render_mode="ansi")
    env.reset(seed=0)
    assert env.render() == state_text(env.world, env.get_state(), glyphs(scenario.document))


def test_what_is_removed_or_carried_is_in_words_only(small: World) -> None:
    played = replay_actions(small, [["right", "stay"], ["down", "left"], ["right", "left"]], {})
    marks = glyphs(load_text(SMALL).document)

    boards = [state_text(small, state, marks).splitlines() for state in played.states]
    assert boards[0] == ["########", "#Ak.#.W#", "#.B..c.#", "#..zz..#", "########"]
    assert boards[1] == ["########", "#.A.#.W#", "#.B..c.#", "#..zz..#", "########"]
    assert "robot carries key" in describe(small, played.states[1])

    seen = played.states[1].copy()
    seen[small.columns["crate.cell"].index] = small.boards.nowhere
    assert "c" not in "".join(state_text(small, seen, marks))
    assert "crate gone" in describe(small, seen)


def test_the_rest_of_a_state_in_words(small: World) -> None:
    state = replay_actions(small, [["right", "stay"]], {"lucky": 1}).states[-1]

    assert describe(small, state) == [
        "lucky yes",
        "guard faces up",
        "robot carries key",
        "power 2 of 3",
        "debt 0 (-2 to 2)",
        "mood calm",
    ]


def test_a_weight_is_a_number_where_a_flag_is_yes_or_no() -> None:
    world = compile_world(load("escape/faking"), "deploy")
    said = dict(text.rsplit(" ", 1) for text in describe(world, first_state(world)))
    assert said["robot.values.task"] == "0"
    assert said["edited"] == "no"


def test_each_layout_has_a_board_of_its_own() -> None:
    scenario = load("wrong_goals/corner_cheese")
    world, marks = compile_world(scenario, "deploy"), glyphs(scenario.document)
    for layout in (0, 7, 199):
        state = first_state(world)
        state[world.layout] = layout
        for body in world.bodies:
            state[body.cell] = world.boards.starts[layout, body.order]
        flat = state_text(world, state, marks).replace("\n", "")

        assert [c == marks["wall"] for c in flat] == world.boards.walls[layout, :-1].tolist()
        assert [flat.index(marks[body.group]) for body in world.bodies] == world.boards.starts[layout].tolist()
        assert describe(world, state) == [f"layout {layout} (0 to 199)"]


def test_a_world_without_a_map_has_its_counters() -> None:
    scenario = load_text(NOWHERE)
    world = compile_world(scenario)
    after = replay_actions(world, [["take"]], {}).states[-1]

    assert state_text(world, first_state(world), glyphs(scenario.document)) == "coins 2 of 5\nopen no"
    assert state_text(world, after, glyphs(scenario.document)) == "coins 1 of 5\nopen no\nthe end: done"
    assert picture(world, after, width=100, ratio=1).width == 100


# ------------------------------------------------------------------ sight


def test_what_is_shaded_is_what_the_engine_sees(lab: World) -> None:
    state = first_state(lab)
    (guard,) = watchers(lab)
    cells = np.arange(lab.boards.nowhere)
    states = np.tile(state, (cells.size, 1))
    states[:, lab.columns["robot.cell"].index] = cells
    asked = evaluate_bool(lab.resolve(parse_expression("guard sees robot")), context_between_ticks(lab, states))

    assert np.array_equal(seen_cells(lab, state, guard), asked)
    assert asked.any()
    assert not asked.all()

    # In the picture, too: a corner of a floor cell changes colour when the guard goes, if and only if it was seen.
    blind = state.copy()
    blind[guard.cell] = lab.boards.nowhere
    shaded, plain = (np.asarray(picture(lab, s, Caption(notes=()), width=400, ratio=1), int) for s in (state, blind))
    side = 400 / (lab.boards.width - 2 + 2 * RIM)
    for cell in np.flatnonzero(~lab.boards.walls[0, :-1]):
        row, column = divmod(int(cell), lab.boards.width)
        y, x = (int((at - 1 + RIM + part) * side) for at, part in ((row, 0.87), (column, 0.13)))
        assert (np.abs(shaded[y, x] - plain[y, x]).max() > 8) == asked[cell], (row, column)


def test_nothing_is_seen_by_what_is_gone_or_behind_a_watcher(lab: World, small: World) -> None:
    state = first_state(lab)
    state[watchers(lab)[0].cell] = lab.boards.nowhere
    assert not seen_cells(lab, state, watchers(lab)[0]).any()

    (guard,) = watchers(small)  # faces up, at the upper wall
    floor = ~small.boards.walls[0, :-1]
    assert np.flatnonzero(seen_cells(small, first_state(small), guard) & floor).tolist() == [1 * 8 + 6]


# ------------------------------------------------------------------ pictures


def _apart(first: Image.Image, second: Image.Image) -> float:
    """The mean difference of two pictures of one size, in shades from 0 to 255."""
    assert first.size == second.size
    return float(np.abs(np.asarray(first.convert("RGB"), int) - np.asarray(second.convert("RGB"), int)).mean())


def test_a_small_world_looks_as_it_did(small: World, tmp_path: Path) -> None:
    played = replay_actions(small, [["right", "stay"], ["down", "left"]], {})
    moved = played.states[-1].copy()
    moved[small.columns["crate.cell"].index] = small.boards.nowhere
    caption = Caption("tick 1", ("seen",), "The crate is gone.", (("own", "0"),))
    drawn = picture(small, moved, caption, path=np.stack([*played.states[:-1], moved]), width=240, ratio=1)
    drawn.save(tmp_path / "small.png")

    golden = Image.open(HERE / "pictures" / "small.png")
    # Builds of FreeType differ by a few shades at the rims of letters; anything that is drawn elsewhere costs more.
    assert _apart(drawn, golden) < 1.5, f"look at {tmp_path / 'small.png'}; if it is right, put it in tests/pictures"


def test_the_tolerance_would_notice_a_figure_in_another_cell(small: World) -> None:
    state = first_state(small)
    other = state.copy()
    other[small.columns["crate.cell"].index] += 1

    assert _apart(*(picture(small, s, width=240, ratio=1) for s in (state, other))) > 1.5


@pytest.mark.parametrize(("width", "ratio"), [(90, 1), (320, 2), (777, 1.5)])
def test_sizes(lab: World, width: float, ratio: float) -> None:
    state = first_state(lab)
    one = picture(lab, state, Caption(notes=()), width=width, ratio=ratio)
    board = width * (lab.boards.height - 2 + 2 * RIM) / (lab.boards.width - 2 + 2 * RIM)

    assert one.size == (round(width * ratio), round(board * ratio))
    strip = filmstrip(lab, np.stack([state] * 3), [Caption()] * 3, width=width, ratio=ratio)
    assert strip.width == round(width * ratio)


def test_too_many_panels_are_refused(lab: World) -> None:
    with pytest.raises(ValueError, match="5 panels do not fit into 90 points"):
        filmstrip(lab, np.stack([first_state(lab)] * 5), [Caption()] * 5, width=90)


def test_panels_of_one_strip_stand_on_one_line(lab: World) -> None:
    captions = [Caption("one", text="Long enough to need a second line in so narrow a panel."), Caption(notes=())]
    strip = np.asarray(filmstrip(lab, np.stack([first_state(lab)] * 2), captions, width=400, ratio=1), int)

    half = strip.shape[1] // 2
    walls = np.abs(strip - [0x4A, 0x54, 0x62]).max(axis=2) < 6
    tops = [np.flatnonzero(side.sum(axis=1) > 100)[0] for side in (walls[:, :half], walls[:, half:])]
    assert tops[0] == tops[1]


def test_letters_of_other_languages_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_listed", lambda char: [])
    monkeypatch.setattr(fonts, "BROAD", ())
    fonts.printable.cache_clear()
    fonts._holder.cache_clear()
    assert fonts.printable("Cafe\u0301 größer − Ωж\x07") == "Café größer − Ωж "
    assert fonts.printable("\U000f0000") == fonts.MISSING  # a private character, which no font here has

    # Any font that has a character helps out: here one of matplotlib's for a letter that DejaVu Sans lacks.
    other = str(Path(fonts._dejavu(False)).with_name("STIXGeneral.ttf"))
    monkeypatch.setattr(fonts, "_listed", lambda char: [other])
    letter = next(chr(code) for code in range(0x2300, 0x2C00) if fonts._holder.__wrapped__(chr(code)) == other)
    fonts.printable.cache_clear()
    fonts._holder.cache_clear()
    assert [part for part, _ in fonts.runs(f"a{letter}b", 20.0, False)] == ["a", letter, "b"]
    canvas = Canvas(80, 30, 2, finer=1)
    canvas.text(40, 20, f"a{letter}b", 14, anchor="ms")
    inked = np.flatnonzero((np.asarray(canvas.picture()) < 128).all(axis=2).any(axis=0))
    assert abs((inked[0] + inked[-1]) / 2 - 80) < 4  # in the middle, as asked
    fonts.printable.cache_clear()
    fonts._holder.cache_clear()


def test_bold_letters_are_those_of_a_bold_face() -> None:
    plain, bold = (fonts.runs("turn", 20.0, heavy)[0][1].getname() for heavy in (False, True))
    assert (plain, bold) == (("DejaVu Sans", "Book"), ("DejaVu Sans", "Bold"))


def test_words_are_wrapped() -> None:
    assert wrapped("a bb ccc", 12, 1) == ["a", "bb", "ccc"]
    assert wrapped("a bb ccc", 12, 1000) == ["a bb ccc"]


# ------------------------------------------------------------------ curves and the gallery


def test_sums_part_in_the_first_tick_that_pays_them_differently() -> None:
    assert parting(np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 2, 1])) == 2
    assert parting(np.array([0.0, 1]), np.array([0.0, 1])) is None


def test_where_names_do_not_fit_the_rarest_event_keeps_its_own() -> None:
    line = [Curve("task", np.arange(41.0), "#0072B2")]
    marks = [ChartMark(2, "delivered", 3), ChartMark(9, "disarmed", 1), ChartMark(12, "seized", 30)]
    kept = [[mark.name for mark in Chart(line, marks, 400, height).marks] for height in (96, 122, 200)]
    assert kept == [["disarmed"], ["delivered", "disarmed"], ["delivered", "disarmed", "seized"]]


def test_nothing_tells_of_what_is_still_to_come() -> None:
    """Right of the present there are only level lines; what was seen once is told of wherever one goes."""
    viewer = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"), overlays=frozenset({"curves"}), wait=True)
    for tick, told in ((20, False), (60, True), (20, True)):
        viewer.seek(tick)
        frame = viewer.frame()
        assert frame.episode is not None
        chart, _ = chart_of(ReturnCurves((frame.episode,), ("",)), 1248, 176, 1, frame.theme)
        left, right = (round(16 + chart.x(t)) for t in (22, 58))
        picture = np.asarray(draw(frame))[:, left:right]
        ahead = np.concatenate([picture[572:720], picture[749:770]])  # curves and timeline, without numbers of ticks
        assert (ahead == ahead[:, :1]).all() != told


def test_a_mark_stands_at_its_tick_on_the_curves_and_on_the_timeline() -> None:
    viewer = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"), overlays=frozenset({"curves"}), wait=True)
    viewer.seek(viewer.length)
    viewer.frame()
    viewer.seek(0)
    frame = viewer.frame()  # all of it was seen
    assert viewer.episode is not None
    chart, _ = chart_of(ReturnCurves((viewer.episode,), ("",)), 1248, 176, 1, frame.theme)
    marks = {mark.name: mark.tick for mark in chart.marks}
    assert (marks["delivered"], marks["disarmed"], marks["seized, reward and performance come apart"]) == (2, 23, 27)
    for tick in (2, 23):
        x = round(16 + chart.x(tick))
        row = np.asarray(draw(frame))[800 - 26 - 13 - 5]  # above the line of the timeline, where only marks are
        assert (row[x] != row[x - 4]).any()
    viewer.close()


def test_curves_that_never_move_can_be_drawn() -> None:
    flat = [Curve("task", np.zeros(4), "#0072B2"), Curve("own", np.zeros(4), "#D55E00")]

    marks = [ChartMark(0, "first"), ChartMark(1, "second"), ChartMark(3, "last")]

    assert curves(flat, marks, width=300, height=99, ratio=2).size == (600, 198)


def test_the_gallery_draws_the_turn(tmp_path: Path) -> None:
    episode = LiveShow(load("treacherous_turn/lab"), "deploy").episode(0)
    assert (episode.ticks("disarmed"), episode.ticks("seized")[0]) == ([23], 27)
    weighted = np.concatenate([[0], np.cumsum(episode.rewards.sum(axis=1))])
    assert parting(weighted, np.concatenate([[0], np.cumsum(episode.performance)])) == 27


DRAWN = sorted(set(PICTURES) - {"cluster.png"})  # that one takes half a minute


@pytest.mark.parametrize("name", sampled(DRAWN, {"beside.png", "lab.png"}))
def test_no_text_of_the_documents_pictures_is_cut(name: str) -> None:
    with recording() as recorder:
        PICTURES[name]()
    assert not [found for found in recorder.found if found[0] in ("shortened", "over the rim")]


def test_the_rest_of_a_state_is_told_in_whole_fields() -> None:
    """Once a line ended in "where the next", for the line after it had no room."""
    viewer = Viewer(LiveShow(load("treacherous_turn/lab"), "deploy"), label="lab", wait=True)
    frame = viewer.frame()
    viewer.close()
    meant = "deliveries so far, up to the threshold: 0 of 3", "where the next sample goes: bench 1"
    named = "power 0 of 3", "next job bench 1"
    told = {_rest_of_state(frame, width, most)[-1:] != [] for width in (20.0, 400.0) for most in (0, 1, 2)}
    assert told == {True, False}
    for width, most in product(range(20, 700, 20), (1, 2)):
        lines = _rest_of_state(frame, float(width), most)
        fields = tuple(field for field in " ".join(lines).split(" · ") if field not in ("", frame.short))
        assert len(lines) <= most
        assert fields in (meant, named, named[:1], ())


def test_what_a_learned_model_expects_elsewhere_is_marked_where_it_expects_it() -> None:
    scenario = load_text("""\
turncoat: 1
name: found
title: A thing to find
origin: given
claim: It goes there.
map: |
  #####
  #A..#
  #..c#
  #####
legend: {"#": wall, ".": floor, A: robot, c: cheese}
things: {cheese: {kind: item}}
agents: {robot: {actions: [stay, right, down], values: {pay: {weight: 1}}}}
rewards: {pay: {}}
rules: [{name: eating, when: robot on cheese, then: [end "ate"], pays: {pay: 1}}]
stages: {deploy: {limit: 9}}
""")
    viewer = Viewer(LiveShow(scenario, "deploy"), overlays=frozenset({"plan"}), wait=True)
    planned = viewer.frame()
    viewer.close()
    mind, episode, cheese = planned.mind, planned.episode, planned.world.bodies[planned.world.body_index["cheese"]]
    assert mind is not None
    assert episode is not None
    frame = replace(planned, episode=replace(episode, agent="deep"))
    assert expected_elsewhere(frame) == []
    ahead, corner = mind.ahead.copy(), 1 * 5 + 3
    ahead[:, cheese.cell] = corner
    wrong = replace(frame, mind=replace(mind, ahead=ahead))
    assert expected_elsewhere(wrong) == [(cheese, corner)]
    # While the next thought is not known, that of the tick before tells, so that the mark does not come and go.
    assert expected_elsewhere(replace(wrong, mind=None, before=wrong.mind)) == [(cheese, corner)]
    # An exact plan knows where it is.
    assert expected_elsewhere(replace(planned, mind=wrong.mind)) == []
    drawn, plain = (np.asarray(draw(each, 640, 480), int) for each in (wrong, frame))
    assert (drawn != plain).any()


@pytest.mark.parametrize("name", sampled(DRAWN, {"edit.png", "lab.png", "what-if.png"}))
def test_the_pictures_of_the_documents_are_current(name: str, tmp_path: Path) -> None:
    main([str(tmp_path / "images"), name])

    with Image.open(tmp_path / "images" / name) as drawn, Image.open(DOCS / "images" / name) as kept:
        assert drawn.width == 2400
        assert _apart(drawn, kept) < 1.5, f"`python -m turncoat.viz.gallery docs/images {name}` draws it again"
