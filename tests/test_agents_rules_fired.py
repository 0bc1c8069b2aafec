"""The rules behind a plan: which fired, which were overruled, and what a record of them refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest

from turncoat.agents import FiredRules, RecordedRule, RuleTest, Thought
from turncoat.agents.local_rules.agent import RulesAgent
from turncoat.agents.local_rules.explanation import fired_rules
from turncoat.agents.records.fired_rules import MAX_RULES, MAX_TESTS, MAX_VALUES
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec

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
