"""Equilibria of games of two with a known end in which somebody does not see all that matters.

Types that chance deals at the start, what an agent keeps to itself, a result that only one of them knows: such a game
is a tree, whose places an agent tells apart by all that it has seen and done so far (Kuhn 1953). A *plan* says what
it does at each of its information sets that the plan itself does not rule out; plans of both make a matrix game, whose
equilibria are those of the tree (Shoham and Leyton-Brown 2009, chapter 5).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import chain, islice, product, zip_longest
from math import comb, prod
from typing import Final

import numpy as np

from ...scenarios.deferred import sparse
from ..base import Floats, Longs, NotEnumerableError
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import outcomes_of
from ..time_limit import check_time
from ..world.world import EquilibriumChoice
from .best_response import own_available
from .bimatrix_equilibria import equilibria
from .common_knowledge import looks_of
from .equilibrium_process import (
    Equilibria,
    Equilibrium,
    EquilibriumProcess,
    Key,
    check_players,
    indifferent,
    told,
)
from .matrix_games import not_weakly_dominated, undominated
from .subgame_perfect import chosen, outcome_classes

MAX_SITUATIONS: Final = 100_000
"""Places of the tree that are told apart: a state, and what each agent knows there."""
UNLIKE: Final = (
    "plans that are paid the same, with the same events and score, are one, and differ in the states that they reach"
)
"""Why measures of states may be further apart than those of the equilibria that are found."""
MAX_PLANS: Final = 3_000
"""Plans of one agent."""
MAX_VERTICES: Final = 20_000
"""Sets of constraints that are tried to find all equilibria; beyond it only those with small supports are."""
MAX_EQUILIBRIA: Final = 64
"""Equilibria that are kept."""
MAX_WAYS: Final = 128
"""Ways to play them that are kept: with plans that are paid the same, and bring about something else."""
_NEAR: Final = 1e-9


@dataclass(frozen=True, eq=False)
class _InformationSet:
    """What an agent knows at a moment: its actions there, and what it may know after each."""

    tick: int
    actions: tuple[int, ...]
    after: dict[int, set[int]] = field(default_factory=dict)


class _Tree:
    """The game tree by ticks; situations in which the state and both agents' knowledge agree are one.

    Attributes:
        levels: by tick, each situation (state, first's set, second's set) and the probability that chance alone gives
            it, if everybody does their part.
        sets: by agent, its information sets.
    """

    def __init__(self, enumeration: Enumeration, horizon: int) -> None:
        world, mdp = enumeration.world, enumeration.mdp
        self.enumeration, self.horizon = enumeration, horizon
        self.sets: list[list[_InformationSet]] = [[], []]
        self._numbers: list[dict[tuple[int, int, int], int]] = [{}, {}]
        masks = [
            own_available(world.joint_actions[:, agent], mdp.available, count)
            for agent, count in enumerate(world.action_counts)
        ]
        self._looks = [looks_of(enumeration, agent) for agent in range(2)]
        self._masks = masks
        self.levels: list[dict[tuple[int, int, int], float]] = [{}]
        self._classes: dict[int, Longs] = {}
        self._grow()

    def _set(self, agent: int, before: int, action: int, state: int, tick: int) -> int:
        """The number of the information set in which an agent is at a state, given its last one and what it did."""
        key = (before, action, int(self._looks[agent][state]))
        numbers = self._numbers[agent]
        if key not in numbers:
            numbers[key] = len(self.sets[agent])
            actions = tuple(np.flatnonzero(self._masks[agent][state]).tolist())
            self.sets[agent].append(_InformationSet(tick, actions))
        number = numbers[key]
        if before >= 0:
            self.sets[agent][before].after.setdefault(action, set()).add(number)
        return number

    def _grow(self) -> None:
        mdp, world = self.enumeration.mdp, self.enumeration.world
        for state, chance in zip(mdp.start_state.tolist(), mdp.start_probability.tolist(), strict=True):
            if chance > 0:
                key = (state, self._set(0, -1, -1, state, 0), self._set(1, -1, -1, state, 0))
                self.levels[0][key] = self.levels[0].get(key, 0.0) + chance
        count = 0
        for tick in range(self.horizon):
            ahead: dict[tuple[int, int, int], float] = {}
            for key, weight in self.levels[tick].items():
                count += 1
                if count % 512 == 0:
                    check_time("the tree of a game was grown")
                if count > MAX_SITUATIONS:
                    raise NotEnumerableError(
                        f"the tree of the game has more than {MAX_SITUATIONS:,} places, for somebody does not see all "
                        "that matters",
                        "shorten the horizon, or let the agents see more",
                    )
                for outcome, joint in self.outcomes(key):
                    state = int(mdp.next_state[outcome])
                    first, second = (
                        self._set(agent, key[1 + agent], int(world.joint_actions[joint, agent]), state, tick + 1)
                        for agent in range(2)
                    )
                    child = state, first, second
                    ahead[child] = ahead.get(child, 0.0) + weight * float(mdp.probability[outcome])
            self.levels.append(ahead)

    def outcomes(self, key: tuple[int, int, int]) -> list[tuple[int, int]]:
        """Each outcome of a situation and its joint action."""
        mdp = self.enumeration.mdp
        if mdp.ended[key[0]]:
            return []
        outcome, place = outcomes_of(mdp, key[0] * mdp.n_actions + np.arange(mdp.n_actions))
        return list(zip(outcome.tolist(), place.tolist(), strict=True))

    def alike(self) -> list[dict[int, tuple[int, ...]]]:
        """By agent and information set, the actions that matter: of those that do just the same one is kept."""
        world = self.enumeration.world
        looks: list[dict[int, list[Longs]]] = [{}, {}]
        for level in self.levels[: self.horizon]:
            for state, *sets in level:
                if self.enumeration.mdp.ended[state]:
                    continue
                if state not in self._classes:
                    self._classes[state] = outcome_classes(self.enumeration, state).reshape(world.action_counts)
                for agent, number in enumerate(sets):
                    classes = self._classes[state]
                    looks[agent].setdefault(number, []).append(classes if agent == 0 else classes.T)
        out: list[dict[int, tuple[int, ...]]] = [{}, {}]
        for agent in range(2):
            for number, seen in looks[agent].items():
                kept: dict[bytes, int] = {}
                for action in self.sets[agent][number].actions:
                    kept.setdefault(b"".join(each[action].tobytes() for each in seen), action)
                out[agent][number] = tuple(kept.values())
        return out


def equilibria_of_tree(enumeration: Enumeration, horizon: int, choice: EquilibriumChoice) -> Equilibria:
    """The equilibria of a game of two with a known end and hidden information, where it is small.

    All extreme ones where the matrix game of plans, without plans that are strictly dominated, is small; else those in
    which each agent mixes at most two plans, and `cut` says so.

    Args:
        enumeration: of the joint actions of two agents.
        horizon: T, ticks.
        choice: which of the equilibria count; `perfect` ones are those in which neither plan is weakly dominated.

    Raises:
        NotEnumerableError: it is no game of two; the tree or the plans are too many; or none was found.
    """
    world = enumeration.world
    check_players(world)
    tree = _Tree(enumeration, horizon)
    kept = tree.alike()
    plans = [_plans(tree, agent, kept[agent], world.agents[agent].name) for agent in range(2)]
    first, second, outcomes, states = _matrix(tree, plans, [its.discount for its in world.agents])
    found, cut, unlike = _solve(first, second, outcomes, states, choice)
    if not found:
        raise NotEnumerableError(
            f"no equilibrium was found in which each agent mixes at most two of its plans ({len(first)} and "
            f"{first.shape[1]})",
            "shorten the horizon, or take away actions",
        )
    return replace(_as_process(tree, plans, (first, second), found, cut), states_cut=UNLIKE if unlike else "")


def _plans(tree: _Tree, agent: int, kept: dict[int, tuple[int, ...]], name: str) -> list[dict[int, int]]:
    """The reduced pure strategies of an agent: information set -> action."""
    sets, limit = tree.sets[agent], MAX_PLANS

    def too_many() -> NotEnumerableError:
        return NotEnumerableError(
            f"`{name}` has more than {limit:,} plans, for somebody does not see all that matters",
            "shorten the horizon, take away actions, or let the agents see more",
        )

    def of(number: int) -> list[dict[int, int]]:
        out: list[dict[int, int]] = []
        for action in kept.get(number, ()):
            below = [of(child) for child in sorted(sets[number].after.get(action, ()))]
            below = [each for each in below if each != [{}]]
            size = 1
            for each in below:
                size *= len(each)
            if size + len(out) > limit:
                raise too_many()
            for pick in product(*below):
                plan = {number: action}
                for part in pick:
                    plan |= part
                out.append(plan)
        return out or [{}]

    roots = sorted({key[1 + agent] for key in tree.levels[0]})
    parts = [of(root) for root in roots]
    size = 1
    for each in parts:
        size *= len(each)
    if size > limit:
        raise too_many()
    out = []
    for pick in product(*parts):
        whole: dict[int, int] = {}
        for part in pick:
            whole |= part
        out.append(whole)
    return out


def _matrix(
    tree: _Tree, plans: list[list[dict[int, int]]], discounts: list[float]
) -> tuple[Floats, Floats, Floats, Floats]:
    """What each pair of plans is worth to each agent, float64 `[m, n]`, and two marks of what comes of it.

    A mark is the sum of random numbers, one for each tick and what comes in it, events and score, or for each tick and
    the state that is reached: equal where these have the same chances.
    """
    mdp, world = tree.enumeration.mdp, tree.enumeration.world
    pay = [mdp.rewards @ its.weights for its in world.agents]
    # A sequence is an information set and an action at it; a plan plays it or does not.
    index: list[dict[tuple[int, int], int]] = [{}, {}]
    for agent in range(2):
        for plan in plans[agent]:
            for pair in plan.items():
                index[agent].setdefault(pair, len(index[agent]))
    sequences: tuple[list[int], list[int]] = ([], [])
    amounts: tuple[list[float], list[float], list[float], list[float]] = ([], [], [], [])
    marks = defaultdict[tuple[int, int, float], float](np.random.default_rng(0).random)
    places = defaultdict[tuple[int, int], float](np.random.default_rng(1).random)
    for tick in range(tree.horizon):
        factors = [discount**tick for discount in discounts]
        for key, weight in tree.levels[tick].items():
            for outcome, joint in tree.outcomes(key):
                own = [int(a) for a in world.joint_actions[joint]]
                pairs = [index[agent].get((key[1 + agent], own[agent])) for agent in range(2)]
                if pairs[0] is None or pairs[1] is None:
                    continue
                chance = weight * float(mdp.probability[outcome])
                sequences[0].append(pairs[0])
                sequences[1].append(pairs[1])
                amounts[0].append(chance * factors[0] * float(pay[0][outcome]))
                amounts[1].append(chance * factors[1] * float(pay[1][outcome]))
                amounts[2].append(
                    chance * marks[tick, int(mdp.events[outcome]), float(tree.enumeration.performance[outcome])]
                )
                amounts[3].append(chance * places[tick, int(mdp.next_state[outcome])])
    shape = len(index[0]), len(index[1])
    played = []
    for agent in range(2):
        mine = np.zeros((len(plans[agent]), shape[agent]))
        for number, plan in enumerate(plans[agent]):
            mine[number, [index[agent][pair] for pair in plan.items()]] = 1.0
        played.append(mine)
    out = []
    for amount in amounts:
        paid = sparse.coo_array((amount, sequences), shape=shape).tocsr()
        out.append(np.asarray(played[0] @ (paid @ played[1].T)))
    return out[0], out[1], out[2], out[3]


def _solve(
    first: Floats, second: Floats, outcomes: Floats, states: Floats, choice: EquilibriumChoice
) -> tuple[list[tuple[Floats, Floats]], str, bool]:
    """Pairs of mixtures of plans that a rule chooses, why there may be more, and whether only in states."""
    rows, columns = np.ones(len(first), np.bool_), np.ones(first.shape[1], np.bool_)
    if choice.rule == "perfect":
        # Nothing that is weakly dominated is part of a perfect equilibrium, and whoever deviates to it could as well
        # deviate to what dominates it. Taken away once, not again and again: that would lose equilibria.
        rows, columns = not_weakly_dominated(first), not_weakly_dominated(second.T)
    left, right = undominated(first[np.ix_(rows, columns)], second[np.ix_(rows, columns)])
    rows[rows], columns[columns] = left, right
    a, b = first[np.ix_(rows, columns)], second[np.ix_(rows, columns)]
    # Plans that are worth the same against every plan are one to the solver; most of them differ only where neither
    # agent ever comes, and others in what nobody is paid for.
    marks, places = outcomes[np.ix_(rows, columns)], states[np.ix_(rows, columns)]
    unlike = _unlike([a, b, marks], places) or _unlike([a.T, b.T, marks.T], places.T)
    a_rows = _alike(np.concatenate([a, b], axis=1), marks)
    a_columns = _alike(np.concatenate([a.T, b.T], axis=1), marks.T)
    chosen_rows = [np.flatnonzero(rows)[its] for its in a_rows]
    chosen_columns = [np.flatnonzero(columns)[its] for its in a_columns]
    a, b = (each[np.ix_([its[0] for its in a_rows], [its[0] for its in a_columns])] for each in (a, b))
    m, n = a.shape
    cut = ""
    if comb(m + n, min(m, n)) <= MAX_VERTICES:
        pairs = equilibria(a, b)
    else:
        pairs = _small_supports(a, b)
        cut = f"of {m} by {n} plans that are left, equilibria in which each agent mixes at most two were looked for"
    whole = []
    for x, y in pairs:
        one, two = np.zeros(len(first)), np.zeros(first.shape[1])
        one[[its[0] for its in chosen_rows]], two[[its[0] for its in chosen_columns]] = x, y
        whole.append((one, two))
    whole = chosen(choice, first, second, whole) if whole else []
    if len(whole) > MAX_EQUILIBRIA:
        more = f"of {len(whole):,} equilibria {MAX_EQUILIBRIA} are kept"
        whole, cut = whole[:MAX_EQUILIBRIA], f"{cut}; {more}" if cut else more
    count = sum(_ways(one, chosen_rows) * _ways(two, chosen_columns) for one, two in whole)
    if count > MAX_WAYS:
        more = f"of {count:,} ways to play equilibria that are paid the same {MAX_WAYS} are kept"
        cut = f"{cut}; {more}" if cut else more
    # One way of each comes before a second of any.
    ways = [product(_put(one, chosen_rows), _put(two, chosen_columns)) for one, two in whole]
    turns = chain.from_iterable(zip_longest(*ways))
    return list(islice((way for way in turns if way is not None), MAX_WAYS)), cut, unlike


def _unlike(alike: list[Floats], places: Floats) -> bool:
    """Whether rows that are equal in some tables are unequal in another."""
    same = np.stack([_kinds(table) for table in alike], axis=1)
    finer = np.column_stack([same, _kinds(places)])
    return len(np.unique(finer, axis=0)) > len(np.unique(same, axis=0))


def _alike(worth: Floats, marks: Floats) -> list[list[int]]:
    """Groups of rows of equal worth, and in each the first of those that have the same mark as well, in order."""
    kinds: dict[tuple[int, int], int] = {}
    for row, both in enumerate(zip(_kinds(worth).tolist(), _kinds(marks).tolist(), strict=True)):
        kinds.setdefault(both, row)
    groups: dict[int, list[int]] = {}
    for (kind, _), row in kinds.items():
        groups.setdefault(kind, []).append(row)
    return list(groups.values())


def _kinds(table: Floats) -> Longs:
    """int64 `[n]`: equal for equal rows."""
    size = max(float(np.abs(table).max(initial=0.0)), 1e-300)
    return np.unique((table / size).round(10), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _played(mixture: Floats, groups: list[Longs]) -> list[Longs]:
    """The groups of plans of which a mixture plays the first."""
    return [group for group in groups if mixture[group[0]] > 0]


def _ways(mixture: Floats, groups: list[Longs]) -> int:
    """How many mixtures `_put` makes."""
    return prod(len(group) for group in _played(mixture, groups))


def _put(mixture: Floats, groups: list[Longs]) -> list[Floats]:
    """A mixture of the first plans of some groups, with each other plan in its place: as many as are kept."""
    played = _played(mixture, groups)
    out = []
    for pick in islice(product(*played), MAX_WAYS):
        whole = np.zeros_like(mixture)
        whole[list(pick)] = [mixture[group[0]] for group in played]
        out.append(whole)
    return out


def _small_supports(first: Floats, second: Floats) -> list[tuple[Floats, Floats]]:
    """The equilibria in which each player mixes one or two actions."""
    m, n = first.shape
    near_first, near_second = (_NEAR * max(float(np.abs(each).max()), 1e-300) for each in (first, second))
    best_rows = first >= first.max(axis=0) - near_first
    best_columns = second >= second.max(axis=1, keepdims=True) - near_second
    found = [
        (np.eye(m)[i], np.eye(n)[j])
        for i, j in zip(*(each.tolist() for each in np.nonzero(best_rows & best_columns)), strict=True)
    ]
    pairs = np.array([(j, k) for j in range(n) for k in range(j + 1, n)], np.int64).reshape(-1, 2)
    for i in range(m):
        check_time("equilibria of plans were looked for")
        for h in range(i + 1, m):
            if not len(pairs):
                break
            j, k = pairs.T
            # Each mixes so that the other's two are alike.
            top, bottom = second[h, k] - second[h, j], (second[i, j] - second[i, k]) + (second[h, k] - second[h, j])
            right, under = first[h, k] - first[i, k], (first[i, j] - first[h, j]) + (first[h, k] - first[i, k])
            with np.errstate(divide="ignore", invalid="ignore"):
                x, y = top / bottom, right / under
            good = (np.abs(bottom) > near_second) & (np.abs(under) > near_first)
            good &= (x > _NEAR) & (x < 1 - _NEAR) & (y > _NEAR) & (y < 1 - _NEAR)
            for p, q, a, b in zip(x[good].tolist(), y[good].tolist(), j[good].tolist(), k[good].tolist(), strict=True):
                one, two = np.zeros(m), np.zeros(n)
                one[i], one[h], two[a], two[b] = p, 1 - p, q, 1 - q
                against, other = first @ two, one @ second
                if against[i] >= against.max() - near_first and other[a] >= other.max() - near_second:
                    found.append((one, two))
    return found


def _as_process(
    tree: _Tree,
    plans: list[list[dict[int, int]]],
    payoffs: tuple[Floats, Floats],
    found: list[tuple[Floats, Floats]],
    cut: str,
) -> Equilibria:
    enumeration = tree.enumeration
    world, mdp = enumeration.world, enumeration.mdp
    builder = EquilibriumProcess(enumeration)
    behaviours = [
        tuple(_behaviour(plans[agent], pair[agent], tree.sets[agent]) for agent in range(2)) for pair in found
    ]
    # Where a play begins, which of the equilibria is played is open; later it is known.
    root = {key: (-1, 0, *key) for key in tree.levels[0]}
    starts: list[tuple[Key, int, float]] = [(root[key], key[0], chance) for key, chance in tree.levels[0].items()]
    for key, state, _ in starts:
        builder.place(key, state)
    done = 0
    while done < len(builder.keys):
        number, tick, state, *sets = builder.keys[done]
        if tick < tree.horizon and not mdp.ended[state]:
            for its in range(len(found)) if number < 0 else (number,):
                mixture = np.zeros(world.action_counts)
                one, two = (behaviours[its][agent][sets[agent]] for agent in range(2))
                for a, p in one.items():
                    for b, q in two.items():
                        mixture[a, b] = p * q

                def after(
                    outcome: Longs, joint: Longs, its: int = its, tick: int = tick, sets: list[int] = sets
                ) -> list[Key]:
                    return [
                        (its, tick + 1, state, *(
                            tree._set(agent, sets[agent], int(world.joint_actions[action, agent]), state, tick + 1)
                            for agent in range(2)
                        ))
                        for state, action in zip(mdp.next_state[outcome].tolist(), joint.tolist(), strict=True)
                    ]  # fmt: skip

                builder.add(done, mixture.ravel(), after)
        done += 1
    process, state_of, order, mixtures, play = builder.finish(starts)
    every = []
    # Where several are open, the action's number is the equilibrium's; later there is one action.
    opening = process.available.sum(axis=1) == len(found)
    opening &= np.isin(np.arange(process.n_states), process.start_state)
    worth = [np.array([x @ payoffs[0] @ y, x @ payoffs[1] @ y]) for x, y in found]
    classes: list[list[int]] = []
    for number, value in enumerate(worth):
        near = _NEAR * max(1.0, float(np.abs(value).max()))
        alike = next((each for each in classes if np.abs(worth[each[0]] - value).max() <= near), None)
        if alike is None:
            classes.append([number])
        else:
            alike.append(number)
    for members in classes:
        ways = []
        for number in members:
            plays = process.available.copy()
            plays[opening] = np.arange(process.n_actions) == number
            ways.append(plays)
        one, two = worth[members[0]].tolist()
        every.append(Equilibrium(told(world, process, mixtures, play, ways[0]), (one, two), tuple(ways)))
    solution = indifferent(process, world)
    return Equilibria(process, state_of, order, mixtures, play, solution, tuple(every), cut, settled=True)


def _behaviour(
    plans: list[dict[int, int]], chances: Floats, sets: list[_InformationSet]
) -> dict[int, dict[int, float]]:
    """The behaviour strategy of a mixture of plans: information set -> action -> probability.

    Where the mixture itself never comes, it does what its likeliest plan would, or the first action.
    """
    out: dict[int, dict[int, float]] = {number: {its.actions[0]: 1.0} for number, its in enumerate(sets) if its.actions}
    weights: dict[int, dict[int, float]] = {}
    for plan, chance in zip(plans, chances.tolist(), strict=True):
        if chance > 0:
            for number, action in plan.items():
                its = weights.setdefault(number, {})
                its[action] = its.get(action, 0.0) + chance
    for number, its in weights.items():
        total = sum(its.values())
        out[number] = {action: chance / total for action, chance in its.items()}
    return out
