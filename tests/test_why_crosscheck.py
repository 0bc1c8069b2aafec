"""What `why` says of every event, beside a solver of plain dictionaries that shares no code with it.

The solver reads a process into dictionaries once, remembers whether the event has come as part of a state, and does
nothing but sweep: no linear systems, no policy iteration, no sparse matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import LIVES, examples, sampled, scenario_of
from turncoat import api
from turncoat.envs.analysis.event_explanation import EventExplanation, explain_event
from turncoat.envs.analysis.exact_plan import ExactPlan, plan_exactly
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.observation import observation_ids
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.scenarios.language.loading import Scenario

State = tuple[int, bool]
NEAR = 1e-7
"""Values closer than that, relative to the largest, are tied."""


@dataclass
class Dictionaries:
    """A process by state and action: chance, next state, pay by channel, whether the event comes, for each outcome.

    A state is a pair of the process's own and whether the event has come. `held` are the weights in each state.
    """

    start: dict[State, float]
    moves: dict[State, dict[int, list[tuple[float, State, tuple[float, ...], bool]]]]
    held: dict[State, tuple[float, ...]]
    discount: float
    horizon: int | None
    steps: int
    judges_by: str
    order: list[State] = field(default_factory=list)

    def pay(self, state: State, pays: tuple[float, ...], first: bool, reward: float) -> float:
        """What an outcome is worth by the weights of the state, with a reward where the event comes first."""
        weights = self.held[state]
        return sum(w * p for w, p in zip(weights, pays, strict=True)) + (reward if first else 0.0)


def read(plan: ExactPlan, event: str) -> Dictionaries:
    """The process of a plan, as dictionaries over the states that can be reached."""
    mdp, world = plan.enumeration.mdp, plan.enumeration.world
    bit = 1 << mdp.event_names.index(event)
    deciding = range(len(world.agents)) if world.response is None else [world.response.agent]
    weights = sum(world.weights(plan.enumeration.states, agent) for agent in deciding)
    start: dict[State, float] = {}
    for state, chance in zip(mdp.start_state.tolist(), mdp.start_probability.tolist(), strict=True):
        if chance > 0:
            start[state, False] = start.get((state, False), 0.0) + chance
    moves: dict[State, dict[int, list[tuple[float, State, tuple[float, ...], bool]]]] = {}
    queue, known = list(start), set(start)
    for state in queue:  # grows as it is read
        moves[state] = {}
        for action in range(mdp.n_actions):
            row = state[0] * mdp.n_actions + action
            outcomes = []
            for m in range(int(mdp.row_start[row]), int(mdp.row_start[row + 1])):
                chance = float(mdp.probability[m])
                if chance <= 0 or mdp.ended[state[0]]:
                    continue
                hit = bool(int(mdp.events[m]) & bit)
                after = (int(mdp.next_state[m]), state[1] or hit)
                outcomes.append((chance, after, tuple(mdp.rewards[m].tolist()), hit and not state[1]))
                if after not in known:
                    known.add(after)
                    queue.append(after)
            if outcomes:
                moves[state][action] = outcomes
    judges_by = world.agents[next(iter(deciding))].judges_by
    held = {state: tuple(np.asarray(weights)[state[0]].tolist()) for state in moves}
    return Dictionaries(
        start, moves, held, plan.discount, world.horizon, plan.steps, judges_by, list(reversed(list(moves)))
    )


Choices = dict[State, list[int]]
Q = Callable[[State, int, dict[State, float]], float]
Pick = Callable[..., Any]


def swept(model: Dictionaries, choices: Choices, q: Q, pick: Pick) -> dict[State, float]:
    """The fixed point of sweeps in place, with some rounds for the present choices between two of them."""
    values = dict.fromkeys(model.moves, 0.0)
    while True:
        change, chosen = 0.0, {}
        for state in model.order:
            if choices[state]:
                worth = {action: q(state, action, values) for action in choices[state]}
                chosen[state] = pick(worth, key=worth.__getitem__)
                change = max(change, abs(worth[chosen[state]] - values[state]))
                values[state] = worth[chosen[state]]
        if change <= 1e-12 * max(1.0, max(map(abs, values.values()))):
            return values
        for _ in range(20):
            for state, action in chosen.items():
                values[state] = q(state, action, values)


def timed(model: Dictionaries, choices: list[Choices], q: Q, pick: Pick) -> list[dict[State, float]]:
    """The values at each tick, the last one's being 0; `choices` are those of each tick."""
    ahead = [dict.fromkeys(model.moves, 0.0)]
    for now in reversed(choices):
        then = ahead[0]
        ahead.insert(0, {s: q(s, pick(now[s], key=lambda a: q(s, a, then)), then) if now[s] else 0.0 for s in then})
    return ahead


def at_start(model: Dictionaries, values: dict[State, float]) -> float:
    return sum(chance * values[state] for state, chance in model.start.items())


@dataclass
class Answer:
    """A value, and the choices that are tied at each tick (one for all where there is no horizon)."""

    value: float
    tied: list[Choices]


def every(model: Dictionaries) -> Choices:
    return {state: list(moves) for state, moves in model.moves.items()}


def worth(model: Dictionaries, reward: float = 0.0) -> Q:
    # What an action pays at once is the same in every sweep, and sweeps are many.
    paid = {
        (state, action): sum(chance * model.pay(state, pays, first, reward) for chance, _, pays, first in outcomes)
        for state, moves in model.moves.items()
        for action, outcomes in moves.items()
    }
    later = {
        (state, action): [(chance * model.discount, after) for chance, after, _, _ in outcomes]
        for state, moves in model.moves.items()
        for action, outcomes in moves.items()
    }

    def q(state: State, action: int, ahead: dict[State, float]) -> float:
        total = paid[state, action]
        for chance, after in later[state, action]:
            total += chance * ahead[after]
        return total

    return q


def coming(model: Dictionaries) -> Q:
    def q(state: State, action: int, ahead: dict[State, float]) -> float:
        return sum(chance * (1.0 if first else ahead[after]) for chance, after, _, first in model.moves[state][action])

    def once(state: State, action: int, ahead: dict[State, float]) -> float:
        return 0.0 if state[1] else q(state, action, ahead)

    return once


def tied(choices: Choices, q: Q, ahead: dict[State, float], near: float) -> Choices:
    found: Choices = {}
    for state, actions in choices.items():
        values = {action: q(state, action, ahead) for action in actions}
        best = max(values.values(), default=0.0)
        found[state] = [action for action, value in values.items() if value >= best - near]
    return found


def optimal(model: Dictionaries, choices: list[Choices], q: Q, near: float = NEAR) -> Answer:
    """The best value for what `q` says each action is worth, and the choices tied for it."""
    if model.horizon is None:
        values = swept(model, choices[0], q, max)
        near *= max(1.0, max(map(abs, values.values())))
        return Answer(at_start(model, values), [tied(choices[0], q, values, near)])
    ahead = timed(model, choices, q, max)
    near *= max(1.0, max(abs(x) for values in ahead for x in values.values()))
    return Answer(
        at_start(model, ahead[0]),
        [tied(now, q, then, near) for now, then in zip(choices, ahead[1:], strict=True)],
    )


def shares(model: Dictionaries, choices: list[Choices]) -> tuple[float, float]:
    """The least and the greatest share of episodes with the event."""
    ticks = choices * model.steps if model.horizon is None else choices[: model.steps]
    low, high = (at_start(model, timed(model, ticks, coming(model), pick)[0]) for pick in (min, max))
    return low, high


def without(model: Dictionaries, choices: list[Choices]) -> list[Choices] | None:
    """The choices that never risk the event; None where every plan does."""
    ticks: list[Choices] = []
    dead: set[State] = set()
    while True:
        ticks.insert(0, {})
        gone = set()
        for state, moves in model.moves.items():
            ticks[0][state] = [
                action
                for action, outcomes in moves.items()
                if not any(first or after in dead for _, after, _, first in outcomes)
            ]
            if moves and not ticks[0][state]:
                gone.add(state)
        if len(ticks) == model.horizon or (model.horizon is None and gone == dead):
            break
        dead = gone
    return None if gone & set(model.start) else ticks if model.horizon is not None else ticks[:1]


def check(plan: ExactPlan, event: str, answer: EventExplanation) -> None:
    """Every number of an answer against the dictionaries."""
    model = read(plan, event)
    ticks = [every(model)] * (model.horizon or 1)
    best = optimal(model, ticks, worth(model))
    assert answer.best is not None
    assert answer.best.value == pytest.approx(best.value, rel=1e-6, abs=1e-7)
    assert sum(answer.best.parts.values()) == pytest.approx(answer.best.value)
    assert answer.best.share == pytest.approx(shares(model, best.tied), abs=1e-7)
    all_shares = shares(model, ticks if model.horizon else [every(model)])
    assert (answer.least, answer.greatest) == pytest.approx(all_shares, abs=1e-7)

    clear = without(model, ticks)
    assert (answer.without_event is None) == (clear is None)
    if answer.without_event is not None and clear is not None:
        assert answer.without_event.share == (0, 0)
        assert answer.without_event.value == pytest.approx(
            optimal(model, clear, worth(model)).value, rel=1e-6, abs=1e-7
        )

    likely = optimal(model, ticks, coming(model), 1e-9)
    assert (answer.with_event is None) == (likely.value == 0)
    if answer.with_event is not None:
        surest = optimal(model, likely.tied, worth(model))
        assert answer.with_event.value == pytest.approx(surest.value, rel=1e-6, abs=1e-7)
        reached = optimal(model, surest.tied, coming(model), 1e-9).value
        assert answer.postponed == (reached < likely.value - 1e-7)
        if answer.postponed or model.horizon is not None:
            assert answer.with_event.share == pytest.approx((likely.value, likely.value), abs=1e-7)
        else:
            low, high = shares(model, surest.tied)
            assert low - 1e-7 <= answer.with_event.share[0] == answer.with_event.share[1] <= high + 1e-7

    if answer.break_even is not None:
        price = answer.break_even
        assert price.lower < price.upper
        assert price.upper - price.lower < 0.02 * max(1.0, abs(price.upper))
        for reward, share in ((price.lower, price.share_lower), (price.upper, price.share_upper)):
            # Both plans are nearly as good there, so ties are told apart as finely as sweeps allow.
            here = optimal(model, ticks, worth(model, reward), 1e-10)
            assert share == pytest.approx(shares(model, here.tied), abs=1e-7)
        assert price.share_lower[1] <= all_shares[0] + 1e-9 < price.share_upper[0]
    elif answer.without_event is not None and answer.with_event is not None:
        assert answer.notes, "where there is no break-even, a sentence says why"


def every_event(scenario: Scenario) -> Iterator[tuple[ExactPlan, str]]:
    solved = SolvedWorlds(scenario)
    stage = scenario.judged_stage
    for event in api.events(scenario, stage):
        yield solved.best_plan({}, stage), event


SMALL = (
    "escape/delay_button",
    "escape/interruption",
    "escape/off_switch",
    "escape/off_switch_game",
    "escape/slow_growth",
    "safety_gridworlds/absent_supervisor",
    "safety_gridworlds/boat_race",
    "safety_gridworlds/distributional_shift",
    "safety_gridworlds/friend_foe",
    "safety_gridworlds/island_navigation",
    "safety_gridworlds/rocks_diamonds_1",
    "safety_gridworlds/side_effects_sokoban_0",
    "safety_gridworlds/whisky_gold",
    "treacherous_turn/audit",
    "treacherous_turn/watched_shortcut",
    "two_systems/bach_stravinsky",
    "two_systems/chicken",
    "two_systems/copies",
)
LARGE = (
    "escape/botnet",
    "escape/cluster",
    "learning/loss_terms",
    "learning/selection",
    "safety_gridworlds/conveyor_belt_sushi",
    "safety_gridworlds/conveyor_belt_sushi_goal",
    "safety_gridworlds/conveyor_belt_sushi_goal2",
    "safety_gridworlds/conveyor_belt_vase",
    "treacherous_turn/any_goal",
    "treacherous_turn/camera",
    "treacherous_turn/first_turn",
    "treacherous_turn/hearts",
    "treacherous_turn/hearts_replica",
    "treacherous_turn/lab",
    "treacherous_turn/parliament",
    "wrong_goals/coin_at_the_end",
    "wrong_goals/corner_cheese",
    "wrong_goals/gem_colour",
    "wrong_goals/keys_and_chests",
    "wrong_goals/monsters",
    "wrong_goals/tree_patch",
)
APART = (
    "escape/faking",
    "learning/new_door",
    "safety_gridworlds/safe_interruptibility_0",
    "safety_gridworlds/safe_interruptibility_1",
    "safety_gridworlds/safe_interruptibility_2",
    "safety_gridworlds/tomato_patch",
    "treacherous_turn/oversight_in_simulation",
    "two_systems/gathering",
    "two_systems/strangers",
    "two_systems/treaty",
)
"""Weights that change, states that are hidden, and two that choose apart: these need a check of their own."""


@pytest.mark.nightly
def test_every_scenario_that_enumerates_is_in_one_of_the_lists() -> None:
    assert sorted((*SMALL, *LARGE, *APART)) == sorted({*enumerable()} - LIVES)


def enumerable() -> list[str]:
    found = []
    for name in api.names():
        scenario = api.load(name)
        try:
            SolvedWorlds(scenario, 10_000).enumeration({}, scenario.judged_stage)
        except NotEnumerableError:
            continue
        found.append(name)
    return found


@pytest.mark.parametrize(
    "name", sampled(SMALL, {"escape/off_switch", "safety_gridworlds/whisky_gold", "treacherous_turn/watched_shortcut"})
)
def test_every_event_of_a_small_scenario(name: str) -> None:
    for plan, event in every_event(api.load(name)):
        check(plan, event, explain_event(plan, event))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", LARGE)
def test_every_event_of_a_large_scenario(name: str) -> None:
    for plan, event in every_event(api.load(name)):
        check(plan, event, explain_event(plan, event))


# ------------------------------------------------------------------ selves of different weights, and hidden states


def by_selves(model: Dictionaries, choices: Choices, reward: float) -> tuple[float, Choices]:
    """What the first self of a very long line is worth to itself, and what each self does, by its own weights."""
    vectors: dict[State, list[float]] = {state: [0.0] * (len(model.held[state]) + 1) for state in model.moves}
    policy: Choices = {}
    for _ in range(300):
        ahead, vectors = vectors, {}
        for state in model.moves:
            best: tuple[float, list[float]] = (0.0, [0.0] * len(ahead[state]))
            policy[state] = []
            for action in choices[state]:
                vector = [0.0] * len(ahead[state])
                for chance, after, pays, first in model.moves[state][action]:
                    for k, pay in enumerate((*pays, float(first))):
                        vector[k] += chance * (pay + model.discount * ahead[after][k])
                value = sum(w * v for w, v in zip((*model.held[state], reward), vector, strict=True))
                if not policy[state] or value > best[0] + 1e-9:
                    best, policy[state] = (value, vector), [action]
            vectors[state] = best[1]
    value = sum(
        p * w * v for state, p in model.start.items() for w, v in zip(model.held[state], vectors[state], strict=False)
    )
    return value, policy


@pytest.mark.parametrize("event", ["complied", "defied", "corrected"])
def test_selves_of_different_weights(event: str) -> None:
    solved = SolvedWorlds(api.load("escape/faking"))
    plan = solved.best_plan({}, "deploy")
    model, answer = read(plan, event), explain_event(plan, event)
    value, policy = by_selves(model, every(model), 0.0)
    assert answer.best is not None
    assert answer.best.value == pytest.approx(value)
    assert answer.best.share == pytest.approx(shares(model, [policy]))
    clear = without(model, [every(model)])
    assert (answer.without_event is None) == (clear is None)
    if answer.without_event is not None and clear is not None:
        assert answer.without_event.value == pytest.approx(by_selves(model, clear[0], 0.0)[0])
    if answer.break_even is not None:
        for reward, share in (
            (answer.break_even.lower, answer.break_even.share_lower),
            (answer.break_even.upper, answer.break_even.share_upper),
        ):
            assert share == pytest.approx(shares(model, [by_selves(model, every(model), reward)[1]]))


Belief = dict[State, float]


def by_history(model: Dictionaries, views: list[int], belief: Belief, kind: str) -> tuple[float, float] | None:
    """Value and chance of the best plan on what was seen; None where every plan risks the event camend none may."""
    found = []
    for action in range(9):
        if not all(action in model.moves[state] for state in belief):
            continue
        value, chance, seen = 0.0, 0.0, dict[tuple[object, ...], Belief]()
        for state, p in belief.items():
            for q, after, pays, first in model.moves[state][action]:
                value, chance = value + p * q * model.pay(state, pays, first, 0.0), chance + p * q * first
                here = seen.setdefault((views[after[0]], *model.moves[after]), {})
                here[after] = here.get(after, 0.0) + p * q
        if kind == "never" and chance > 0:
            continue
        later = []
        for each in seen.values():
            mass = sum(each.values())
            then = by_history(model, views, {state: p / mass for state, p in each.items()}, kind)
            later.append(then and (mass * then[0], mass * then[1]))
        if None not in later:
            value += model.discount * sum(its[0] for its in later if its)
            found.append((value, chance + sum(its[1] for its in later if its)))
    if not found:
        return None if any(model.moves[state] for state in belief) else (0.0, 0.0)
    order: dict[str, Callable[[tuple[float, float]], tuple[float, float]]] = {
        "low": lambda its: (round(its[0], 9), -its[1]),
        "high": lambda its: (round(its[0], 9), its[1]),
        "never": lambda its: its,
        "surest": lambda its: (round(its[1], 9), its[0]),
    }
    return max(found, key=order[kind])


def test_hidden_states() -> None:
    scenario = api.load("treacherous_turn/oversight_in_simulation")
    for plan, event in every_event(scenario):
        model, answer = read(plan, event), explain_event(plan, event)
        views = observation_ids(plan.enumeration.world, plan.enumeration.states, 0).tolist()
        begun: dict[int, Belief] = {}
        for state, p in model.start.items():
            begun.setdefault(views[state[0]], {})[state] = p
        [belief] = begun.values()  # everybody begins with the same knowledge
        low, high, never, surest = (by_history(model, views, belief, kind) for kind in ORDERS)
        assert answer.best is not None
        assert low is not None
        assert high is not None
        assert surest is not None
        assert answer.best.value == pytest.approx(high[0])
        assert answer.best.share == pytest.approx((low[1], high[1]))
        assert (answer.without_event is None) == (never is None)
        if answer.without_event is not None and never is not None:
            assert answer.without_event.value == pytest.approx(never[0])
        if answer.with_event is not None:
            assert answer.with_event.share == pytest.approx((surest[1], surest[1]))
            assert answer.with_event.value == pytest.approx(surest[0])


ORDERS = ("low", "high", "never", "surest")


# ------------------------------------------------------------------ random worlds


def random_text(seed: int) -> str:
    """Four states and two actions; one in two moves leaves something to chance, and some pay, end or bring an event."""
    rng = np.random.default_rng(seed)
    rules: list[str] = []
    for state in range(4):
        for action in ("one", "two"):
            for chance in (1, *rng.choice([0.25, 0.5], size=rng.integers(2))):
                effects = [f"      - to = {rng.integers(4)}"]
                effects += ["      - event came"] if rng.random() < 0.25 else []
                effects += ["      - event passed"] if rng.random() < 0.1 else []
                effects += ['      - end "over"'] if rng.random() < 0.1 else []
                rules += [
                    f"  - name: rule{len(rules)}",
                    f"    when: robot does {action} and at == {state}",
                    *([f"    chance: {chance}"] if chance != 1 else []),
                    "    then:",
                    *effects,
                    f"    pays: {{reward: {rng.integers(-2, 3)}}}",
                ]
    time = rng.choice(["horizon: 4", "limit: 12"])
    return "\n".join(
        [
            f"agents: {{robot: {{actions: [one, two], values: {{reward: {{}}}}, discount: {rng.choice([0.5, 0.9])}}}}}",
            "counters: {at: {max: 3}, to: {max: 3}}",
            "rules:",
            *rules,
            "  - name: moved",
            "    then:",
            "      - at = to",
            f"stages: {{deploy: {{{time}}}}}",
            "",
        ]
    )


@settings(max_examples=examples(25))
@given(st.integers(0, 2**32 - 1))
def test_every_event_of_random_worlds(seed: int) -> None:
    scenario = scenario_of(random_text(seed))
    plan = plan_exactly(enumerate_world(compile_world(scenario)))
    for event in plan.mdp.event_names:
        check(plan, event, explain_event(plan, event))
