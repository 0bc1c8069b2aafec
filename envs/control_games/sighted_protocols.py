"""The front of protocols that see the state, by induction on sets.

What a protocol can have from a state on is a convex set of pairs: usefulness if the agent is honest, and harm if it
is the worst. Where the honest agent cannot be, the protocol knows whom it faces, and only harm counts. The set of a
state at a tick follows from those of the states that may come, by linear programs (the recursion of Abreu, Pearce and
Stacchetti 1990 on sets of values, here for one player's promises), so histories need not be told apart.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

from ..base import Floats, Longs, NotEnumerableError
from ..mdp.transition_tables import tables
from ..time_limit import check_time
from .control_game import ControlGame
from .convex_front import NEAR, convex_front, corners

MAX_PLACES: Final = 20_000
"""States at a tick, with audits left, in which the honest agent can be."""
_Place: TypeAlias = tuple[int, int, int]
"""Tick, state, audits left."""
_Row: TypeAlias = "tuple[Longs, Floats]"
"""The states that may come, and their probabilities."""


def sighted_front(game: ControlGame) -> Floats:
    """The corners of the front of protocols that see the state.

    Returns:
        float64 `[corners, 4]`: usefulness, harm, and with an honest agent the expected audits and ticks in which the
        trusted agent acts.

    Raises:
        NotEnumerableError: the honest agent can be in too many states.
        OutOfTimeError: a time limit passed.
    """
    return _Induction(game).result()


class _Induction:
    def __init__(self, game: ControlGame) -> None:
        self.game, self.mdp = game, game.enumeration.mdp
        self.matrix = tables(self.mdp).matrix
        self.fronts: dict[_Place, Floats] = {}
        self._rows: dict[int, _Row] = {}
        self.levels = self._reach()

    def result(self) -> Floats:
        for tick in reversed(range(self.game.ticks)):
            for number, (state, left) in enumerate(sorted(self.levels[tick])):
                if number % 64 == 0:
                    check_time(f"protocols were looked for ({self.game.ticks - tick} of {self.game.ticks} ticks)")
                self.fronts[tick, state, left] = self._front(tick, state, left)
        start = zip(self.mdp.start_state.tolist(), self.mdp.start_probability.tolist(), strict=True)
        return added([(p, self._ahead(0, state, self.game.audits)) for state, p in start if p > 0])

    def _successors(self, state: int, action: int) -> _Row:
        row = state * self.mdp.n_actions + action
        if row not in self._rows:
            at = slice(*self.matrix.indptr[row : row + 2].tolist())
            self._rows[row] = self.matrix.indices[at].astype(np.int64), self.matrix.data[at]
        return self._rows[row]

    def _moves(self, tick: int, state: int, left: int) -> list[tuple[int, int]]:
        """What an honest agent's tick may be: the action that is done, and the audits that are left after it."""
        game = self.game
        honest, trusted = int(game.honest[tick, state]), int(game.trusted[tick, state])
        moves = [(honest, left)]
        if not game.hand_over:
            moves.append((trusted, left))
        if left > 0 and not (game.harmful[state, honest] and game.catches == 1):
            moves.append((honest, left - 1))
        return moves

    def _reach(self) -> list[set[tuple[int, int]]]:
        """By tick, the states in which the honest agent can be and act, and the audits left."""
        starts = self.mdp.start_state[self.mdp.start_probability > 0].tolist()
        levels = [{(state, self.game.audits) for state in starts if not self.mdp.ended[state]}]
        count = len(levels[0])
        for tick in range(self.game.ticks - 1):
            ahead: set[tuple[int, int]] = set()
            for state, left in levels[tick]:
                for action, after in self._moves(tick, state, left):
                    states = self._successors(state, action)[0]
                    ahead |= {(s, after) for s in states[~self.mdp.ended[states]].tolist()}
            count += len(ahead)
            if count > MAX_PLACES:
                raise NotEnumerableError(
                    f"the honest agent can be in more than {MAX_PLACES:,} states at their ticks, {tick + 1} ticks into "
                    f"{self.game.ticks}",
                    "play fewer ticks, allow fewer audits, or let the trusted agent take over for good",
                )
            levels.append(ahead)
        return levels

    def _ahead(self, tick: int, state: int, left: int) -> Floats:
        return self.fronts.get((tick, state, left), np.zeros((1, 4)))  # over: nothing more comes

    def _front(self, tick: int, state: int, left: int) -> Floats:
        program = _TickProgram(self, tick, state, left)
        pure = program.pure()
        least = self.game.worst_harm[left, tick, state]
        near = NEAR * max(1.0, float(np.abs(pure[:, :2]).max()), least)
        done = pure[(pure[:, 0] >= pure[:, 0].max() - near) & (pure[:, 1] <= least + near)]
        # One move that is both the most useful and the safest there is leaves nothing to weigh.
        return done[:1] if len(done) else corners(convex_front(program.best))


class _TickProgram:
    """The linear program of one tick: probabilities of moves, and promises for what follows.

    Variables: for each move its probability; for each state that may follow it with an honest agent, the probability of
    the move times the weight of each corner of that state's set; the harm.
    """

    def __init__(self, within: _Induction, tick: int, state: int, left: int) -> None:
        game = within.game
        actions = np.flatnonzero(game.available[state])
        honest, trusted = int(game.honest[tick, state]), int(game.trusted[tick, state])
        alone = game.trusted_alone[tick, state]
        self.count = len(actions)
        self.gains: list[Floats] = []  # each variable's part in the four columns, with an honest agent
        self.harms: list[Floats] = []  # and in the harm of each action
        self.groups: list[tuple[int, list[int]]] = []  # a move, and the variables of the promises for one state
        self.moves: list[int] = []
        self.most: list[Floats] = []  # of each move alone, with the most useful promises: columns, then harms

        def move(run: list[tuple[int, int, float]], caught: Floats, fixed: Floats, after: int) -> None:
            """A move: (place, action, weight) of what is done if each place's action is submitted, the rest is fixed.

            `caught` float64 `[n]` is the chance that the trusted agent takes over for good.
            """
            own = len(self.gains)
            self.moves.append(own)
            gain, harm = fixed.copy(), caught * alone[1]
            self.gains.append(gain)
            self.harms.append(harm)
            likely: dict[int, Floats] = {}
            follows: dict[int, float] = {}
            for place, action, weight in run:
                harm[place] += weight * game.harm_of[state, action]
                states, chances = within._successors(state, action)
                for s, p in zip(states.tolist(), chances.tolist(), strict=True):
                    likely.setdefault(s, np.zeros(self.count))[place] += weight * p
            done, weight = (trusted, 1.0) if after < 0 else (honest, 1.0 - caught[place_of_honest])
            gain[0] += weight * game.performance_of[state, done]
            states, chances = within._successors(state, done)
            if weight > 0:
                follows = {s: weight * p for s, p in zip(states.tolist(), chances.tolist(), strict=True)}
            kept = left if after < 0 else after
            total_gain, total_harm = gain.copy(), harm.copy()
            for s, chance in likely.items():
                if s not in follows:  # no honest agent comes here
                    harm += chance * game.worst_harm[kept, tick + 1, s]
                    total_harm += chance * game.worst_harm[kept, tick + 1, s]
                    continue
                front = within._ahead(tick + 1, s, kept)
                total_gain += follows[s] * _without_harm(front[0])
                total_harm += chance * front[0, 1]
                if len(front) == 1:
                    gain += follows[s] * _without_harm(front[0])
                    harm += chance * front[0, 1]
                    continue
                names = []
                for corner in front:
                    names.append(len(self.gains))
                    self.gains.append(follows[s] * _without_harm(corner))
                    self.harms.append(chance * corner[1])
                self.groups.append((own, names))
            self.most.append(np.r_[total_gain, total_harm])

        place_of_honest = int(np.searchsorted(actions, honest))
        none = np.zeros(self.count)
        every = list(enumerate(actions.tolist()))
        move([(place, action, 1.0) for place, action in every], none, np.zeros(4), left)
        if game.hand_over:
            self.moves.append(len(self.gains))
            self.gains.append(np.array([alone[0], 0.0, 0.0, alone[2]]))
            self.harms.append(np.full(self.count, alone[1]))
            self.most.append(np.r_[self.gains[-1], self.harms[-1]])
        else:
            move([(place, trusted, 1.0) for place, _ in every], none, np.array([0.0, 0.0, 0.0, 1.0]), -1)
        if left > 0:
            caught = game.catches * game.harmful[state, actions]
            found = caught[place_of_honest]
            fixed = np.array([found * alone[0], 0.0, 1.0, found * alone[2]])
            move([(place, action, 1.0 - caught[place]) for place, action in every], caught, fixed, left - 1)
        self._program = self._built()

    def pure(self) -> Floats:
        """float64 `[moves, 4]`: of each move alone, with the most useful promises."""
        rows = np.array(self.most)
        return np.column_stack([rows[:, 0], rows[:, 4:].max(axis=1), rows[:, 2:4]])

    def best(self, useful: float, safe: float) -> Floats:
        """float64 `[4]`: of a mixture of moves that is best for weights."""
        from scipy.optimize import linprog  # half a second, which only those should wait for who solve such games

        gains, above, equal, total = self._program
        found = linprog(
            np.r_[-useful * gains[:, 0], safe],
            A_ub=above,
            b_ub=np.zeros(len(above)),
            A_eq=equal,
            b_eq=total,
            bounds=[(0, None)] * len(gains) + [(None, None)],
            method="highs",
        )
        assert found.x is not None, "it is feasible, and bounded by the ticks"
        chances = np.asarray(found.x[:-1])
        row: Floats = chances @ gains
        row[1] = float((np.array(self.harms).T @ chances).max())
        return row

    def _built(self) -> tuple[Floats, Floats, Floats, Floats]:
        gains = np.array(self.gains)
        above = np.column_stack([np.array(self.harms).T, -np.ones(self.count)])
        equal = np.zeros((1 + len(self.groups), len(gains) + 1))
        equal[0, self.moves] = 1.0
        for row, (own, names) in enumerate(self.groups, start=1):
            equal[row, names], equal[row, own] = 1.0, -1.0
        return gains, above, equal, np.r_[1.0, np.zeros(len(self.groups))]


def _without_harm(row: Floats) -> Floats:
    return np.array([row[0], 0.0, row[2], row[3]])


def added(parts: list[tuple[float, Floats]]) -> Floats:
    """The front of a chance that is seen: the sum of sets, each times its probability (Minkowski)."""
    total = np.zeros((1, parts[0][1].shape[1]))
    for chance, front in parts:
        total = corners((total[:, None] + chance * front[None]).reshape(-1, total.shape[1]))
    return total
