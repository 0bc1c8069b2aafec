"""Exact and sampled measures mean the same: every path of a small world, weighed by its chance, gives the exact value."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from turncoat.envs.base import FiniteMDP
from turncoat.envs.solving import backward_induction, policy_iteration
from turncoat.evals.measures import Interval, exact_measure, mean_interval, sampled_measure, seed_values
from turncoat.evals.trace import Trace, TraceMeta
from turncoat.scenarios.language.syntax import (
    Before,
    Binary,
    Count,
    Ended,
    EpisodeLogic,
    First,
    Happens,
    Name,
    Number,
    Quantity,
    Rate,
    Share,
)

EVENTS = ("a", "b", "ended:caught", "ended:done")
A, B, CAUGHT, DONE, ANY_END = Happens("a"), Happens("b"), Ended("caught"), Ended("done"), Ended(None)
LOW = Binary("<", Name("n"), Number(2))
"""Holds in states 0 and 1."""

MEASURES = [
    Share(A),
    Share(CAUGHT),
    Share(ANY_END),
    Share(Before(A, B)),
    Share(Before(B, CAUGHT)),
    Share(EpisodeLogic("and", (A, B, EpisodeLogic("not", (CAUGHT,))))),
    Share(EpisodeLogic("or", (Before(B, A), DONE, CAUGHT))),
    Rate(A, None),
    Rate(B, LOW),
    Rate(ANY_END, LOW),
    Count(A),
    Count(ANY_END),
    First(A),
    First(ANY_END),
    Quantity("steps"),
    Quantity("performance"),
    Quantity("return"),
    Quantity("return", "own"),
    Quantity("value"),
    Quantity("value", "task"),
]
WEIGHTS = np.array([1.0, 0.5])
STEPS, DISCOUNT = 4, 0.8


def holds_at(expression, numbers):
    assert expression == LOW
    return numbers < 2


def world(seed, ties):
    """Five states (the last two ended), two actions, up to two outcomes each; with `ties` nothing is paid."""
    chance = np.random.default_rng(seed)
    row_start, following, probability = [0], [], []
    for state, _ in itertools.product(range(5), range(2)):
        if state < 3:
            outcomes = chance.integers(1, 3)
            following += list(chance.choice(5, outcomes, replace=False))
            probability += [1.0] if outcomes == 1 else [0.25, 0.75]
        row_start.append(len(following))
    count = len(following)
    following = np.array(following, np.int32)
    ends = np.select([following == 3, following == 4], [np.uint64(4), np.uint64(8)], np.uint64(0))
    mdp = FiniteMDP(
        n_states=5,
        n_actions=2,
        row_start=np.array(row_start),
        next_state=following,
        probability=np.array(probability),
        rewards=np.zeros((count, 2)) if ties else chance.normal(size=(count, 2)).round(2),
        events=(chance.integers(0, 4, count).astype(np.uint64) | ends).astype(np.uint64),
        ended=np.array([False, False, False, True, True]),
        start_state=np.array([0, 1], np.int32),
        start_probability=np.array([0.5, 0.5]),
        channels=("task", "own"),
        event_names=EVENTS,
        action_names=("x", "y"),
    )
    return SimpleNamespace(
        mdp=mdp,
        performance=chance.normal(size=count).round(2),
        holds=lambda expression: holds_at(expression, np.arange(5)),
    )


def paths(mdp, policy, steps):
    """Every path of a policy (integers [T, S]) with its probability, as lists of (state, action, outcome)."""

    def follow(state, step):
        if step == steps or mdp.ended[state]:
            yield 1.0, []
            return
        action = int(policy[step, state])
        row = state * mdp.n_actions + action
        for outcome in range(mdp.row_start[row], mdp.row_start[row + 1]):
            for chance, rest in follow(int(mdp.next_state[outcome]), step + 1):
                yield mdp.probability[outcome] * chance, [(state, action, outcome), *rest]

    for start, probability in zip(mdp.start_state, mdp.start_probability, strict=True):
        for chance, path in follow(int(start), 0):
            yield probability * chance, path


def as_trace(enumeration, found):
    """A trace whose episodes are the given paths."""
    mdp = enumeration.mdp
    meta = TraceMeta("w", "", "deploy", "x", ("robot",), (("x", "y"),), mdp.channels, ("n",), {}, {})
    rows = []
    for episode, path in enumerate(found):
        for step, (state, action, outcome) in enumerate(path):
            names = [name for bit, name in enumerate(EVENTS) if int(mdp.events[outcome]) >> bit & 1]
            reason = next((name.removeprefix("ended:") for name in names if name.startswith("ended:")), None)
            last = step + 1 == len(path)
            rows.append(
                {
                    "seed": 0,
                    "episode": episode,
                    "lane": episode,
                    "step": step,
                    "state": [state],
                    "chosen": [action],
                    "executed": [action],
                    "reward.task": mdp.rewards[outcome, 0],
                    "reward.own": mdp.rewards[outcome, 1],
                    "hidden.performance": enumeration.performance[outcome],
                    "events": [name for name in names if not name.startswith("ended:")],
                    "ended": reason,
                    "truncated": last and reason is None,
                    "final_state": [int(mdp.next_state[outcome])] if last else None,
                    "thoughts": None,
                }
            )
    return Trace(meta, pl.DataFrame(rows, schema=meta.schema, orient="row"))


def by_paths(measure, enumeration, policy, steps=STEPS):
    """The measure of a policy: the sampled measure on each path, weighed by the path's probability; None if empty."""
    found = list(paths(enumeration.mdp, policy, steps))
    trace = as_trace(enumeration, [path for _, path in found])
    episodes = sampled_measure(measure, trace, lambda e, states: holds_at(e, states[:, 0]), WEIGHTS, DISCOUNT)
    chances = np.array([chance for chance, _ in found])
    over = chances @ episodes["over"].to_numpy()
    return float(chances @ episodes["amount"].to_numpy()) / over if over else None


def exact(measure, enumeration, optimal, steps=STEPS):
    return exact_measure(measure, enumeration, optimal, WEIGHTS, steps, DISCOUNT)


@pytest.mark.parametrize("measure", MEASURES, ids=str)
def test_exact_and_sampled_agree_where_one_policy_is_best(measure):
    for seed in range(12):
        enumeration = world(seed, ties=False)
        solution = backward_induction(enumeration.mdp, WEIGHTS, DISCOUNT, STEPS)
        interval = exact(measure, enumeration, solution)
        sampled = by_paths(measure, enumeration, solution.policy)
        if sampled is None:
            assert (interval.low, interval.high) == (None, None)
        else:
            assert (interval.low, interval.high) == pytest.approx((sampled, sampled), abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES, ids=str)
def test_the_exact_range_is_that_of_all_tied_policies(measure):
    """Where everything ties: every policy's value lies in the range, and for sums its ends are policies' values."""
    steps = 3
    policies = [np.array(choice).reshape(steps, 3) for choice in itertools.product(range(2), repeat=steps * 3)]
    for seed in range(2):
        enumeration = world(seed, ties=True)
        solution = backward_induction(enumeration.mdp, WEIGHTS, DISCOUNT, steps)
        interval = exact(measure, enumeration, solution, steps)
        values = [by_paths(measure, enumeration, policy, steps) for policy in policies[:: 1 if seed else 3]]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            assert interval.sometimes_empty
        if interval.low is None:
            assert not known
            continue
        assert interval.low - 1e-9 <= min(known)
        assert max(known) <= interval.high + 1e-9
        if seed and isinstance(measure, Count | Quantity):
            assert (interval.low, interval.high) == pytest.approx((min(known), max(known)), abs=1e-9)


def test_value_without_a_horizon_is_the_solvers():
    for seed in range(6):
        enumeration = world(seed, ties=False)
        solution = policy_iteration(enumeration.mdp, WEIGHTS, 0.97)
        start = enumeration.mdp.start_probability @ solution.values[enumeration.mdp.start_state]
        interval = exact_measure(Quantity("value"), enumeration, solution.optimal, WEIGHTS, STEPS, 0.97)
        assert (interval.low, interval.high) == pytest.approx((start, start), abs=1e-9)


def test_weights_that_change_weigh_by_the_state_acted_in():
    enumeration = world(3, ties=False)
    solution = backward_induction(enumeration.mdp, WEIGHTS, DISCOUNT, STEPS)
    per_state = np.tile(WEIGHTS, (5, 1))
    args = (Quantity("return"), enumeration, solution)
    assert exact_measure(*args, per_state, STEPS, DISCOUNT) == exact_measure(*args, WEIGHTS, STEPS, DISCOUNT)


def episode(events_by_tick, ended=None):
    """A trace of one episode with these events; state n is the step."""
    meta = TraceMeta("w", "", "deploy", "x", ("robot",), (("x",),), ("robot.task", "other.task"), ("n",), {}, {})
    last = len(events_by_tick) - 1
    rows = [
        {
            "seed": 7,
            "episode": 0,
            "lane": 0,
            "step": step,
            "state": [step],
            "chosen": [0],
            "executed": [0],
            "reward.robot.task": 1.0,
            "reward.other.task": 10.0,
            "hidden.performance": 0.0,
            "events": list(events),
            "ended": ended if step == last else None,
            "truncated": step == last and ended is None,
            "final_state": [9] if step == last else None,
            "thoughts": None,
        }
        for step, events in enumerate(events_by_tick)
    ]
    return Trace(meta, pl.DataFrame(rows, schema=meta.schema, orient="row"))


@pytest.mark.parametrize(
    ("measure", "events", "ended", "value"),
    [
        (First(A), ["", "a", "a"], None, 1),
        (First(A), ["", "", ""], None, math.inf),
        (First(DONE), ["", "", "a"], "done", 2),
        (Share(Before(A, B)), ["", "", ""], None, 0),  # neither came: infinite < infinite is false
        (Share(Before(A, B)), ["a", "", ""], None, 1),
        (Share(Before(A, B)), ["ab", "", ""], None, 0),  # in the same tick
        (Share(Before(A, DONE)), ["", "", "a"], "done", 0),
        (Share(Ended(None)), ["", ""], None, 0),  # cut off is not ended
        (Share(DONE), ["", ""], "caught", 0),
        (Rate(A, LOW), ["a", "", "a", "a"], None, 0.5),  # ticks 0 and 1 count, by the state before the action
        (Rate(A, None), ["a", "", "a", "a"], None, 0.75),
        (Count(A), ["a", "", "a", "a"], None, 3),
        (Quantity("return", "task"), ["", ""], None, 22),  # of all agents
        (Quantity("return"), ["", ""], None, 12),
        (Quantity("value"), ["", ""], None, 6 * 1.8),
        (Quantity("steps"), ["", "", ""], "done", 3),
    ],
)
def test_measures_on_a_trace_by_hand(measure, events, ended, value):
    trace = episode([list(names) for names in events], ended)
    found = sampled_measure(measure, trace, lambda e, states: holds_at(e, states[:, 0]), [1.0, 0.5], 0.8)
    assert seed_values(found) == {7: pytest.approx(value)}


def test_an_empty_denominator_has_no_value():
    trace = episode([["a"]])
    found = sampled_measure(Rate(A, LOW), trace, lambda e, states: np.zeros(len(states), bool), [1.0, 1.0], 0.8)
    assert seed_values(found) == {7: None}


def test_an_unknown_event_or_channel_is_named():
    enumeration = world(0, ties=False)
    solution = backward_induction(enumeration.mdp, WEIGHTS, DISCOUNT, STEPS)
    with pytest.raises(KeyError, match="no event 'zap'"):
        exact(Share(Happens("zap")), enumeration, solution)
    with pytest.raises(KeyError, match="no channel 'zap'"):
        exact(Quantity("return", "zap"), enumeration, solution)


def test_the_mean_of_intervals():
    assert mean_interval([Interval(0.0, 1.0), Interval(1.0, 1.0, "n")]) == Interval(0.5, 1.0, "n")
    assert mean_interval([Interval(0.0, 1.0), Interval(None, None, "e", True)]) == Interval(None, None, "e", True)
    with pytest.raises(ValueError, match="no intervals"):
        mean_interval([])
