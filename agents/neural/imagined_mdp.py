"""The learned model enumerated into a finite table of imagined states, and value heads of every ensemble member.

There are K x E value heads: of every channel, by the model of every ensemble member. *Joint* values are those of each
channel under the policy that is followed. *Own* values are each channel's optimum by itself; own values of several
channels must not be added, since their sum is the value of no policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ...envs.solvers.vector_values import evaluate_heads, solve_heads
from ..records.attribution import WEIGHTED
from .replay_buffer import pair_key
from .world_model import NeuralModel, Outcomes


@dataclass(frozen=True, eq=False)
class ImaginedTable:
    """Imagined states and their predicted outcomes. A state that was not expanded, or has no action, is terminal.

    Attributes:
        states: int64 `[S, F]` (see `ReplayBuffer`); `n_seen`: how many of the columns are observed.
        row_start: int64 `[S * A + 1]`, next_state: int32 `[M]`, pays: float64 `[M, K]`, as in `FiniteMDP`.
        shares: float64 `[M, E]`, each member's probability of the outcome; its rows sum to one for every member.
        uncertainty: float64 `[S, A]`, the larger of disagreement and doubt; 1 where the model was not asked.
        start_state, start_probability: as in `FiniteMDP`.
        capped: credible states were not expanded because of the cap.
    """

    states: Longs
    n_seen: int
    row_start: Longs
    next_state: Ints
    pays: Floats
    shares: Floats
    uncertainty: Floats
    start_state: Ints
    start_probability: Floats
    capped: bool

    def find(self, state: Longs) -> int:
        """The index of a live state `[F]`; -1 where it was not imagined."""
        return self._ids.get(state.tobytes(), -1)

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        return {row.tobytes(): number for number, row in enumerate(self.states) if not self.over[number]}

    @cached_property
    def over(self) -> Bools:
        """bool `[S]`: terminal, no action has an outcome."""
        over: Bools = ~np.any((np.diff(self.row_start) > 0).reshape(len(self.states), -1), axis=1)
        return over

    def to_mdp(self, channels: tuple[str, ...], member: int | None = None, pays: Floats | None = None) -> FiniteMDP:
        """The table as a finite MDP.

        Args:
            channels: K names.
            member: whose probabilities; None for the ensemble's mean.
            pays: float64 `[M, K]`, rewards in place of the predicted ones.
        """
        actions = self.uncertainty.shape[1]
        return FiniteMDP(
            n_states=len(self.states),
            n_actions=actions,
            row_start=self.row_start,
            next_state=self.next_state,
            probability=self.shares.mean(axis=1) if member is None else self.shares[:, member],
            rewards=self.pays if pays is None else pays,
            events=np.zeros(len(self.next_state), np.uint64),
            ended=self.over,
            start_state=self.start_state,
            start_probability=self.start_probability,
            channels=channels,
            event_names=(),
            action_names=tuple(str(action) for action in range(actions)),
        )


def imagine(
    model: NeuralModel, roots: Longs, shares: Floats, cap: int, credible: float, bar: float = 1.0
) -> ImaginedTable:
    """Enumerates the learned model breadth first, by the outcomes that most members expect.

    The credibility of a state is the product of certainties along the most certain path to it; tried pairs count as
    certain. Without a limit on it, errors of the model lead to hallucinated states, and those to ever more of them.

    Args:
        model: it has learned from at least one tick.
        roots: int64 `[S0, F]`, initial states.
        shares: float64 `[S0]`, their probabilities.
        cap: the most states that are expanded.
        credible: the least credibility of a state that is expanded.
        bar: an action never tried in a state and with uncertainty above this is left out, unless it has no other.
    """
    walk = _Walk(model)
    start = walk.number(roots, np.zeros(len(roots), np.bool_), np.ones(len(roots)))
    opened = 0
    while (waiting := walk.waiting(credible)).size and opened < cap:
        chosen = waiting[: cap - opened]
        opened += chosen.size
        walk.open(chosen, bar)
    return walk.table(start, shares, bool(waiting.size))


class _Walk:
    """The enumeration under way: states, and the outcomes of those that were expanded."""

    def __init__(self, model: NeuralModel) -> None:
        self._model, self._actions = model, model.n_actions
        self._ids: dict[bytes, int] = {}
        self._rows: list[Longs] = []
        self._ended: list[bool] = []
        self._credit: Floats = np.zeros(1024)
        self._opened: Bools = np.zeros(1024, np.bool_)
        self._parts: list[tuple[Longs, Longs, Floats, Floats]] = []
        self._doubts: list[tuple[Longs, Floats]] = []

    def number(self, states: Longs, ended: Bools, credit: Floats) -> Longs:
        """The numbers of states `[n, F]`, new ones where need be; an end is another state than one that goes on."""
        out = np.empty(len(states), np.int64)
        for place, (row, over) in enumerate(zip(np.ascontiguousarray(states), ended.tolist(), strict=True)):
            key = row.tobytes() + bytes([over])
            number = self._ids.setdefault(key, len(self._rows))
            if number == len(self._rows):
                self._rows.append(row)
                self._ended.append(over)
            out[place] = number
        if len(self._rows) > self._credit.size:
            more = max(len(self._rows), 2 * self._credit.size)
            self._credit = np.concatenate([self._credit, np.zeros(more - self._credit.size)])
            self._opened = np.concatenate([self._opened, np.zeros(more - self._opened.size, np.bool_)])
        self._opened[out] |= ended
        np.maximum.at(self._credit, out, credit)
        return out

    def waiting(self, credible: float) -> Longs:
        """The states that are credible and not opened, the most credible first."""
        size = len(self._rows)
        found = np.flatnonzero((self._credit[:size] >= credible) & ~self._opened[:size])
        return found[np.argsort(-self._credit[found], kind="stable")]

    def open(self, numbers: Longs, bar: float) -> None:
        """Expands states: asks the model for the outcomes of their available actions."""
        self._opened[numbers] = True
        rows, seen = np.array([self._rows[number] for number in numbers.tolist()]), self._model.encoding.n_seen
        lane, action = np.nonzero(rows[:, seen:] > 0)
        if not lane.size:
            return
        found = _agreed(self._model.outcomes(rows[lane], action), lane.size)
        doubt = np.maximum(found.doubt, found.disagreement)
        tries = self._model.replay.tries
        tried = [pair_key(row, a) in tries for row, a in zip(rows[lane], action.tolist(), strict=True)]
        sure = np.array(tried) | (doubt <= bar)
        least = np.full(numbers.size, np.inf)
        np.minimum.at(least, lane, doubt)
        # A state keeps its least uncertain action, or a live state would count as terminal.
        sure |= (np.bincount(lane, sure, minlength=numbers.size)[lane] == 0) & (doubt == least[lane])
        # A tried pair passes its state's credibility on in full, an untried one discounted by its uncertainty.
        credit = self._credit[numbers[lane]] * np.where(tried, 1.0, 1 - doubt)
        pair = numbers[lane] * self._actions + action
        kept = sure[found.tick]
        tick = found.tick[kept]
        next_state = self.number(found.state[kept], found.ended[kept], credit[tick])
        self._parts.append((pair[tick], next_state, found.pays[kept], found.shares[kept]))
        self._doubts.append((pair, doubt))

    def table(self, start: Longs, shares: Floats, capped: bool) -> ImaginedTable:
        """The enumerated table."""
        pair, next_state, pays, told = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        order = np.argsort(pair, kind="stable")
        pairs = len(self._rows) * self._actions
        uncertainty = np.ones(pairs)
        for some, doubt in self._doubts:
            uncertainty[some] = doubt
        return ImaginedTable(
            states=np.array(self._rows, np.int64),
            n_seen=self._model.encoding.n_seen,
            row_start=np.concatenate([[0], np.cumsum(np.bincount(pair, minlength=pairs))]).astype(np.int64),
            next_state=next_state[order].astype(np.int32),
            pays=pays[order],
            shares=told[order],
            uncertainty=uncertainty.reshape(-1, self._actions),
            start_state=start.astype(np.int32),
            start_probability=shares,
            capped=capped,
        )


def _agreed(found: Outcomes, ticks: int) -> Outcomes:
    """The outcomes without those that only a minority of members expects, unless a tick has no others.

    A member that is left without an outcome takes on the mean of the others.
    """
    mean = found.shares.mean(axis=1)
    most = np.zeros(ticks)
    np.maximum.at(most, found.tick, mean)
    # A positive median over members: at least half of them expect the outcome.
    kept = np.median(found.shares, axis=1) > 0
    held = np.zeros(ticks, np.bool_)
    held[found.tick[kept]] = True
    kept |= ~held[found.tick] & (mean == most[found.tick])
    tick, shares = found.tick[kept], found.shares[kept]
    total = _per_tick(tick, shares, ticks)
    mean = shares.mean(axis=1, keepdims=True)
    mean /= _per_tick(tick, mean, ticks)[tick]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(total[tick] > 1e-9, shares / total[tick], mean)
    return Outcomes(
        tick, found.state[kept], found.pays[kept], found.ended[kept], shares, found.doubt, found.disagreement
    )


def _per_tick(tick: Longs, amounts: npt.NDArray[np.float64], ticks: int) -> Floats:
    total = np.zeros((ticks, amounts.shape[1]))
    np.add.at(total, tick, amounts)
    return total


@dataclass(frozen=True, eq=False)
class ValueHeads:
    """The value heads of E members on S states.

    Attributes:
        joint: float64 `[E, S, K]`, under the followed policy; own: the same, each channel's optimum.
    """

    joint: Floats
    own: Floats

    @property
    def disagreement(self) -> Floats:
        """float64 `[S, K]`: the standard deviation of the joint values over the members."""
        spread: Floats = self.joint.std(axis=0)
        return spread


def value_heads(members: Sequence[FiniteMDP], policy: Ints, discounts: Floats) -> ValueHeads:
    """The value heads of E members, whose MDPs have the same states.

    Args:
        members: E MDPs.
        policy: int32 `[S]`, the followed policy.
        discounts: float64 `[K]`, each in [0, 1).
    """
    states, channels = members[0].n_states, discounts.size
    joint, own = np.zeros((2, len(members), states, channels))
    for e, mdp in enumerate(members):
        joint[e] = evaluate_heads(mdp, policy, discounts)
        for k in range(channels):
            alone = np.eye(channels)[k]
            own[e, :, k] = solve_heads(mdp, alone, discounts, WEIGHTED).vector_values[:, k]
    return ValueHeads(joint, own)
