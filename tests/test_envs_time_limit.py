"""A time limit stops a search and every solver between two rounds, and says what was being done."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.worlds import process_of, world_of
from turncoat import api
from turncoat.envs.analysis.tie_ranges import Occurs, expectation_range, share_range
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.solvers.belief_mdp import belief_mdp
from turncoat.envs.solvers.dynamic_programming import backward_induction, policy_iteration, value_iteration
from turncoat.envs.solvers.modifiable_utility import solve_with_changing_weights
from turncoat.envs.time_limit import OutOfTimeError, check_time, time_limit
from turncoat.evals.runs.run import RunSettings
from turncoat.scenarios.language.loading import load


def line(n_states: int = 30):
    """Step on, or stay where one is by chance; the last state has ended."""
    rows = {}
    for state in range(n_states - 1):
        rows[state, 0] = [(0.5, state, 0, 0), (0.5, state + 1, 1, 1)]
        rows[state, 1] = [(1.0, state + 1, 0, 0)]
    return process_of(rows, n_states, 2, events=("a",))


def test_the_limit_that_passes_first_counts_and_ends_with_its_block() -> None:
    with time_limit(0, "the budget of 3 seconds"), time_limit(3600), pytest.raises(OutOfTimeError) as caught:
        check_time("nothing was done")
    assert str(caught.value) == "the budget of 3 seconds ran out while nothing was done"
    assert caught.value.kind == "world", "a command ends with exit code 2"
    with time_limit(3600), time_limit(0), pytest.raises(OutOfTimeError, match="the time limit of 0 seconds ran out"):
        check_time("nothing was done")
    with time_limit(None):
        check_time("nothing was done")
    check_time("nothing was done")


SOLVERS = {
    "enumeration": lambda mdp: enumerate_world(world_of("agents: {robot: {actions: [wait], values: {reward: {}}}}")),
    "value iteration": lambda mdp: value_iteration(mdp, [1], 0.9),
    "policy iteration": lambda mdp: policy_iteration(mdp, [1], 0.9),
    "backward induction": lambda mdp: backward_induction(mdp, [1], 0.9, 5),
    "changing weights": lambda mdp: solve_with_changing_weights(mdp, np.ones((mdp.n_states, 1)), 0.9, "current"),
    "with a horizon": lambda mdp: solve_with_changing_weights(mdp, np.ones((mdp.n_states, 1)), 0.9, "future", 5),
    "beliefs": lambda mdp: belief_mdp(mdp, np.zeros(mdp.n_states, np.int64), 100, None),
    "expectations": lambda mdp: expectation_range(mdp, mdp.available, mdp.rewards[:, 0], 5),
    "shares": lambda mdp: share_range(mdp, mdp.available, Occurs(1), 5),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_is_stopped(name: str) -> None:
    with time_limit(0), pytest.raises(OutOfTimeError, match="the time limit of 0 seconds ran out while"):
        SOLVERS[name](line())


def test_a_budget_stops_a_solve_and_its_expectation_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock jumps ahead in the middle of the first solve, long after the budget was looked at."""
    ticks: Iterator[int] = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: 0.0 if next(ticks) < 12 else 1e6)
    run = api.run(load("escape/interruption"), settings=RunSettings(agents=("exact",), budget=100))
    assert run.verdict == "inconclusive"
    assert run.judgements[0].why.startswith("the budget of 100 seconds ran out while")
