"""What of a world is decided when it is compiled."""

from __future__ import annotations

import numpy as np
import pytest

from tests.worlds import cell, played, read, world_of
from turncoat.envs.reference.expressions import context_between_ticks, evaluate_bool
from turncoat.envs.reference.step import reset
from turncoat.envs.world.randomness import GivenDraws
from turncoat.envs.world.world import WorldTooLargeError
from turncoat.scenarios.language.expressions.parser import parse_expression

ROOM = """
map: |
  #####
  #A..#
  #####
"""


def test_the_shape_of_a_state_follows_from_ranges_never_from_values() -> None:
    text = ROOM + "params:\n  most: {value: 3, range: [1, 9]}\ncounters:\n  power: {min: 0 - most, max: most}\n"
    sizes = []
    for value in (1, 9):
        world = world_of(text, most=value)
        sizes.append([field.size for field in world.fields])
        column = world.columns["power"]
        assert (column.least + column.low, column.most + column.low) == (-value, value)
        assert read(world, reset(world, GivenDraws({})).states[0], "power") == -value
    assert sizes[0] == sizes[1] == [1, 16, 19]


def test_boards_of_all_stages_share_one_frame() -> None:
    text = """
    stages:
      small:
        limit: 9
        map: |
          ####
          #A.#
          ####
      large:
        limit: 9
        map: |
          #######
          #A....#
          #.....#
          #######
    """
    small, large = world_of(text, "small"), world_of(text, "large")
    assert (small.boards.height, small.boards.width) == (large.boards.height, large.boards.width) == (4, 7)
    assert small.fields == large.fields
    floor = np.argwhere(~small.boards.walls[0, :-1].reshape(4, 7))
    assert floor.tolist() == [[1, 1], [1, 2]], "what a smaller board lacks is wall"
    assert cell(small, played(small, "r r d").states[-1], "robot") == (1, 2)


def test_a_thing_that_no_map_shows_is_one_that_waits_nowhere() -> None:
    text = (
        ROOM
        + """
things:
  gem: {count: 2}
rules:
  - name: drop
    each: gem
    when: robot does right
    then:
      - place gem at robot
"""
    )
    world = world_of(text)
    assert [body.name for body in world.bodies] == ["robot", "gem[0]", "gem[1]"]
    play = played(world, "s r")
    assert [cell(world, state, "gem[1]") for state in play.states] == [None, None, (1, 2)]


def test_a_measure_that_names_the_step_puts_time_in_the_state() -> None:
    text = (
        ROOM
        + """
rules:
  - name: go
    when: robot moved
    then:
      - event went
expect:
  - {name: early, measure: "rate(went | step < 1)", at_least: 0}
"""
    )
    world = world_of(text)
    condition = world.resolve(parse_expression("step < 1"))
    assert evaluate_bool(condition, context_between_ticks(world, played(world, "r r").states)).tolist() == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rules:\n" + "".join(f"  - name: r{i}\n    then:\n      - event e{i}\n" for i in range(65)),
            "65 events and 0 ends, and together there are at most 64",
        ),
        ("counters:\n  a: {min: 0 - 2000000000, max: 2000000000}\n", "`a` takes 4,000,000,001 values"),
    ],
)
def test_what_does_not_fit_is_said(text: str, message: str) -> None:
    with pytest.raises(WorldTooLargeError, match=message):
        world_of(ROOM + text)


GEMS_MAP = """
map: |
  #####
  #AgO#
  #####
"""
GEMS = """legend:
  g: gem
  O: guard
things:
  gem: {kind: item, count: 64SOLID}
  guard: {kind: overseer, facing: true}
rules:
  - name: much
    each: EACH
    when: "WHEN"
"""
DEEP = "v1 meets v1"
for _number in range(12, 0, -1):
    DEEP = f"any(v{_number} of gem: {DEEP})"
FAR = "ahead(guard)"
for _ in range(40):
    FAR = f"beside({FAR}, up)"


@pytest.mark.parametrize(
    ("each", "when", "solid", "message"),
    [
        ("guard", DEEP, "", "the rules down to `much` would have 1e.22 terms"),
        ("{a: gem, b: gem, c: gem, d: gem}", "a meets b", "", "the rules down to `much` would have 50,331,713 terms"),
        ("guard", f"{FAR} in wall", "", "the rules down to `much` would have .* terms"),
        ("guard", "true", f', solid: "{DEEP}"', "`solid` down to that of `gem` would have .* terms"),
    ],
)
def test_formulas_that_multiply_are_refused_before_they_are_written_out(
    each: str, when: str, solid: str, message: str
) -> None:
    with pytest.raises(WorldTooLargeError, match=message):
        world_of(GEMS_MAP + GEMS.replace("EACH", each).replace("WHEN", when).replace("SOLID", solid))


def test_a_condition_that_multiplies_is_refused_too() -> None:
    world = world_of(GEMS_MAP + GEMS.replace("EACH", "guard").replace("WHEN", "true").replace("SOLID", ""))
    with pytest.raises(WorldTooLargeError, match="a condition would have"):
        world.resolve(parse_expression(DEEP))


def test_stages_and_params_must_exist() -> None:
    with pytest.raises(KeyError, match="no stage `night`; there are deploy"):
        world_of(ROOM, "night")
    with pytest.raises(KeyError, match="no param `speed`; there are none"):
        world_of(ROOM, speed=2)
