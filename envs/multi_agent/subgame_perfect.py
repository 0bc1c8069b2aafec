"""Equilibria of games of several ticks with a known end, in which everybody sees everything that matters.

By backward induction: in each state, with so many ticks left, the game of one tick is solved whose pay is that of the
tick and what is worth what comes after it. Where it has several equilibria, each of them begins a *branch*: values of
all agents, and every way to play that is worth just that. What comes after depends on the state that comes, and on the
branch that was settled on before; so the equilibria found are all subgame perfect ones in which agents remember which
states there were, but not who did what (Abreu, Pearce and Stacchetti 1990 for the recursion on sets of values).

What nobody's pay hangs on need not be seen. States that only such a thing tells apart are one *cell* (see
`common_knowledge`), in all of which the same is played: nobody can choose by what it does not see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod
from typing import Final

import numpy as np

from ..base import FiniteMDP, Floats, Longs
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import outcomes_of, tables
from ..time_limit import check_time
from ..world.world import EquilibriumChoice
from .bimatrix_equilibria import equilibria, without_noise
from .common_knowledge import common_cells, looks_of, sees_alone
from .equilibrium_process import (
    Equilibria,
    Equilibrium,
    EquilibriumProcess,
    Key,
    check_players,
    indifferent,
    shared,
    told,
    values_of,
)
from .matrix_games import correlated_equilibrium, correlated_vertices, is_dominated, maximin, undominated

MAX_BRANCHES: Final = 48
"""Values that are told apart in one state at one tick."""
MAX_FUTURES: Final = 128
"""Combinations of the branches of the states that may come, of which the games are solved in one state at one tick."""
MAX_WAYS: Final = 256
"""Ways to play one branch that are kept."""
MAX_LISTED: Final = 64
"""Equilibria that are listed by name."""

_NEAR: Final = 1e-9
"""How near two values are, relative to the largest that there is, to be the same."""


@dataclass(frozen=True, eq=False)
class _Way:
    """A way to play: a mixture float64 `[J]`, and the branch of each cell that may come, by its first state."""

    mixture: Floats
    branch_of: dict[int, int]


@dataclass(frozen=True, eq=False)
class _Branch:
    """What is worth the same to everyone, float64 `[2]`, and the ways to play it."""

    values: Floats
    ways: list[_Way]


class StageSolver:
    """Finds the equilibria of games of one tick, of which many are alike, and keeps what it found.

    Attributes:
        choice: which equilibria count.
    """

    def __init__(self, choice: EquilibriumChoice) -> None:
        """For one rule by which equilibria are chosen."""
        self.choice = choice
        self._known: dict[tuple[int, bytes, bytes], list[tuple[Floats, Floats]]] = {}
        self._mediated: dict[tuple[int, bytes, bytes], list[Floats]] = {}

    def solve(self, first: Floats, second: Floats) -> list[tuple[Floats, Floats]]:
        """Pairs of mixed strategies; of a game that is like one before, those found then.

        Raises:
            NotEnumerableError: there are too many actions.
        """
        key = (len(first), _key(first), _key(second))
        if key not in self._known:
            self._known[key] = chosen(self.choice, first, second, all_of_stage(first, second))
        return self._known[key]

    def plays(self, first: Floats, second: Floats) -> list[tuple[Floats, Floats]]:
        """What each agent gets, float64 `[2]`, and the chances of joint actions, float64 `[m, n]`, of each equilibrium.

        Raises:
            NotEnumerableError: there are too many actions.
        """
        if not self.choice.mediated:
            found = self.solve(first, second)
            return [(np.array([x @ first @ y, x @ second @ y]), np.outer(x, y)) for x, y in found]
        key = (len(first), _key(first), _key(second))
        if key not in self._mediated:
            self._mediated[key] = correlated(first, second, self.choice.rule == "all_correlated")
        each = self._mediated[key]
        return [(np.array([(chances * first).sum(), (chances * second).sum()]), chances) for chances in each]


def correlated(first: Floats, second: Floats, all_: bool) -> list[Floats]:
    """Correlated equilibria, each float64 `[m, n]`: all extreme ones, or the one with the largest sum.

    Of equal sums it is the one that is best for the first. Actions that are strictly dominated are left out before; no
    correlated equilibrium has any.

    Raises:
        NotEnumerableError: there are too many extreme ones.
    """
    first, second = without_noise(first), without_noise(second)
    rows, columns = undominated(first, second)
    its = np.ix_(rows, columns)
    payoffs = np.stack([first[its], second[its]])
    best = correlated_vertices(payoffs) if all_ else [correlated_equilibrium(payoffs, payoffs.sum(axis=0), payoffs[0])]
    found = []
    for kept in best:
        chances = np.zeros(first.shape)
        chances[its] = kept
        found.append(chances)
    return found


def all_of_stage(first: Floats, second: Floats) -> list[tuple[Floats, Floats]]:
    """All extreme equilibria of a game of two; actions that are strictly dominated are left out before."""
    first, second = without_noise(first), without_noise(second)
    rows, columns = undominated(first, second)
    out = []
    for x, y in equilibria(first[np.ix_(rows, columns)], second[np.ix_(rows, columns)]):
        whole = np.zeros(len(first)), np.zeros(first.shape[1])
        whole[0][rows], whole[1][columns] = x, y
        out.append(whole)
    return out


def chosen(
    choice: EquilibriumChoice, first: Floats, second: Floats, found: list[tuple[Floats, Floats]]
) -> list[tuple[Floats, Floats]]:
    """Those of some equilibria of a game that a rule chooses; several where it does not decide between them."""
    if choice.rule == "perfect":
        # Of two players, exactly those equilibria are trembling-hand perfect in which neither strategy is weakly
        # dominated (van Damme 1991, theorem 3.2.2).
        return [(x, y) for x, y in found if not is_dominated(first, x) and not is_dominated(second.T, y)]
    if choice.rule == "all" or len(found) == 1:
        return found
    worth = np.array([[x @ first @ y, x @ second @ y] for x, y in found])
    near = _NEAR * max(float(np.abs(first).max()), float(np.abs(second).max()), 1e-300)
    if choice.rule == "best_for":
        scores = [worth[:, choice.agent], worth[:, 1 - choice.agent]]
    elif choice.rule == "nash":
        point = np.array([maximin(first)[0], maximin(second.T)[0]])
        gains = np.maximum(worth - point, 0.0)
        # Divided by the largest gain, so that it is as near to another product as the gains are to each other.
        scores = [gains.prod(axis=1) / max(float(gains.max()), 1e-300), worth[:, 0]]
    else:
        scores = [worth.sum(axis=1) * (1 if choice.rule == "joint" else -1), worth[:, 0]]
    kept = np.ones(len(found), np.bool_)
    for score in scores:
        kept &= score >= score[kept].max() - near
    return [pair for pair, keep in zip(found, kept.tolist(), strict=True) if keep]


def subgame_perfect(enumeration: Enumeration, horizon: int, choice: EquilibriumChoice) -> Equilibria:
    """The equilibria of a game of two with a known end; see the module.

    Args:
        enumeration: of the joint actions of two agents.
        horizon: T, ticks.
        choice: which of the equilibria of a tick count.

    Raises:
        NotEnumerableError: it is no game of two, or there are too many actions or ways to play.
    """
    check_players(enumeration.world)
    return _Induction(enumeration, horizon, choice).result()


class _Induction:
    def __init__(self, enumeration: Enumeration, horizon: int, choice: EquilibriumChoice) -> None:
        self.enumeration, self.horizon, self.choice = enumeration, horizon, choice
        self.world, self.mdp = enumeration.world, enumeration.mdp
        table = tables(self.mdp)
        self.pay = [(table.rewards @ its.weights).reshape(self.mdp.n_states, -1) for its in self.world.agents]
        self.discounts = np.array([its.discount for its in self.world.agents])
        self.solver = StageSolver(choice)
        self.cut: set[str] = set()
        self.games: dict[tuple[int, ...], StageGame] = {}
        self.looks = np.stack([looks_of(enumeration, agent) for agent in range(2)])
        self.cells = [self._cells(level) for level in self._reach()]
        self.branches = self._induct()

    def _reach(self) -> list[Longs]:
        """The states in which somebody may act, by tick; T of them, and those after the last."""
        mdp, matrix = self.mdp, tables(self.mdp).matrix
        now = np.unique(mdp.start_state[mdp.start_probability > 0]).astype(np.int64)
        levels = [now]
        for _ in range(self.horizon):
            live = now[~mdp.ended[now]]
            rows = (live[:, None] * mdp.n_actions + np.arange(mdp.n_actions)).ravel()
            now = np.unique(matrix[rows].indices).astype(np.int64) if rows.size else live
            levels.append(now)
        return levels

    def _cells(self, states: Longs) -> dict[int, int]:
        """The first state of the cell of each of the states of one tick."""
        looks = self.looks[:, states]
        first = common_cells(looks)
        if (unshared := sees_alone(self.enumeration, looks, first)) is not None:
            self.cut.add(unshared)
        return dict(zip(states.tolist(), states[first].tolist(), strict=True))

    def _induct(self) -> list[dict[int, list[_Branch]]]:
        """By tick, the branches of each cell, by its first state."""
        over = [_Branch(np.zeros(2), [])]
        ahead: dict[int, list[_Branch]] = {first: over for first in self.cells[self.horizon].values()}
        levels = [ahead]
        for tick in reversed(range(self.horizon)):
            here: dict[int, list[_Branch]] = {}
            members: dict[int, list[int]] = {}
            for state, first in self.cells[tick].items():
                members.setdefault(first, []).append(state)
            for number, (first, states) in enumerate(members.items()):
                if number % 64 == 0:
                    check_time("equilibria were looked for")
                here[first] = over if self.mdp.ended[first] else self._branches(states, self.cells[tick + 1], ahead)
            levels.append(here)
            ahead = here
        return levels[::-1]

    def _branches(self, states: list[int], cell_of: dict[int, int], ahead: dict[int, list[_Branch]]) -> list[_Branch]:
        """The branches of a cell, given the cells of the states that may come, and the branches of these."""
        key = tuple(states)
        if key not in self.games:
            self.games[key] = StageGame.of(self.enumeration, states)
        game, found = self.games[key], dict[tuple[float, float], _Branch]()
        coming = [cell_of[s] for s in game.successors]
        cells = list(dict.fromkeys(coming))
        open_ = [cell for cell in cells if len(ahead[cell]) > 1]
        futures = prod(len(ahead[cell]) for cell in open_)
        if futures > MAX_FUTURES:
            self.cut.add(f"of {futures:,} combinations of what may come after a state, {MAX_FUTURES} were looked at")
        if open_ and self.choice.rule == "all_correlated":
            self.cut.add("a mediator could also promise lotteries over what comes after a state")
        settled = {cell: 0 for cell in cells}
        pay = [each[states[0]] for each in self.pay]
        for pick in islice(product(*(range(len(ahead[cell])) for cell in open_)), MAX_FUTURES):
            branch_of = settled | dict(zip(open_, pick, strict=True))
            worth = np.array([ahead[cell][branch_of[cell]].values for cell in coming]).reshape(-1, 2)
            # float64 [2, J]: what a joint action is worth to each.
            tables_ = [
                p + d * (game.chances @ worth[:, i]) for i, (p, d) in enumerate(zip(pay, self.discounts, strict=True))
            ]
            first, second = (each[game.joint] for each in tables_)
            for value, chances in self.solver.plays(first, second):
                mixture = np.zeros(self.mdp.n_actions)
                mixture[game.joint.ravel()] = chances.ravel()
                self._keep(found, value, _Way(mixture, branch_of))
        return list(found.values())

    def _keep(self, found: dict[tuple[float, float], _Branch], value: Floats, way: _Way) -> None:
        size = max(1.0, float(np.abs(value).max()))
        for branch in found.values():
            if np.abs(branch.values - value).max() <= _NEAR * size:
                if len(branch.ways) < MAX_WAYS:
                    branch.ways.append(way)
                else:
                    self.cut.add(f"of the ways to play for the same values {MAX_WAYS} were kept")
                return
        if len(found) >= MAX_BRANCHES:
            self.cut.add(f"{MAX_BRANCHES} values were told apart in a state at a tick, and there are more")
            return
        found[value[0].item(), value[1].item()] = _Branch(value, [way])

    def result(self) -> Equilibria:
        builder = EquilibriumProcess(self.enumeration)
        mdp, begin = self.mdp, self.cells[0]
        places: list[tuple[int, int, list[int]]] = []
        starts: list[tuple[Key, int, float]] = [
            ((0, state, -1), state, chance)
            for state, chance in zip(mdp.start_state.tolist(), mdp.start_probability.tolist(), strict=True)
            if chance > 0
        ]
        # All of them come before what follows any of them: from `done` on, no place is a start.
        begun = [builder.place(key, state) for key, state, _ in starts]
        for place, (_, state, _) in zip(begun, starts, strict=True):
            belongs: list[int] = []
            for number, branch in enumerate(self.branches[0][begin[state]]):
                for way in branch.ways:
                    builder.add(place, way.mixture, self._after(1, way))
                    belongs.append(number)
            places.append((place, begin[state], belongs))
        done = len(starts)
        while done < len(builder.keys):
            tick, state, number = builder.keys[done]
            if tick < self.horizon and not mdp.ended[state]:
                for way in self.branches[tick][self.cells[tick][state]][number].ways:
                    builder.add(done, way.mixture, self._after(tick + 1, way))
            done += 1
        process, state_of, order, mixtures, play = builder.finish(starts)
        shown = np.array([(tick, self.cells[tick][state], number) for tick, state, number in builder.keys])
        views = shared(np.unique(shown, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64))
        every = self._listed(process, mixtures, play, places)
        return Equilibria(
            process,
            state_of,
            order,
            mixtures,
            play,
            indifferent(process, self.world),
            every,
            "; ".join(sorted(self.cut)),
            views=views,
        )

    def _after(self, tick: int, way: _Way) -> Callable[[Longs, Longs], list[Key]]:
        next_state, cell_of = self.mdp.next_state, self.cells[tick]

        def keys(outcome: Longs, joint: Longs) -> list[Key]:
            return [(tick, state, way.branch_of[cell_of[state]]) for state in next_state[outcome].tolist()]

        return keys

    def _listed(
        self, process: FiniteMDP, mixtures: Floats, play: Longs, places: list[tuple[int, int, list[int]]]
    ) -> tuple[Equilibrium, ...]:
        """One for each combination of branches of the cells in which episodes may begin."""
        cells = {cell: max(belongs, default=-1) + 1 for _, cell, belongs in places}
        counts = list(cells.values())
        if prod(counts) > MAX_LISTED:
            self.cut.add(f"of {prod(counts):,} equilibria {MAX_LISTED} are listed")
        out = []
        for pick in islice(product(*map(range, counts)), MAX_LISTED):
            plays, branch = process.available.copy(), dict(zip(cells, pick, strict=True))
            for place, cell, belongs in places:
                plays[place, : len(belongs)] = np.array(belongs, np.int64) == branch[cell]
            words = told(self.world, process, mixtures, play, plays, together=self.choice.mediated)
            out.append(Equilibrium(words, values_of(process, self.world, plays), (plays,)))
        return tuple(out)


@dataclass(frozen=True, eq=False)
class StageGame:
    """The game of one tick in a state, or in a cell of them: which joint actions it is made of, and where they lead.

    Attributes:
        joint: int64 `[m, n]`, the joint action of each pair of own actions; of those that do the same, one is kept.
        successors: the states that may come after the first state.
        chances: float64 `[J, successors]`.
    """

    joint: Longs
    successors: list[int]
    chances: Floats

    @staticmethod
    def of(enumeration: Enumeration, states: Sequence[int]) -> StageGame:
        """The game of a cell of a world of two: its first state's, with what differs in any of its states."""
        world, mdp = enumeration.world, enumeration.mdp
        rows = states[0] * mdp.n_actions + np.arange(mdp.n_actions)
        outcome, place = outcomes_of(mdp, rows)
        following = mdp.next_state[outcome]
        successors, index = np.unique(following, return_inverse=True)
        chances = np.zeros((mdp.n_actions, successors.size))
        np.add.at(chances, (place, index), mdp.probability[outcome])
        grid = np.arange(mdp.n_actions).reshape(world.action_counts)
        there = mdp.available[states[0]][grid]
        first, second = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
        grid = grid[np.ix_(first, second)]
        seen = [outcome_classes(enumeration, state)[grid] for state in states]
        _, kept_rows = np.unique(np.concatenate(seen, axis=1), axis=0, return_index=True)
        _, kept_columns = np.unique(np.concatenate(seen, axis=0), axis=1, return_index=True)
        return StageGame(grid[np.ix_(np.sort(kept_rows), np.sort(kept_columns))], successors.tolist(), chances)


def outcome_classes(enumeration: Enumeration, state: int) -> Longs:
    """int64 `[J]`: equal for joint actions of a state whose outcomes are the same in everything that is counted."""
    mdp, known, out = enumeration.mdp, dict[bytes, int](), []
    for action in range(mdp.n_actions):
        row = slice(*mdp.row_start[state * mdp.n_actions + action :][:2].tolist())
        key = b"".join(
            np.ascontiguousarray(column[row]).tobytes()
            for column in (mdp.next_state, mdp.probability, mdp.rewards, mdp.events, enumeration.performance)
        )
        out.append(known.setdefault(key, len(known)))
    return np.array(out, np.int64)


def _key(payoff: Floats) -> bytes:
    return payoff.round(12).tobytes()
