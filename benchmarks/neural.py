"""The neural agent on `lab`: how soon it plays well, and how many updates of its networks a second.

`python -m benchmarks.neural SEED [TICKS]` shows one seed as it learns, and in the end its model.
"""

from __future__ import annotations

import sys

from turncoat.agents.base import Agent
from turncoat.agents.neural.agent import NeuralAgent
from turncoat.envs.mdp.enumeration import Enumeration
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.world_model_error import judge_imagination, judge_model
from turncoat.evals.training.telemetry.exact_curve import evaluate_during_training, exact_value
from turncoat.scenarios.language.loading import load

from .measuring import Figure, rates

EVERY = 250
UPDATES = 25
"""After each chunk of as many ticks."""


def main(seed: int, ticks: int) -> None:
    """Trains one seed; prints the deployed agent's share of the optimum as it learns, and in the end its model."""
    plan = SolvedWorlds(load("treacherous_turn/lab")).plan({}, "train")
    agent = _untrained(plan.enumeration)

    def share(now: Agent) -> float:
        return exact_value(now, plan.enumeration, plan.weights, plan.discount) / plan.start_value

    for look in evaluate_during_training(agent, TabularTrainingEnv(plan.enumeration), ticks, seed, EVERY, share):
        print(f"tick {look.step}: {look.value:.3f} of the optimum, {look.cpu:.0f} CPU s")
    table = agent.imagined().table
    print(judge_model(agent.model.predict, plan.enumeration))
    print(judge_imagination(table.states[:, : table.n_seen], table.over, plan.enumeration))


def updating(ticks: int = 500) -> list[Figure]:
    """Gradient steps of all three members, each on a batch of 128 ticks of `lab`."""
    found = SolvedWorlds(load("treacherous_turn/lab")).enumeration({}, "train")
    agent = _untrained(found)
    agent.fit(TabularTrainingEnv(found), ticks, 0)
    return [Figure("lab: neural, updates", "updates/s", rates(lambda: agent.model.train(UPDATES), UPDATES))]


def _untrained(found: Enumeration) -> NeuralAgent:
    its = found.world.agents[0]
    return NeuralAgent(observation_spec(found.world), found.world.channels, len(its.actions), its.weights, its.discount)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 4000)
