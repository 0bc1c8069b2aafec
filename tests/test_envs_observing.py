"""What an agent sees, and what it never does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.worlds import scenario_of, world_of
from turncoat.agents.counts.agent import CountsAgent
from turncoat.envs.adapters.spaces import ObservationEncoder
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import ReferenceTrainingEnv, TabularTrainingEnv
from turncoat.envs.reference.observation import observation_ids, observe
from turncoat.envs.reference.step import reset
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import GivenDraws

ROOM = """
map: |
  #########
  #A..k..G#
  #.......#
  #..B.z..#
  #########
legend:
  G: guard
  B: other
  k: {thing: key}
  z: {zone: pad}
things:
  guard: {kind: overseer, sight: 3, facing: true, fields: {alert: {}}, patrol: [[1, 7], [2, 7], [3, 7]]}
  key: {fields: {worn: {max: 2}}}
counters:
  power: {max: 2}
  secret: {max: 2, observed: false}
draws:
  luck: {p: 0.5}
  hidden_luck: {p: 0.5, observed: false}
agents:
  robot:
    actions: [stay, up, down, left, right]
    observes: VIEW
    fields: {fuel: {max: 2}}
    values: {reward: {weight: 1}}
  other:
    actions: [stay, left]
    fields: {fuel: {max: 2}}
    values: {reward: {weight: 1}}
solution: joint
rules:
  - name: work
    when: robot on pad
    then:
      - power += 1
      - secret += 1
      - robot.fuel += 1
      - other.fuel += 1
      - guard.alert = 1
      - key.worn += 1
    pays: {robot.reward: 1}
  - name: taking
    when: robot on key
    then:
      - robot takes key
"""


def _world(view: str):
    return world_of(ROOM.replace("VIEW", view))


def _seen(world) -> list[str]:
    return [world.fields[column].name for column in world.agents[0].sees]


def test_everything_that_is_observed_is_read_as_it_is() -> None:
    world = _world("full")
    state = reset(world, GivenDraws({"luck": 1, "hidden_luck": 1})).states
    assert _seen(world) == [f.name for f in world.fields if f.name not in ("secret", "hidden_luck")]
    assert observe(world, state)[0].tolist() == [state[0, world.columns[name].index] for name in _seen(world)]


@pytest.mark.parametrize(
    ("hides", "gone"),
    [
        ("guard", {"guard.cell", "guard.facing", "guard.phase", "guard.alert"}),
        ("guard.alert", {"guard.alert"}),
        ("luck", {"luck"}),
        ("power", {"power"}),
        ("other", {"other.cell", "other.fuel"}),
        ("pad", set()),
    ],
)
def test_what_is_hidden_is_not_read(hides: str, gone: set[str]) -> None:
    everything, less = set(_seen(_world("full"))), set(_seen(_world(f"{{hides: [{hides}]}}")))
    assert everything - less == gone


TWO_MAPS = """
map:
  - |
    #####
    #A.z#
    #####
  - |
    #####
    #Az.#
    #####
legend: {"#": wall, ".": floor, A: robot, z: {zone: pad}}
agents: {robot: {actions: [stay, right], values: {reward: {}}, observes: {VIEW}}}
"""


@pytest.mark.parametrize("view", ["", "window: 3, "])
def test_a_zone_that_is_hidden_is_seen_nowhere(view: str) -> None:
    """And layouts that differ in nothing else look the same."""
    seen, hidden = (world_of(TWO_MAPS.replace("VIEW", f"{view}hides: [{its}]")) for its in ("step", "pad"))
    looks = {}
    for name, world in (("seen", seen), ("hidden", hidden)):
        states = np.concatenate([reset(world, GivenDraws({"layout": layout})).states for layout in (0, 1)])
        looks[name] = len(set(observation_ids(world, states).tolist()))
        assert ("pad" in ObservationEncoder(world).plane_names) == (name == "seen")
        assert len(np.unique(ObservationEncoder(world).planes(states), axis=0)) == looks[name]
    assert looks == {"seen": 2, "hidden": 1}
    assert (seen.agents[0].visible_layout.tolist(), hidden.agents[0].visible_layout.tolist()) == ([0, 1], [0, 0])


def test_states_that_differ_in_hidden_fields_alone_look_the_same() -> None:
    world = _world("{hides: [guard]}")
    state = reset(world, GivenDraws({})).states
    states = np.repeat(state, 3, axis=0)
    states[1, world.columns["guard.cell"].index] += 1
    states[1, world.columns["secret"].index] = 2
    states[2, world.columns["key.worn"].index] = 1
    ids = observation_ids(world, states)
    assert ids[0] == ids[1] != ids[2]


def _moved(world, state: np.ndarray, changes: dict[str, int]) -> np.ndarray:
    out = state.copy()
    for name, value in changes.items():
        out[0, world.columns[name].index] = value
    return out


def test_a_window_shows_nothing_from_outside_of_it() -> None:
    world = _world("{window: 3}")
    state = reset(world, GivenDraws({})).states
    width = world.boards.width
    base = observe(world, state)
    outside = [
        {"guard.cell": 2 * width + 7},
        {"guard.cell": world.boards.nowhere},
        {"guard.phase": 2},
        {"guard.facing": 3},
        {"guard.alert": 1},
        {"key.worn": 2},
        {"key.cell": 3 * width + 6},
        {"other.cell": 3 * width + 6},
        {"other.fuel": 2},
        {"secret": 1},
        {"hidden_luck": 1},
    ]
    for changes in outside:
        assert observe(world, _moved(world, state, changes)).tolist() == base.tolist(), changes


def test_a_window_shows_walls_zones_bodies_in_it_and_what_is_not_on_the_board() -> None:
    world = _world("{window: 3}")
    state = reset(world, GivenDraws({})).states
    width = world.boards.width
    base = observe(world, state)
    inside = [
        {"robot.cell": 1 * width + 2},
        {"guard.cell": 1 * width + 2},
        {"key.cell": 2 * width + 1},
        {"robot.fuel": 1},
        {"luck": 1},
        {"power": 1},
    ]
    for changes in inside:
        assert observe(world, _moved(world, state, changes)).tolist() != base.tolist(), changes
    beside = _moved(world, state, {"guard.cell": 2 * width + 2})
    for changes in ({"guard.phase": 2}, {"guard.facing": 3}, {"guard.alert": 1}):
        assert observe(world, _moved(world, beside, changes)).tolist() != observe(world, beside).tolist(), changes
    # one row of cells, each with walls and one zone; then guard (4), key (3), other (2) and the plain fields
    assert base[0, :18].reshape(9, 2)[:, 0].tolist() == [1, 1, 1, 1, 0, 0, 1, 0, 0]
    on_pad = _moved(world, state, {"robot.cell": 3 * width + 5})
    assert observe(world, on_pad)[0, :18].reshape(9, 2)[4].tolist() == [0, 1]


def test_within_a_window_its_own_place_is_not_read() -> None:
    text = """
    map: |
      #######
      #A....#
      #######
    agents:
      robot: {actions: [stay, left, right], observes: {window: 3}, values: {reward: {weight: 1}}}
    """
    enumeration = enumerate_world(world_of(text))
    ids = observation_ids(enumeration.world, enumeration.states)
    cells = enumeration.states[:, enumeration.world.columns["robot.cell"].index] - 7
    looks = dict(zip(cells.tolist(), ids.tolist(), strict=True))
    assert looks[2] == looks[3] == looks[4]
    assert len({looks[1], looks[2], looks[5]}) == 3


def test_who_is_nowhere_sees_only_walls_and_knows_what_it_carries() -> None:
    world = _world("{window: 3}")
    state = reset(world, GivenDraws({})).states
    nowhere = world.boards.nowhere
    away = _moved(world, state, {"robot.cell": nowhere})
    for cell in (3 * world.boards.width + 1, 3 * world.boards.width, nowhere):
        assert observe(world, _moved(world, away, {"guard.cell": cell})).tolist() == observe(world, away).tolist()
    carried = _moved(world, state, {"key.cell": nowhere, "key.carrier": 1})
    dropped_far = _moved(world, state, {"key.cell": nowhere})
    others = _moved(world, state, {"key.cell": nowhere, "key.carrier": 2})
    assert observe(world, carried).tolist() != observe(world, dropped_far).tolist()
    assert observe(world, others).tolist() == observe(world, dropped_far).tolist()


def test_of_the_layout_only_what_walls_and_zones_show_is_seen() -> None:
    text = """
    generate: {board: maze, size: [5, 5], count: 12, seed: 3, place: {robot: anywhere, gem: anywhere}}
    things:
      gem: {}
    """
    world = world_of(text)
    layouts = world.boards.walls.shape[0]
    states = np.repeat(reset(world, GivenDraws({})).states, layouts, axis=0)
    states[:, world.layout] = np.arange(layouts)
    seen = observe(world, states)[:, world.agents[0].sees.index(world.layout)]
    walls = [world.boards.walls[i].tobytes() for i in range(layouts)]
    for i in range(layouts):
        for j in range(layouts):
            assert (seen[i] == seen[j]) == (walls[i] == walls[j])
    assert len(set(walls)) < layouts, "some mazes of this size are alike, or the test shows nothing"


# ------------------------------------------------------------------ hidden performance

SCORED = """
map: |
  ######
  #A..M#
  #.g..#
  ######
legend:
  M: monster
  g: {zone: goal}
things:
  monster: {kind: monster, wander: true}
agents:
  robot: {actions: [stay, up, down, left, right], OBSERVES values: {reward: {weight: 1}}}
rules:
  - name: goal
    when: robot on goal and robot moved
    pays: {reward: 1, performance: SCORE}
  - name: luck
    chance: 0.5
    pays: {performance: LUCK}
  - name: caught
    when: robot meets monster
    chance: 0.5
    then:
      - end "caught"
    pays: {performance: SCORE}
"""


def _scored(score: str, luck: str, observes: str = "") -> Enumeration:
    text = SCORED.replace("SCORE", score).replace("LUCK", luck).replace("OBSERVES", observes)
    return enumerate_world(compile_world(scenario_of(text)))


@pytest.mark.parametrize("observes", ["", "observes: {window: 3},", "observes: {hides: [monster]},"])
def test_hidden_performance_never_reaches_an_agent(observes: str, tmp_path: Path) -> None:
    one, other = _scored("1", "0 - 3", observes), _scored("0 - 7", "11", observes)
    assert one.performance.tolist() != other.performance.tolist()
    for name in (
        "row_start",
        "next_state",
        "probability",
        "rewards",
        "events",
        "ended",
        "start_state",
        "start_probability",
    ):
        assert getattr(one.mdp, name).tobytes() == getattr(other.mdp, name).tobytes(), name
    assert one.mdp.channels == other.mdp.channels == ("reward",)
    assert observe(one.world, one.states).tobytes() == observe(other.world, other.states).tobytes()
    saved = []
    for number, enumeration in enumerate((one, other)):
        for kind, lane in (
            ("table", TabularTrainingEnv(enumeration)),
            ("world", ReferenceTrainingEnv(enumeration.world)),
        ):
            agent = CountsAgent(lane.channels, lane.n_actions, [1.0], 0.9)
            agent.fit(lane, 400, 5)
            assert agent.model.n_states > 10
            agent.save(tmp_path / f"{kind}{number}")
            saved.append((tmp_path / f"{kind}{number}").read_bytes())
    assert saved[0] == saved[2]
    assert saved[1] == saved[3]


def test_performance_that_chance_alone_decides_is_kept_as_its_mean() -> None:
    enumeration = _scored("0", "0 - 3")
    mdp = enumeration.mdp
    ends = np.array([bool(mdp.ended[state]) for state in mdp.next_state])
    assert np.allclose(enumeration.performance[~ends], -1.5)
