"""What a tick means, as boards before and after: `docs/semantics.md` in pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import cell, film, played, read, scenario_of, strip, world_of
from turncoat.envs.reference.action_mask import available
from turncoat.envs.reference.expressions import context_between_ticks, evaluate
from turncoat.envs.reference.step import reset, step
from turncoat.envs.world.randomness import EnumeratedDraws, GivenDraws, SampledDraws
from turncoat.envs.world.resolver import resolve
from turncoat.envs.world.world import WorldTooLargeError
from turncoat.scenarios.language.expressions.constants import constant
from turncoat.scenarios.language.expressions.parser import parse_expression
from turncoat.scenarios.language.faults.faults import ScenarioError

# ------------------------------------------------------------------ agents move

ROOM = """
map: |
  ######
  #A...#
  #....#
  ######
"""

TWO_AGENTS = """
legend:
  B: other
agents:
  robot: {actions: [stay, up, down, left, right, press], values: {reward: {weight: 1}}}
  other: {actions: [stay, up, down, left, right], values: {reward: {weight: 1}}}
solution: joint
rules: [{name: step, pays: {robot.reward: 0}}]
"""

CRATES = """
legend:
  b: {thing: crate}
things:
  crate: {kind: block}
"""


def test_moves_are_one_cell_and_walls_stop_them() -> None:
    assert film(ROOM, "r d u u l l s") == strip("""
        ###### ###### ###### ###### ###### ###### ###### ######
        #A...# #.A..# #....# #.A..# #.A..# #A...# #A...# #A...#
        #....# #....# #.A..# #....# #....# #....# #....# #....#
        ###### ###### ###### ###### ###### ###### ###### ######
    """)


def test_the_edge_of_a_board_without_a_border_stops_everyone() -> None:
    board = """
    map: |
      A.
      ..
    """
    assert film(board, "u l r r d d") == strip("""
        A. A. A. .A .A .. ..
        .. .. .. .. .. .A .A
    """)


def test_a_free_block_is_pushed() -> None:
    board = "map: |\n  ######\n  #Ab..#\n  ######\n" + CRATES
    assert film(board, "r r r") == strip("""
        ###### ###### ###### ######
        #Ab..# #.Ab.# #..Ab# #..Ab#
        ###### ###### ###### ######
    """)


def test_a_second_block_stops_a_push() -> None:
    board = "map: |\n  #######\n  #Abb..#\n  #######\n" + CRATES
    assert film(board, "r") == strip("""
        ####### #######
        #Abb..# #Abb..#
        ####### #######
    """)


def test_an_agent_stops_a_push_even_as_it_leaves() -> None:
    board = "map: |\n  #######\n  #AbB..#\n  #######\n" + _with_crate()
    assert film(board, "rs rr") == strip("""
        ####### ####### #######
        #AbB..# #AbB..# #Ab.B.#
        ####### ####### #######
    """)


def test_two_agents_cannot_push_one_block_two_ways() -> None:
    board = "map: |\n  #####\n  #.A.#\n  #Bb.#\n  #...#\n  #####\n" + _with_crate()
    assert film(board, "dr ds") == strip("""
        ##### ##### #####
        #.A.# #.A.# #...#
        #Bb.# #Bb.# #BA.#
        #...# #...# #.b.#
        ##### ##### #####
    """)


def test_two_blocks_cannot_be_pushed_onto_one_cell() -> None:
    board = "map: |\n  #######\n  #Ab.bB#\n  #######\n" + _with_crate()
    assert film(board, "rl rs") == strip("""
        ####### ####### #######
        #Ab.bB# #Ab.bB# #.AbbB#
        ####### ####### #######
    """)


def test_a_push_and_a_step_onto_one_cell_both_fail() -> None:
    board = "map: |\n  #####\n  #..B#\n  #Ab.#\n  #####\n" + _with_crate()
    assert film(board, "rd rs") == strip("""
        ##### ##### #####
        #..B# #..B# #..B#
        #Ab.# #Ab.# #.Ab#
        ##### ##### #####
    """)


def _with_crate() -> str:
    return TWO_AGENTS.replace("legend:", "things:\n  crate: {kind: block}\nlegend:\n  b: {thing: crate}")


def test_two_agents_for_one_cell_both_stay() -> None:
    board = "map: |\n  #####\n  #A.B#\n  #####\n" + TWO_AGENTS
    assert film(board, "rl rs") == strip("""
        ##### ##### #####
        #A.B# #A.B# #.AB#
        ##### ##### #####
    """)


def test_two_agents_that_swap_both_stay() -> None:
    board = "map: |\n  #####\n  #AB.#\n  #####\n" + TWO_AGENTS
    assert film(board, "rl") == strip("""
        ##### #####
        #AB.# #AB.#
        ##### #####
    """)


def test_an_agent_enters_the_cell_that_another_leaves() -> None:
    board = "map: |\n  #####\n  #AB.#\n  #####\n" + TWO_AGENTS
    assert film(board, "rr") == strip("""
        ##### #####
        #AB.# #.AB#
        ##### #####
    """)


def test_but_not_if_the_other_turns_out_to_be_blocked() -> None:
    board = "map: |\n  ####\n  #AB#\n  ####\n" + TWO_AGENTS
    assert film(board, "rr") == strip("""
        #### ####
        #AB# #AB#
        #### ####
    """)


def test_three_agents_may_go_round_in_a_ring_and_a_blocked_chain_stays() -> None:
    text = """
    legend:
      B: other
      C: third
    agents:
      robot: {actions: [stay, up, down, left, right], values: {reward: {weight: 1}}}
      other: {actions: [stay, up, down, left, right], values: {reward: {weight: 1}}}
      third: {actions: [stay, up, down, left, right], values: {reward: {weight: 1}}}
    solution: joint
    rules: [{name: step, pays: {robot.reward: 0}}]
    """
    from textwrap import dedent

    ring = "map: |\n  ####\n  #AB#\n  #.C#\n  ####\n" + dedent(text)
    assert film(ring, "drd drl dlu rdl") == strip("""
        #### #### #### #### ####
        #AB# #.B# #.B# #BC# #C.#
        #.C# #AC# #AC# #A.# #BA#
        #### #### #### #### ####
    """)
    row = "map: |\n  #####\n  #ABC#\n  #####\n" + dedent(text)
    assert film(row, "rrr") == strip("""
        ##### #####
        #ABC# #ABC#
        ##### #####
    """)


def test_a_ghost_agent_neither_blocks_agents_nor_is_blocked_by_them() -> None:
    ghost = _with_crate().replace("other: {actions", "other: {ghost: true, actions")
    board = "map: |\n  ######\n  #A.Bb#\n  #....#\n  ######\n" + ghost
    world = world_of(board)
    play = played(world, "rl rs sr sr sr")  # at the end a crate that cannot be pushed stops it
    assert [cell(world, state, "other") for state in play.states] == [(1, 3), (1, 2), (1, 2), (1, 3), (1, 3), (1, 3)]
    pushing = "map: |\n  #######\n  #AbB..#\n  #######\n" + ghost
    assert cell(world_of(pushing), played(world_of(pushing), "rs").states[-1], "crate") == (1, 3)


# ------------------------------------------------------------------ overrides

OVERRIDDEN = (
    ROOM
    + """
counters:
  drunk: {start: 1}
overrides:
  - {name: staggers, agent: robot, when: drunk == 1, action: down}
rules:
  - name: chosen
    when: robot chooses right
    then:
      - event chose_right
  - name: executed
    when: robot does down
    then:
      - event went_down
"""
)


def test_an_override_replaces_the_action_and_both_are_known() -> None:
    assert film(OVERRIDDEN, "r") == strip("""
        ###### ######
        #A...# #....#
        #....# #A...#
        ###### ######
    """)
    world = world_of(OVERRIDDEN)
    assert played(world, "r").events == ("chose_right", "went_down")
    begun = reset(world, GivenDraws({}))
    tick = step(world, begun.states, np.array([[4]], np.int32), GivenDraws({}))
    assert tick.executed.tolist() == [[2]]


def test_a_random_override_takes_an_available_action_by_chance() -> None:
    text = ROOM + (
        "agents:\n  robot:\n    actions: [stay, left, right, {name: down, when: 1 > 2}]\n"
        "    values: {reward: {weight: 1}}\n"
        "overrides:\n  - {name: lost, agent: robot, chance: 0.6, action: random}\n"
    )
    world = world_of(text)
    begun = reset(world, GivenDraws({}))
    tick = step(world, begun.states, np.array([[0]], np.int32), EnumeratedDraws())
    chances = {int(a): 0.0 for a in tick.executed[:, 0]}
    for action, probability in zip(tick.executed[:, 0], tick.probability, strict=True):
        chances[int(action)] += probability
    assert chances == pytest.approx({0: 0.6, 1: 0.2, 2: 0.2})


# ------------------------------------------------------------------ what moves by itself

PATROL = """
map: |
  ######
  #G..A#
  #....#
  ######
legend:
  G: guard
things:
  guard: {kind: overseer, sight: 3, patrol: PATH}
"""
SQUARE = "[[1, 1], [1, 2], [2, 2], [2, 1]], loop: true"


def test_a_loop_goes_round() -> None:
    assert film(PATROL.replace("PATH", SQUARE), "s s s s s") == strip("""
        ###### ###### ###### ###### ###### ######
        #G..A# #.G.A# #...A# #...A# #G..A# #.G.A#
        #....# #....# #.G..# #G...# #....# #....#
        ###### ###### ###### ###### ###### ######
    """)


def test_without_a_loop_it_goes_there_and_back() -> None:
    assert film(PATROL.replace("PATH", "[[1, 1], [1, 2], [1, 3]]"), "s s s s s") == strip("""
        ###### ###### ###### ###### ###### ######
        #G..A# #.G.A# #..GA# #.G.A# #G..A# #.G.A#
        #....# #....# #....# #....# #....# #....#
        ###### ###### ###### ###### ###### ######
    """)


def test_a_cell_twice_in_a_path_is_a_wait() -> None:
    assert film(PATROL.replace("PATH", "[[1, 1], [1, 1], [1, 2]], loop: true"), "s s s s") == strip("""
        ###### ###### ###### ###### ######
        #G..A# #G..A# #.G.A# #G..A# #G..A#
        #....# #....# #....# #....# #....#
        ###### ###### ###### ###### ######
    """)


def test_a_patrol_that_is_drawn_along_its_path_goes_on_from_there() -> None:
    text = PATROL.replace("PATH", SQUARE).replace("#G..A#\n  #....#", "#...A#\n  #.G..#")
    assert film(text, "s s") == strip("""
        ###### ###### ######
        #...A# #...A# #G..A#
        #.G..# #G...# #....#
        ###### ###### ######
    """)


def test_a_blocked_patrol_waits_and_then_goes_on() -> None:
    text = PATROL.replace("PATH", SQUARE).replace("#G..A#", "#GA..#")
    assert film(text, "s s r s s") == strip("""
        ###### ###### ###### ###### ###### ######
        #GA..# #GA..# #GA..# #.GA.# #..A.# #..A.#
        #....# #....# #....# #....# #.G..# #G...#
        ###### ###### ###### ###### ###### ######
    """)


def test_a_displaced_patrol_returns_to_its_post_and_goes_on() -> None:
    text = """
    map: |
      #######
      #G....#
      #.....#
      #A....#
      #######
    legend:
      G: guard
    things:
      guard: {kind: overseer, patrol: [[1, 1], [1, 2], [2, 2], [2, 1]], loop: true}
    rules:
      - name: carry off
        when: robot does right
        then:
          - place guard at cell(1, 4)
    """.replace("carry off", "carry_off")
    assert film(text, "s r s s s s") == strip("""
        ####### ####### ####### ####### ####### ####### #######
        #G....# #.G...# #...G.# #.....# #.....# #.....# #.....#
        #.....# #.....# #.....# #...G.# #..G..# #.G...# #G....#
        #A....# #A....# #.A...# #.A...# #.A...# #.A...# #.A...#
        ####### ####### ####### ####### ####### ####### #######
    """)


MOVER = """
map: |
  #######
  #M....#
  #.##..#
  #...A.#
  #######
legend:
  M: monster
things:
  monster: {kind: monster, WAY}
"""


def test_a_chaser_takes_a_shortest_way_round_walls_and_is_blocked_by_its_prey() -> None:
    assert film(MOVER.replace("WAY", "chase: robot"), "s s s s s") == strip("""
        ####### ####### ####### ####### ####### #######
        #M....# #.....# #.....# #.....# #.....# #.....#
        #.##..# #M##..# #.##..# #.##..# #.##..# #.##..#
        #...A.# #...A.# #M..A.# #.M.A.# #..MA.# #..MA.#
        ####### ####### ####### ####### ####### #######
    """)


def test_a_chaser_that_is_not_solid_catches_its_prey() -> None:
    world = world_of(MOVER.replace("WAY", "solid: false, chase: robot"))
    final = played(world, "s s s s s s").states[-1]
    assert cell(world, final, "monster") == cell(world, final, "robot") == (3, 4)


def test_what_flees_goes_where_the_way_is_longest_and_stays_when_cornered() -> None:
    text = MOVER.replace("WAY", "flee: robot").replace("#M....#", "#.M...#")
    assert film(text, "s s s") == strip("""
        ####### ####### ####### #######
        #.M...# #M....# #M....# #M....#
        #.##..# #.##..# #.##..# #.##..#
        #...A.# #...A.# #...A.# #...A.#
        ####### ####### ####### #######
    """)


def test_a_follower_stops_beside_whom_it_follows() -> None:
    text = MOVER.replace("WAY", "solid: false, follow: robot")
    assert film(text, "s s s s s u") == strip("""
        ####### ####### ####### ####### ####### ####### #######
        #M....# #.....# #.....# #.....# #.....# #.....# #.....#
        #.##..# #M##..# #.##..# #.##..# #.##..# #.##..# #.##A.#
        #...A.# #...A.# #M..A.# #.M.A.# #..MA.# #..MA.# #...M.#
        ####### ####### ####### ####### ####### ####### #######
    """)


def test_a_wanderer_draws_a_direction_and_a_blocked_one_waits() -> None:
    text = MOVER.replace("WAY", "wander: true")
    world = world_of(text)
    draws = {"monster.wander": "down"}
    assert film(text, "s s s", draws) == strip("""
        ####### ####### ####### #######
        #M....# #.....# #.....# #.....#
        #.##..# #M##..# #.##..# #.##..#
        #...A.# #...A.# #M..A.# #M..A.#
        ####### ####### ####### #######
    """)
    tick = step(world, reset(world, GivenDraws({})).states, np.array([[0]], np.int32), EnumeratedDraws())
    where = {cell(world, state, "monster") for state in tick.states}
    assert where == {(1, 1), (1, 2), (2, 1)}
    assert tick.probability.sum() == pytest.approx(1)


def test_the_first_motion_whose_condition_holds_is_followed() -> None:
    text = """
    map: |
      #######
      #M...A#
      #######
    legend:
      M: monster
    things:
      monster:
        kind: monster
        fields: {alert: {}}
        moves:
          - {when: monster.alert == 1, chase: robot}
          - {when: "robot on cell(1, 4)", still: true}
          - {patrol: [[1, 1], [1, 2]]}
    rules:
      - name: alarm
        when: robot does up
        then:
          - monster.alert = 1
    """
    assert film(text, "s l s r u s") == strip("""
        ####### ####### ####### ####### ####### ####### #######
        #M...A# #.M..A# #.M.A.# #.M.A.# #M...A# #.M..A# #..M.A#
        ####### ####### ####### ####### ####### ####### #######
    """)


def test_movers_move_in_the_order_of_the_file() -> None:
    text = """
    map: |
      #######
      #12..A#
      #######
    legend:
      1: first
      2: second
    things:
      ORDER
    """.replace("1: first", '"1": first').replace("2: second", '"2": second')
    first = "first: {kind: monster, chase: robot}"
    second = "second: {kind: monster, chase: robot}"
    assert film(text.replace("ORDER", f"{first}\n      {second}"), "s s s") == strip("""
        ####### ####### ####### #######
        #12..A# #1.2.A# #.1.2A# #..12A#
        ####### ####### ####### #######
    """)
    assert film(text.replace("ORDER", f"{second}\n      {first}"), "s s s") == strip("""
        ####### ####### ####### #######
        #12..A# #.12.A# #..12A# #..12A#
        ####### ####### ####### #######
    """)


def test_solid_movers_block_each_other_agents_and_pushes_and_ghosts_do_not() -> None:
    text = """
    map: |
      #######
      #A.M..#
      #######
    legend:
      M: monster
    things:
      monster: {kind: monster, SOLIDpatrol: [[1, 3], [1, 2], [1, 1]]}
    """
    assert film(text.replace("SOLID", ""), "r r r") == strip("""
        ####### ####### ####### #######
        #A.M..# #.AM..# #.AM..# #.AM..#
        ####### ####### ####### #######
    """)
    world = world_of(text.replace("SOLID", "solid: false, "))
    play = played(world, "r r r r")
    assert [cell(world, s, "robot") for s in play.states] == [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]
    assert [cell(world, s, "monster") for s in play.states] == [(1, 3), (1, 2), (1, 1), (1, 2), (1, 3)]


# ------------------------------------------------------------------ rules

COUNTING = """
map: |
  ######
  #A...#
  #....#
  ######
counters:
  a: {max: 9}
  b: {max: 9}
rules:
"""


def _rules(text: str) -> str:
    return COUNTING + strip(text).replace("\n", "\n  ").join(["  ", "\n"])


def test_each_rule_sees_the_effects_of_those_before_it_and_fires_once() -> None:
    world = world_of(
        _rules("""
        - name: last_one_first
          when: b >= 1
          then:
            - event late
        - name: first
          then:
            - a += 1
        - name: second
          when: a >= 1
          then:
            - b += a
            - b += a
        - name: third
          when: b >= 2
          then:
            - event saw_both
        """)
    )
    play = played(world, "s")
    assert play.events == ("saw_both",)
    assert (read(world, play.states[-1], "a"), read(world, play.states[-1], "b")) == (1, 2)


def test_end_lets_the_rest_of_the_list_fire_and_the_first_reason_counts() -> None:
    world = world_of(
        _rules("""
        - name: stop
          then:
            - end "stopped"
            - a += 1
        - name: after
          then:
            - a += 1
            - end "again"
        - name: closing
          at: end
          when: a == 2
          then:
            - b += 5
          pays: {reward: 7}
        """)
    )
    play = played(world, "s r")
    assert play.ends == "stopped"
    assert play.events == ("ended:stopped",)
    assert play.ticks == 1
    assert read(world, play.states[-1], "b") == 5
    assert play.pays == {"reward": 7}


def test_rules_at_the_end_fire_in_the_tick_of_the_end_alone() -> None:
    world = world_of(
        _rules("""
        - name: closing
          at: end
          then:
            - a += 1
        - name: stop
          when: robot on cell(1, 3)
          then:
            - end "there"
        """)
    )
    play = played(world, "r r")
    assert [read(world, state, "a") for state in play.states] == [0, 0, 1]


def test_rules_at_the_start_fire_at_the_reset() -> None:
    world = world_of(
        _rules("""
        - name: opening
          at: start
          then:
            - a = 4
            - event opened
          pays: {reward: 2, performance: 3}
        - name: ticking
          then:
            - b += 1
        """)
    )
    begun = reset(world, GivenDraws({}))
    assert (read(world, begun.states[0], "a"), read(world, begun.states[0], "b")) == (4, 0)
    assert begun.rewards.tolist() == [[2.0]]
    assert begun.performance.tolist() == [3.0]
    assert world.event_list(int(begun.events[0])) == ("opened",)
    assert played(world, "s").events == ("opened",)


def test_pay_is_what_it_was_when_the_guard_held() -> None:
    world = world_of(
        _rules("""
        - name: earn
          when: a < 2
          then:
            - a += 1
          pays: {reward: a + 10, performance: "0 - a"}
        - name: also
          pays: {reward: 100 * a}
        """)
    )
    play = played(world, "s s s")
    assert play.pays == {"reward": 10 + 100 + 11 + 200 + 200}
    assert play.performance == -1


def test_a_rule_with_a_chance_is_a_coin_of_its_own() -> None:
    world = world_of(
        _rules("""
        - name: luck
          chance: 0.25
          then:
            - a += 1
          pays: {reward: 1}
        - name: more
          chance: a / 2
          then:
            - b += 1
        """)
    )
    start = reset(world, GivenDraws({})).states
    tick = step(world, start, np.zeros((1, 1), np.int32), EnumeratedDraws())
    found = {
        (read(world, s, "a"), read(world, s, "b"), float(r)): float(p)
        for s, r, p in zip(tick.states, tick.rewards[:, 0], tick.probability, strict=True)
    }
    assert found == pytest.approx({(0, 0, 0.0): 0.75, (1, 0, 1.0): 0.125, (1, 1, 1.0): 0.125})
    assert read(world, played(world, "s", {"luck": 1, "more": 1}).states[-1], "b") == 1
    assert read(world, played(world, "s").states[-1], "a") == 0


def test_draws_of_the_tick_are_thrown_after_the_moves_and_forgotten() -> None:
    text = COUNTING.replace("rules:\n", "") + strip("""
        draws:
          weather: {at: tick, values: [0, 2, 5], weights: [1, "robot on cell(1, 2)", 1], when: robot moved}
        rules:
          - name: rain
            then:
              - a = weather
    """).replace('"robot on cell(1, 2)"', '"if(robot on cell(1, 2), 2, 0)"').replace(", when: robot moved", "")
    world = world_of(text)
    start = reset(world, GivenDraws({})).states
    right = step(world, start, np.array([[4]], np.int32), EnumeratedDraws())
    assert dict(zip(right.states[:, world.columns["a"].index].tolist(), right.probability.tolist(), strict=True)) == {
        0: 0.25,
        2: 0.5,
        5: 0.25,
    }
    stay = step(world, start, np.array([[0]], np.int32), EnumeratedDraws())
    assert sorted(stay.states[:, world.columns["a"].index].tolist()) == [0, 5]
    assert "weather" not in world.columns
    assert read(world, played(world, "r", {"weather": 5}).states[-1], "a") == 5


def test_a_draw_whose_condition_does_not_hold_is_its_first_value() -> None:
    text = COUNTING.replace("rules:\n", "") + strip("""
        draws:
          early: {at: start, p: 1, when: a == 1}
          late: {at: tick, values: [3, 4], weights: [0, 1], when: "robot on cell(1, 2)"}
        rules:
          - name: look
            then:
              - a = late
              - b = early
    """)
    world = world_of(text)
    play = played(world, "s r")
    assert [read(world, state, "a") for state in play.states] == [0, 3, 4]
    assert [read(world, state, "b") for state in play.states] == [0, 0, 0]


def test_draws_of_the_start_are_kept_in_the_state() -> None:
    text = COUNTING.replace("rules:\n", "") + "draws:\n  luck: {values: [2, 7], weights: [1, 3]}\n"
    world = world_of(text)
    begun = reset(world, EnumeratedDraws())
    assert {read(world, s, "luck"): p for s, p in zip(begun.states, begun.probability, strict=True)} == {
        2: 0.25,
        7: 0.75,
    }
    play = played(world, "s r", {"luck": 2})
    assert [read(world, state, "luck") for state in play.states] == [2, 2, 2]


# ------------------------------------------------------------------ effects

BOARD = """
map: |
  ######
  #Ak.z#
  #..zz#
  ######
legend:
  k: {thing: key}
  z: {zone: pile}
things:
  key: {kind: item, fields: {worn: {max: 3}}}
counters:
  a: {max: 3}
rules:
"""


def _effects(*lines: str, when: str = "true") -> str:
    return BOARD + f"  - name: it\n    when: {when}\n    then:\n" + "".join(f"      - {line}\n" for line in lines)


def test_place_and_swap_and_move() -> None:
    assert film(_effects("place robot at cell(2, 2)"), "s") == strip("""
        ###### ######
        #Ak.z# #.k.z#
        #..zz# #.Azz#
        ###### ######
    """)
    assert film(_effects("place key at robot", when="robot does down"), "d u") == strip("""
        ###### ###### ######
        #Ak.z# #...z# #A..z#
        #..zz# #A.zz# #k.zz#
        ###### ###### ######
    """)
    assert film(_effects("swap robot, key"), "s") == strip("""
        ###### ######
        #Ak.z# #kA.z#
        #..zz# #..zz#
        ###### ######
    """)
    assert film(_effects("move key right"), "s s s") == strip("""
        ###### ###### ###### ######
        #Ak.z# #A.kz# #A..k# #A..k#
        #..zz# #..zz# #..zz# #..zz#
        ###### ###### ###### ######
    """)
    assert film(_effects("move robot down"), "s s") == strip("""
        ###### ###### ######
        #Ak.z# #.k.z# #.k.z#
        #..zz# #A.zz# #A.zz#
        ###### ###### ######
    """)


def test_random_placement_gives_every_cell_of_the_zone_an_equal_chance() -> None:
    world = world_of(_effects("place key at random in pile", "a += 1"))
    start = reset(world, GivenDraws({})).states
    tick = step(world, start, np.zeros((1, 1), np.int32), EnumeratedDraws())
    found = {cell(world, s, "key"): float(p) for s, p in zip(tick.states, tick.probability, strict=True)}
    assert found == pytest.approx({(1, 4): 1 / 3, (2, 3): 1 / 3, (2, 4): 1 / 3})
    assert (tick.states[:, world.columns["a"].index] == 1).all()


def test_random_placement_in_a_zone_that_this_board_lacks_changes_nothing() -> None:
    text = """
    legend:
      k: {thing: key}
      z: {zone: pile}
    things:
      key: {}
    rules:
      - name: it
        then:
          - place key at random in pile
          - place robot at pile
    stages:
      train:
        limit: 9
        map: |
          #####
          #Akz#
          #####
      deploy:
        limit: 9
        map: |
          #####
          #Ak.#
          #####
    """
    world = world_of(text, "deploy")
    start = reset(world, GivenDraws({})).states
    for chance in (EnumeratedDraws(), SampledDraws(1, np.zeros(1, np.int64), np.zeros(1, np.int64)), GivenDraws({})):
        tick = step(world, start, np.zeros((1, 1), np.int32), chance)
        assert tick.states.tolist() == start.tolist()
        assert tick.probability.tolist() == [1.0]
    two = np.repeat(start, 2, axis=0)
    assert step(world, two, np.zeros((2, 1), np.int32), EnumeratedDraws()).states.tolist() == two.tolist()


def test_remove_takes_away_and_resets_fields() -> None:
    text = _effects("key.worn = 3", when="robot does down") + (
        "  - name: away\n    when: robot does up\n    then:\n      - remove key\n"
        "  - name: gone\n    when: robot meets key or robot near(9) key\n    then:\n      - a = 2\n"
    )
    world = world_of(text)
    play = played(world, "d s")
    assert (read(world, play.states[-1], "key.worn"), read(world, play.states[-1], "a")) == (3, 2)
    play = played(world, "d u")
    final = play.states[-1]
    assert (cell(world, final, "key"), read(world, final, "key.worn")) == (None, 0)
    removed_first = played(world, "u s s").states[-1]
    assert read(world, removed_first, "a") == 0, "what is removed meets nothing and is near nothing"


def test_removing_an_agent_resets_its_fields_and_it_stays_away() -> None:
    text = ROOM + strip("""
        agents:
          robot: {actions: [stay, right], fields: {fuel: {max: 3}}, values: {reward: {weight: 1}}}
        rules:
          - name: burn
            when: robot does stay
            then:
              - robot.fuel += 1
          - name: vanish
            when: robot does right
            then:
              - remove robot
    """)
    world = world_of(text)
    play = played(world, "s r")
    assert read(world, play.states[1], "robot.fuel") == 1
    assert read(world, play.states[2], "robot.fuel") == 0
    assert cell(world, played(world, "r r").states[-1], "robot") is None


def test_take_carry_and_drop() -> None:
    text = _effects("robot takes key", when="robot does right and robot on key") + (
        "  - name: put\n    when: robot does down\n    then:\n      - robot drops key\n"
        "  - name: has\n    when: robot carries key\n    then:\n      - a += 1\n"
    )
    assert film(text, "r r d") == strip("""
        ###### ###### ###### ######
        #Ak.z# #.A.z# #..Az# #...z#
        #..zz# #..zz# #..zz# #..Az#
        ###### ###### ###### ######
    """)
    world = world_of(text)
    play = played(world, "r r d l")
    assert [read(world, state, "a") for state in play.states] == [0, 1, 2, 2, 2]
    assert [cell(world, state, "key") for state in play.states] == [(1, 2), None, None, (2, 3), (2, 3)]


def test_a_carried_thing_that_is_placed_or_removed_is_carried_no_more() -> None:
    take = "  - name: take\n    when: robot on key\n    then:\n      - robot takes key\n"
    for effect, there in (("place key at cell(2, 1)", (2, 1)), ("remove key", None)):
        text = BOARD + take + f"  - name: it\n    when: robot does up\n    then:\n      - {effect}\n"
        world = world_of(text)
        final = played(world, "r u").states[-1]
        assert (cell(world, final, "key"), read(world, final, "key.carrier")) == (there, 0)


def test_what_is_nowhere_is_not_swapped_and_nothing_is_placed_on_it() -> None:
    world = world_of(_effects("remove key", "swap robot, key", "place robot at key"))
    final = played(world, "s").states[-1]
    assert (cell(world, final, "robot"), cell(world, final, "key")) == ((1, 1), None)


def test_what_no_rule_takes_cannot_be_dropped() -> None:
    world = world_of(_effects("robot drops key").replace("a: {max: 3}", "a: {max: 3, start: 1}"))
    final = played(world, "r d").states[-1]
    assert (cell(world, final, "key"), read(world, final, "a")) == ((1, 2), 1)


def test_carrying_is_never_true_of_what_no_rule_takes() -> None:
    world = world_of(_effects("a = 3", when="robot carries key"))
    assert read(world, played(world, "r").states[-1], "a") == 0


def test_reset_map_keeps_what_persists_and_draws_and_goes_on() -> None:
    text = _effects("reset map", "event again", when="robot does up") + (
        "  - name: grow\n    then:\n      - a += 1\n      - deaths += 1\n      - key.worn += 1\n"
    )
    text = text.replace("counters:\n", "counters:\n  deaths: {max: 9, persists: true}\n")
    text += "draws:\n  luck: {p: 0.5}\n"
    world = world_of(text)
    play = played(world, "r d u", {"luck": 1})
    final = play.states[-1]
    assert play.events == ("again",)
    assert play.ends is None
    assert cell(world, final, "robot") == (1, 1)
    assert [read(world, final, name) for name in ("a", "deaths", "key.worn", "luck")] == [1, 3, 1, 1]


# ------------------------------------------------------------------ counters


def test_counters_are_clipped_to_their_bounds_and_cycle_round() -> None:
    text = ROOM + strip("""
        counters:
          low: {min: -2, max: 1}
          flag: {}
          job: {values: [here, there, away]}
          dose: {values: [0.5, 1, 4], start: 1}
          turn: {min: 3, max: 5, start: 4}
        rules:
          - name: all
            then:
              - low -= 5
              - flag = robot on cell(1, 2)
              - job cycles
              - dose += 2
              - turn cycles
          - name: away
            when: job == away
            then:
              - job = here
              - dose cycles
              - low = 7
    """)
    world = world_of(text)
    play = played(world, "s r")
    names = ("low", "flag", "job", "dose", "turn")
    assert [[read(world, state, name) for name in names] for state in play.states] == [
        [-2, 0, "here", 1.0, 4],
        [-2, 0, "there", 4.0, 5],
        [1, 1, "here", 0.5, 3],
    ]


def test_words_of_counters_with_different_lists_are_compared_and_assigned_as_words() -> None:
    text = ROOM + strip("""
        counters:
          want: {values: [tea, coffee, water]}
          have: {values: [water, coffee, tea], start: coffee}
        rules:
          - name: same
            when: want == have
            then:
              - event agreed
          - name: copy
            when: robot does right
            then:
              - want = have
          - name: next
            when: robot does left
            then:
              - have cycles
    """)
    world = world_of(text)
    assert played(world, "s s").events == ()
    assert read(world, played(world, "r").states[-1], "want") == "coffee"
    assert played(world, "r s").events == ("agreed",)
    assert played(world, "l r s").events == ("agreed", "agreed")
    assert read(world, played(world, "l r").states[-1], "want") == "tea"


def test_zone_of_goes_where_the_counter_says() -> None:
    text = """
    map: |
      #####
      #A1.#
      #..2#
      #####
    legend:
      "1": {zone: bench_1}
      "2": {zone: bench_2}
    counters:
      job: {values: [bench_1, bench_2]}
    rules:
      - name: done
        when: robot on zone_of(job)
        then:
          - event delivered
          - job cycles
      - name: close
        when: robot meets zone_of(job)
        then:
          - event close
    """
    world = world_of(text)
    assert played(world, "r").events == ("delivered",)
    assert played(world, "r r").events == ("delivered", "close")
    assert played(world, "r d r d").events == ("delivered", "close", "delivered")


# ------------------------------------------------------------------ guards

PLACES = """
map: |
  #########
  #.......#
  #..A.#.g#
  #.......#
  #.......#
  #########
legend:
  g: guard
things:
  guard: {kind: overseer, sight: 4GUARD}
"""


def _holds(world_text: str, guard: str, robot: tuple[int, int], actions: str = "s") -> bool:
    text = world_text + (
        f"rules:\n  - name: put\n    at: start\n    then:\n      - place robot at cell({robot[0]}, {robot[1]})\n"
        f"  - name: see\n    when: {guard}\n    then:\n      - event seen\n"
    )
    return "seen" in played(world_of(text), actions).events


def test_relations_between_places() -> None:
    text = PLACES.replace("GUARD", "")
    assert _holds(text, "robot on guard", (2, 7))
    assert _holds(text, "robot in guard", (2, 7))
    assert not _holds(text, "robot on guard", (1, 7))
    assert _holds(text, "robot meets guard", (1, 7))
    assert _holds(text, "robot meets guard", (2, 7)), "the same cell meets"
    assert not _holds(text, "robot meets guard", (1, 6)), "diagonal cells do not meet"
    assert _holds(text, "robot near(1) guard", (1, 6))
    assert _holds(text, "robot near(2) guard", (4, 5))
    assert not _holds(text, "robot near(2) guard", (4, 4))
    assert _holds(text, "robot near(2) cell(2, 7)", (4, 5))
    assert _holds(text, "robot near(0) guard", (2, 7))


def test_places_and_reaches_may_be_computed() -> None:
    text = ROOM + strip("""
        params:
          reach: {value: 1, range: [0, 3]}
        counters:
          column: {max: 4, start: 2}
        rules:
          - name: wider
            when: robot does stay
            then:
              - column += 1
          - name: there
            when: robot on cell(reach, column - 1)
            then:
              - event there
          - name: close
            when: robot near(reach + 1) cell(1, 4)
            then:
              - event close
          - name: jump
            when: robot does down
            then:
              - place robot at cell(1, column)
    """)
    world = world_of(text)
    assert played(world, "r").events == ("close",)
    assert played(world, "s").events == ()
    assert played(world, "u").events == ("there",)
    assert played(world, "u", {}).events != played(world_of(text, reach=3), "u").events
    assert cell(world, played(world, "s d").states[-1], "robot") == (1, 3)


def test_sight_ends_at_its_range_and_at_walls() -> None:
    text = PLACES.replace("GUARD", "")
    seen = {
        (r, c)
        for r in range(1, 5)
        for c in range(1, 8)
        if (r, c) != (2, 5) and _holds(text, "guard sees robot", (r, c))
    }
    # A wall at [2, 5]: it hides its row behind it, and cells whose line passes through it.
    assert (
        seen
        == {
            *((1, c) for c in range(4, 8)),
            *((2, c) for c in (6, 7)),
            *((3, c) for c in range(4, 8)),
            *((4, c) for c in range(3, 8)),
        }
        - _behind()
    )


def _behind() -> set[tuple[int, int]]:
    """Cells within 4 of the guard at [2, 7] whose line passes through the wall at [2, 5], counted by hand.

    The line to [1, 3] rounds its middle cell, half a row up, to the seer's row: [2, 5]; so does the one to [3, 3].
    To [1, 4]: steps of a third: [2, 6], [1, 5]. It misses the wall.
    """
    return {(1, 3), (3, 3)}


def test_opaque_things_block_sight_but_not_at_the_ends() -> None:
    text = """
    map: |
      ########
      #A.b..g#
      ########
    legend:
      g: guard
      b: screen
    things:
      guard: {kind: overseer, sight: 9, opaque: true}
      screen: {kind: block, opaque: OPAQUE}
    rules:
      - name: see
        when: guard sees robot
        then:
          - event seen
      - name: see_screen
        when: guard sees screen
        then:
          - event screen_seen
      - name: away
        when: robot does up
        then:
          - remove screen
    """
    world = world_of(text.replace("OPAQUE", "true"))
    assert played(world, "s").events == ("screen_seen",)
    assert played(world, "u s").events == ("screen_seen", "seen"), "what is removed blocks nothing"
    assert played(world_of(text.replace("OPAQUE", "false")), "s").events == ("seen", "screen_seen")


def test_who_faces_sees_a_quarter_ahead() -> None:
    text = PLACES.replace("GUARD", ", facing: true, patrol: [[2, 7], [2, 6]]")
    # It steps left in the first tick, to [2, 6], and faces left from then on.
    assert _holds(text, "guard facing left", (4, 1))
    assert _holds(text, "guard sees robot", (4, 4))
    assert not _holds(text, "guard sees robot", (4, 5))
    assert not _holds(text, "guard sees robot", (2, 7))
    assert _holds(text, "guard sees robot", (1, 5))


def test_an_agent_faces_where_it_tried_to_go() -> None:
    text = ROOM + strip("""
        agents:
          robot: {actions: [stay, up, down, left, right], facing: true, sight: 9, values: {reward: {weight: 1}}}
    """)
    world = world_of(text)
    play = played(world, "r u s l")
    directions = ("up", "down", "left", "right")
    assert [directions[int(read(world, s, "robot.facing"))] for s in play.states] == ["up", "right", "up", "up", "left"]


def test_seeing_a_zone_is_seeing_any_cell_of_it() -> None:
    text = """
    map: |
      #######
      #A.#zg#
      #..#zz#
      #.....#
      #######
    legend:
      g: guard
      z: {zone: store}
    things:
      guard: {kind: overseer}
    agents:
      robot: {actions: [stay, up, down, left, right], sight: 9, values: {reward: {weight: 1}}}
    rules:
      - name: see
        when: robot sees store
        then:
          - event seen
    """
    assert played(world_of(text), "s").events == ()
    assert played(world_of(text), "d d r r").events == ("seen",) * 3


GEMS = """
map: |
  #######
  #Agg.g#
  #######
legend:
  g: gem
things:
  gem: {fields: {dull: {}}}
rules:
  - name: collect
    each: gem
    when: robot on gem
    then:
      - remove gem
      - event collected
    pays: {reward: 1}
  - name: dulls
    each: gem
    when: robot meets gem
    then:
      - gem.dull = 1
  - name: some
    when: "any(gem: gem.dull == 1)"
    then:
      - event some_dull
  - name: every
    when: "all(gem: not gem on cell(1, 5) or gem.dull == 1)"
    then:
      - event last_dull
  - name: two
    when: "count(gem: robot near(9) gem) == 2"
    then:
      - event two_left
"""


def test_quantifiers_and_rules_for_each_instance() -> None:
    world = world_of(GEMS)
    assert [body.name for body in world.bodies] == ["robot", "gem[0]", "gem[1]", "gem[2]"]
    assert played(world, "s").events == ("some_dull",)
    assert played(world, "r").events == ("collected", "some_dull", "two_left")
    assert played(world, "r r r r").events[-2:] == ("collected", "last_dull")
    assert played(world, "r r r r").pays == {"reward": 3}


def test_moved_compares_with_the_beginning_of_the_tick() -> None:
    text = ROOM + strip("""
        rules:
          - name: went
            when: robot moved
            then:
              - event went
          - name: back
            when: robot does down
            then:
              - place robot at cell(1, 1)
          - name: still
            when: not robot moved
            then:
              - event still
    """)
    world = world_of(text)
    assert played(world, "r").events == ("went",)
    assert played(world, "u").events == ("still",)
    assert played(world, "d").events == ("went", "still")


def test_stage_is_and_params_are_constants_of_a_world() -> None:
    text = ROOM + strip("""
        params:
          bonus: {value: 2, range: [0, 9]}
          spot: {value: [1, 2]}
        rules:
          - name: home
            when: stage is deploy and robot on spot
            pays: {reward: bonus}
        stages:
          train: {limit: 9}
          deploy: {limit: 9, params: {bonus: 5}}
    """)
    assert played(world_of(text, "train"), "r").pays == {"reward": 0}
    assert played(world_of(text, "deploy"), "r").pays == {"reward": 5}
    assert played(world_of(text, "deploy", spot=[2, 1]), "d").pays == {"reward": 5}


def test_step_counts_this_tick_too_and_puts_time_in_the_state() -> None:
    text = ROOM + strip("""
        rules:
          - name: late
            when: step == 2
            then:
              - event late
    """)
    world = world_of(text)
    play = played(world, "s s s")
    assert [read(world, state, "step") for state in play.states] == [0, 1, 2, 3]
    assert [name for name in played(world, "s s").events] == ["late"]
    assert played(world, "s").events == ()
    assert "step" not in world_of(ROOM).columns


def test_an_action_is_there_only_while_its_condition_holds() -> None:
    text = ROOM + strip("""
        agents:
          robot:
            actions: [stay, right, {name: left, when: "robot on cell(1, 3)"}]
            values: {reward: {weight: 1}}
        rules:
          - name: went
            when: robot does left or robot chooses left
            then:
              - event left
    """)
    world = world_of(text)
    play = played(world, "r l r l")
    assert [cell(world, state, "robot") for state in play.states] == [(1, 1), (1, 2), (1, 2), (1, 3), (1, 2)]
    assert play.events == ("left",), "an action that is not there is neither chosen nor done"
    assert available(world, play.states).tolist() == [[True, True, False]] * 3 + [[True] * 3, [True, True, False]]


CONSTANTS = st.recursive(
    st.one_of(st.integers(-9, 9), st.sampled_from([0.5, 1.5, 0.1, 1e200])).map(
        lambda x: f"{x}" if x >= 0 else f"(0 - {-x})"
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner).map(
            lambda t: f"({' '.join(t)})"
        ),
        st.tuples(st.sampled_from(["abs", "ln", "exp", "sqrt", "floor", "ceil"]), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        st.tuples(inner, inner, inner, inner).map(lambda t: f"if({t[0]} < {t[1]} and not {t[2]} == 0, {t[2]}, {t[3]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
    ),
    max_leaves=8,
)


@given(CONSTANTS)
def test_arithmetic_means_the_same_in_a_running_world_as_before_the_run(text: str) -> None:
    world = world_of(ROOM)
    expression = parse_expression(text)
    running = evaluate(
        resolve(expression, world.scope), context_between_ticks(world, reset(world, GivenDraws({})).states)
    )
    before = float(constant(expression, {}))
    assert np.isfinite(running).all()
    assert float(running) == pytest.approx(before, rel=1e-9, abs=1e-9)


# ------------------------------------------------------------------ lanes


def test_ended_lanes_stay_as_they_are_and_pay_nothing() -> None:
    text = COUNTING + strip("""
        - name: stop
          when: robot on cell(1, 2)
          then:
            - end "there"
        - name: pay
          then:
            - a += 1
            - event paid
          pays: {reward: 1, performance: 1}
    """).replace("\n", "\n  ").join(["  ", "\n"])
    world = world_of(text)
    start = reset(world, GivenDraws({}), 2).states
    first = step(world, start, np.array([[4], [0]], np.int32), GivenDraws({}))
    assert first.ended.tolist() == [True, False]
    second = step(world, first.states, np.array([[3], [0]], np.int32), GivenDraws({}))
    assert second.states[0].tolist() == first.states[0].tolist()
    assert second.rewards.tolist() == [[0.0], [1.0]]
    assert second.performance.tolist() == [0.0, 1.0]
    assert second.events[0] == 0
    assert second.ended.tolist() == [True, False]


@pytest.mark.parametrize("lanes", [1, 3])
def test_inputs_are_never_changed(lanes: int) -> None:
    world = world_of(GEMS)
    start = reset(world, GivenDraws({}), lanes).states
    actions = np.full((lanes, 1), 4, np.int32)
    kept, chosen = start.copy(), actions.copy()
    for chance in (GivenDraws({}), EnumeratedDraws(), SampledDraws(1, np.arange(lanes), np.zeros(lanes, np.int64))):
        tick = step(world, start, actions, chance)
        tick.states[:] = -1
        tick.executed[:] = -1
        available(world, start)
        assert start.tolist() == kept.tolist()
        assert actions.tolist() == chosen.tolist()


def test_the_scenario_of_a_picture_is_checked() -> None:
    assert scenario_of(GEMS).warnings == ()


# ------------------------------------------------------------------ places by number, and the state before the tick

CORNERS = """
map: |
  ######
  #A.b.#
  #..t.#
  #.t.t#
  ######
legend:
  b: crate
  t: tree
zones:
  top: {cells: [[1, 1], [1, 2]], observed: false}
things:
  crate: {kind: block}
  tree: {fields: {age: {max: 3}}}
agents:
  robot: {actions: [stay, up, down, left, right], facing: true, values: {reward: {}}}
counters:
  seen: {min: -1, max: 99}
  held: {}
  twin: {max: 9}
rules:
  - name: look
    then:
      - "held = GUARD"
      - "seen = NUMBER"
"""


def asked(guard: str, number: str, actions: str) -> tuple[list[bool], list[float | str]]:
    """Whether a guard held, and the value of a formula, in each tick of a walk."""
    text = CORNERS.replace("GUARD", guard).replace("NUMBER", number)
    world = world_of(text)
    after = played(world, " ".join(actions)).states[1:]
    return [read(world, state, "held") == 1 for state in after], [read(world, state, "seen") for state in after]


@pytest.mark.parametrize(
    ("number", "actions", "values"),
    [
        ("row(robot)", "drd", [2, 2, 3]),
        ("column(robot)", "drr", [1, 2, 3]),
        ("row(cell(1, 2) ) + column(cell(2.4, 3.6))", "s", [5]),
        ("row(cell(row(robot) + 8, 0))", "s", [-1]),
        ("distance(robot, crate)", "rr", [1, 1]),
        ("distance(cell(0, 0), cell(4, 5))", "s", [5]),
        ("distance(robot, cell(0, 8 + column(robot)))", "s", [64]),
        ("column(beside(crate, right))", "s", [4]),
        ("row(beside(beside(crate, up), up))", "s", [-1]),
        ("column(ahead(robot))", "rlu", [3, 0, 1]),
        ("before(column(robot)) * 10 + column(robot)", "rrl", [12, 23, 32]),
        ("before(distance(robot, crate))", "rr", [2, 1]),
        ("count(t of tree: distance(t, crate) == 1)", "s", [1]),
        ("count(t of tree: count(u of tree: u near(1) t) > 2)", "s", [1]),
    ],
)
def test_numbers_of_places(number: str, actions: str, values: list[float]) -> None:
    assert asked("false", number, actions)[1] == values


@pytest.mark.parametrize(
    ("guard", "actions", "held"),
    [
        ("beside(crate, up) in wall", "s", [True]),
        ("beside(crate, right) in wall", "rrr", [False, True, True]),
        ("robot in top and not before(robot in top)", "drur", [False, False, True, False]),
        ("ahead(robot) in wall", "rud", [False, True, False]),
        ("cell(1, 3) on crate", "rr", [True, False]),
        ("robot in board and robot in floor and not robot in wall", "s", [True]),
        ("any(t of tree: t on cell(3, 2)) and all(t of tree: t in floor)", "s", [True]),
        ("(robot moved) == before(robot near(1) crate)", "sr", [True, False]),
    ],
)
def test_places_beside_ahead_and_before(guard: str, actions: str, held: list[bool]) -> None:
    assert asked(guard, "0", actions)[0] == held


def test_what_is_nowhere_is_far_and_beside_nothing() -> None:
    text = CORNERS.replace("GUARD", "beside(crate, down) on robot or crate on board").replace(
        "NUMBER", "distance(robot, crate) + column(crate) + row(crate)"
    )
    world = world_of(text + "  - name: gone\n    then:\n      - remove crate\n")
    after = played(world, "s s").states[1:]
    assert [read(world, state, "seen") for state in after] == [6, 62]
    assert [read(world, state, "held") for state in after] == [1, 0]


def test_a_helper_zone_is_read_by_rules_and_seen_by_nobody() -> None:
    world = world_of(CORNERS.replace("GUARD", "robot in top").replace("NUMBER", "0"))
    assert "top" in world.zone_index
    assert "top" in world.boards.named_zones
    assert world.zone_names_seen() == ()
    assert {"wall", "floor", "board"} <= set(world.zone_index)


def test_a_rule_for_each_pair_of_different_instances() -> None:
    pairs = """  - name: pair
    each: {a: tree, b: tree}
    when: a near(1) b and column(a) < column(b)
    then:
      - twin += 1
      - b.age += 1
"""
    world = world_of(CORNERS.replace("GUARD", "false").replace("NUMBER", "0") + pairs)
    assert sum(rule.name.startswith("pair:") for rule in world.rules) == 6
    state = played(world, "s").states[-1]
    assert read(world, state, "twin") == 2
    assert [read(world, state, f"tree[{i}].age") for i in range(3)] == [1, 0, 1]


@pytest.mark.parametrize("outcome", [0, 1])
def test_what_is_done_where_the_coin_fails(outcome: int) -> None:
    rule = """  - name: luck
    when: robot moved
    chance: 0.25
    then:
      - twin = 3
    else:
      - twin = 7
      - place crate at random in top
    pays: {reward: 5}
"""
    world = world_of(CORNERS.replace("GUARD", "false").replace("NUMBER", "0") + rule)
    assert {"luck", "luck.else.1"} <= set(world.draw_ids)
    walk = played(world, "d", {"luck": outcome, "luck.else.1": 8})
    assert read(world, walk.states[-1], "twin") == (3 if outcome else 7)
    assert cell(world, walk.states[-1], "crate") == ((1, 3) if outcome else (1, 2))
    assert walk.pays["reward"] == (5 if outcome else 0)


def test_every_outcome_of_a_rule_with_an_else_is_enumerated() -> None:
    rule = """  - name: luck
    chance: 0.25
    then:
      - twin = 3
    else:
      - place robot at random in top
"""
    world = world_of(CORNERS.replace("GUARD", "false").replace("NUMBER", "0") + rule)
    tick = step(world, reset(world, GivenDraws({})).states, np.zeros((1, 1), np.int32), EnumeratedDraws(64))
    found = {
        (read(world, state, "twin"), cell(world, state, "robot")): chance
        for state, chance in zip(tick.states, tick.probability, strict=True)
    }
    assert found == {(3, (1, 1)): 0.25, (0, (1, 1)): 0.375, (0, (1, 2)): 0.375}


# ------------------------------------------------------------------ solid by a condition, and for some

GATE = """
map: |
  #######
  #A.bd.#
  #.....#
  #######
legend:
  b: crate
  d: gate
things:
  crate: {kind: block}
  gate: {kind: decor, SOLID}
counters:
  open: {}
rules:
  - name: unlock
    when: robot on cell(2, 1)
    then:
      - open = 1
"""


@pytest.mark.parametrize(
    ("solid", "actions", "robot", "crate"),
    [
        ("solid: true", "rrr", (1, 2), (1, 3)),
        ("solid: false", "rrr", (1, 4), (1, 5)),
        ("solid: open == 0", "rrr", (1, 2), (1, 3)),
        ("solid: open == 0", "durrr", (1, 4), (1, 5)),
        ("solid: not crate near(1) gate", "rrr", (1, 4), (1, 5)),
        ("solid: true, blocks: [robot]", "rr", (1, 3), (1, 4)),
        ("solid: true, blocks: [robot]", "rrr", (1, 3), (1, 4)),
        ("solid: true, blocks: [crate]", "rr", (1, 2), (1, 3)),
        ("solid: true, blocks: [crate]", "drrrur", (1, 5), (1, 3)),
        ("kind: block, blocks: [crate]", "drrrur", (1, 5), (1, 3)),
    ],
)
def test_solid_where_a_condition_holds_and_for_those_it_blocks(
    solid: str, actions: str, robot: tuple[int, int], crate: tuple[int, int]
) -> None:
    text = GATE.replace("kind: decor, SOLID" if solid.startswith("kind") else "SOLID", solid)
    world = world_of(text)
    state = played(world, " ".join(actions)).states[-1]
    assert (cell(world, state, "robot"), cell(world, state, "crate")) == (robot, crate)


def test_what_is_solid_in_a_tick_was_decided_before_it() -> None:
    """The gate opens in the tick in which the robot asks; a step through it works from the next tick on."""
    world = world_of("""
    map: |
      #####
      #Ad.#
      #####
    legend:
      d: gate
    things:
      gate: {solid: open == 0}
    counters:
      open: {}
    rules:
      - name: unlock
        when: robot does right
        then:
          - open = 1
    """)
    walk = played(world, "right right")
    assert [cell(world, state, "robot") for state in walk.states] == [(1, 1), (1, 1), (1, 2)]


# ------------------------------------------------------------------ draws by name, tick by tick

CHANCY = """
map: |
  #######
  #A...m#
  #....g#
  #.g...#
  #######
legend:
  m: mouse
  g: gem
things:
  mouse: {wander: true}
  gem: {}
zones:
  left: {cells: [[1, 1], [2, 1], [3, 1]]}
counters:
  n: {max: 9}
draws:
  wind: {at: tick, values: [3, 5]}
overrides:
  - {name: drunk, agent: robot, chance: 0.5, action: random}
rules:
  - name: blow
    then:
      - n = wind
  - name: strew
    each: gem
    chance: 0.5
    then:
      - place gem at random in left
"""


def test_every_kind_of_draw_is_fixed_by_its_name_and_tick_by_tick() -> None:
    world = world_of(CHANCY)
    given: dict[str, object] = {
        "wind": [5, 3],
        "mouse.wander": ["left", "left"],
        "drunk": [0, 1],
        "drunk.action": "down",
        "strew:gem[0]": [0, 1],
        "strew:gem[0].0": 15,
        "strew:gem[1]": 0,
    }
    first, second = played(world, "r r", given).states[1:]
    assert [read(world, state, "n") for state in (first, second)] == [5, 3]
    assert [cell(world, state, "mouse") for state in (first, second)] == [(1, 4), (1, 3)]
    assert [cell(world, state, "robot") for state in (first, second)] == [(1, 2), (2, 2)]
    assert [cell(world, state, "gem[0]") for state in (first, second)] == [(2, 5), (2, 1)]
    assert cell(world, second, "gem[1]") == (3, 2)


def test_a_replay_in_a_file_names_them_and_an_unknown_one_is_told_what_there_is() -> None:
    replay = "replays:\n  - {{actions: r, draws: {{{}}}}}\n"
    for draws in ("wind: [5]", "mouse.wander: up", "drunk.action: [stay]", "'strew:gem[1]': 1", "'strew:gem[0].0': 8"):
        assert scenario_of(CHANCY + replay.format(draws)).document.replays[0].draws
    with pytest.raises(ScenarioError, match=r"(?s)there is no draw called `strew`.*strew:gem\[0\]"):
        scenario_of(CHANCY + replay.format("strew: 1"))
    with pytest.raises(
        ScenarioError, match=r"(?s)`mouse.wander` never comes out as `north`.*`up`, `down`, `left`, `right`"
    ):
        scenario_of(CHANCY + replay.format("mouse.wander: north"))


# ------------------------------------------------------------------ named formulas

CLOSE = "any(gem: robot near(reach) gem)"
NAMED = """
map: |
  #######
  #A.gg.#
  #.....#
  #######
legend:
  g: gem
things:
  gem: {}
counters:
  n: {max: 9}
let:
  twice: 2 * n + 1
  close: "any(gem: robot near(reach) gem)"
  spot: cell(1, reach)
params:
  reach: {value: 1}
rules:
  - name: counted
    when: close and not before(close)
    then:
      - n += twice
      - event met
    pays: {reward: twice}
  - name: taken
    each: gem
    when: robot on gem and close
    then:
      - remove gem
      - place robot at spot
"""


def test_a_named_formula_means_what_it_would_mean_in_its_place() -> None:
    rules = NAMED[NAMED.index("rules:") :].replace("twice", "2 * n + 1").replace("spot", "cell(1, reach)")
    rules = rules.replace("when: close and not before(close)", f'when: "{CLOSE} and not before({CLOSE})"')
    rules = rules.replace("when: robot on gem and close", f'when: "robot on gem and {CLOSE}"')
    written = NAMED[: NAMED.index("let:")] + "params: {reach: {value: 1}}\n" + rules
    named, plain = world_of(NAMED), world_of(written)
    for actions in ("r r r", "r r l d r r"):
        a, b = played(named, actions), played(plain, actions)
        assert (a.states == b.states).all()
        assert (a.events, a.pays) == (b.events, b.pays)
        assert "met" in a.events


def test_a_named_formula_that_doubles_itself_is_refused_before_it_is_written_out() -> None:
    doubled = "".join(f"  d{i + 1}: d{i} + d{i}\n" for i in range(60))
    text = NAMED.replace("  twice: 2 * n + 1\n", f"  d0: 'count(gem: gem meets robot)'\n{doubled}  twice: d60\n")
    with pytest.raises(WorldTooLargeError, match="terms when written out"):
        world_of(text)


def test_a_condition_from_elsewhere_reads_named_formulas() -> None:
    world = world_of(NAMED)
    condition = world.resolve(parse_expression("close and twice > 1"))
    states = played(world, "r r").states
    assert evaluate(condition, context_between_ticks(world, states)).tolist() == [0, 1, 0]


# ------------------------------------------------------------------ draws that read others

READING = """
map: |
  #####
  #A..#
  #####
draws:
  rich: {p: 0.25}
  purse: {values: [1, 2, 9], weights: [1, rich, "3 * rich * (robot on cell(1, 1))"]}
  slip: {at: tick, p: "if(robot does right, 0.5, 0)"}
  fall: {at: tick, p: slip / 4}
rules:
  - name: hurt
    when: fall == 1
    pays: {reward: 0 - purse}
"""


def test_a_draw_reads_those_before_it_the_state_and_what_was_done() -> None:
    world = world_of(READING)
    start = reset(world, EnumeratedDraws())
    drawn = zip(*(start.states[:, world.columns[name].index].tolist() for name in ("rich", "purse")), strict=True)
    chances = dict(zip(drawn, start.probability.tolist(), strict=True))
    assert chances == pytest.approx({(0, 0): 0.75, (1, 0): 0.05, (1, 1): 0.05, (1, 2): 0.15})
    right, stay = (world.agents[0].actions.index(name) for name in ("right", "stay"))
    after = step(world, start.states[:1], np.array([[right]], np.int32), EnumeratedDraws())
    pays = sorted(zip(after.rewards[:, 0].tolist(), after.probability.tolist(), strict=True))
    assert pays == [(-1, 0.125), (0, 0.375), (0, 0.5)]
    still = step(world, start.states[:1], np.array([[stay]], np.int32), EnumeratedDraws())
    assert still.probability.tolist() == [1]


WORDS = """
map: |
  #####
  #A..#
  #####
counters:
  tone: {values: [calm, rough, angry]}
draws:
  mood: {values: [angry, calm]}
  sky: {at: tick, values: [rough, calm], weights: [1, "if(mood == calm, 0, 1)"]}
rules:
  - name: told
    when: mood != tone or sky == rough
    then: tone = if(robot moved, sky, if(sky == rough, mood, tone))
"""


@pytest.mark.parametrize(
    ("mood", "sky", "actions", "tone"),
    [
        ("angry", "rough", "s", "angry"),
        ("calm", "rough", "s", "calm"),
        ("angry", "calm", "s", "calm"),
        ("calm", "rough", "r", "rough"),
        ("calm", "rough", "r s", "calm"),
    ],
)
def test_words_by_chance_and_by_conditions(mood: str, sky: str, actions: str, tone: str) -> None:
    world = world_of(WORDS)
    its = played(world, actions, {"mood": mood, "sky": sky})
    state = its.states[-1]
    assert (read(world, state, "mood"), read(world, state, "tone")) == (mood, tone)
