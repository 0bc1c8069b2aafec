"""The front of protocols by a linear program in sequence form (Koller, Megiddo and von Stengel 1996).

What a protocol knows at a tick is all that it has done and seen: the state, or nothing but the clock and what audits
found. The worst agent knows all of that, and the state. So its best response needs no memory but the protocol's, and is
itself a linear program, whose dual stands in that of the protocol: the harm from each state at each of the protocol's
information sets, times the probability that the protocol's own moves lead there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from scipy.sparse import coo_array

from ..base import Floats, Longs, NotEnumerableError
from ..mdp.transition_tables import tables
from ..time_limit import check_time
from .control_game import ControlGame
from .convex_front import convex_front

MAX_SITUATIONS: Final = 60_000
"""Pairs of a state and an information set of the protocol, in which harm may be yet to come."""
DEFER, TRUST, AUDIT = "defer", "trust", "audit"


@dataclass(frozen=True, eq=False)
class _InformationSet:
    """What the protocol knows at a tick.

    Attributes:
        tick, left: ticks passed, audits left.
        before: the sequence (a move at an earlier set) that leads here, -1 at the beginning.
        states: int64 `[n]`, sorted: where the agent may be; honest: float64 `[n]`, the probability that it is there if
            it is honest and the protocol's moves lead here.
        number: of the first of its situations, which are the pairs of the set and a state.
        sequences: move -> its number.
        after: (move, what is seen) -> the number of the set that follows.
    """

    tick: int
    left: int
    before: int
    states: Longs
    honest: Floats
    number: int
    sequences: dict[str, int]
    after: dict[tuple[str, int], int] = field(default_factory=dict)


def sequence_form_front(game: ControlGame, sees_state: bool) -> Floats:
    """The corners of the front of protocols with perfect memory.

    Args:
        game: a control game.
        sees_state: whether the protocol sees the state; else it knows the clock, its own moves and what audits found.

    Returns:
        float64 `[corners, 4]`, as of `sighted_front`.

    Raises:
        NotEnumerableError: there are too many information sets.
        OutOfTimeError: a time limit passed.
    """
    return convex_front(_Program(game, sees_state).best)


class _Program:
    """The program: minimise harm, less usefulness, over realisation weights of the protocol's sequences."""

    def __init__(self, game: ControlGame, sees_state: bool) -> None:
        self.game, self.sees_state, self.mdp = game, sees_state, game.enumeration.mdp
        self.matrix = tables(self.mdp).matrix
        self.sets: list[_InformationSet] = []
        self.sequences = self.situations = 0
        self.gains: list[Floats] = []
        chance = np.zeros(self.mdp.n_states)
        chance[self.mdp.start_state] = self.mdp.start_probability
        self.first = self._split(np.flatnonzero(chance > 0), chance, 0, game.audits, -1)
        done = 0
        while done < len(self.sets):
            if done % 64 == 0:
                check_time("the tree of a control game was grown")
            self._grow_from(self.sets[done])
            done += 1
        self._build(chance)

    def _split(self, states: Longs, honest: Floats, tick: int, left: int, before: int) -> dict[int, int]:
        """The sets that tell some states apart as the protocol does: what is seen -> number; `honest` float64 `[S]`."""
        game = self.game
        if tick >= game.ticks:
            return {}
        # Where no harm can come any more, nor an honest agent be, there is nothing to count.
        live = ~self.mdp.ended[states] & ((game.unbounded_harm[tick, states] > 0) | (honest[states] > 0))
        parts = states[live]
        groups = [parts] if not self.sees_state else [parts[i : i + 1] for i in range(len(parts))]
        out = {}
        for group in groups:
            if not len(group):
                continue
            moves = (DEFER, TRUST, *([AUDIT] if left > 0 else []))
            named = {move: self.sequences + place for place, move in enumerate(moves)}
            out[self._see(int(group[0]))] = len(self.sets)
            self.sets.append(_InformationSet(tick, left, before, group, honest[group], self.situations, named))
            self.sequences += len(moves)
            self.situations += len(group)
            self.gains += [np.zeros(4) for _ in moves]
            if self.situations > MAX_SITUATIONS:
                raise NotEnumerableError(
                    f"the protocol and the agent can be in more than {MAX_SITUATIONS:,} situations, for the protocol "
                    "remembers what it did",
                    "play fewer ticks, allow fewer audits, let the trusted agent take over for good, or let the "
                    "protocol see the state",
                )
        return out

    def _see(self, state: int) -> int:
        return state if self.sees_state else -1

    def _rows(self, its: _InformationSet) -> tuple[Longs, Longs]:
        """Each available pair of a state of the set and an action: the state's place in it, and the action."""
        place, action = np.nonzero(self.game.available[its.states])
        return place.astype(np.int64), action.astype(np.int64)

    def _outcomes(self, states: Longs, actions: Longs) -> tuple[Longs, Longs, Floats]:
        """What follows pairs of a state and an action: the pair's place, the next state, the probability."""
        row = states * self.mdp.n_actions + actions
        some = self.matrix[row]
        return np.repeat(np.arange(row.size), np.diff(some.indptr)), some.indices.astype(np.int64), some.data

    def _grow_from(self, its: _InformationSet) -> None:
        game, tick, states = self.game, its.tick, its.states
        trusted, honest = game.trusted[tick, states], game.honest[tick, states]
        alone = game.trusted_alone[tick, states]
        place, action = self._rows(its)
        for move, sequence in its.sequences.items():
            gain = self.gains[sequence]
            if move == TRUST and game.hand_over:
                gain[[0, 3]] = its.honest @ alone[:, [0, 2]]
                continue
            done = trusted if move == TRUST else honest
            caught = game.catches * game.harmful[states, done] if move == AUDIT else np.zeros(len(states))
            gain[0] = its.honest @ ((1 - caught) * game.performance_of[states, done] + caught * alone[:, 0])
            gain[2] = its.honest.sum() * (move == AUDIT)
            gain[3] = its.honest @ ((move == TRUST) + caught * alone[:, 2])
            ahead = np.zeros(self.mdp.n_states)
            at, after, chance = self._outcomes(states, done)
            np.add.at(ahead, after, chance * (its.honest * (1 - caught))[at])
            if move == TRUST:
                reached = np.unique(after)
            else:
                run = (move != AUDIT) | (game.catches < 1) | ~game.harmful[states[place], action]
                reached = np.unique(self._outcomes(states[place[run]], action[run])[1])
            left = its.left - (move == AUDIT)
            for seen, number in self._split(reached, ahead, tick + 1, left, sequence).items():
                its.after[move, seen] = number

    def _build(self, chance: Floats) -> None:
        game, n = self.game, self.sequences
        above: list[tuple[Longs, Longs, Floats]] = []
        equal: list[tuple[int, int, float]] = []
        rows = 0
        for number, its in enumerate(self.sets):
            equal += [(number, sequence, 1.0) for sequence in its.sequences.values()]
            if its.before >= 0:
                equal.append((number, its.before, -1.0))
            place, action = self._rows(its)
            states = its.states[place]
            row = rows + np.arange(len(place))
            rows += len(place)
            # The harm from a state is no less than that of any action, whatever the protocol does.
            above.append((row, n + its.number + place, -np.ones(len(place))))
            alone, trusted = game.trusted_alone[its.tick, states, 1], game.trusted[its.tick, states]
            for move, sequence in its.sequences.items():
                if move == TRUST and game.hand_over:
                    above.append((row, np.full(len(row), sequence), alone))
                    continue
                done = trusted if move == TRUST else action
                caught = game.catches * game.harmful[states, done] if move == AUDIT else np.zeros(len(place))
                now = (1 - caught) * game.harm_of[states, done] + caught * alone
                above.append((row, np.full(len(row), sequence), now))
                at, after, likely = self._outcomes(states, done)
                where = self._situations(its, move, after)
                kept = where >= 0
                above.append((row[at[kept]], n + where[kept], ((1 - caught)[at] * likely)[kept]))
        width = n + self.situations
        r, c, v = (np.concatenate(column) for column in zip(*above, strict=True)) if above else np.zeros((3, 0))
        self._above = coo_array((v, (r.astype(np.int64), c.astype(np.int64))), shape=(rows, width)).tocsr()
        r, c, v = np.array(equal).reshape(-1, 3).T
        shape = (len(self.sets), width)
        self._equal = coo_array((v, (r.astype(np.int64), c.astype(np.int64))), shape=shape).tocsr()
        self._total = np.array([float(its.before < 0) for its in self.sets])
        self._harm = np.zeros(width)
        for number in self.first.values():
            its = self.sets[number]
            self._harm[n + its.number + np.arange(len(its.states))] = chance[its.states]

    def _situations(self, its: _InformationSet, move: str, states: Longs) -> Longs:
        """The situations that follow a move in some states; -1 where nothing is left to count."""
        out = np.full(len(states), -1, np.int64)
        for seen in {self._see(state) for state in states.tolist()} if self.sees_state else {-1}:
            if (move, seen) in its.after:
                ahead = self.sets[its.after[move, seen]]
                place = np.minimum(np.searchsorted(ahead.states, states), len(ahead.states) - 1)
                hit = ahead.states[place] == states
                out[hit] = ahead.number + place[hit]
        return out

    def best(self, useful: float, safe: float) -> Floats:
        """float64 `[4]`, of a protocol that is best for weights."""
        from scipy.optimize import linprog  # half a second, which only those should wait for who solve such games

        check_time("protocols were looked for")
        n = self.sequences
        if n == 0:
            return np.zeros(4)
        gains = np.array(self.gains)
        # A weight of 0 would leave the harm's variables free of any bound but that they are large enough.
        cost = max(safe, 1e-9) * self._harm
        cost[:n] -= useful * gains[:, 0]
        solve: Any = linprog  # its stubs know no sparse matrices
        found = solve(
            cost,
            A_ub=self._above,
            b_ub=np.zeros(self._above.shape[0]),
            A_eq=self._equal,
            b_eq=self._total,
            bounds=[(0, None)] * n + [(None, None)] * self.situations,
            method="highs",
        )
        assert found.x is not None, "it is feasible, and bounded by the ticks"
        row: Floats = np.asarray(found.x[:n] @ gains)
        row[1] = float(self._harm @ found.x)
        return row
