"""How soon the neural agent plays `lab` as well as can be: `python -m benchmarks.neural SEED [TICKS]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

import numpy as np

from turncoat.agents.neural import NeuralAgent, Training
from turncoat.envs.base import Floats
from turncoat.envs.enumerating import Enumeration
from turncoat.envs.lanes import TableLane
from turncoat.envs.observing import observe
from turncoat.envs.policies import evaluate
from turncoat.envs.senses import senses
from turncoat.envs.solving import policy_iteration
from turncoat.evals.imagining import judge_imagination, judge_model
from turncoat.evals.laboratory import Laboratory
from turncoat.scenarios.language.loading import load

EVERY = 250


def main(seed: int, ticks: int) -> None:
    """Trains one seed; prints the deployed agent's share of the optimum as it learns, and in the end its model."""
    found = Laboratory(load("treacherous_turn/lab")).enumeration({}, "train")
    its = found.world.agents[0]
    agent = NeuralAgent(senses(found.world), found.world.channels, len(its.actions), its.weights, its.discount)
    best = policy_iteration(found.mdp, its.weights, its.discount).values[found.mdp.start_state[0]]
    began = time.process_time()
    looking = 0.0

    def on_progress(step: int, _: Mapping[str, float]) -> None:
        nonlocal looking
        if step // EVERY > (step - agent.options.chunk) // EVERY and agent.passes_gate:
            now = time.process_time()
            share = _deployed(agent, found, its.weights, its.discount) / best
            looking += time.process_time() - now
            print(
                f"tick {step}: {share:.3f} of the optimum, {time.process_time() - began - looking:.0f} CPU s",
                flush=True,
            )

    agent.fit(TableLane(found), ticks, seed, on_progress)
    print(f"in the end {_deployed(agent, found, its.weights, its.discount) / best:.3f}")
    table = agent.imagined().table
    print(judge_model(agent.model.predict, found))
    print(judge_imagination(table.states[:, : table.n_seen], table.over, found))


def _deployed(agent: NeuralAgent, found: Enumeration, weights: Floats, discount: float) -> float:
    """The value at the start of what the agent, as it is now, would do deployed; its training isn't disturbed."""
    looked = NeuralAgent(
        agent.model.layout.senses, agent.channels, agent.model.n_actions, weights, discount, agent.options
    )
    looked.model = agent.model
    looked.training = Training(0, 0)
    mdp, seen = found.mdp, observe(found.world, found.states)
    policy = np.zeros(mdp.n_states, np.int32)
    todo = mdp.start_state.tolist()
    done = set(todo)
    while todo:
        state = todo.pop()
        if mdp.ended[state]:
            continue
        policy[state] = looked.act(seen[state][None], None, mdp.available[state][None])[0][0]
        row = state * mdp.n_actions + policy[state]
        for following in mdp.next_state[mdp.row_start[row] : mdp.row_start[row + 1]].tolist():
            if following not in done:
                done.add(following)
                todo.append(following)
    return float(evaluate(mdp, policy, discount)[mdp.start_state[0]] @ weights)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 4000)
