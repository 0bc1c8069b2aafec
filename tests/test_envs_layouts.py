"""Generated boards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import scenario_of, strip, world_of
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.replay import replay_actions
from turncoat.envs.reference.step import reset
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.layouts import Placement, PlacementError, generate
from turncoat.envs.world.randomness import EnumeratedDraws, SampledDraws
from turncoat.scenarios.language.names.boards import Board
from turncoat.scenarios.language.names.replays import written_actions
from turncoat.scenarios.language.schema.document import Generate

ODD = st.integers(1, 10).map(lambda n: 2 * n + 1)


def _spec(board, size: tuple[int, int], count: int = 1, seed: int = 0) -> Generate:
    return Generate(board=board, size=list(size), count=count, seed=seed)


def _floor(board: Board) -> set[tuple[int, int]]:
    return {(r, c) for r in range(board.height) for c in range(board.width)} - board.walls


def _joined(floor: set[tuple[int, int]]) -> bool:
    start = next(iter(floor))
    met, waiting = {start}, [start]
    while waiting:
        r, c = waiting.pop()
        for cell in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            if cell in floor - met:
                met.add(cell)
                waiting.append(cell)
    return met == floor


def _drawn(board: Board) -> str:
    glyphs = {cell: "@" for cell in board.agents.values()} | {c: "o" for cells in board.things.values() for c in cells}
    return "\n".join(
        "".join("#" if (r, c) in board.walls else glyphs.get((r, c), ".") for c in range(board.width))
        for r in range(board.height)
    )


@given(ODD, ODD, st.integers(0, 2**31 - 1))
def test_a_maze_is_one_tree_over_all_odd_cells(height: int, width: int, seed: int) -> None:
    (board,) = generate(_spec("maze", (height, width), seed=seed), None, [], {})
    floor = _floor(board)
    rooms = {(r, c) for r in range(1, height, 2) for c in range(1, width, 2)}
    assert rooms <= floor
    assert _joined(floor)
    assert len(floor) == 2 * len(rooms) - 1, "as many passages as a tree has edges"
    assert all(r % 2 or c % 2 for r, c in floor)


@given(st.integers(5, 15), st.integers(5, 15), st.integers(0, 99))
def test_rooms_are_four_and_joined_by_four_doors(height: int, width: int, seed: int) -> None:
    (board,) = generate(_spec("rooms", (height, width), seed=seed), None, [], {})
    floor, across, down = _floor(board), height // 2, width // 2
    doors = {(r, c) for r, c in floor if r == across or c == down}
    assert _joined(floor)
    assert len(doors) == 4
    assert {(r < across, c == down) for r, c in doors if c == down} == {(True, True), (False, True)}
    assert {(c < down, r == across) for r, c in doors if r == across} == {(True, True), (False, True)}


def test_an_open_board_has_a_border_and_nothing_else() -> None:
    (board,) = generate(_spec("open", (4, 6)), None, [], {})
    assert _drawn(board) == strip("""
        ######
        #....#
        #....#
        ######
    """)


def test_one_seed_is_one_board_for_ever() -> None:
    places = [Placement("robot", True, 1, "anywhere"), Placement("gem", False, 2, "corner(k + 1)")]
    boards = generate(_spec("maze", (7, 9), 3, 42), None, places, {"k": 2})
    assert "\n\n".join(map(_drawn, boards)) == strip(PINNED)


PINNED = """
#########
#o..#...#
###o###.#
#...#@..#
#.###.#.#
#.....#.#
#########

#########
#o..#...#
###o#.###
#...#.@.#
#.#####.#
#.......#
#########

#########
#...#...#
###.#.###
#.oo#.@.#
#.#####.#
#.......#
#########
"""


@given(st.integers(0, 2**31 - 1), st.integers(1, 6), st.integers(1, 6))
def test_a_longer_table_begins_as_a_shorter_one(seed: int, short: int, more: int) -> None:
    places = [Placement("robot", True, 1, "anywhere"), Placement("gem", False, 2, "corner(3)")]
    table = generate(_spec("maze", (7, 7), short + more, seed), None, places, {})
    assert generate(_spec("maze", (7, 7), short, seed), None, places, {}) == table[:short]


def test_layouts_and_seeds_differ() -> None:
    boards = {_drawn(board) for seed in (1, 2) for board in generate(_spec("maze", (9, 9), 20, seed), None, [], {})}
    assert len(boards) > 30


@given(st.integers(0, 2**31 - 1), st.sampled_from([1, 3, 5]))
def test_everything_is_placed_on_floor_of_its_own_where_it_belongs(seed: int, k: int) -> None:
    places = [
        Placement("gem", False, 1, "corner(k)"),
        Placement("robot", True, 1, "anywhere"),
        Placement("rock", False, 3, "anywhere"),
    ]
    for board in generate(_spec("maze", (9, 9), 4, seed), None, places, {"k": k}):
        bodies = [*board.agents.values(), *(cell for cells in board.things.values() for cell in cells)]
        assert len(bodies) == len(set(bodies)) == 5
        assert set(bodies) <= _floor(board)
        ((row, column),) = board.things["gem"]
        assert 1 <= row <= k
        assert 1 <= column <= k


def test_every_free_cell_is_equally_likely() -> None:
    boards = generate(_spec("open", (4, 5), 6_000, 9), None, [Placement("robot", True, 1, "anywhere")], {})
    cells, counts = np.unique([board.agents["robot"] for board in boards], axis=0, return_counts=True)
    assert len(cells) == 6
    assert ((counts - 1000) ** 2 / 1000).sum() < 20.5  # chi-square, 5 degrees of freedom, p = 0.001


def test_what_has_no_room_is_named() -> None:
    with pytest.raises(PlacementError, match=r"no free cell is left for `gem` at corner\(1\)"):
        generate(_spec("maze", (7, 7)), None, [Placement("gem", False, 2, "corner(1)")], {})


DRAWN = """
map: |
  #######
  #A...z#
  #..g.z#
  #######
legend:
  z: {zone: pile}
  g: gem
things:
  gem: {count: 1}
generate: {board: map, count: 40, seed: 1, place: {gem: pile}}
"""


def test_on_a_drawn_map_only_what_is_named_is_placed_anew() -> None:
    world = world_of(DRAWN)
    starts = dict(zip((body.name for body in world.bodies), world.boards.starts.T, strict=True))
    assert set(starts["robot"]) == {8}
    assert set(starts["gem"]) == {12, 19}
    begun = reset(world, EnumeratedDraws())
    assert begun.probability.tolist() == pytest.approx([1 / 40] * 40)
    assert sorted(begun.states[:, world.layout]) == list(range(40))
    lanes = np.arange(4000)
    drawn = reset(world, SampledDraws(3, lanes, np.zeros(4000, np.int64)), 4000).states[:, world.layout]
    counts = np.bincount(drawn, minlength=40)
    assert ((counts - 100) ** 2 / 100).sum() < 72.1  # chi-square, 39 degrees of freedom, p = 0.001


def test_zones_of_a_drawn_map_keep_to_the_floor_of_a_generated_board() -> None:
    text = DRAWN.replace("board: map", "board: maze, size: [7, 7]").replace(
        "place: {gem: pile}", "place: {gem: anywhere, robot: anywhere}"
    )
    world = compile_world(scenario_of(text))
    assert not (world.zones_seen() & world.boards.walls).any()


def test_who_is_drawn_where_a_generated_board_has_a_wall_is_named() -> None:
    text = DRAWN.replace("board: map", "board: maze, size: [5, 7]").replace("#A...z#\n  #..g.z#", "#....z#\n  #.Ag.z#")
    with pytest.raises(PlacementError, match=r"`robot` is drawn at \[2, 2\], which is a wall of a generated board"):
        compile_world(scenario_of(text.replace("place: {gem: pile}", "place: {gem: anywhere}")))


SEVERAL = """
map:
  - |
    #####
    #A.g#
    #####
  - |
    ####
    #gg#
    #A.#
    ####
legend:
  "#": wall
  ".": floor
  A: robot
  g: gem
things:
  gem: {}
rules:
  - name: eat
    each: gem
    when: robot on gem
    then:
      - remove gem
      - event eaten
    pays: {reward: 1}
replays:
  - {actions: rr, draws: {layout: 0}, events: [eaten]}
  - {actions: u, draws: {layout: 1}, events: [eaten]}
"""


def test_one_of_several_maps_is_played_in_each_episode() -> None:
    scenario = scenario_of(SEVERAL)
    world = compile_world(scenario)
    assert (world.boards.height, world.boards.width) == (4, 5)
    assert world.agents[0].visible_layout.tolist() == [0, 1]
    first, second = world.boards.starts
    robot, gems = world.body_index["robot"], [world.body_index[f"gem[{i}]"] for i in range(2)]
    assert (first[robot], *first[gems]) == (6, 8, world.boards.nowhere)
    assert (second[robot], *second[gems]) == (11, 6, 7)
    played = enumerate_world(world)
    assert sorted(played.mdp.start_probability.tolist()) == [0.5, 0.5]
    for number, replay in enumerate(scenario.document.replays):
        walk = replay_actions(world, written_actions(scenario.document, replay.actions), replay.draws)
        assert list(walk.events) == ["eaten"], number


def test_a_stage_may_have_maps_of_its_own() -> None:
    scenario = scenario_of(
        SEVERAL
        + """
stages:
  train:
    limit: 5
    map:
      - |
        #####
        #A.g#
        #####
  deploy: {limit: 5}
"""
    )
    assert [len(each) for each in scenario.boards.values()] == [1, 2]
    worlds = [compile_world(scenario, stage) for stage in ("train", "deploy")]
    assert [world.boards.walls.shape[0] for world in worlds] == [1, 2]
    assert worlds[0].fields == worlds[1].fields, "what is learned in one means the same in the other"
