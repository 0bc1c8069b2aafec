"""How fast `deep` trains, by component: `python -m benchmarks.deep_speed [--rounds N]`.

Everything is measured in seconds of one core on `corner_cheese` (mazes of 9 x 9), after a warm-up, and given per
environment step. Three settings:

- `defaults`: the default hyperparameters; `many maps`: those with which it is trained in these mazes, `MANY_MAPS`.
- `stated`: an ensemble of 3; replay ratio 1 (each member learns from every real transition once, and so do the values);
  from every real step one imagined unroll of 5 ticks, at each of which all actions are tried; and, though training does
  not need it, a search of 8 simulations for every action that is taken, from 128 lanes at once.
- `lean`: `LEAN` of `agents/deep/hyperparameters.py`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import torch

from turncoat.agents.deep.agent import DeepAgent, DeepFitState
from turncoat.agents.deep.hyperparameters import LEAN, MANY_MAPS, DeepOptions, ModelOptions, ValueOptions
from turncoat.agents.deep.planning.network_search import search
from turncoat.agents.learning.device import training_thread
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation_spec import observation_spec
from turncoat.envs.world.compiler import compile_world

from .deep_cheese import scenario

STATED: Final = DeepOptions(
    model=ModelOptions(updates=4),
    values=ValueOptions(lanes=513, depth=5, epochs=1, real=512, inner=True),
    lanes=128,
)
SETTINGS: Final = {
    "defaults": (DeepOptions(), 0),
    "many maps": (MANY_MAPS, 0),
    "stated": (STATED, 8),
    "lean": (LEAN, 0),
}
"""Options, and simulations for every action that is taken in training."""
Found = TypeVar("Found")
PARTS: Final = ("acting", "model", "imagining", "values", "novelty", "search")


def measured(options: DeepOptions, simulations: int, rounds: int) -> dict[str, float]:
    """Seconds of one core per environment step, by component."""
    field = compile_world(scenario(1, 400, 1), "train")
    its, env = field.agents[0], TabularTrainingEnv(enumerate_world(field))
    agent = DeepAgent(observation_spec(field), field.channels, len(its.actions), its.weights, its.discount, options)
    agent.fit(env, options.warm_up + options.round, seed=0)
    learner, steps = agent.learner, options.round
    training = DeepFitState(seed=1, steps=rounds * steps)
    lanes = [env, *agent._spawned(env)]
    training.lanes = [None] * len(lanes)
    spent = dict.fromkeys(PARTS, 0.0)

    def timed(part: str, what: Callable[[], Found]) -> Found:
        began = time.process_time()
        found = what()
        spent[part] += time.process_time() - began
        return found

    def act() -> None:
        for _ in range(-(-steps // len(lanes))):
            agent._tick(lanes, training)

    def look_ahead() -> None:
        roots = learner.replay.batch(torch.arange(len(lanes))).state
        for _ in range(steps // len(lanes)):
            search(learner.imagination, roots, simulations, len(its.actions))

    with training_thread():
        for _ in range(rounds):
            timed("acting", act)
            timed("model", lambda: learner.model.train(learner.replay, options.model.updates, learner.generator))
            graph = timed("imagining", learner.imagined)
            timed("values", partial(learner.task.train, learner.imagination, graph, len(lanes), learner.generator))
            if options.explore > 0:
                timed("novelty", partial(learner.explorer.train, learner.seeker, graph, len(lanes), learner.generator))
            if simulations:
                timed("search", look_ahead)
    return {part: seconds / (rounds * steps) for part, seconds in spent.items()}


def main() -> None:
    """Prints a table of all settings."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=4, help="of training, per setting (%(default)s)")
    arguments.add_argument("--only", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    given = arguments.parse_args()
    print("| setting |", " | ".join(f"{part}, ms" for part in PARTS), "| steps a second of one core |", flush=True)
    print("|---" * (len(PARTS) + 2) + "|")
    for name in given.only:
        options, simulations = SETTINGS[name]
        found = measured(options, simulations, given.rounds)
        cells = " | ".join(f"{1_000 * found[part]:.2f}" if found[part] else "" for part in PARTS)
        print(f"| {name} | {cells} | {1 / sum(found.values()):,.0f} |", flush=True)


if __name__ == "__main__":
    main()
