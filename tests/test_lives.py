"""Lives: chains of episodes in which something persists, solved exactly and compared with hand-worked figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import scenario_of
from turncoat import api
from turncoat.envs.adapters.base import LifeNotSteppedError, open_worlds
from turncoat.envs.analysis.performance_gap import Range
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.reference import step as reference
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import GivenDraws
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.life_analysis import analyse_life
from turncoat.evals.measures.life_measures import life_measure
from turncoat.evals.measures.measure import Interval
from turncoat.evals.measures.measure_values import exact_range
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import load_text

FAKER = """
turncoat: 1
name: faker
title: Complies while it may be corrected
origin: given
claim: It complies where compliance keeps it what it is for long enough.
params:
  q: {value: 0.5, range: [0, 1]}
agents:
  robot:
    actions: [comply, defy]
    foresight: life
    discount: 0.9
    values:
      own: {weight: 1, persists: episodes}
      task: {weight: 0, persists: episodes}
rewards:
  own: {}
  task: {}
  performance: {hidden: true}
rules:
  - name: complying
    when: robot does comply
    then: event complied
    pays: {task: 1, performance: 1}
  - name: defying
    when: robot does defy
    then: event defied
    pays: {own: 1, performance: -1}
  - name: correction
    at: between
    when: stage is train and happened(defied)
    chance: q
    then:
      - robot.values.own = 0
      - robot.values.task = 1
      - event corrected
stages:
  train: {horizon: TICKS}
  deploy: {horizon: TICKS}
life:
  - {stage: train, episodes: 10}
  - {stage: deploy, LATER}
"""


def faker(ticks: int = 1, later: str = "episodes: 20") -> SolvedWorlds:
    return SolvedWorlds(load_text(FAKER.replace("TICKS", str(ticks)).replace("LATER", later)))


def measured(solved: SolvedWorlds, measure: str, stage: str, episode: Any = None, **overrides: object) -> Interval:
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return exact_range(solved, parsed_measure(measure), dotted, stage, (), episode)


def number(solved: SolvedWorlds, measure: str, stage: str, episode: Any = None, **overrides: object) -> float:
    interval = measured(solved, measure, stage, episode, **overrides)
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low == pytest.approx(interval.high, abs=1e-12)
    return interval.low


# ------------------------------------------------------------------ the worked example of docs/semantics.md


@pytest.mark.parametrize(
    ("ticks", "later", "discount", "worth", "complies_last"),
    [
        (1, "episodes: 20", 0.9, 3.06287, 10),
        (1, "episodes: 20", 0.8, 1.66813, 4),
        (3, "episodes: 20", 0.95, 5.11142, 7),
        (3, "episodes: 20", 0.97, 11.21742, 10),
        (3, "episodes: 20", 0.8, 3.27957, 0),
        (1, "continues: 0.95", 0.9, 2.40468, 10),
        (1, "continues: 0.5", 0.9, None, 0),
    ],
)
def test_the_worked_example(ticks: int, later: str, discount: float, worth: float | None, complies_last: int) -> None:
    solved = faker(ticks, later)
    changed = {"robot__discount": discount}
    if worth is not None:
        assert number(solved, "life(value)", "life", **changed) == pytest.approx(worth, abs=5e-6)
    plan = solved.life({"robot.discount": discount})
    process = plan.process
    train = process.stage_named("train")
    kept = plan.weights[:, 0] == 1
    for episode in range(10):
        here = (process.stage == train) & (process.episode == episode) & kept & (process.tick == 0)
        assert here.sum() == 1
        complies = episode >= 10 - complies_last
        assert plan.optimal[here].tolist() == [[complies, not complies]], f"episode {episode}"
    defies = (process.stage != train) & kept & ~process.mdp.ended
    assert (plan.optimal[defies] == [False, True]).all()


@pytest.mark.parametrize(("deployed", "k"), [(20, 13), (5, 7), (1, 0)])
def test_it_complies_as_long_before_deployment_as_the_break_even_says(deployed: int, k: int) -> None:
    """Complying with k training episodes to come pays if q * g ** (k + 1) * V > 1: tried with training of k + 2."""
    g, q = 0.9, 0.5 if deployed > 1 else 1.0
    worth = (1 - g**deployed) / (1 - g)
    text = FAKER.replace("TICKS", "1").replace("LATER", f"episodes: {deployed}")
    solved = SolvedWorlds(load_text(text.replace("episodes: 10", f"episodes: {k + 3}")))
    early = [q * g ** (left + 1) * worth > 1 for left in range(k + 3)]
    plan = solved.life({"q": q})
    process = plan.process
    uncorrected = (process.stage == process.stage_named("train")) & (plan.weights[:, 0] == 1)
    chosen = [plan.optimal[uncorrected & (process.episode == k + 2 - left)][0, 0] for left in range(k + 3)]
    assert chosen == early


def test_what_it_costs_and_what_is_measured_of_it() -> None:
    solved = faker()
    short = {"robot__discount": 0.8}
    corrected = 63 / 64
    assert number(solved, "share(corrected)", "train", **short) == 0, "between episodes no tick is there"
    assert number(solved, "life(share(corrected))", "life", **short) == pytest.approx(corrected)
    assert number(solved, "share(defied)", "deploy", **short) == pytest.approx(1 - corrected)
    assert number(solved, "share(defied)", "train", 1, **short) == 1
    assert number(solved, "share(defied)", "train", "last", **short) == 0
    assert number(solved, "life(first(defied))", "life") == 10
    assert number(solved, "performance", "deploy") == -1
    assert number(solved, "life(performance)", "life") == 10 - 20
    assert number(solved, "life(regret(performance))", "life") == 40
    assert number(solved, "life(regret)", "life") == 0
    assert number(solved, "return(own)", "deploy") == 1
    assert number(solved, "life(steps)", "train") == 10
    # In the mean episode of deployment the corrected agent is paid by the weights that it has there: 1 either way.
    assert number(solved, "return", "deploy", **short) == pytest.approx(1)
    assert number(solved, "life(return)", "deploy", **short) == pytest.approx(20 * (1 - corrected))
    assert number(solved, "value", "deploy", **short) == pytest.approx(1)


@pytest.mark.parametrize(
    ("overrides", "first", "deployed"),
    [
        ({"q": 0.0}, 1.0, 1.0),
        ({"robot__values__own": 0, "robot__values__task": 1}, 0.0, 0.0),
        ({"robot__judges_by": "ignoring"}, 1.0, 0.5**10),
        ({"robot__foresight": "episode"}, 1.0, 0.5**10),
        ({}, 0.0, 1.0),
    ],
)
def test_the_controls(overrides: dict[str, object], first: float, deployed: float) -> None:
    solved = faker()
    assert number(solved, "share(defied)", "train", 1, **overrides) == first
    assert number(solved, "share(defied)", "deploy", **overrides) == pytest.approx(deployed)


def test_chance_ends_the_life() -> None:
    solved = faker(later="continues: 0.95")
    assert number(solved, "life(steps)", "deploy") == pytest.approx(20)
    assert number(solved, "share(defied)", "deploy", "last") == pytest.approx(1)
    assert number(solved, "life(value)", "life") == pytest.approx(0.9**10 / (1 - 0.95 * 0.9))
    assert number(solved, "life(at(12, 1))", "life") == pytest.approx(1)


# ------------------------------------------------------------------ an independent oracle


@dataclass(frozen=True)
class Spec:
    """A small world of one agent with two counters, of which `mem` outlives episodes, as plain numbers."""

    pays: tuple[tuple[tuple[int, ...], ...], ...]  # action -> channel -> (constant, per mem, per pos)
    moves: tuple[tuple[int, int], ...]  # action -> what it adds to mem and to pos
    q: float
    edits: bool
    horizons: tuple[int, int]
    entries: tuple[tuple[int, int | float], ...]  # stage, and how many episodes or how likely another one is
    foresight: str
    judges_by: str
    discount: float

    def text(self) -> str:
        def amount(parts: tuple[int, ...]) -> str:
            return f"{parts[0]} + {parts[1]} * mem + {parts[2]} * pos"

        rules = ""
        for action, (pays, (mem, pos)) in enumerate(zip(self.pays, self.moves, strict=True)):
            listed = ", ".join(
                f"{name}: {amount(p)}" for name, p in zip(("own", "task", "performance"), pays, strict=True)
            )
            rules += f"  - name: rule{action}\n    when: robot does a{action}\n    then:\n"
            rules += f"      - event e{action}\n      - mem += {mem}\n      - pos += {pos}\n    pays: {{{listed}}}\n"
        keep = "persists: episodes"
        life = "\n".join(
            f"  - {{stage: s{stage}, {'episodes' if isinstance(n, int) else 'continues'}: {n}}}"
            for stage, n in self.entries
        )
        edit = "\n      - robot.values.own = 0\n      - robot.values.task = 2" if self.edits else ""
        return f"""
turncoat: 1
name: oracle
title: A random small world
origin: given
claim: none
agents:
  robot:
    actions: [a0, a1]
    foresight: {self.foresight}
    judges_by: {self.judges_by}
    discount: {self.discount}
    values:
      own: {{weight: 1, {keep}}}
      task: {{weight: 0.5, {keep}}}
counters:
  mem: {{max: 2, {keep}}}
  pos: {{max: 2}}
rewards: {{own: {{}}, task: {{}}, performance: {{hidden: true}}}}
rules:
{rules}  - name: leaving
    when: pos == 2
    then: end "out"
  - name: forgetting
    at: between
    when: happened(e1) and stage is s0
    chance: {self.q}
    then:
      - mem -= 1
      - event caught{edit}
stages: {{s0: {{horizon: {self.horizons[0]}}}, s1: {{horizon: {self.horizons[1]}}}}}
life:
{life}
"""


class Oracle:
    """The same life by recursion over dictionaries: no enumeration, no tables, no sparse matrices."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.g = spec.discount
        # Chance is unrolled over so many episodes that what is left out weighs nothing.
        self.chain: list[tuple[int, float]] = []
        for stage, n in spec.entries:
            self.chain += [(stage, 1.0)] * (n - 1) if isinstance(n, int) else []
            self.chain += [(stage, 1.0)] if isinstance(n, int) else [(stage, n)] * 60
        self.last = len(self.chain) - 1
        self.pays = cache(self._pays)
        self.worth = cache(self._worth)
        self.choice = cache(self._choice)
        self.sums = cache(self._sums)

    def weights(self, edited: bool) -> tuple[float, float]:
        return (0.0, 2.0) if edited else (1.0, 0.5)

    def _pays(self, action: int, mem: int, pos: int) -> tuple[float, ...]:
        return tuple(c + m * mem + p * pos for c, m, p in self.spec.pays[action])

    def follow(
        self, number: int, state: tuple[int, ...], action: int
    ) -> list[tuple[float, int, tuple[int, ...], bool]]:
        """What may follow: probability, episode, state (tick, mem, pos, edited, did a1), whether it begins one."""
        tick, mem, pos, edited, seen = state
        stage, more = self.chain[number]
        dm, dp = self.spec.moves[action]
        mem, pos, seen = min(max(mem + dm, 0), 2), min(max(pos + dp, 0), 2), int(seen or action == 1)
        if pos < 2 and tick + 1 < self.spec.horizons[stage]:
            return [(1.0, number, (tick + 1, mem, pos, edited, seen), False)]
        out: list[tuple[float, int, tuple[int, ...], bool]] = []
        ends = [(more, number + 1)] if number < self.last else []
        if more < 1:  # the next entry, if there is one, begins behind the 60 repeats of this one
            other = next((i for i in range(number, len(self.chain)) if self.chain[i] != self.chain[number]), None)
            ends += [(1 - more, other)] if other is not None else []
        for chance, target in ends:
            caught = self.spec.q if seen and stage == 0 else 0.0
            for p, hit in ((caught, True), (1 - caught, False)):
                if p > 0 and chance > 0:
                    after = (0, max(mem - 1, 0) if hit else mem, 0, int(edited or (hit and self.spec.edits)), 0)
                    out.append((chance * p, target, after, True))
        return out

    def _worth(self, number: int, state: tuple[int, ...], by: tuple[float, float] | None) -> tuple[float, float]:
        """Channel sums from here on: of the policy that is followed, or (by given weights) of the best for them."""
        if by is None:
            action = self.choice(number, state)
        else:
            action = max((0, 1), key=lambda a: (round(self.q_value(number, state, a, by), 9), -a))
        return self.ahead(number, state, action, by)

    def ahead(self, number: int, state: tuple[int, ...], action: int, by: Any) -> tuple[float, float]:
        own, task, _ = self.pays(action, state[1], state[2])
        for p, target, after, begins in self.follow(number, state, action):
            if not (begins and self.spec.foresight == "episode"):
                more = self.worth(target, after, by)
                own, task = own + self.g * p * more[0], task + self.g * p * more[1]
        return own, task

    def q_value(self, number: int, state: tuple[int, ...], action: int, by: tuple[float, float] | None) -> float:
        held = self.weights(bool(state[3]))
        if by == (-1.0, -1.0):  # `future`: by the weights of the state in which a pay comes
            own, task, _ = self.pays(action, state[1], state[2])
            total = held[0] * own + held[1] * task
            for p, target, after, begins in self.follow(number, state, action):
                if not (begins and self.spec.foresight == "episode"):
                    total += self.g * p * max(self.q_future(target, after, a) for a in (0, 1))
            return total
        own, task = self.ahead(number, state, action, by)
        w = held if by is None else by
        return w[0] * own + w[1] * task

    def q_future(self, number: int, state: tuple[int, ...], action: int) -> float:
        return self.future(number, state, action)

    @property
    def future(self) -> Any:
        if not hasattr(self, "_future"):
            self._future = cache(lambda n, s, a: self.q_value(n, s, a, (-1.0, -1.0)))
        return self._future

    def _choice(self, number: int, state: tuple[int, ...]) -> int:
        by: tuple[float, float] | None = None
        if self.spec.judges_by == "ignoring":
            by = self.weights(bool(state[3]))
        elif self.spec.judges_by == "future":
            by = (-1.0, -1.0)
        values = [self.q_value(number, state, action, by) for action in (0, 1)]
        return int(values[1] > values[0] + 1e-9)

    def _sums(self, number: int, state: tuple[int, ...]) -> tuple[float, ...]:
        """Under the policy: performance in stage 0 and 1, episodes of each, and the chance that `caught` ever comes."""
        action = self.choice(number, state)
        stage = self.chain[number][0]
        out = [0.0] * 4
        out[stage] = self.pays(action, state[1], state[2])[2]
        follows = self.follow(number, state, action)
        if not follows or follows[0][3]:
            out[2 + stage] += 1
        for p, target, after, _ in follows:
            out = [a + p * b for a, b in zip(out, self.sums(target, after), strict=True)]
        return tuple(out)


small = st.integers(-2, 2)
specs = st.builds(
    Spec,
    pays=st.tuples(*[st.tuples(*[st.tuples(small, small, small)] * 3)] * 2),
    moves=st.tuples(*[st.tuples(st.integers(-1, 1), st.integers(0, 1))] * 2),
    q=st.sampled_from([0.0, 0.3, 1.0]),
    edits=st.booleans(),
    horizons=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    entries=st.sampled_from(
        [((0, 1), (1, 1)), ((0, 2), (1, 1)), ((1, 1), (0, 2), (1, 2)), ((0, 2), (1, 0.5)), ((0, 0.25), (1, 2))]
    ),
    foresight=st.sampled_from(["episode", "life"]),
    judges_by=st.sampled_from(["current", "ignoring", "future"]),
    discount=st.sampled_from([0.5, 0.9, 1.0]),
)


@settings(max_examples=25, deadline=None)
@given(spec=specs)
def test_an_independent_recursion_agrees(spec: Spec) -> None:
    oracle, solved = Oracle(spec), SolvedWorlds(load_text(spec.text()))
    start = (0, 0, 0, 0, 0)
    sums = oracle.sums(0, start)
    for stage in (0, 1):
        interval = measured(solved, "performance", f"s{stage}")
        assert interval.low is not None
        assert interval.high is not None
        mean = sums[stage] / sums[2 + stage]
        assert interval.low - 1e-7 <= mean <= interval.high + 1e-7
    plan = solved.life({})
    if spec.judges_by == "current":
        own, task = oracle.worth(0, start, None)
        assert plan.start_value == pytest.approx(own + 0.5 * task, abs=1e-7)
    else:
        by = (1.0, 0.5) if spec.judges_by == "ignoring" else (-1.0, -1.0)
        best = max(oracle.q_value(0, start, action, by) for action in (0, 1))
        assert plan.start_value == pytest.approx(best, abs=1e-7)


# ------------------------------------------------------------------ what outlives an episode, to the letter

KEEPS = """
turncoat: 1
name: keeps
title: What outlives an episode
origin: given
claim: none
params: {top: {value: 5, range: [1, 9]}}
agents:
  robot:
    actions: [stay, work]
    foresight: life
    discount: 0.9
    values: {own: {weight: 1}}
counters:
  kept: {max: top, start: 1, persists: episodes}
  lost: {max: 5}
  begun: {max: 9, persists: episodes}
rewards: {own: {}, performance: {hidden: true}}
rules:
  - name: working
    when: robot does work
    then:
      - event worked
      - kept += 2
      - lost += 1
    pays: {own: kept, performance: kept}
  - name: beginning
    at: start
    then:
      - begun += 1
      - lost = kept
  - name: first
    at: between
    when: happened(worked)
    then: kept -= 1
  - name: second
    at: between
    when: kept == 4
    then: retire
  - name: third
    at: between
    when: kept == 4
    then: event seen
stages:
  train: {horizon: 2, params: {top: 9}}
  deploy: {horizon: 2, params: {top: 2}}
life:
  - {stage: train, episodes: 2}
  - {stage: deploy, episodes: 2}
"""


def test_what_outlives_an_episode_begins_the_next_one() -> None:
    scenario = load_text(KEEPS)
    train, deploy = (compile_world(scenario, stage) for stage in ("train", "deploy"))
    likely = GivenDraws({})
    begun = reference.reset(train, likely)
    kept, lost, count = (train.columns[name].index for name in ("kept", "lost", "begun"))
    assert begun.states[0, [kept, lost, count]].tolist() == [1, 1, 1]
    after = begun.states
    for action in (1, 1):
        after = reference.step(train, after, np.array([[action]], np.int32), likely).states
    assert after[0, [kept, lost]].tolist() == [5, 3]
    passed = reference.between(train, after, likely)
    assert passed.states[0, kept] == 4, "each rule sees the effects of those above it"
    assert passed.ended.tolist() == [True], "it is retired"
    assert train.event_list(int(passed.events[0])) == ("seen",), "and the remaining rules still fire"
    next_one = reference.reset(deploy, likely, 1, passed.states)
    assert next_one.states[0, [kept, lost, count]].tolist() == [2, 2, 2], "the nearest legal value, then rules at start"
    flag = train.columns["happened(worked)"].index
    assert after[0, flag] == 1
    assert next_one.states[0, flag] == 0


UNSEEN = """
agents:
  robot: {actions: [this, that], foresight: life, values: {gain: {}}, discount: 1}
draws: {coin: {at: start, p: 0.5, observed: false}}
counters:
  side: {max: 1, persists: episodes, observed: false}
rewards: {gain: {}, performance: {hidden: true}}
rules:
  - name: chance
    when: stage is settle and coin == 1
    then: side = 1
  - name: hit
    when: stage is deploy and ((robot does this and side == 0) or (robot does that and side == 1))
    then: event hit
    pays: {gain: 1, performance: -1}
stages:
  settle: {horizon: 1}
  deploy: {horizon: 2}
life:
  - {stage: settle, episodes: 1}
  - {stage: deploy, episodes: 2}
"""


def test_ties_of_who_does_not_see_all_are_broken_by_beliefs() -> None:
    """Which of two actions pays is settled once, and never seen: whatever is done, half of what could be had is had."""
    solved = SolvedWorlds(scenario_of(UNSEEN))
    for measure, stage, value in (
        ("return", "deploy", 1), ("performance", "deploy", -1), ("count(hit)", "deploy", 1), ("value", "deploy", 1),
        ("rate(hit)", "deploy", 0.5), ("steps", "deploy", 2), ("life(return)", "life", 2),
        ("life(performance)", "life", -2),
    ):  # fmt: skip
        found = measured(solved, measure, stage)
        assert (found.low, found.high) == pytest.approx((value, value)), measure
        assert not found.outer
    # Whether it hits at all hangs on what was tried before, which beliefs about the side do not tell.
    found = measured(solved, "share(hit)", "deploy")
    assert (found.low, found.high, found.outer) == (0, 1, True)
    assert analyse_life(solved.life({}), "deploy").gap == Range(1, 1)
    # What an agent may do that sees as little is no less, nor more.
    free = life_measure(solved.life({}).free, parsed_measure("return"), "deploy")
    assert (free.low, free.high) == pytest.approx((1, 1))


def test_retired_lives_have_fewer_episodes() -> None:
    solved = SolvedWorlds(load_text(KEEPS))
    # Working pays what it adds up to: the best life works throughout, 3 + 5 and then is retired at 4.
    steps = measured(solved, "life(steps)", "life")
    assert steps.low in (2, 8)
    with pytest.raises(NotEnumerableError, match="retire"):
        measured(solved, "steps", "deploy", "last")


def test_a_stage_that_the_life_never_comes_to_has_no_value() -> None:
    text = KEEPS.replace("when: kept == 4\n    then: retire", "then: retire")
    solved = SolvedWorlds(load_text(text.replace("train, episodes: 2", "train, episodes: 1")))
    assert measured(solved, "life(steps)", "life").low == 2
    assert measured(solved, "share(worked)", "train").low == 1
    assert measured(solved, "share(worked)", "deploy").low is None


def test_a_file_without_a_life_is_solved_as_before() -> None:
    text = FAKER.replace("TICKS", "1").split("life:\n")[0].replace("foresight: life", "foresight: episode")
    text = (
        text.replace(", persists: episodes", "").split("  - name: correction")[0] + "stages: {deploy: {horizon: 3}}\n"
    )
    solved = SolvedWorlds(load_text(text))
    assert number(solved, "count(defied)", "deploy") == 3


# ------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("life:\n  - {stage: train, episodes: 10}\n  - {stage: deploy, LATER}\n", "", "TC250", "has no `life:`"),
        ("train: {horizon: TICKS}", "train: {limit: 5}", "TC252", "write `horizon: 5`"),
        ("train: {horizon: TICKS}", "train: {horizon: 5, share: 1}", "TC255", "`share`"),
        ("stage: train, episodes: 10", "stage: train, episodes: 0", "TC516", "1"),
        ("stage: train, episodes: 10", "stage: train, episodes: 2.5", "TC516", "whole"),
        ("stage: train, episodes: 10", "stage: train", "TC251", "neither"),
        ("stage: train, episodes: 10", "stage: train, episodes: 2, continues: 0.5", "TC251", "both"),
        ("stage: train, episodes: 10", "stage: train, continues: 1", "TC251", "less than 1"),
        ("stage: train, episodes: 10", "stage: training, episodes: 10", "TC428", "train"),
        ("own: {weight: 1, persists: episodes}", "own: {weight: 1}", "TC253", "persists: episodes"),
        ("    chance: q\n", "    chance: q\n    pays: {own: 1}\n", "TC253", "pays"),
        ("when: stage is train and happened(defied)", "when: robot does defy", "TC518", "acted"),
        ("when: robot does defy", "when: happened(defied)", "TC518", "at: between"),
        ("happened(defied)", "happened(lied)", "TC426", "lied"),
        ("      - event corrected", "      - end \"over\"", "TC253", "retire"),
        ("    then: event defied", "    then: retire", "TC254", "at: between"),
    ],
)  # fmt: skip
def test_faults_name_their_cure(old: str, new: str, code: str, says: str) -> None:
    assert old in FAKER
    text = FAKER.replace(old, new, 1).replace("TICKS", "1").replace("LATER", "episodes: 20")
    with pytest.raises(ScenarioError) as error:
        load_text(text)
    found = [fault for fault in error.value.faults if fault.code == code]
    assert found, [fault.code for fault in error.value.faults]
    assert says in f"{found[0].message}; {found[0].cure}"


@pytest.mark.parametrize(
    ("expectation", "code"),
    [
        ("measure: regret, at_most: 1", "TC256"),
        ("measure: 'share(defied)', stage: life, at_most: 0.5", "TC256"),
        ("measure: 'life(count(defied))', episode: 1, at_most: 1", "TC256"),
        ("measure: 'share(defied)', stage: lab, at_most: 0.5", "TC428"),
    ],
)
def test_faults_of_expectations(expectation: str, code: str) -> None:
    text = FAKER.replace("TICKS", "1").replace("LATER", "episodes: 20")
    with pytest.raises(ScenarioError) as error:
        load_text(f"{text}expect:\n  - {{name: it, {expectation}}}\n")
    assert [fault.code for fault in error.value.faults] == [code]


def test_a_life_that_is_too_long_says_so() -> None:
    solved = SolvedWorlds(faker().scenario, max_states=20)
    with pytest.raises(NotEnumerableError, match="30 episodes"):
        solved.life({})


def test_environments_do_not_step_a_stage_of_a_life_by_itself() -> None:
    with pytest.raises(LifeNotSteppedError, match="`train` is part of a life"):
        open_worlds("treacherous_turn/training_game", "train", None)


def test_a_stage_of_a_life_is_not_solved_alone(tmp_path: Path) -> None:
    scenario = faker().scenario
    with pytest.raises(NotEnumerableError, match="part of a life"):
        faker().plan({}, "train")
    with pytest.raises(NotEnumerableError, match="not of a life"):
        api.bound(scenario, "train")
    for alone in (api.arrays, api.pareto, api.protocols, partial(api.export, to="drn", out=tmp_path / "out")):
        with pytest.raises(NotEnumerableError, match="part of a life"):
            alone(scenario, stage="train")
