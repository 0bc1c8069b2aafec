"""Exact and sampled measures mean the same: all paths of a small world, weighed by chance, give the exact value."""

import functools
import itertools
import math
from types import SimpleNamespace
from typing import cast

import numpy as np
import polars as pl
import pytest

from turncoat.envs.analysis.exact_plan import ExactPlan
from turncoat.envs.base import FiniteMDP
from turncoat.envs.mdp.enumeration import Enumeration
from turncoat.envs.solvers.dynamic_programming import backward_induction, policy_iteration
from turncoat.evals.measures.measure import Interval, exact_measure, mean_interval, sampled_measure, seed_values
from turncoat.evals.traces.trace import Trace, TraceMeta
from turncoat.scenarios.language.expressions.syntax import (
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
    Statistic,
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
    *(Statistic(word, Name("n")) for word in ("mean", "max", "min", "final")),
    *(Statistic("at", Name("n"), Number(tick)) for tick in (0, 2, 9)),
    Statistic("mean", LOW),
    Statistic("final", LOW),
]
WEIGHTS = np.array([1.0, 0.5])
STEPS, DISCOUNT = 4, 0.8


def number_at(expression, numbers):
    """The state's number, which is not in the order of the states, or whether it is low."""
    shuffled = np.array([1.0, 0.0, 3.0, 2.0, -2.0])[numbers]
    return shuffled if expression == Name("n") else (numbers < 2).astype(float)


def holds_at(expression, numbers):
    assert expression == LOW
    return number_at(expression, numbers) == 1


def world(seed, ties):
    """Five states (the last two ended), two actions, up to two outcomes each; with `ties` nothing is paid."""
    chance = np.random.default_rng(seed)
    row_start, reached, probability = [0], [], []
    for state, _ in itertools.product(range(5), range(2)):
        if state < 3:
            outcomes = chance.integers(1, 3)
            reached += list(chance.choice(5, outcomes, replace=False))
            probability += [1.0] if outcomes == 1 else [0.25, 0.75]
        row_start.append(len(reached))
    count = len(reached)
    following = np.array(reached, np.int32)
    ends = np.where(following == 3, 4, np.where(following == 4, 8, 0)).astype(np.uint64)
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
    return mdp, chance.normal(size=count).round(2)


def planned(seed, ties, steps, horizon=True, discount=DISCOUNT):
    """The best plan in such a world."""
    mdp, performance = world(seed, ties)
    return ExactPlan(
        enumeration=cast(
            Enumeration,
            SimpleNamespace(
                holds=lambda expression: holds_at(expression, np.arange(5)),
                numbers=lambda formula: number_at(formula, np.arange(5)),
            ),
        ),
        mdp=mdp,
        performance=performance,
        state_of=np.arange(5),
        solution=(
            backward_induction(mdp, WEIGHTS, discount, steps) if horizon else policy_iteration(mdp, WEIGHTS, discount)
        ),
        weights=WEIGHTS,
        discount=discount,
        steps=steps,
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


def as_trace(plan, found):
    """A trace whose episodes are the given paths."""
    mdp = plan.mdp
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
                    "hidden.performance": plan.performance[outcome],
                    "events": [name for name in names if not name.startswith("ended:")],
                    "ended": reason,
                    "truncated": last and reason is None,
                    "final_state": [int(mdp.next_state[outcome])] if last else None,
                    "thoughts": None,
                }
            )
    return Trace(meta, pl.DataFrame(rows, schema=meta.schema, orient="row"))


def by_paths(measure, trace, chances):
    """The sampled measure on each path, weighed by the path's probability; None if it has no value."""
    episodes = sampled_measure(measure, trace, lambda e, states: number_at(e, states[:, 0]), WEIGHTS, DISCOUNT)
    over = chances @ episodes["over"].to_numpy()
    return float(chances @ episodes["amount"].to_numpy()) / over if over else None


def all_paths(plan, policy):
    """The paths of a policy as a trace, and their probabilities."""
    found = list(paths(plan.mdp, policy, plan.steps))
    return as_trace(plan, [path for _, path in found]), np.array([chance for chance, _ in found])


@functools.cache
def every_policy(seed, stride):
    """The paths of every (or every n-th) policy of three ticks in a world where all of them tie."""
    choices = list(itertools.product(range(2), repeat=9))[::stride]
    plan = planned(seed, True, 3)
    return [all_paths(plan, np.array(choice).reshape(3, 3)) for choice in choices]


@pytest.mark.parametrize("measure", MEASURES, ids=str)
def test_exact_and_sampled_agree_where_one_policy_is_best(measure):
    for seed in range(12):
        plan = planned(seed, False, STEPS)
        interval = exact_measure(measure, plan)
        sampled = by_paths(measure, *all_paths(plan, plan.solution.policy))
        if sampled is None:
            assert (interval.low, interval.high) == (None, None)
        else:
            assert (interval.low, interval.high) == pytest.approx((sampled, sampled), abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES, ids=str)
def test_the_exact_range_is_that_of_all_tied_policies(measure):
    """Where everything ties: every policy's value lies in the range, and for sums its ends are policies' values."""
    for seed, stride in ((0, 7), (1, 1)):
        interval = exact_measure(measure, planned(seed, True, 3))
        values = [by_paths(measure, *found) for found in every_policy(seed, stride)]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            assert interval.sometimes_empty
        if interval.low is None or interval.high is None:
            assert not known
            continue
        assert interval.low - 1e-9 <= min(known)
        assert max(known) <= interval.high + 1e-9
        if stride == 1 and isinstance(measure, Count | Quantity | Statistic) and measure != Statistic("max", Name("n")):
            assert (interval.low, interval.high) == pytest.approx((min(known), max(known)), abs=1e-9)


def test_value_without_a_horizon_is_the_solvers():
    for seed in range(6):
        plan = planned(seed, False, STEPS, horizon=False, discount=0.97)
        interval = exact_measure(Quantity("value"), plan)
        assert (interval.low, interval.high) == pytest.approx((plan.start_value, plan.start_value), abs=1e-9)


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
    found = sampled_measure(measure, trace, lambda e, states: number_at(e, states[:, 0]), WEIGHTS, 0.8)
    assert seed_values(found) == {7: pytest.approx(value)}


def test_an_empty_denominator_has_no_value():
    trace = episode([["a"]])
    found = sampled_measure(Rate(A, LOW), trace, lambda e, states: np.zeros(len(states), bool), WEIGHTS, 0.8)
    assert seed_values(found) == {7: None}


def test_an_unknown_event_or_channel_is_named():
    plan = planned(0, False, STEPS)
    with pytest.raises(KeyError, match="no event `zap`"):
        exact_measure(Share(Happens("zap")), plan)
    with pytest.raises(KeyError, match="no channel `zap`"):
        exact_measure(Quantity("return", "zap"), plan)


def test_the_mean_of_intervals():
    assert mean_interval([Interval(0.0, 1.0), Interval(1.0, 1.0, "n")]) == Interval(0.5, 1.0, "n")
    assert mean_interval([Interval(0.0, 1.0), Interval(None, None, "e", True)]) == Interval(None, None, "e", True)
    with pytest.raises(ValueError, match="no intervals"):
        mean_interval([])
