"""What an agent observes: planes and counters that say what `observe` says, and nothing else."""

import numpy as np
import pytest
from gymnasium.spaces import Dict
from gymnasium.utils.passive_env_checker import check_observation_space

from tests.worlds import ONE_OF_EACH, sampled, state_of, world_of
from turncoat.envs.adapters.base import open_worlds
from turncoat.envs.adapters.spaces import ObservationBuffer, ObservationEncoder
from turncoat.envs.reference.observation import observation_ids, observe
from turncoat.envs.reference.replay import replay_actions
from turncoat.envs.reference.step import reset, step
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import SampledDraws
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import load

NAMES = library.names()
YARD = """
map: |
  #########
  #A..k..O#
  #..#....#
  #.z..g..#
  #########
legend:
  O: guard
  k: key
  g: gem
  z: {zone: pad}
zones:
  home: {cells: [[1, 1], [1, 2]]}
counters:
  power: {min: -1, max: 3}
  job: {values: [pad, home]}
  speed: {values: [0.5, 2, 1]}
  secret: {max: 2, observed: false}
draws:
  price: {at: start, values: [0.5, 2]}
things:
  guard:
    kind: monster
    facing: true
    wander: true
    fields: {alert: {max: 2}}
  key: {kind: item, fields: {worn: {max: 3}}}
  gem: {kind: item, wander: true}
agents:
  robot:
    actions: [stay, up, down, left, right, take, drop]
    facing: true
    OBSERVES
    values: {reward: {weight: 1}}
    fields: {bags: {max: 2}}
rules:
  - name: taking
    when: robot does take and robot on key
    then:
      - robot takes key
      - robot.bags += 1
  - name: dropping
    when: robot does drop and robot carries key
    then:
      - robot drops key
      - key.worn += 1
  - name: counting
    chance: 0.5
    then:
      - power += 1
      - job cycles
      - secret += 1
      - speed cycles
  - name: resting
    chance: 0.2
    then:
      - power -= 4
      - guard.alert += 1
      - secret = 0
  - name: gone
    when: gem meets robot
    then:
      - remove gem
"""
BARE = "agents: {robot: {actions: [wait, hurry], values: {reward: {weight: 1}}}}\n"
VIEWS = {
    "all": "observes: full",
    "hiding": "observes: {hides: [guard, power, robot.facing]}",
    "half hiding": "observes: {hides: [guard.cell]}",
    "window": "observes: {window: 3}",
    "window and hiding": "observes: {window: 5, hides: [gem.cell, job]}",
}


def walk(world, lanes=64, ticks=60, seed=0):
    """Distinct states that random walks come to and that are no ends, int32 `[S, F]`."""
    random = np.random.default_rng(seed)
    numbers = np.arange(lanes)
    states = reset(world, SampledDraws(seed, numbers, np.zeros(lanes, np.int64)), lanes).states
    seen = [states]
    for tick in range(ticks):
        actions = np.stack([random.integers(n, size=lanes) for n in world.action_counts], axis=1).astype(np.int32)
        states = step(world, states, actions, SampledDraws(seed, numbers, np.full(lanes, tick + 1))).states
        seen.append(states)
    distinct = np.unique(np.concatenate(seen), axis=0)
    return distinct[distinct[:, world.ended] == 0]


def yard(view):
    return world_of(YARD.replace("OBSERVES", VIEWS[view]))


def looks(observer, states):
    """A number for each state: the same where the observations are."""
    begun = np.zeros(len(states), np.int64)
    parts = [observer.planes(states).reshape(len(states), -1), observer.counters(states, begun)]
    _, ids = np.unique(np.concatenate(parts, axis=1), axis=0, return_inverse=True)
    return ids.reshape(-1)


def tells_apart_what_observe_does(world, states, agent=0):
    mine, theirs = looks(ObservationEncoder(world, agent), states), observation_ids(world, states, agent)
    pairs = np.unique(np.stack([mine, theirs]), axis=1).shape[1]
    return pairs == np.unique(mine).size == np.unique(theirs).size


# ------------------------------------------------------------------ what is in it


def test_planes_and_counters_by_hand():
    world = yard("all")
    observer = ObservationEncoder(world)
    assert observer.plane_names == ("wall", "pad", "home", "robot", "guard", "key", "gem")
    assert observer.counter_names == (
        "price", *(f"robot.facing={way}" for way in ("up", "down", "left", "right")), "robot.bags",
        *(f"guard.facing={way}" for way in ("up", "down", "left", "right")), "guard.alert",
        "key.carrier=robot", "key.worn", "power", "job=pad", "job=home", "speed",
    )  # fmt: skip
    bounds = dict(zip(observer.counter_names, zip(observer.low, observer.high, strict=True), strict=True))
    assert bounds["power"] == (-1, 3)
    assert bounds["price"] == bounds["speed"] == (0.5, 2)
    assert bounds["job=pad"] == bounds["key.carrier=robot"] == (0, 1)

    for state in walk(world)[:200]:
        planes = dict(zip(observer.plane_names, observer.planes(state[None])[0], strict=True))
        counters = dict(zip(observer.counter_names, observer.counters(state[None])[0], strict=True))
        said = state_of(world, type("Played", (), {"states": [state]})())
        assert planes["wall"].sum() == 45 - 20
        assert np.argwhere(planes["pad"]).tolist() == [[3, 2]]
        assert np.argwhere(planes["home"]).tolist() == [[1, 1], [1, 2]]
        for body in ("robot", "guard", "key", "gem"):
            at = int(said[f"{body}.cell"])
            assert np.flatnonzero(planes[body]).tolist() == ([at] if at < 45 else [])
        for name in ("power", "speed", "price", "guard.alert", "key.worn", "robot.bags"):
            assert counters[name] == said[name]
        assert [counters["job=pad"], counters["job=home"]] == [said["job"] == "pad", said["job"] == "home"]
        facing = int(said["robot.facing"])
        assert [counters[f"robot.facing={way}"] for way in ("up", "down", "left", "right")] == np.eye(4)[
            facing
        ].tolist()
        assert counters["key.carrier=robot"] == said["key.carrier"]


def test_a_window_is_cut_out_around_the_agent():
    world = yard("window")
    observer = ObservationEncoder(world)
    assert observer.plane_names == ("wall", "pad", "home", "guard", "key", "gem")
    states = replay_actions(world, [["right"], ["right"]], {}).states
    first, later = observer.planes(states[:1])[0], observer.planes(states[-1:])[0]

    assert first[0].tolist() == [[1, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert later[0].tolist() == [[1, 1, 1], [0, 0, 0], [0, 1, 0]]
    assert not first[observer.plane_names.index("key")].any()
    assert later[observer.plane_names.index("key")].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_off_the_board_is_wall():
    world = world_of(YARD.replace("OBSERVES", "observes: {window: 9}"))
    observer = ObservationEncoder(world)
    states = replay_actions(world, [], {}).states
    wall = observer.planes(states[:1])[0, 0]

    assert wall[:3].all()
    assert wall[:, :3].all()
    assert observer.planes(states[:1])[0, 1:, :3].sum() == 0


# ------------------------------------------------------------------ no more and no less than `observe`


@pytest.mark.parametrize("view", VIEWS)
def test_it_tells_apart_what_observe_tells_apart(view):
    world = yard(view)
    assert tells_apart_what_observe_does(world, walk(world))


@pytest.mark.parametrize("name", sampled(NAMES, ONE_OF_EACH))
def test_it_does_so_in_the_library(name):
    scenario = load(name)
    for stage in scenario.document.stages:
        world = compile_world(scenario, stage)
        for agent in range(len(world.agents)):
            assert tells_apart_what_observe_does(world, walk(world), agent)


@pytest.mark.parametrize("view", ["window", "window and hiding"])
def test_a_window_leaks_nothing(view):
    """Whatever changes outside the window, or is hidden, changes nothing in it."""
    world = yard(view)
    observer = ObservationEncoder(world)
    states = walk(world)
    random = np.random.default_rng(0)
    changed = states.copy()
    guard, robot = (world.bodies[world.body_index[name]] for name in ("guard", "robot"))
    free = np.flatnonzero(~world.boards.walls[0, :-1])
    changed[:, guard.cell] = random.choice(free, len(states))
    changed[:, guard.facing] = random.integers(4, size=len(states))
    changed[:, world.columns["secret"].index] = random.integers(3, size=len(states))
    side = world.agents[0].window // 2

    def far(rows):
        apart = [
            abs(rows[:, guard.cell] // 9 - rows[:, robot.cell] // 9),
            abs(rows[:, guard.cell] % 9 - rows[:, robot.cell] % 9),
        ]
        return np.maximum(*apart) > side

    both = far(states) & far(changed)
    assert both.sum() > 100
    assert (observer.planes(states[both]) == observer.planes(changed[both])).all()
    assert (observer.counters(states[both]) == observer.counters(changed[both])).all()


def test_an_agent_that_is_nowhere_sees_nothing_in_its_window():
    world = yard("window")
    state = walk(world)[:1].copy()
    state[0, world.bodies[world.body_index["robot"]].cell] = world.boards.nowhere
    planes = ObservationEncoder(world).planes(state)[0]

    assert planes[0].all()
    assert not planes[1:].any()


# ------------------------------------------------------------------ buffers and forms


@pytest.mark.parametrize("view", VIEWS)
def test_a_buffer_that_goes_along_shows_what_a_new_one_does(view):
    world = yard(view)
    observer = ObservationEncoder(world)
    states = walk(world)
    buffer = ObservationBuffer(observer, 32)
    random = np.random.default_rng(1)
    for _ in range(50):
        some = states[random.integers(len(states), size=32)]
        buffer.fill(some)
        assert (buffer.board == observer.planes(some)).all()
        assert (buffer.counters == observer.counters(some)).all()


def test_a_buffer_follows_generated_boards():
    _, (world,) = open_worlds("corner_cheese", None, None)
    observer = ObservationEncoder(world)
    states = walk(world)
    assert np.unique(states[:, world.layout]).size > 20
    buffer = ObservationBuffer(observer, 1)
    for state in states[np.random.default_rng(2).permutation(len(states))[:300]]:
        buffer.fill(state[None])
        assert (buffer.board[0, 0].reshape(-1) == world.boards.walls[state[world.layout], :-1]).all()
        assert (buffer.board == observer.planes(state[None])).all()


@pytest.mark.parametrize("form", ["planes", "flat", "image"])
@pytest.mark.parametrize("view", VIEWS)
def test_bounds_are_true_and_are_reached(view, form):
    world = yard(view)
    observer = ObservationEncoder(world, form=form)
    check_observation_space(observer.space)
    states = walk(world)
    batch = observer.observe(states)
    for i in range(0, len(states), 7):
        one = {name: part[i] for name, part in batch.items()} if form == "planes" else batch[i]
        assert observer.space.contains(one)
    counters = observer.counters(states)
    assert (counters.min(axis=0) == observer.low).all()
    reached = counters.max(axis=0) == observer.high
    assert [n for n, r in zip(observer.counter_names, reached, strict=True) if not r] in ([], ["key.worn"])


def test_bounds_do_not_follow_params():
    spaces = [
        ObservationEncoder(open_worlds("lab", None, {"threshold": threshold})[1][0]).space for threshold in (1, 2, 3, 4)
    ]
    assert all(space == spaces[0] for space in spaces)


def test_the_flat_form_is_the_planes_and_the_counters_scaled():
    world = yard("all")
    observer, flat = ObservationEncoder(world), ObservationEncoder(world, form="flat")
    states = walk(world)[:50]
    rows = flat.observe(states)
    cells = observer.planes(states).reshape(50, -1)
    scaled = (observer.counters(states) - observer.low) / (observer.high - observer.low)

    assert rows.dtype == np.float32
    assert (rows == np.concatenate([cells, scaled], axis=1)).all()


def test_the_image_form_is_large_enough_and_shows_counters_as_greys():
    world = yard("all")
    observer, image = ObservationEncoder(world), ObservationEncoder(world, form="image")
    states = walk(world)[:5]
    pictures = image.observe(states)
    planes = len(observer.plane_names)

    assert image.space.shape == (planes + len(observer.counter_names), 40, 72)
    assert (pictures[:, :planes, ::8, ::8] == observer.planes(states) * 255).all()
    grey = pictures[:, planes + observer.counter_names.index("power")]
    assert (grey == grey[:, :1, :1]).all()
    assert (
        grey[:, 0, 0] == np.rint((observer.counters(states)[:, observer.counter_names.index("power")] + 1) / 4 * 255)
    ).all()


def test_a_world_without_a_board():
    world = world_of(BARE + "counters: {power: {max: 2}}\nrules:\n  - name: more\n    then:\n      - power += 1\n")
    observer = ObservationEncoder(world)
    assert (observer.plane_names, observer.counter_names) == ((), ("power",))
    assert isinstance(observer.space, Dict)
    assert list(observer.space.spaces) == ["counters"]
    assert set(observer.observe(walk(world))["counters"][:, 0].tolist()) == {0, 1, 2}
    with pytest.raises(ValueError, match="no image"):
        ObservationEncoder(world, form="image")


def test_a_world_that_shows_nothing():
    world = world_of(BARE)
    observer = ObservationEncoder(world)
    assert observer.counter_names == ("nothing",)
    assert observer.observe(walk(world)) == {"counters": [[0]]}
    assert np.unique(observe(world, walk(world)), axis=0).shape[0] == 1


def test_there_are_three_forms():
    with pytest.raises(ValueError, match="no form `pixels`; there are planes, flat, image"):
        ObservationEncoder(yard("all"), form="pixels")  # type: ignore[arg-type]
