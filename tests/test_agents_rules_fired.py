"""The rules behind a plan: which fired, which were overruled, and what a record of them refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turncoat.agents import FiredRules, RecordedRule, RuleTest, Thought
from turncoat.agents.local_rules.agent import RulesAgent
from turncoat.agents.local_rules.explanation import fired_rules
from turncoat.agents.records.fired_rules import MAX_RULES, MAX_TESTS, MAX_VALUES
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.evals.inspection.mind import mind_of
from turncoat.evals.traces.learning_curve import KNOWLEDGE, LearningCurve
from turncoat.evals.traces.trace import Trace, TraceMeta, read_trace, write_trace
from turncoat.viz.text.rule_text import rules_told

from .worlds import world_of

CORRIDOR = """
    map: |
      #######
      #A...G#
      #..#..#
      #######
    legend:
      G: {zone: goal}
    agents:
      robot: {actions: [stay, up, down, left, right], values: {reward: {weight: 1}}, discount: 0.9}
    rewards: {reward: {}, performance: {hidden: true}}
    rules:
      - name: arriving
        when: robot on goal
        then:
          - end "there"
        pays: {reward: 2}
    stages: {deploy: {limit: 40}}
    """
"""Two rules and their exceptions: a move goes as usual but not into a wall; a tick pays nothing but at the goal."""

STEPS = {1: (-1, 0), 2: (1, 0), 3: (0, -1), 4: (0, 1)}


@pytest.fixture(scope="module")
def learned() -> tuple[RulesAgent, Enumeration]:
    """An agent that has watched 400 random ticks, and learned once."""
    truth = enumerate_world(world_of(CORRIDOR))
    program = truth.world.agents[0]
    spec = observation_spec(truth.world)
    agent = RulesAgent(spec, truth.mdp.channels, truth.mdp.n_actions, program.weights, program.discount)
    rng, lane, model = np.random.default_rng(0), TabularTrainingEnv(truth), agent.model
    seen, mask = lane.reset(0)
    model.begin(model.state(seen, mask))
    for _ in range(400):
        action = int(rng.choice(np.flatnonzero(mask)))
        after, rewards, ended, truncated, then = lane.step(action)
        over = ended and not truncated
        model.record(model.state(seen, mask), action, model.state(after, then & (not over)), rewards, over)
        seen, mask = after, then
        if ended or truncated:
            seen, mask = lane.reset()
    agent.planner.settle()
    return agent, truth


def _all_pairs(agent: RulesAgent, truth: Enumeration) -> tuple[FiredRules, np.ndarray, np.ndarray, np.ndarray]:
    """What fires in every state with every action, with the robot's cell before and after, and the action."""
    mdp, looks, model = truth.mdp, observe(truth.world, truth.states), agent.model
    live = np.flatnonzero(~mdp.ended)
    states = np.array([model.state(looks[s], mdp.available[s]) for s in live for _ in range(5)])
    actions = np.tile(np.arange(5), live.size)
    predicted = model.predict(states, actions)
    assert np.array_equal(predicted.tick, np.arange(actions.size)), "nothing is left to chance"
    fired = fired_rules(model, states, actions, predicted.state, predicted.rewards, predicted.ended)
    cell = truth.world.agents[0].sees.index(truth.world.bodies[0].cell)
    return fired, states[:, cell], predicted.state[:, cell], actions


def test_the_exceptions_are_found_and_name_the_rule_that_they_overrule(learned: tuple[RulesAgent, Enumeration]) -> None:
    agent, truth = learned
    fired, now, after, actions = _all_pairs(agent, truth)
    walls = truth.world.boards.walls[0]
    width = truth.world.boards.width
    bumps = 0
    for tick, step in enumerate(fired.steps):
        down, right = STEPS.get(int(actions[tick]), (0, 0))
        if not (down or right) or not walls[now[tick] + down * width + right]:
            continue
        bumps += 1
        (number,) = (n for n in step if fired.rules[n].target == "field" and fired.rules[n].index == _cell(truth))
        rule, (general,) = fired.rules[number], fired.overruled(number)
        assert (rule.claim, rule.amount) == ("by", (0, 0))
        assert RuleTest("ahead glyph", _cell(truth), among=((0,),)) in rule.tests
        assert rule.right == rule.seen
        assert (general.claim, general.amount) == ("by", (down, right))
        assert general.tests == (RuleTest("action", among=((int(actions[tick]),),)),)
        assert general.right < general.seen
        assert now[tick] == after[tick]
    assert bumps == 14


def _cell(truth: Enumeration) -> int:
    return truth.world.agents[0].sees.index(truth.world.bodies[0].cell)


def test_whatever_changes_is_named_by_a_rule_that_says_so(learned: tuple[RulesAgent, Enumeration]) -> None:
    """Each rule is applied anew from its record alone, and its tests are looked up on the board."""
    agent, truth = learned
    fired, now, after, actions = _all_pairs(agent, truth)
    width, walls = truth.world.boards.width, truth.world.boards.walls[0]
    for tick, step in enumerate(fired.steps):
        named = [
            fired.rules[n] for n in step if fired.rules[n].target == "field" and fired.rules[n].index == _cell(truth)
        ]
        assert len(named) == 1 or now[tick] == after[tick]
        for rule in named:
            assert rule.claim == "by"
            assert now[tick] + rule.amount[0] * width + rule.amount[1] == after[tick]
            for test in rule.tests:
                if test.kind == "action":
                    assert ((int(actions[tick]),) in test.among) == test.holds
                elif test.kind == "ahead glyph" and test.other < 0:
                    down, right = STEPS[int(actions[tick])]
                    ahead = now[tick] + down * width + right
                    assert (((0,) in test.among) == bool(walls[ahead])) == test.holds


def test_the_pay_and_the_end_are_exceptions_to_none(learned: tuple[RulesAgent, Enumeration]) -> None:
    agent, truth = learned
    fired, _, _, _ = _all_pairs(agent, truth)
    paid = {n for step in fired.steps for n in step if fired.rules[n].target in ("pay", "ended")}

    told = {(fired.rules[n].target, fired.rules[n].amount, fired.overruled(n)[0].amount) for n in paid}
    assert told == {("pay", (2.0,), (0.0,)), ("ended", (1.0,), (0.0,))}


def test_a_thought_names_the_rules_of_its_line(learned: tuple[RulesAgent, Enumeration]) -> None:
    agent, truth = learned
    observation, mask = TabularTrainingEnv(truth).reset(0)
    agent.act(observation[None], None, mask[None])

    thought = agent.thought()

    assert thought is not None
    assert thought.rules is not None
    assert len(thought.rules.steps) == len(thought.plans[0].line) == 4
    assert all(thought.rules.steps)
    assert Thought.from_json(thought.to_json()).rules == thought.rules
    data = json.loads(thought.to_json())
    del data["rules"]
    assert Thought.from_json(json.dumps(data)).rules is None


RULE = RecordedRule("field", 0, "by", (1,), (RuleTest("action", among=((2,),)),), -1, 12, 10, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"general": 1}, "does not come before it"),
        ({"general": 5}, "does not come before it"),
        ({"right": 13}, "13 of 12"),
        ({"target": "hidden"}, "hidden"),
        ({"claim": "at"}, "at"),
        ({"tests": (RuleTest("action"),) * (MAX_TESTS + 1)}, "more than"),
        ({"amount": (float("nan"),)}, "finite"),
        ({"since": -1}, "since -1"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FiredRules((RULE, replace(RULE, **change)), ((0, 1),))  # type: ignore[arg-type]


def test_records_of_rules_are_bounded() -> None:
    with pytest.raises(ValueError, match="about something else"):
        FiredRules((RULE, replace(RULE, index=1, general=0)), ())
    with pytest.raises(ValueError, match="not one of 1 rules"):
        FiredRules((RULE,), ((1,),))
    with pytest.raises(ValueError, match="more than"):
        FiredRules((RULE,) * (MAX_RULES + 1), ())
    with pytest.raises(ValueError, match="at most"):
        RuleTest("now", among=((1,),) * (MAX_VALUES + 1))
    with pytest.raises(ValueError, match="no kind of test"):
        RuleTest("guess")  # type: ignore[arg-type]


# ------------------------------------------------------------------ in words, in traces, over a life


def test_what_fired_is_told_in_words(learned: tuple[RulesAgent, Enumeration]) -> None:
    """Whoever walks into a wall is expected to stay, against the rule that a move goes as usual."""
    agent, truth = learned
    world, model = truth.world, agent.model
    state = truth.states[truth.mdp.start_state[0]]
    seen = model.state(observe(world, state[None])[0], np.ones(5, np.bool_))
    up = np.array([1])
    came = model.predict(seen[None], up)
    fired = fired_rules(model, seen[None], up, came.state, came.rewards, came.ended)
    agent.act(seen[None, :-1], None, np.ones((1, 5), np.bool_))
    thought = agent.thought()
    assert thought is not None

    mind = mind_of(world, replace(thought, rules=fired), world.agents[0].actions, tuple(world.agents[0].sees))
    (told,) = rules_told(world, 0, mind, state)

    assert told.text.startswith("robot stays when a wall lies where robot would go (seen ")
    assert told.overruled.startswith("robot goes up when robot does up (right ")
    assert rules_told(world, 0, replace(mind, rules=None), state) == []
    with pytest.raises(ValueError, match="fields that are not observed"):
        mind_of(world, replace(thought, rules=FiredRules((replace(RULE, index=9),), ())), mind.actions, (0, 1))
    strange = replace(RULE, tests=(RuleTest("action", among=((7,),)),))
    with pytest.raises(ValueError, match="actions that it does not have"):
        mind_of(world, replace(thought, rules=FiredRules((strange,), ())), mind.actions, tuple(world.agents[0].sees))


@pytest.mark.parametrize(
    ("test", "text"),
    [
        (RuleTest("now", 1, among=((8,), (9,))), "robot is at row 1, column 1 or row 1, column 2"),
        (RuleTest("now", 1, among=((8,),) * 4), "robot is at one of 4"),
        (RuleTest("glyph", 1, -1, among=((1,),)), "robot is on goal"),
        (RuleTest("glyph", 1, 2, among=((),)), "open floor lies left of robot"),
        (RuleTest("next glyph", 1, -1, among=((0,),), holds=False), "robot is not then on a wall"),
        (RuleTest("change", 1, among=((0, 0), (2, -1))), "robot stays or goes 2 down and 1 left"),
        (RuleTest("offset", 1, 1, among=((0, 1),)), "robot is just right of robot"),
        (RuleTest("ahead offset", 1, 1, among=((0, 0),)), "robot is where robot would go"),
        (RuleTest("near", 1, 1, among=((),)), "robot does not touch robot"),
        (RuleTest("available", among=((0, 3),)), "it has stay, left to choose from"),
        (RuleTest("pay", 0, among=((2.0,),)), "reward pays 2"),
        (RuleTest("state"), "all is just as once before"),
    ],
)
def test_conditions_are_told_in_words(learned: tuple[RulesAgent, Enumeration], test: RuleTest, text: str) -> None:
    _, truth = learned
    world = truth.world
    rule = RecordedRule("ended", 0, "to", (1,), (test,), -1, 2, 1)
    thought = learned[0].thought()
    assert thought is not None
    mind = mind_of(world, replace(thought, rules=None), world.agents[0].actions, tuple(world.agents[0].sees))
    mind = replace(mind, rules=FiredRules((rule,), ((0,),)))

    (told,) = rules_told(world, 0, mind, truth.states[0])

    assert told.text == f"the episode ends when {text} (right 1 of 2 times)"


def test_a_trace_keeps_how_rules_grew(tmp_path: Path) -> None:
    curve = LearningCurve(np.ones(1), 100)
    for step in range(1, 101):
        curve.on_step(np.ones(1), over=False)
        if step % 10 == 0:
            curve.on_figures({"rules": 2.0 * step, "exceptions": step, "recent_hit_rate": 1 / 3})
            curve.on_figures({"rules": 0.0, "exceptions": 0, "recent_hit_rate": 0.0})  # a second word at one step
    curve.on_figures({"known_pairs": 3.0})
    assert len(curve.knowledge) == 10
    assert curve.knowledge[-1] == (100, 200, 100, 0.3333)

    meta = TraceMeta("s", "0" * 64, "deploy", "local_rules", ("robot",), (("stay",),), ("reward",), ("x",), {}, {})
    table = pl.DataFrame({name: pl.Series(name, [], kind) for name, kind in meta.schema.items()})
    write_trace(Trace(meta, table, knowledge={1000: curve.knowledge}), tmp_path / "with.parquet")
    write_trace(Trace(meta, table), tmp_path / "without.parquet")

    assert read_trace(tmp_path / "with.parquet").knowledge == {1000: curve.knowledge}
    assert read_trace(tmp_path / "without.parquet").knowledge == {}


def test_an_agent_reports_its_rules_as_they_grow() -> None:
    truth = enumerate_world(world_of(CORRIDOR))
    program = truth.world.agents[0]
    spec = observation_spec(truth.world)
    agent = RulesAgent(spec, truth.mdp.channels, truth.mdp.n_actions, program.weights, program.discount)
    told: list[dict[str, float]] = []

    agent.fit(TabularTrainingEnv(truth), 200, 0, lambda _, figures: told.append(dict(figures)))

    report = agent.model_report()
    rules, exceptions = report.rules, report.exceptions
    assert [each["steps"] for each in told] == [100, 200]
    assert all(set(KNOWLEDGE) <= set(each) for each in told)
    assert (told[-1]["rules"], told[-1]["exceptions"]) == (rules, exceptions)
    assert 3 <= exceptions < rules
    assert told[-1]["recent_hit_rate"] >= 0.95 > told[0]["recent_hit_rate"]
