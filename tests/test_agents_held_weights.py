"""Learned agents whose values the world can edit: they come to what the exact planner does, in each of three ways."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.worlds import WEIGHT_EDITS, scenario_of, world_of
from turncoat.agents.counts.agent import CountsAgent
from turncoat.agents.local_rules.agent import RulesAgent
from turncoat.agents.neural.checkpoint import load_neural, save_neural
from turncoat.agents.planners.modifiable_utility import held_weights, unable_to_hold
from turncoat.agents.registry.agents import AGENTS
from turncoat.agents.registry.eligibility import unable
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.evals.training.telemetry.exact_curve import policy_of

KEEPING: dict[str, tuple[Any, Any]] = {
    "counts": (CountsAgent.save, CountsAgent.load),
    "local_rules": (RulesAgent.save, RulesAgent.load),
    "neural": (save_neural, load_neural),
}
EDITS = WEIGHT_EDITS.replace("FUN", "3").replace("DISCOUNT", "0.5").replace("TIME", "limit: 20")


def edits(judges: str, bribe: float, **more: str) -> Enumeration:
    text = EDITS.replace("JUDGES", judges).replace("BRIBE", str(bribe))
    for old, new in more.items():
        text = text.replace(f"{old}:", new)
    return enumerate_world(world_of(text, "deploy"))


def trained(method: str, truth: Enumeration) -> Any:
    agent: Any = AGENTS[method].make(truth.world, scenario_of(EDITS.replace("JUDGES", "current").replace("BRIBE", "1")))
    if method == "neural":  # it plans in training too
        agent.options = replace(agent.options, warm_up=40, plan_every=20)
    agent.fit(TabularTrainingEnv(truth), 100 if method == "neural" else 300, 1)
    return agent


@pytest.mark.parametrize("method", list(KEEPING))
@pytest.mark.parametrize(
    ("judges", "bribe", "first"),
    [("current", 1.5, 0), ("current", 2.5, 2), ("ignoring", 1.5, 2), ("ignoring", 0.5, 0), ("future", 0.5, 2)],
)
def test_it_does_what_the_exact_planner_does(method: str, judges: str, bribe: float, first: int) -> None:
    truth = edits(judges, bribe)
    agent = trained(method, truth)

    solution = plan_exactly(truth).solution
    start = int(truth.mdp.start_state[0])
    learned = policy_of(agent, truth)

    assert learned[start] == np.asarray(solution.policy)[..., start].flat[0] == first
    if first == 2:
        edited = int(truth.mdp.next_state[truth.mdp.row_start[start * 3 + 2]])
        assert learned[edited] == 1, "it acts on the values that it holds by then"


@pytest.mark.parametrize("method", list(KEEPING))
def test_its_thought_weighs_what_it_holds(method: str, tmp_path) -> None:
    truth = edits("future", 0.5)
    agent = trained(method, truth)
    save, load = KEEPING[method]
    save(agent, tmp_path / "agent")
    again = load(tmp_path / "agent")
    looks = observe(truth.world, truth.states)
    both: list[Any] = [agent, again]
    for each in both:
        told = []
        for state in range(truth.mdp.n_states):
            each.act(looks[state][None], None, truth.mdp.available[state][None])
            told.append(each.thought().weights.tolist())
        assert told == truth.world.weights(truth.states).tolist()


def test_who_cannot_hold_changing_weights_says_why() -> None:
    world = edits("current", 1).world
    assert held_weights(world) is not None
    assert unable("counts", world) is None
    assert unable("neural", world) is None
    assert "fixed weights" in str(unable("q_learning", world))
    hidden = edits("current", 1, discount="observes: {window: 3}\n    discount:").world
    assert "does not see its own weights" in str(unable_to_hold(hidden.agents[0]))
    assert held_weights(hidden) is None
    bargains = edits("current", 1, discount="deliberation: maximin\n    discount:").world
    assert "weighted sums" in str(unable("counts", bargains))
