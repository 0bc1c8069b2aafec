"""What agents observe in place of a counter or a field: `shows_as`."""

from __future__ import annotations

import numpy as np
import pytest

from tests.worlds import played, scenario_of, world_of
from turncoat.envs.adapters.spaces import ObservationEncoder
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.kernel.batch_stepper import Stepper
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.observation import observation_ids, observe
from turncoat.envs.world.compiler import compile_world

BAITS = """
map: |
  #######
  #A.b.B#
  #.z...#
  #######
legend:
  b: bait
  B: {thing: bait, fields: {made_of: wax}}
  z: {zone: mirror}
things:
  bait:
    fields:
      made_of: {values: [cheese, wax], shows_as: "if(robot near(1) bait and charge < 2, bait.made_of, cheese)"}
counters:
  charge: {min: -1, max: 2, shows_as: 2 * charge - 0.4 * (robot in mirror)}
agents:
  robot: {actions: [stay, up, down, left, right], values: {reward: {}}, observes: VIEW}
rules:
  - name: charging
    when: robot in mirror
    then: charge += 1
  - name: leaking
    when: charge > 0
    chance: 0.3
    then: charge -= 2
  - name: eaten
    each: bait
    when: robot on bait
    then: remove bait
  - name: again
    when: "count(bait: bait on board) == 0"
    then: reset map
"""


def _by_hand(world, state, name: str) -> int:
    """What is seen of a column, worked out from the text of the scenario and cells alone."""

    def value(column: str) -> int:
        return int(state[world.columns[column].index])

    robot, here = divmod(value("robot.cell"), 7), value("robot.cell")
    if name == "charge":
        number = 2 * (value("charge") - 1) - 0.4 * (here == 2 * 7 + 2)
        return int(min(max(round(number), -1), 2)) + 1
    place = value(name.replace("made_of", "cell"))
    row, column = divmod(place, 7)
    near = place != 3 * 7 + 7 and place < 28 and max(abs(row - robot[0]), abs(column - robot[1])) <= 1
    return value(name) if near and value("charge") - 1 < 2 else 0


@pytest.mark.parametrize("view", ["full", "{window: 3}"])
def test_what_is_shown_is_what_the_formula_says_of_the_state(view: str) -> None:
    """In each state of a random walk, also as an episode begins and after things were removed and put back."""
    world = world_of(BAITS.replace("VIEW", view))
    stepper, shown = Stepper(world, 16, seed=3), set()
    rng, encoder = np.random.default_rng(0), ObservationEncoder(world)
    stepper.reset()
    for _ in range(120):
        seen = encoder.counters(stepper.states)
        for lane, state in enumerate(stepper.states):
            for name in ("charge", "bait[0].made_of", "bait[1].made_of"):
                expected = _by_hand(world, state, name)
                assert state[world.columns[f"shown({name})"].index] == expected, name
                shown.add((name, expected))
            if view == "full":
                assert seen[lane, encoder.counter_names.index("charge")] == _by_hand(world, state, "charge") - 1
                wax = encoder.counter_names.index("bait[1].made_of=wax")
                assert seen[lane, wax] == _by_hand(world, state, "bait[1].made_of")
        stepper.step(rng.integers(0, 5, (16, 1)).astype(np.int32))
    assert {number for name, number in shown if name == "charge"} == {0, 1, 3}
    assert ("bait[1].made_of", 1) in shown
    assert ("bait[0].made_of", 1) not in shown


def test_the_truth_is_not_observed_and_nothing_else_changes() -> None:
    """States are as many as without; a state differs from another to the eye only where what is shown does."""
    world = world_of(BAITS.replace("VIEW", "full"))
    plain = scenario_of(
        BAITS.replace("VIEW", "full")
        .replace(', shows_as: "if(robot near(1) bait and charge < 2, bait.made_of, cheese)"', "")
        .replace(", shows_as: 2 * charge - 0.4 * (robot in mirror)", "")
    )
    found, other = enumerate_world(world), enumerate_world(compile_world(plain))
    assert found.mdp.n_states == other.mdp.n_states
    assert found.mdp.rewards.tobytes() == other.mdp.rewards.tobytes()
    names = [world.fields[column].name for column in world.agents[0].sees]
    assert "shown(charge)" in names
    assert "charge" not in names
    assert observe(world, found.states).shape == observe(other.world, other.states).shape
    assert len(set(observation_ids(world, found.states))) < found.mdp.n_states


def test_what_shows_otherwise_is_hidden_by_its_own_name() -> None:
    world = world_of(BAITS.replace("VIEW", "{hides: [bait.made_of, charge]}"))
    assert not any("charge" in world.fields[column].name for column in world.agents[0].sees)
    assert not any("made_of" in world.fields[column].name for column in world.agents[0].sees)


GAMBLE = """
agents: {robot: {actions: [leave, take], values: {reward: {}}, discount: 1}}
draws: {poisoned: {p: 0.75, observed: false}}
counters: {bad: {SHOWN}}
rules:
  - {name: pouring, at: start, when: poisoned == 1, then: bad = 1}
  - {name: drinking, when: robot does take, then: end "drunk", pays: {reward: 1 - 2 * bad}}
stages: {train: {horizon: 1}}
"""


@pytest.mark.parametrize(("shown", "value"), [("", 0.25), ("shows_as: 0", 0.0), ("shows_as: 1 - bad", 0.25)])
def test_a_plan_knows_what_is_shown_and_no_more(shown: str, value: float) -> None:
    """Three cups of four are poisoned: who cannot tell leaves all, and a mirror image tells as much as the truth."""
    world = world_of(GAMBLE.replace("SHOWN", shown))
    assert plan_exactly(enumerate_world(world)).start_value == pytest.approx(value)


def test_a_replay_shows_what_is_seen() -> None:
    world = world_of(BAITS.replace("VIEW", "full"))
    states = played(world, "d r").states
    assert [int(s[world.columns["shown(charge)"].index]) - 1 for s in states] == [-1, -1, 0]


def test_a_counter_that_another_one_shows_is_read() -> None:
    counters = (
        "counters:\n  charge: {max: 3, shows_as: told}\n  told: {max: 3}\n  alone: {max: 3, shows_as: alone + 1}\n"
    )
    text = BAITS.replace("VIEW", "full")
    text = text[: text.index("counters:")] + counters + text[text.index("agents:") :]

    assert [fault.message for fault in scenario_of(text).warnings if fault.code == "TC540"] == [
        "nothing reads or changes the counter `alone`"
    ]
