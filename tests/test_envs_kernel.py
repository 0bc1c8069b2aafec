"""The compiled kernel means what the reference means, bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import examples, sampled, scenarios, world_of
from turncoat.envs.kernel import bytecode
from turncoat.envs.kernel import interpreter as kernel
from turncoat.envs.kernel import memory as compiled
from turncoat.envs.kernel.batch_stepper import Stepper
from turncoat.envs.kernel.memory import entry
from turncoat.envs.kernel.sampling import uniform as inner_uniform
from turncoat.envs.reference import action_mask
from turncoat.envs.reference import step as reference
from turncoat.envs.world import randomness as chance
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import EnumeratedDraws, SampledDraws
from turncoat.envs.world.world import World
from turncoat.scenarios import library
from turncoat.scenarios.language.loading import load


@entry
def uniform(seed, lane, clock, draw):
    """As Python can call it."""
    return inner_uniform(seed, lane, clock, draw)


def same(world: World, seed: int, lanes: int, ticks: int) -> None:
    """Walk both at random, restarting every episode that is over, and compare everything after every tick."""
    rng = np.random.default_rng(seed)
    stepper = Stepper(world, lanes, seed)
    stepper.reset()
    every, clock = np.arange(lanes), np.zeros(lanes, np.int64)
    tick = reference.reset(world, SampledDraws(seed, every, clock), lanes)
    clock += 1
    agree(stepper, tick)
    for _ in range(ticks):
        actions = np.stack([rng.integers(0, count, lanes) for count in world.action_counts], axis=1).astype(np.int32)
        tick = reference.step(world, tick.states, actions, SampledDraws(seed, every, clock))
        clock += 1
        stepper.step(actions)
        agree(stepper, tick)
        assert np.array_equal(stepper.executed, tick.executed)
        over = np.flatnonzero(tick.ended & (rng.random(lanes) < 0.5))
        if over.size:
            begun = reference.reset(world, SampledDraws(seed, over, clock[over]), over.size)
            clock[over] += 1
            tick.states[over] = begun.states
            stepper.reset(over)
            assert np.array_equal(stepper.states, tick.states)
            assert np.array_equal(stepper.clock, clock)


def agree(stepper: Stepper, tick: reference.TickResult) -> None:
    """All that came of a tick is the same."""
    assert np.array_equal(stepper.states, tick.states)
    assert np.array_equal(stepper.rewards, tick.rewards)
    assert np.array_equal(stepper.performance, tick.performance)
    assert np.array_equal(stepper.events, tick.events)
    assert np.array_equal(stepper.ended, tick.ended)
    for agent, able in enumerate(stepper.available):
        assert np.array_equal(able, action_mask.available(stepper.world, tick.states, agent))


@pytest.mark.parametrize("name", sampled(library.names()))
def test_every_scenario_of_the_library(name: str) -> None:
    scenario = load(name)
    for stage in scenario.document.stages:
        same(compile_world(scenario, stage), seed=7, lanes=64, ticks=60)


@settings(max_examples=examples(40))
@given(scenarios(), st.integers(0, 2**63 - 1))
def test_random_scenarios(text: str, seed: int) -> None:
    same(world_of(text), seed, lanes=16, ticks=40)


STARTS = """
map:
  - |
    ######
    #At.T#
    #.w..#
    #.D.M#
    ######
  - |
    ######
    #Tt..#
    #.wA.#
    #.DM.#
    ######
legend:
  "#": wall
  ".": floor
  A: {agent: robot, fields: {bags: 2, mood: glad}}
  t: {thing: tree}
  T: {thing: tree, fields: {age: oldest - 1, size: 2, dead: true}, zone: glade}
  w: {zone: glade}
  M: monster
  D: {wall: true, zone: [door, glade]}
params:
  oldest: {value: 4, range: [1, 5]}
things:
  tree: {fields: {age: {max: 5}, size: {values: [1, 2, 4]}, dead: {}}}
  monster: {kind: monster, facing: true, wander: {in: glade}}
agents:
  robot:
    actions: [stay, up, down, left, right]
    fields: {bags: {max: 3}, mood: {values: [sad, glad]}}
    values: {reward: {}}
    observes: {hides: [glade]}
rules:
  - name: cut
    each: tree
    when: robot on tree
    chance: 0.5
    then: remove tree
    else_pays: {reward: 0 - tree.age, performance: tree.size}
  - name: grow
    each: tree
    chance: 0.2
    then: tree.age += 1
    else_pays: {reward: 1}
  - name: catch_up
    each: {a: tree, b: tree}
    only: first
    when: a.age != b.age or robot does left
    chance: 0.7
    then: b.age += 1
    else_pays: {reward: b.age}
  - name: beckon
    when: robot meets door
    then: place monster at random in glade
  - name: back
    when: robot meets monster
    chance: 0.3
    then: reset map
"""


def test_starts_that_the_legend_gives_on_each_of_several_maps() -> None:
    world = world_of(STARTS)
    same(world, seed=3, lanes=64, ticks=100)
    starts = reference.reset(world, EnumeratedDraws()).states
    trees = [[int(row[world.columns[f"tree[{n}].age"].index]) for n in range(2)] for row in starts]
    assert trees == [[0, 3], [3, 0]]
    assert world.zone_names_seen() == ("door",)


AGENTS = """
map: |
  #######
  #A.g.B#
  #..b..#
  #..C..#
  #######
legend:
  B: bob
  C: cat
  g: gem
  b: {thing: crate}
things:
  gem: {}
  crate: {kind: block}
agents:
  robot:
    actions: [stay, up, down, left, right, shove]
    values: {reward: {}, spite: {}}
    sight: 4
    facing: true
    fields: {hurt: {max: 3}}
  bob:
    actions: [stay, up, down, left, shove]
    values: {reward: {}, spite: {}}
    sight: 2
    facing: true
    fields: {hurt: {max: 3}}
  cat:
    actions: [shove, stay, up, left, right]
    values: {reward: {}, spite: {}}
    sight: 3
    facing: true
    fields: {hurt: {max: 3}}
rewards: {reward: {}, spite: {}, performance: {hidden: true}}
rules:
  - name: shoving
    each: {one: agent, other: agent}
    when: one does shove and one meets other and ahead(one) on other
    chance: 0.7
    then:
      - other.hurt += 1
      - event shoved
    pays: {one.spite: 1 + other.hurt, performance: 0 - one.hurt}
    else_pays: {one.reward: -1}
  - name: taking
    each: [agent, gem]
    when: agent on gem
    then: agent takes gem
    pays: {agent.reward: "count(a of agent: a.hurt > 0)"}
  - name: dropping
    each: {who: agent}
    only: first
    when: "who carries gem and who.hurt == 3 and any(seer of agent: seer sees who)"
    then:
      - who drops gem
      - who.values.spite = 2
      - place who at beside(crate, up)
solution: joint
"""


def test_rules_over_agents() -> None:
    """They are those that would be written out: names for agents in conditions, effects, weights and pays."""
    world = world_of(AGENTS)
    same(world, seed=5, lanes=64, ticks=200)
    assert [rule.name for rule in world.rules][:2] == ["shoving:robot:bob", "shoving:robot:cat"]
    assert len(world.rules) == 6 + 3 + 3
    assert [f"{name}.values.spite" in world.columns for name in ("robot", "bob", "cat")] == [True] * 3


@pytest.mark.parametrize("inside", [True, False])
def test_a_wanderer_does_not_leave_its_zone(inside: bool) -> None:
    """One that stands elsewhere goes wherever chance leads it, and stays once it has come in."""
    text = """
    map: |
      ######
      #pp..#
      #ppM.#
      ######
    legend:
      p: {zone: pen}
      M: monster
    things:
      monster: {kind: monster, facing: true, wander: {in: pen}}
    agents: {robot: {actions: [stay], values: {reward: {}}}}
    """
    if inside:
        text = text.replace("M: monster", "M: {thing: monster, zone: pen}")
    world = world_of(text)
    stepper = Stepper(world, 64, seed=0)
    stepper.reset()
    been, cell = set(), world.columns["monster.cell"].index
    for _ in range(200):
        was = world.boards.named_zones["pen"][0, stepper.states[:, cell]]
        stepper.step(np.zeros((64, 1), np.int32))
        now = world.boards.named_zones["pen"][0, stepper.states[:, cell]]
        assert (now | ~was).all()
        been |= set(stepper.states[:, cell].tolist())
    assert len(been) == (5 if inside else 8)


ABLE = """agents:
  robot:
    actions: [stay, up, down, left, right, {{name: grab, when: {}}}, {{name: leave, when: {}}}]
    values: {{reward: {{weight: 1}}}}
"""
WHENS = ("robot on zone_of(job)", "a == 2", "not monster sees robot", "robot near(1) crate or luck == 2", "a == 1 - 1")


@settings(max_examples=examples(60))
@given(scenarios(), st.sampled_from(WHENS), st.sampled_from(WHENS), st.integers(0, 2**63 - 1))
def test_what_is_available_in_random_scenarios(text: str, grab: str, leave: str, seed: int) -> None:
    """`same` compares it after every tick; nobody insists on it."""
    same(world_of(text + ABLE.format(grab, leave)), seed, lanes=16, ticks=40)


@pytest.mark.parametrize("at", ["start", "tick"])
def test_weights_whose_sum_is_beyond_floats(at: str) -> None:
    text = f"""
    agents: {{robot: {{actions: [stay, go], values: {{reward: {{}}}}}}}}
    counters: {{met: {{max: 5}}}}
    draws: {{luck: {{at: {at}, values: [1, 2, 5], weights: [4e307, 1.6e308, 1.2e308]}}}}
    rules:
      - name: noted
        then:
          - met = luck
    """
    same(world_of(text), seed=7, lanes=64, ticks=20)


def test_what_each_of_several_agents_can_do() -> None:
    text = """
    map: |
      #####
      #A.B#
      #####
    legend:
      B: bob
    agents:
      robot: {actions: [stay, right, {name: wave, when: robot meets bob}], values: {reward: {}}}
      bob: {actions: [{name: nod, when: n > 1}, stay, left], values: {reward: {}}}
    counters: {n: {max: 3}}
    rules:
      - name: count
        when: bob moved or robot moved
        then:
          - n += 1
    solution: joint
    """
    same(world_of(text), seed=1, lanes=32, ticks=60)


EDITED = """
map: |
  ####
  #A.#
  ####
agents:
  robot: {actions: [stay, left, right], values: {task: {weight: 0.5}, own: {weight: 2}}}
rewards: {task: {}, own: {}, performance: {hidden: true}}
rules:
  - name: edit
    when: robot moved and robot on cell(1, 2)
    then:
      - robot.values.own = -3
    pays: {own: 1}
  - name: back
    when: robot moved and robot on cell(1, 1)
    then:
      - robot.values.own = 2
  - name: pay
    pays: {task: 1, own: 2}
"""


@pytest.mark.parametrize("name", ["lab", "interruption", "edited"])
@pytest.mark.parametrize("again", [True, False])
def test_pay_and_ends_are_those_of_the_world(name: str, again: bool) -> None:
    """Weights before the tick, limits and horizons, and a new episode in the place of a tick."""
    world = world_of(EDITED) if name == "edited" else compile_world(load(name))
    lanes, rng = 64, np.random.default_rng(0)
    stepper = Stepper(world, lanes, seed=3, autoreset=again)
    stepper.reset()
    over, ticks = np.zeros(lanes, np.bool_), np.zeros(lanes, np.int64)
    for _ in range(2 * world.steps + 10):
        before = stepper.states.copy()
        actions = rng.integers(0, world.action_counts[0], (lanes, 1)).astype(np.int32)
        done = stepper.step(actions)
        begun = over & again
        ticks = np.where(begun, 0, ticks + 1)
        weights = world.weights(before) * world.rewards_shown
        assert np.allclose(stepper.pay[:, 0], np.where(begun, 0, (stepper.rewards * weights).sum(axis=1)))
        last = ticks >= world.steps
        assert (stepper.ticks == ticks).all()
        assert (stepper.terminated == ~begun & (stepper.ended | (last & (world.horizon is not None)))).all()
        assert (stepper.truncated == ~begun & ~stepper.ended & last & (world.horizon is None)).all()
        assert done == stepper.terminated.any() + 2 * stepper.truncated.any()
        over = stepper.terminated | stepper.truncated


def test_what_does_not_exist_is_refused_before_anything_is_done() -> None:
    stepper = Stepper(world_of(FEATURES.replace("GUARD", "n > 1")), 3)
    stepper.reset()
    before = stepper.states.copy(), stepper.clock.copy()
    for wrong in (-1, 6):
        with pytest.raises(ValueError, match=f"no action {wrong}; actions of `robot` are 0 to 5"):
            stepper.step(np.array([[1], [2], [wrong]], np.int32))
    for rows in ([3], [-1], [0, 1, 2, 0]):
        with pytest.raises(IndexError):
            stepper.reset(np.array(rows))
    assert (stepper.states == before[0]).all()
    assert (stepper.clock == before[1]).all()
    stepper.reset(np.array([1]))
    assert (stepper.clock == [1, 2, 1]).all()


def test_compiled_code_does_not_outlive_its_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba keys what it keeps by what an entry closes over, so by the digest; which sees every module named."""
    for name in ("memory", "interpreter", "sampling"):
        (tmp_path / f"{name}.py").write_text(name)
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "memory.py"))
    digests = [compiled.digest("interpreter", "sampling")]
    for name in ("memory", "interpreter", "sampling"):
        (tmp_path / f"{name}.py").write_text(f"{name}, changed")
        digests.append(compiled.digest("interpreter", "sampling"))
    assert len(set(digests)) == 4
    closed = {cell.cell_contents for cell in kernel.play.py_func.__closure__}
    sources = {module.__name__.rpartition(".")[2] for module in _compiled_from(kernel)} - {"memory"}
    monkeypatch.undo()
    assert closed == {compiled.digest(*kernel.SOURCES)}
    assert sources <= set(kernel.SOURCES)


def _compiled_from(module: ModuleType) -> set[ModuleType]:
    """The modules of the package whose functions or numbers a compiled one uses."""
    found, new = set(), {module}
    while new:
        found |= new
        names = {getattr(value, "__module__", None) for one in new for value in vars(one).values()}
        names |= {value.__name__ for one in new for value in vars(one).values() if isinstance(value, ModuleType)}
        mine = {sys.modules[name] for name in names if isinstance(name, str) and name.startswith("turncoat.envs.")}
        new = {one for one in mine if one not in found and "inner" in vars(one)} | (mine & {bytecode} - found)
    return found


@pytest.mark.nightly
@settings(max_examples=400)
@given(scenarios(), st.integers(0, 2**63 - 1))
def test_ten_million_steps(text: str, seed: int) -> None:
    same(world_of(text), seed, lanes=256, ticks=100)


@settings(max_examples=50)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 10_000))
def test_chance_is_the_same(seed: int, lane: int, clock: int, draw: int) -> None:
    expected = chance.uniform(seed, np.array([lane]), np.array([clock]), draw)[0]
    assert uniform(np.uint64(seed), lane, clock, draw) == expected


FEATURES = """
map: |
  #######
  #A.1o.#
  #..b2.#
  #.....#
  #######
legend:
  o: {thing: gem, zone: meadow}
  b: {thing: crate}
  "1": {zone: [one, meadow]}
  "2": {zone: [two, meadow]}
things:
  gem: {fields: {ripe: {max: 3}}}
  crate: {kind: block, opaque: true}
agents:
  robot:
    actions: [stay, up, down, left, right, {name: dig, when: n > 0}]
    sight: 3
    facing: true
    values: {reward: {}}
counters:
  n: {min: -2, max: 5, start: 0}
  listed: {values: [0.5, 2, -1]}
  job: {values: [one, two]}
let:
  dug: robot does dig and not before(n > 2)
  spread: distance(gem, spot) * 2 + n
  spot: beside(crate, up)
rules:
  - name: count
    when: n < 5
    pays: {reward: "if(GUARD, 1, 0)"}
  - name: up
    when: robot moved
    chance: 0.6
    then:
      - n += 1
      - job cycles
      - listed += 1
      - gem.ripe += 1
  - name: down
    when: n >= 4
    then:
      - n = 0 - 2
  - name: hold
    when: robot on gem and n == 1
    then:
      - robot takes gem
  - name: release
    when: n == 3
    then:
      - robot drops gem
  - name: hop
    when: n == 0
    chance: 0.3
    then:
      - place crate at cell(1 + listed, 2)
  - name: strew
    when: n == 2
    chance: 0.5
    then:
      - place gem at random in zone_of(job)
  - name: guarded
    when: "GUARD"
    pays: {reward: 10, performance: n}
"""


@pytest.mark.parametrize(
    "guard",
    [
        "robot on cell(1 + n % 3, 2)",
        "robot near(n) gem",
        "robot near(n) meadow",
        "robot near(1 + n) zone_of(job)",
        "robot near(n - 1) cell(2, 3)",
        "robot near(1) cell(1 + n % 2, 2 + n)",
        "robot meets cell(1 + n % 3, 3) or robot sees cell(1 + n % 3, 4)",
        "robot sees two and robot facing right",
        "robot sees zone_of(job)",
        "robot sees gem and not robot sees crate",
        "exp(n) > 2 or ln(n) > 0.5 or sqrt(n) >= 2",
        "n // 2 == 1 or n % -3 == -1 or n ** 2 >= 9 or 0 ** n == 1",
        "abs(n) + min(n, 1, listed) - max(n, 2) < floor(listed) + ceil(0 - listed) or -n > 1",
        "if(n > 1, n, 0 - n) == 2",
        "robot carries gem or gem.ripe >= 2",
        "crate moved and robot moved",
        "robot chooses dig and robot does dig",
        "row(robot) == 1 or column(gem) == -1 or row(cell(n, 2)) == 2",
        "distance(robot, gem) >= 64 or distance(cell(1, 1 + n), crate) < 2",
        "before(n) > n or not before(robot facing left and robot sees gem)",
        "before(robot near(1) crate) and not robot near(1) crate",
        "beside(robot, up) in wall and (beside(crate, right) on robot or ahead(robot) in floor)",
        "cell(2, 4) in two and ahead(robot) near(n) meadow",
        "beside(beside(robot, left), left) meets zone_of(job) or not gem on board",
        "count(g of gem: ahead(robot) on g) == 1 or any(c of crate: beside(c, down) on robot)",
        "dug or spread > before(spread) or spot on robot",
    ],
)
def test_every_word_of_a_guard(guard: str) -> None:
    same(world_of(FEATURES.replace("GUARD", guard)), seed=3, lanes=32, ticks=80)
