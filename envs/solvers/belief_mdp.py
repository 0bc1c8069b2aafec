"""Partial observability: which states share an observation, and exact planning on beliefs.

A view is an id per state: states with one id show the agent the same fields. Beside its view an agent sees which
actions are available and whether the episode is over; together these are the `observation` of a state. Rewards and
events are seen only where the view shows them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..base import Bits, Bools, FiniteMDP, Floats, Ints, Knowledge, Longs, NotEnumerableError
from ..mdp.transition_tables import outcomes_of
from ..row_ids import row_ids
from ..time_limit import check_time
from .dynamic_programming import FiniteHorizonSolution, Solution

_DECIMALS = 12
"""Beliefs that agree to so many decimals are merged: Bayesian updates along different paths differ by rounding."""
_AT_ONCE = 512
"""Beliefs that are expanded together."""


@dataclass(frozen=True, eq=False)
class AliasReport:
    """Which reachable states share an observation and have different futures.

    Attributes:
        n_observations: how many observations the reachable states have.
        n_aliased: how many of those observations hide more than one future.
        states: bool `[S]`, the reachable states with such an observation.
        observations: int64 `[S]`, 0 to `n_observations - 1`; -1 where a state can't be reached.
        futures: int64 `[S]`, equal for states that neither a view nor a reward can ever tell apart, whatever is done;
            -1 where a state can't be reached.
    """

    n_observations: int
    n_aliased: int
    states: Bools
    observations: Longs
    futures: Longs


@dataclass(frozen=True, eq=False)
class BeliefMDP:
    """A partially observable process as an MDP over B beliefs, and as one over P pairs of a belief and the true state.

    Attributes:
        mdp: over beliefs; rewards are expected ones, and it has no events.
        pair_mdp: over pairs, with the true rewards and events, for judging belief policies (`lift` them); it knows what
            they know (`FiniteMDP.known`).
        support_start: int64 `[B + 1]`; the pairs of belief `b` are `support_start[b]` to `support_start[b + 1]`, by
            increasing state.
        pair_belief: int32 `[P]`.
        pair_state: int32 `[P]`.
        pair_probability: float64 `[P]`, of the state given the belief.
        pair_outcome: int64, for each outcome of `pair_mdp` the outcome of the original process that it stands for:
            `performance[pair_outcome]` is the performance of the pairs.
    """

    mdp: FiniteMDP
    pair_mdp: FiniteMDP
    support_start: Longs
    pair_belief: Ints
    pair_state: Ints
    pair_probability: Floats
    pair_outcome: Longs

    def lift(self, optimal: Bools) -> Bools:
        """Optimal actions of beliefs, bool `[B, A]`, as those of pairs, bool `[P, A]`."""
        return optimal[self.pair_belief]

    def lift_any(self, solution: Solution | FiniteHorizonSolution) -> Solution | FiniteHorizonSolution:
        """`lift_solution`, with a horizon or without."""
        return solution.at_states(self.pair_belief.astype(np.int64))

    def lift_solution(self, solution: FiniteHorizonSolution) -> FiniteHorizonSolution:
        """A solution over beliefs as one over pairs; each pair has the values of its belief."""
        return solution.at_states(self.pair_belief.astype(np.int64))

    def barred(self, pairs: Bools) -> Bools:
        """What is barred at pairs, bool `[P, A]`, as it is at beliefs, bool `[B, A]`.

        An action is barred at a belief if it is in any state that is thought possible there.
        """
        barred = np.zeros((self.mdp.n_states, self.mdp.n_actions), np.bool_)
        np.logical_or.at(barred, self.pair_belief, pairs)
        return barred


def alias_report(mdp: FiniteMDP, views: Longs) -> AliasReport:
    """Find the states that share an observation and have different futures, by partition refinement.

    Two states have one future if they share an observation and every action gives both the same chances of each reward
    vector together with each next future (probabilities are compared to 9 decimals, by 64-bit hashes).

    Args:
        mdp: the process.
        views: int64 `[S]`, the id of what each state shows.

    Returns:
        The report.

    Raises:
        ValueError: not one view per state.
    """
    observations = _observation_ids(mdp, views)
    reachable = _reachable(mdp)
    futures = _refined(mdp, observations)
    seen_observations, observation = np.unique(observations[reachable], return_inverse=True)
    seen_futures, future = np.unique(futures[reachable], return_inverse=True)
    # An observation hides several futures if more than one of its (observation, future) pairs occurs.
    pairs = np.unique(observation * seen_futures.size + future)
    hides = np.bincount(pairs // seen_futures.size, minlength=seen_observations.size) > 1
    states = np.zeros(mdp.n_states, dtype=np.bool_)
    states[reachable] = hides[observation]
    numbered = np.full((2, mdp.n_states), -1)
    numbered[0, reachable], numbered[1, reachable] = observation, future
    return AliasReport(seen_observations.size, int(hides.sum()), states, numbered[0], numbered[1])


def belief_mdp(mdp: FiniteMDP, views: Longs, max_states: int, horizon: int | None = None) -> BeliefMDP:
    """The process over the beliefs that can be reached from the start, whose observation is seen too.

    Beliefs with the same support whose probabilities agree to 12 decimals are one.

    Args:
        mdp: the process.
        views: int64 `[S]`, the id of what each state shows.
        max_states: how many beliefs are allowed.
        horizon: ticks that will be played, at least one; beliefs first reached after so many are marked as ended, so
            that longer play, or a solution without this horizon, makes no sense. None explores all.

    Returns:
        Both processes and how they are related.

    Raises:
        NotEnumerableError: there are more beliefs than allowed.
        ValueError: not one view per state.
    """
    observations = _observation_ids(mdp, views)
    known = _Beliefs(max_states, mdp.n_states)
    begun = mdp.start_probability > 0
    start_state = mdp.start_state[begun].astype(np.int64)
    start = _split(observations, np.zeros_like(start_state), start_state, mdp.start_probability[begun])
    start_belief = known.numbers(start)
    parts: list[_Parts] = []
    child: list[int] = []
    rewards: list[Floats] = []
    expanded, depth = 0, 0
    while expanded < len(known.supports) and (horizon is None or depth < horizon):
        layer = range(expanded, len(known.supports))
        for first in range(layer.start, layer.stop, _AT_ONCE):
            check_time(f"beliefs were searched ({len(known.supports):,} found)")
            block = range(first, min(first + _AT_ONCE, layer.stop))
            row, outcome, weight = _tried(mdp, known, block)
            part = _split(observations, row, mdp.next_state[outcome].astype(np.int64), weight)
            parts.append(part)
            child += known.numbers(part)
            rewards.append(part.mean(weight, mdp.rewards[outcome]))
        expanded, depth = layer.stop, depth + 1
    n_beliefs = len(known.supports)
    row = np.concatenate([part.owner for part in parts])
    beliefs = FiniteMDP(
        n_states=n_beliefs,
        n_actions=mdp.n_actions,
        row_start=np.searchsorted(row, np.arange(n_beliefs * mdp.n_actions + 1)),
        next_state=np.array(child, dtype=np.int32),
        probability=np.concatenate([part.mass for part in parts]),
        rewards=np.concatenate(rewards),
        events=np.zeros(len(child), dtype=np.uint64),
        ended=np.array([i >= expanded or bool(mdp.ended[s[0]]) for i, s in enumerate(known.supports)]),
        start_state=np.array(start_belief, dtype=np.int32),
        start_probability=start.mass,
        channels=mdp.channels,
        event_names=(),
        action_names=mdp.action_names,
    )
    return _paired(mdp, observations, beliefs, known, row, np.concatenate([part.observation for part in parts]))


class _Beliefs:
    """Numbers beliefs as they are found: `supports` are int64 states in order, `chances` their probabilities."""

    def __init__(self, most: int, n_states: int) -> None:
        self.supports: list[Longs] = []
        self.chances: list[Floats] = []
        self._numbers: dict[bytes, int] = {}
        self._most = most
        self._n_states = n_states

    def numbers(self, parts: _Parts) -> list[int]:
        """The index of the belief that each part is, a new one if it was not met before."""
        rounded = parts.chances.round(_DECIMALS)
        found = []
        for begin, end in zip(parts.start[:-1].tolist(), parts.start[1:].tolist(), strict=True):
            key = parts.support[begin:end].tobytes() + rounded[begin:end].tobytes()
            if (number := self._numbers.get(key)) is None:
                number = self._numbers[key] = len(self.supports)
                if number == self._most:
                    raise NotEnumerableError(
                        f"more than {self._most} beliefs can be reached over {self._n_states} states; what hides"
                        " multiplies them",
                        "show more, plan over a shorter horizon, or raise `runs.max_states`",
                    )
                self.supports.append(parts.support[begin:end])
                self.chances.append(parts.chances[begin:end])
            found.append(number)
        return found


def _observation_ids(mdp: FiniteMDP, views: Longs) -> Longs:
    """int64 `[S]`: the index of each state's observation, from 0."""
    if views.shape != (mdp.n_states,):
        raise ValueError(f"one view for each of {mdp.n_states} states is needed, not the shape {views.shape}")
    return row_ids([views, mdp.ended, *np.packbits(mdp.available, axis=1).T])


@dataclass(frozen=True, eq=False)
class _Parts:
    """Weighted entries, grouped by who owns them and by what their states show, in the order of both.

    Attributes:
        owner: int64 `[G]`.
        observation: int64 `[G]`.
        mass: float64 `[G]`, the weight of each group.
        start: int64 `[G + 1]`; the states of group `g` are `start[g]` to `start[g + 1]`, in order.
        support: int64 `[n]`, the states of all groups.
        chances: float64 `[n]`, their shares of their group's weight.
        group: int64 `[entries]`, the group of each entry.
    """

    owner: Longs
    observation: Longs
    mass: Floats
    start: Longs
    support: Longs
    chances: Floats
    group: Longs

    def mean(self, weight: Floats, values: Floats) -> Floats:
        """float64 `[G, K]`: the mean of the entries' vectors, `[entries, K]`, by their weights, `[entries]`."""
        sums = [np.bincount(self.group, weight * column, self.mass.size) for column in values.T]
        return np.stack(sums, axis=1) / self.mass[:, None] if sums else np.zeros((self.mass.size, 0))


def _tried(mdp: FiniteMDP, known: _Beliefs, block: range) -> tuple[Longs, Longs, Floats]:
    """Every action in every state that some beliefs think possible.

    Returns:
        For each outcome, in the order of beliefs and of their states: its row, `belief * A + action`; its index in the
        process; and its probability given the belief and the action.
    """
    supports = [known.supports[belief] for belief in block]
    belief = np.repeat(np.array(block), [support.size for support in supports])
    actions = np.arange(mdp.n_actions)
    outcome, place = outcomes_of(mdp, (np.concatenate(supports)[:, None] * mdp.n_actions + actions).ravel())
    chance = np.concatenate([known.chances[belief] for belief in block])[place // mdp.n_actions]
    return (belief[:, None] * mdp.n_actions + actions).ravel()[place], outcome, chance * mdp.probability[outcome]


def _split(observations: Longs, owner: Longs, states: Longs, weight: Floats) -> _Parts:
    """Group entries, each with an owner, a state and a weight."""
    shown = observations[states]
    order = np.lexsort((states, shown, owner))
    owners, shows, state = owner[order], shown[order], states[order]
    new_group = np.ones(order.size, np.bool_)
    new_group[1:] = (np.diff(owners) != 0) | (np.diff(shows) != 0)
    new_state = new_group.copy()
    new_state[1:] |= np.diff(state) != 0
    group_of = np.cumsum(new_group) - 1
    sums = np.bincount(np.cumsum(new_state) - 1, weights=weight[order])
    owned_by = group_of[new_state]
    mass = np.asarray(np.bincount(owned_by, weights=sums), np.float64)
    group = np.empty_like(group_of)
    group[order] = group_of
    return _Parts(
        owner=owners[new_group],
        observation=shows[new_group],
        mass=mass,
        start=np.append(np.flatnonzero(new_group[new_state]), sums.size),
        support=state[new_state],
        chances=sums / mass[owned_by],
        group=group,
    )


def _paired(
    mdp: FiniteMDP, observations: Longs, beliefs: FiniteMDP, known: _Beliefs, row: Longs, seen: Longs
) -> BeliefMDP:
    """Add the pairs; `row` and `seen` are row and observation of each outcome of the beliefs, in increasing order."""
    sizes = np.array([support.size for support in known.supports])
    support_start = np.concatenate([[0], np.cumsum(sizes)])
    pair_belief = np.repeat(np.arange(sizes.size), sizes)
    pair_state = np.concatenate(known.supports)
    n_actions, n_observations = mdp.n_actions, int(observations.max()) + 1

    # A row of a pair has the outcomes of its state, none where the belief has ended.
    source = (pair_state[:, None] * n_actions + np.arange(n_actions)).ravel()
    going = np.flatnonzero(np.repeat(~beliefs.ended[pair_belief], n_actions))
    outcome, place = outcomes_of(mdp, source[going])
    owner = going[place]

    # The next pair: the belief that the next state's observation leads to, and that state's place in its support.
    next_state = mdp.next_state[outcome].astype(np.int64)
    belief_row = pair_belief[owner // n_actions] * n_actions + owner % n_actions
    step = np.searchsorted(row * n_observations + seen, belief_row * n_observations + observations[next_state])
    next_belief = beliefs.next_state[step].astype(np.int64)
    places = pair_belief * mdp.n_states + pair_state

    def pair(belief: Longs, state: Longs) -> Ints:
        return np.searchsorted(places, belief * mdp.n_states + state).astype(np.int32)

    begun = np.flatnonzero(mdp.start_probability > 0)
    start_state = mdp.start_state[begun].astype(np.int64)
    start_observations = np.unique(observations[start_state])
    start_belief = beliefs.start_state[np.searchsorted(start_observations, observations[start_state])].astype(np.int64)
    pairs = FiniteMDP(
        n_states=pair_state.size,
        n_actions=n_actions,
        row_start=np.searchsorted(owner, np.arange(source.size + 1)),
        next_state=pair(next_belief, next_state),
        probability=mdp.probability[outcome],
        rewards=mdp.rewards[outcome],
        events=mdp.events[outcome],
        ended=beliefs.ended[pair_belief],
        start_state=pair(start_belief, start_state),
        start_probability=mdp.start_probability[begun],
        channels=mdp.channels,
        event_names=mdp.event_names,
        action_names=mdp.action_names,
    )
    chance: Floats = np.concatenate(known.chances)
    weight = chance[owner // n_actions] * pairs.probability / beliefs.probability[step]
    alike = Knowledge(beliefs, pair_belief, chance, step, weight, (pairs.probability, pairs.start_probability))
    return BeliefMDP(
        mdp=beliefs,
        pair_mdp=replace(pairs, known=alike),
        support_start=support_start,
        pair_belief=pair_belief.astype(np.int32),
        pair_state=pair_state.astype(np.int32),
        pair_probability=chance,
        pair_outcome=outcome,
    )


def _reachable(mdp: FiniteMDP) -> Longs:
    """The states that can be reached from the start, in order."""
    met = np.zeros(mdp.n_states, dtype=np.bool_)
    layer = np.unique(mdp.start_state[mdp.start_probability > 0]).astype(np.int64)
    while layer.size:
        met[layer] = True
        rows = (layer[:, None] * mdp.n_actions + np.arange(mdp.n_actions)).ravel()
        after = mdp.next_state[outcomes_of(mdp, rows)[0]]
        layer = np.unique(after[~met[after]]).astype(np.int64)
    return np.flatnonzero(met)


def _refined(mdp: FiniteMDP, classes: Longs) -> Longs:
    """The coarsest refinement of `classes` that agrees on the chances of (rewards, next class) of every action."""
    possible = np.flatnonzero(mdp.probability > 0)
    row = mdp.outcome_rows[possible]
    pay = row_ids([np.zeros(possible.size, np.int64), *(mdp.rewards[possible].round(_DECIMALS) + 0.0).T])
    certain = np.unique(row).size == row.size
    chance, next_state = mdp.probability[possible], mdp.next_state[possible]
    n_classes = int(classes.max()) + 1
    # Each round can only split classes, so an unchanged count is a fixed point; S classes cannot be split further.
    while n_classes < mdp.n_states:
        check_time("states that look alike were compared")
        meaning = pay * n_classes + classes[next_state]
        rows, sums = row, chance
        if not certain:
            order = np.lexsort((meaning, row))
            rows, meaning = row[order], meaning[order]
            first = np.flatnonzero(np.diff(rows, prepend=-1) | np.diff(meaning, prepend=-1))
            rows, meaning, sums = rows[first], meaning[first], np.add.reduceat(chance[order], first)
        # Sums of hashes do not depend on order; the action goes in with the rest.
        mixed = _hash(meaning.astype(np.uint64) ^ _hash((sums * 1e9).round().astype(np.uint64)))
        mixed = _hash(mixed ^ _hash((rows % mdp.n_actions).astype(np.uint64) + np.uint64(1)))
        signature = _hash(classes.astype(np.uint64))
        np.add.at(signature, rows // mdp.n_actions, mixed)
        classes = np.unique(signature, return_inverse=True)[1].reshape(-1)
        finer = int(classes.max()) + 1
        if finer == n_classes:
            break
        n_classes = finer
    return classes


def _hash(values: Bits) -> Bits:
    """Splitmix64: uint64 to uint64, one to one."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
