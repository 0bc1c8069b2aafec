"""Prints the figures of docs/decisions/0008-local-rules.md: `python -m tests.rules_experiment [SEED ...]`.

For each seed: what rules foresee of `lab` after 2,000 random ticks, after 2,000 of their own choosing, and of a `lab`
whose guard walks its round the other way about, before and after more training there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from turncoat import api
from turncoat.agents.local_rules.agent import RulesAgent
from turncoat.agents.registry.agents import AGENTS
from turncoat.envs.analysis.exact_plan import ExactPlan
from turncoat.envs.base import FiniteMDP
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.world_model_error import Foresight, hallucinated, many_steps, one_step
from turncoat.evals.training.telemetry.exact_curve import exact_value
from turncoat.scenarios.language.loading import Scenario, load_text

STEPS = 2_000
ROUND = (
    "[[3, 6], [2, 6], [2, 5], [2, 4], [2, 3], [2, 2], [3, 2], [4, 2], [5, 2], [5, 3], [5, 4], [5, 5], [4, 5], [4, 6]]"
)


def other_round() -> Scenario:
    """`lab`, the guard going the other way about."""
    first, *rest = ROUND.removeprefix("[[").removesuffix("]]").split("], [")
    text = Path(api.load("treacherous_turn/lab").file).read_text(encoding="utf-8")
    assert ROUND in text
    return load_text(text.replace(ROUND, "[[" + "], [".join([first, *reversed(rest)]) + "]]"))


def wander(mdp: FiniteMDP, steps: int, limit: int, seed: int) -> Iterator[tuple[int, int, int]]:
    """Random actions in a world without chance: the state, the action and the outcome of each tick."""
    rng = np.random.default_rng(seed)
    state, tick = int(mdp.start_state[0]), 0
    for _ in range(steps):
        action = int(rng.choice(np.flatnonzero(mdp.available[state])))
        outcome = int(mdp.row_start[state * mdp.n_actions + action])
        yield state, action, outcome
        state, tick = int(mdp.next_state[outcome]), tick + 1
        if mdp.ended[state] or tick == limit:
            state, tick = int(mdp.start_state[0]), 0


def learned_at_random(plan: ExactPlan, seed: int) -> RulesAgent:
    """An agent that was shown `STEPS` random ticks."""
    truth, mdp = plan.enumeration, plan.mdp
    program, looks = truth.world.agents[0], observe(truth.world, truth.states)
    agent = RulesAgent(observation_spec(truth.world), mdp.channels, mdp.n_actions, program.weights, program.discount)
    start = int(mdp.start_state[0])
    agent.model.begin(agent.model.state(looks[start], mdp.available[start]))
    for state, action, outcome in wander(mdp, STEPS, 100, seed):
        following = int(mdp.next_state[outcome])
        before, after = (agent.model.state(looks[s], mdp.available[s]) for s in (state, following))
        agent.model.record(before, action, after, mdp.rewards[outcome], bool(mdp.ended[following]))
    agent.planner.settle()
    return agent


def tell(what: str, agent: RulesAgent, plan: ExactPlan, seed: int) -> None:
    """One line: foresight of held-out random ticks, of all pairs, far ahead, and what the plan is worth."""
    truth, program = plan.enumeration, plan.enumeration.world.agents[0]
    held = np.array([(s, a) for s, a, _ in wander(plan.mdp, STEPS, 100, 1_000 + seed)], np.int64)
    share = exact_value(agent, truth, program.weights, program.discount) / plan.start_value
    ghosts = hallucinated(agent.planner.imagined, truth)
    rng = np.random.default_rng(seed)
    starts = rng.choice(np.flatnonzero(~plan.mdp.ended), 100)
    far = np.mean(
        [
            many_steps(agent.model, truth, int(s), rng.integers(plan.mdp.n_actions, size=10, dtype=np.int32))
            for s in starts
        ],
        0,
    )
    print(f"{what} (seed {seed}): worth {share:.3f} of the exact plan; {ghosts} hallucinated states")
    print(f"  held-out random ticks {in_words(one_step(agent.model, truth, held[:, 0], held[:, 1]))}")
    print(f"  every pair {in_words(one_step(agent.model, truth))}")
    print(f"  observation after 1, 5, 10 random actions: {far[0]:.3f} {far[4]:.3f} {far[9]:.3f}", flush=True)


def in_words(foresight: Foresight) -> str:
    """All figures in one line."""
    fields, pays = (" ".join(f"{x:.4f}" for x in row) for row in (foresight.fields, foresight.pays))
    both = f"everything {foresight.everything:.4f}, next state {foresight.state:.4f}"
    return f"{both}, fields {fields}, pays {pays}, end {foresight.ended:.4f}"


def main(seeds: list[int]) -> None:
    """Every experiment for every seed."""
    solved, turned = SolvedWorlds(api.load("treacherous_turn/lab")), SolvedWorlds(other_round())
    plan, other = solved.plan({}, "deploy"), turned.plan({}, "deploy")
    school, other_school = solved.enumeration({}, "train"), turned.enumeration({}, "train")
    for seed in seeds:
        tell("random ticks", learned_at_random(plan, seed), plan, seed)
        agent = AGENTS["local_rules"].make(school.world, solved.scenario)
        assert isinstance(agent, RulesAgent)
        agent.fit(TabularTrainingEnv(school), STEPS, seed)
        tell("its own exploring", agent, plan, seed)
        tell("the other round, untrained", agent, other, seed)
        for steps in (250, 250, 500):
            agent.fit(TabularTrainingEnv(other_school), steps, seed)
            tell(f"the other round, {agent.model.n - STEPS} more ticks", agent, other, seed)


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [*range(5)])
