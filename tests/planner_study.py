"""Prints what search is worth: `python -m tests.planner_study [SCENARIO ...]`.

With the true world as its model, the share of the exact value that each planner reaches at the start, by how far its
heads see (`sweeps`) and by how much it searches. Also the processor time of a decision, over all states of the world.
"""

import sys
import time

import numpy as np

from turncoat import api
from turncoat.agents.planner_mcts import Mcts
from turncoat.agents.planner_shooting import Shooting
from turncoat.agents.planner_tables import Greedy
from turncoat.agents.planning import Planner
from turncoat.evals.acting import OnTheTruth
from turncoat.evals.laboratory import Laboratory

SWEEPS = (0, 5, 10, 20, 40)
SIMULATIONS = (4, 16, 64, 256, 1024)


def main(names: list[str]) -> None:
    for name in names:
        laboratory = Laboratory(api.load(name))
        plan = laboratory.plan({}, laboratory.stage)
        live = int((~plan.mdp.ended).sum())
        print(f"{name}: exact {plan.start_value:.3f}, {live} states")

        def share(planner: Planner, plan=plan, live=live) -> str:
            its = OnTheTruth(planner, plan.mdp, plan.weights, plan.discount, plan.enumeration.world.horizon, plan.rule)
            began = time.process_time()
            solution = its.solution()
            spent = (time.process_time() - began) / live
            values = solution.values if solution.values.ndim == 1 else solution.values[0]
            value = float(plan.mdp.start_probability @ values[plan.mdp.start_state])
            return f"{value / plan.start_value:6.3f} ({spent * 1e6:5.0f} us)"

        print("| planner | " + " | ".join(f"{sweeps} sweeps" for sweeps in SWEEPS) + " |")
        rows: list[tuple[str, list[Planner]]] = [("`none`", [Greedy(s) for s in SWEEPS])]
        for count in SIMULATIONS:
            rows.append((f"`mcts` best {count}", [Mcts(count, sweeps=s) for s in SWEEPS]))
        for count in (64, 1024):
            rows.append((f"`mcts` mean {count}", [Mcts(count, backup="mean", sweeps=s) for s in SWEEPS]))
        rows.append(("`shooting` 12 ticks", [Shooting(sweeps=s) for s in SWEEPS]))
        for words, planners in rows:
            print(f"| {words} | " + " | ".join(share(planner) for planner in planners) + " |", flush=True)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main(sys.argv[1:] or ["treacherous_turn/lab", "escape/cluster"])
