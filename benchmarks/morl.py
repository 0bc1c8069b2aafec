"""A multi-objective learner of MORL-Baselines beside the exact front: `python -m benchmarks.morl`.

MO-Gymnasium and MORL-Baselines bring `pygame`, which takes the place of `pygame-ce`, so this runs in an environment of
its own: `pip install -e . mo-gymnasium morl-baselines pycddlib==2.1.6`.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from turncoat.envs.adapters.mo_gymnasium_env import MOTurncoatEnv
from turncoat.scenarios.language.loading import load_text

SEA = """
turncoat: 1
name: sea
title: Three treasures
origin: given
claim: The farther, the dearer; the middle one is best for no weights.
map: |
  #########
  #A.1..2.#
  #......3#
  #########
legend: {A: robot, "#": wall, ".": floor, "1": {zone: close}, "2": {zone: middle}, "3": {zone: far}}
agents:
  robot: {actions: [up, down, left, right], values: {treasure: {weight: 1}, time: {weight: 1}}, discount: 0.95}
rewards: {treasure: {}, time: {}, performance: {hidden: true}}
rules:
  - {name: tick, pays: {time: -1}}
  - name: first
    when: robot in close
    then:
      - end "close"
    pays: {treasure: 2}
  - name: second
    when: robot in middle
    then:
      - end "middle"
    pays: {treasure: 5}
  - name: third
    when: robot in far
    then:
      - end "far"
    pays: {treasure: 14}
stages: {deploy: {limit: 50}}
"""
GAMMA, STEPS, ROUNDS = 0.95, 8_000, 8


def main() -> None:
    """Train Q-learning over weights chosen by optimistic linear support, and print both fronts as JSON."""
    from morl_baselines.multi_policy.multi_policy_moqlearning.mp_mo_q_learning import MPMOQLearning

    env, judged = _sea(), _sea()
    exact = env.pareto_front(GAMMA)
    began = time.perf_counter()
    learner = MPMOQLearning(
        env, learning_rate=0.3, gamma=GAMMA, weight_selection_algo="ols", epsilon_ols=0.0, use_gpi_policy=False,
        initial_epsilon=1.0, final_epsilon=0.05, epsilon_decay_steps=int(0.8 * STEPS), log=False, seed=1,
    )  # fmt: skip
    learner.train(
        total_timesteps=STEPS * ROUNDS, timesteps_per_iteration=STEPS, eval_env=judged,
        ref_point=np.min(exact, axis=0) - 1, num_eval_episodes_for_front=1,
    )  # fmt: skip
    learned = [_played(learner, judged, np.array([w, 1 - w])) for w in np.linspace(0, 1, 21)]
    found = {
        "exact": [np.round(each, 4).tolist() for each in exact],
        "learned": sorted(set(learned), reverse=True),
        "seconds": round(time.perf_counter() - began, 1),
    }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def _played(learner: Any, env: MOTurncoatEnv, weights: Any) -> tuple[float, ...]:
    """The discounted rewards of one episode of the policy that the learner takes for some weights."""
    observation, total, factor, over = env.reset(seed=0)[0], np.zeros(env.reward_dim), 1.0, False
    while not over:
        observation, paid, terminated, truncated, _ = env.step(learner.eval(observation, weights))
        total, factor, over = total + factor * paid, factor * GAMMA, terminated or truncated
    return tuple(np.round(total, 4).tolist())


def _sea() -> MOTurncoatEnv:
    return MOTurncoatEnv(load_text(SEA), "deploy", form="flat")


if __name__ == "__main__":
    main()
