"""One solver on one process, in a program of its own: `python solver_loops.py SOLVER TABLES.npz RUNS`.

It runs where that solver is installed, so it imports nothing else. It prints the processor seconds of the quickest run,
the peak memory in GiB and the value at the start. Storm and mdpsolver stop at a precision of 1e-6, their default or the
usual one; Turncoat and QuantEcon's policy iteration solve to rounding.
"""

import itertools
import json
import sys
import time
from tempfile import NamedTemporaryFile

import numpy as np

LEAST = 0.2
"""Processor seconds of a run; of what takes less, a run is several in a row."""


def turncoat(tables):
    """The optimum with all its ties, the vector values of one policy and the bound of the error."""
    from turncoat.envs.base import FiniteMDP
    from turncoat.envs.mdp.transition_tables import transition_matrix
    from turncoat.envs.solvers.dynamic_programming import policy_iteration

    (n_states, n_actions), first = tables["shape"], tables["row_start"]
    outcomes = len(tables["next_state"])
    # One channel that pays in expectation what all weighted channels do.
    rewards = np.repeat(tables["reward"], np.diff(first))[:, None]

    process = FiniteMDP(
        int(n_states), int(n_actions), first, tables["next_state"], tables["probability"], rewards,
        np.zeros(outcomes, np.uint64), tables["ended"], tables["start"], tables["start_probability"],
        ("reward",), (), tuple(map(str, range(n_actions))),
    )  # fmt: skip
    if outcomes > np.count_nonzero(np.diff(first)):
        transition_matrix(process)

    return lambda: policy_iteration(process, [1.0], float(tables["discount"])).values


def storm(tables):
    """Expected total reward until a sink that is entered with the chance 1 - discount: Storm's default engine."""
    import stormpy

    with NamedTemporaryFile("w", suffix=".drn") as file:
        file.writelines(drn(tables))
        file.flush()
        model = stormpy.build_model_from_drn(file.name)
    [question] = stormpy.parse_properties('R{"r"}max=? [F "done"]')

    def solve():
        found = stormpy.model_checking(model, question, only_initial_states=False)
        return lambda: found.get_value(model.initial_states[0])

    return solve


def drn(tables):
    """Lines of Storm's explicit format: state 0 draws the start, state s + 1 is s, the last one is the sink."""
    (n_states, n_actions), first = map(int, tables["shape"]), tables["row_start"].tolist()
    following, chance = tables["next_state"].tolist(), tables["probability"].tolist()
    reward, ended, discount = tables["reward"].tolist(), tables["ended"].tolist(), float(tables["discount"])
    sink = n_states + 1
    choices = sum(a < b for a, b in itertools.pairwise(first)) + sum(ended) + 2
    yield f"@type: MDP\n@parameters\n\n@reward_models\nr\n@nr_states\n{sink + 1}\n@nr_choices\n{choices}\n@model\n"
    yield "state 0 [0] init\n\taction 0 [0]\n"
    for state, p in sorted(zip(tables["start"].tolist(), tables["start_probability"].tolist(), strict=True)):
        yield f"\t\t{state + 1} : {p!r}\n"
    for state in range(n_states):
        yield f"state {state + 1} [0]\n"
        if ended[state]:
            yield f"\taction 0 [0]\n\t\t{sink} : 1\n"
        number = 0
        for row in range(state * n_actions, (state + 1) * n_actions):
            if first[row] == first[row + 1]:
                continue
            yield f"\taction {number} [{reward[row]!r}]\n"
            number += 1
            to = {}
            for outcome in range(first[row], first[row + 1]):
                to[following[outcome]] = to.get(following[outcome], 0.0) + chance[outcome]
            for after in sorted(to):
                yield f"\t\t{after + 1} : {discount * to[after]!r}\n"
            yield f"\t\t{sink} : {1 - discount!r}\n"
    yield f"state {sink} [0] done\n\taction 0 [0]\n\t\t{sink} : 1\n"


def quantecon(tables):
    """`DiscreteDP` over the available pairs, by policy iteration."""
    from quantecon.markov import DiscreteDP
    from scipy.sparse import csr_matrix

    (n_states, n_actions), first = map(int, tables["shape"]), tables["row_start"]
    counts = np.diff(first)
    pairs = np.flatnonzero(counts)
    over = np.flatnonzero(tables["ended"])
    # What has ended stays where it is and is paid nothing.
    owner = np.concatenate([pairs // n_actions, over])
    action = np.concatenate([pairs % n_actions, np.zeros_like(over)])
    order = np.lexsort((action, owner))
    kernel = csr_matrix(
        (
            np.concatenate([tables["probability"], np.ones(over.size)]),
            np.concatenate([tables["next_state"], over]),
            np.concatenate([[0], np.cumsum(np.concatenate([counts[pairs], np.ones_like(over)]))]),
        ),
        shape=(owner.size, n_states),
    )[order]
    rewards = np.concatenate([tables["reward"][pairs], np.zeros(over.size)])[order]

    def solve():
        process = DiscreteDP(rewards, kernel, float(tables["discount"]), owner[order], action[order])
        return process.solve(method="policy_iteration").v

    return solve


def mdpsolver(tables):
    """Its default, modified policy iteration, to 1e-6."""
    import mdpsolver as peer

    (n_states, n_actions), first = map(int, tables["shape"]), tables["row_start"]
    rewards, chances, columns = [], [], []
    for state in range(n_states):
        pairs = [pair for pair in range(state * n_actions, (state + 1) * n_actions) if first[pair] < first[pair + 1]]
        spans = [slice(first[pair], first[pair + 1]) for pair in pairs]
        rewards.append([float(tables["reward"][pair]) for pair in pairs] or [0.0])
        chances.append([tables["probability"][span].tolist() for span in spans] or [[1.0]])
        columns.append([tables["next_state"][span].tolist() for span in spans] or [[state]])
    model = peer.model()
    model.mdp(
        discount=float(tables["discount"]),
        rewards=rewards,
        tranMatProbs=chances,
        tranMatColumns=columns,
    )

    def solve():
        model.solve(algorithm="mpi", tolerance=1e-6, verbose=False)
        return np.array(model.getValueVector())

    return solve


def peak():
    """The most memory that this program held, in GiB; `getrusage` would begin with that of whoever started it."""
    with open("/proc/self/status", encoding="ascii") as file:
        held = next(line for line in file if line.startswith("VmHWM"))
    return int(held.split()[1]) / 2**20


def main(solver, path, runs):
    """Measure."""
    with np.load(path) as file:
        tables = dict(file)
    prepare = {"turncoat": turncoat, "storm": storm, "quantecon": quantecon, "mdpsolver": mdpsolver}[solver]
    solve, taken = prepare(tables), []
    for run in range(runs + 1):  # the first one warms up
        spent, times = 0.0, 0
        # A clock of the processor may tick a thousand times a second only, so what is quick is done again and again.
        while spent < LEAST:
            if times + run and solver == "mdpsolver":  # whose model would begin with the values that it found before
                solve = prepare(tables)
            begun = time.process_time()
            values = solve()
            spent, times = spent + time.process_time() - begun, times + 1
        taken.append(spent / times)
        if taken[-1] > 20:
            break
    at_start = values() if callable(values) else tables["start_probability"] @ np.asarray(values)[tables["start"]]
    print(
        json.dumps(
            {
                "seconds": min(taken[1:] or taken),
                "memory": peak(),
                "value": float(at_start),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
