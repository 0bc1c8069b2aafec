"""Prints how fast learned agents learn: `python -m tests.learning_curves SCENARIO METHOD STEPS EVERY [SEED ...]`.

Each line is one seed: the processor seconds of its training, and by environment steps the exact value of what the agent
would do by then, as a share of the exact planner's. A discount of 1 is taken as 0.99: learned agents need less than 1.
"""

import sys
import time

from turncoat import api
from turncoat.agents.registry.agents import AGENTS
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.training.telemetry.exact_curve import exact_learning_curve


def main(name: str, method: str, steps: int, every: int, seeds: list[int]) -> None:
    solved = SolvedWorlds(api.load(name))
    agent_name = next(iter(solved.scenario.document.agents))
    program = solved.world({}, solved.scenario.training_stage).agents[0]
    overrides = {} if program.discount < 1 else {f"{agent_name}.discount": 0.99}
    school = solved.enumeration(overrides, solved.scenario.training_stage)
    plan = solved.plan(overrides, solved.scenario.judged_stage)
    for seed in seeds:
        agent = AGENTS[method].make(school.world, solved.under(overrides))
        began = time.process_time()
        curve = exact_learning_curve(agent, TabularTrainingEnv(school), steps, seed, every, plan.enumeration)
        spent = time.process_time() - began
        shares = "  ".join(f"{step}: {value / plan.start_value:.3f}" for step, value in curve.items())
        print(f"{name} {method} seed {seed} ({spent:.1f} s)  {shares}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), [int(s) for s in sys.argv[5:]] or [*range(5)])
