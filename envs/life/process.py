"""A life as one finite Markov decision process: every episode of every entry, tick by tick, and what joins them.

A state of it is a place: which episode of the life, which tick, and which state of the stage. Places are numbered in
the order in which a life passes through them, so that solvers go through them once, from the last to the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..base import Bits, Bools, FiniteMDP, Floats, Ints, Longs, NotEnumerableError
from ..mdp.enumeration import MAX_STORED, Enumeration, enumerate_world
from ..multi_agent.best_response import induced_by_response
from ..reference.step import between, reset
from ..time_limit import check_time
from ..world.randomness import EnumeratedDraws
from ..world.world import LifeEntry, World

BUILDING = "the episodes of a life were joined"


@dataclass(frozen=True, eq=False)
class LifeProcess:
    """A life as a finite process; its places are P, its outcomes M, and the last place stands for a life that is over.

    Attributes:
        enumerations: of each stage that the life goes through, from all states in which its episodes may begin.
        entries: those of the life.
        mdp: the process. Its events are those of ticks.
        place: int64 `[P]`, the state of its stage's enumeration that each place stands for; -1 for the last one.
        stage: int64 `[P]`, the index of its stage in `enumerations`; entry: int64 `[P]`, that of its entry, -1 for the
            last place.
        episode: int64 `[P]`, from 0 in each entry; where chance decides how many follow, 1 is all but the first.
        tick: int64 `[P]`, of the episode.
        layer: int64 `[P]`: outcomes lead to later layers, or from the last layers of an entry that chance ends to the
            first ones of its repeated episodes.
        performance: float64 `[M]`, the hidden score of each outcome.
        ends: bool `[M]`: an episode is over with the outcome; reached: int64 `[M]`, the state of the stage's
            enumeration that the tick leads to, before anything between the episodes.
        between: uint64 `[M]`, the events between the episodes.
        retires: some rule between episodes may retire the life.
    """

    enumerations: tuple[Enumeration, ...]
    entries: tuple[LifeEntry, ...]
    mdp: FiniteMDP
    place: Longs
    stage: Longs
    entry: Longs
    episode: Longs
    tick: Longs
    layer: Longs
    performance: Floats
    ends: Bools
    reached: Longs
    between: Bits
    retires: bool

    @cached_property
    def source(self) -> Longs:
        """int64 `[M]`: the place in which each outcome comes."""
        return np.repeat(np.arange(self.mdp.n_states), np.diff(self.mdp.row_start[:: self.mdp.n_actions]))

    @property
    def over(self) -> Bools:
        """bool `[M]`: the life is over with the outcome."""
        return self.mdp.ended[self.mdp.next_state]

    @property
    def discounts(self) -> Floats:
        """float64 `[P]`: the deciding agent's discount in each place."""
        response = self.enumerations[0].world.response
        agent = 0 if response is None else response.agent
        return np.array([each.world.agents[agent].discount for each in self.enumerations])[self.stage]

    def stage_named(self, name: str) -> int:
        """The index of a stage in `enumerations`."""
        return [each.world.stage for each in self.enumerations].index(name)

    def per_place(self, per_state: Sequence[Floats]) -> Floats:
        """Numbers of places, from those of the states of each stage (`[S]` or `[S, K]`); 0 where a life is over."""
        out = np.zeros((self.mdp.n_states, *per_state[0].shape[1:]))
        for index, numbers in enumerate(per_state):
            here = np.flatnonzero((self.stage == index) & (self.place >= 0))
            out[here] = numbers[self.place[here]]
        return out

    def per_reached(self, per_state: Sequence[Floats]) -> Floats:
        """float64 `[M]`: numbers of the states that ticks lead to, from those of the states of each stage (`[S]`)."""
        out, stage = np.zeros(self.reached.size), self.stage[self.source]
        for index, numbers in enumerate(per_state):
            out[stage == index] = numbers[self.reached[stage == index]]
        return out

    def lifted(self, mdp: FiniteMDP, place: Longs, outcome: Longs) -> LifeProcess:
        """The same life as a process over other states: of each its place, and of each outcome that of this process."""
        return replace(
            self, mdp=mdp, place=self.place[place], stage=self.stage[place], entry=self.entry[place],
            episode=self.episode[place], tick=self.tick[place], layer=self.layer[place],
            performance=self.performance[outcome], ends=self.ends[outcome], reached=self.reached[outcome],
            between=self.between[outcome],
        )  # fmt: skip


def life_process(worlds: Mapping[str, World], max_states: int = 1_000_000) -> LifeProcess:
    """Join the episodes of a life.

    Args:
        worlds: of each stage of the life, by its name, compiled alike.
        max_states: of each stage, and of the places of the whole life.

    Raises:
        NotEnumerableError: there are more, or a stage is not enumerable, or an episode may be over as it begins.
    """
    entries = next(iter(worlds.values())).life
    names = tuple(dict.fromkeys(entry.stage for entry in entries))
    order = [names.index(entry.stage) for entry in entries]
    stages = _Stages([worlds[name] for name in names], max_states)
    stages.explore(order, entries)
    blocks = _blocks(entries, order)
    fronts = _fronts(stages, blocks, max_states)
    return _joined(stages, entries, blocks, fronts)


class _Arrivals(NamedTuple):
    """Where the final states of a stage lead to: outcomes in the order of `first`, one slice for each state.

    Attributes:
        first: int64 `[S + 1]`: the outcomes of state s are `first[s]` to `first[s + 1]`.
        start: int64 `[n]`, the state in which the next episode begins, -1 where the life is retired.
        probability: float64 `[n]`; events: uint64 `[n]`.
    """

    first: Longs
    start: Longs
    probability: Floats
    events: Bits


class _Block(NamedTuple):
    """One episode of the chain, or the repeated ones of an entry that chance ends.

    Attributes:
        entry, episode, stage: as in `LifeProcess`.
        follow: the blocks that may follow, each with its probability; what is missing to 1 is the end of the life.
    """

    entry: int
    episode: int
    stage: int
    follow: tuple[tuple[int, float], ...]


def _blocks(entries: Sequence[LifeEntry], order: Sequence[int]) -> list[_Block]:
    sizes = [2 if entry.episodes is None else entry.episodes for entry in entries]
    firsts = np.concatenate([[0], np.cumsum(sizes)])
    blocks: list[_Block] = []
    for index, entry in enumerate(entries):
        after = int(firsts[index + 1])
        leaves = after < firsts[-1]
        for episode in range(sizes[index]):
            number = int(firsts[index]) + episode
            if entry.episodes is not None:
                follow = ((number + 1, 1.0),) if number + 1 < firsts[-1] else ()
            else:
                again = ((after - 1, entry.continues),) if entry.continues > 0 else ()
                follow = (*again, (after, 1 - entry.continues)) if leaves else again
            blocks.append(_Block(index, episode, order[index], follow))
    return blocks


class _Stages:
    """The stages of a life: their enumerations, and where their final states lead to."""

    def __init__(self, worlds: Sequence[World], max_states: int) -> None:
        self.worlds, self.max_states = worlds, max_states
        self.starts = [np.zeros((0, len(world.fields)), np.int32) for world in worlds]
        self.enumerations: list[Enumeration] = []
        self.begin: _Arrivals | None = None
        self.arrivals: dict[tuple[int, int], _Arrivals] = {}
        self.retires = False
        self.fired: list[set[str]] = [set() for _ in worlds]

    def explore(self, order: Sequence[int], entries: Sequence[LifeEntry]) -> None:
        """Enumerate each stage from every state in which an episode of it may begin, until no other is found."""
        pairs = {(a, a) for a, entry in zip(order, entries, strict=True) if entry.episodes != 1}
        pairs |= set(pairwise(order))
        begin = reset(self.worlds[order[0]], EnumeratedDraws(limit=self.max_states))
        self._check_begun(order[0], begin.states)
        self.fired[order[0]] |= begin.fired
        fresh = {order[0]: begin.states}
        found: list[Enumeration | None] = [None] * len(self.worlds)
        while fresh:
            check_time(BUILDING)
            for stage, states in fresh.items():
                self.starts[stage] = np.unique(np.concatenate([self.starts[stage], states]), axis=0)
                found[stage] = enumerate_world(self.worlds[stage], self.max_states, start=self.starts[stage])
            arrived: dict[int, list[Ints]] = {}
            rows: dict[tuple[int, int], tuple[Longs, Longs, Ints, Floats, Bits, Bools]] = {}
            for a, b in sorted(pairs):
                if (enumeration := found[a]) is not None:
                    finals = _finals(enumeration)
                    rows[a, b] = (finals, *self._boundary(a, b, enumeration.states[finals]))
                    arrived.setdefault(b, []).append(rows[a, b][2][~rows[a, b][5]])
            fresh = {}
            for stage, parts in arrived.items():
                states = np.unique(np.concatenate(parts), axis=0)
                known = set(map(tuple, self.starts[stage].tolist()))
                if new := [row for row in map(tuple, states.tolist()) if row not in known]:
                    fresh[stage] = np.array(new, np.int32)
        self.enumerations = [
            replace(each, fired=each.fired | fired) if each is not None
            # The life is always over before it comes to this stage, of which nobody ever sees a state.
            else replace(enumerate_world(world, self.max_states), fired=frozenset())
            for world, each, fired in zip(self.worlds, found, self.fired, strict=True)
        ]  # fmt: skip
        number = [_Lookup(each.states) for each in self.enumerations]
        for a, b in pairs - rows.keys():
            nowhere = np.zeros(self.enumerations[a].mdp.n_states + 1, np.int64)
            self.arrivals[a, b] = _Arrivals(nowhere, nowhere[:0], np.zeros(0), np.zeros(0, np.uint64))
        for (a, b), (finals, source, states, probability, events, retired) in rows.items():
            start = np.full(retired.size, -1)
            start[~retired] = number[b].of(states[~retired])
            counts = np.zeros(self.enumerations[a].mdp.n_states, np.int64)
            counts[finals] = np.bincount(source, minlength=finals.size)
            first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            self.arrivals[a, b] = _Arrivals(first, start, probability, events)
            self.retires |= bool(retired.any())
        self.begin = _Arrivals(
            np.array([0, len(begin.states)]), number[order[0]].of(begin.states), begin.probability, begin.events
        )

    def _boundary(self, a: int, b: int, states: Ints) -> tuple[Longs, Ints, Floats, Bits, Bools]:
        """What follows final states of one stage where the next episode is of another (or the same) one.

        Returns:
            One row for each outcome, by source: the source, the state in which the next episode begins (any where the
            life is retired), the probability, the events, and whether the life is retired.
        """
        limit = EnumeratedDraws(limit=self.max_states)
        after = between(self.worlds[a], states, limit)
        # Only what outlives an episode decides how the next one begins: it is reset once for each different rest.
        columns = [column.index for column in self.worlds[b].columns.values() if column.outlives]
        rest, back = np.unique(after.states[:, columns], axis=0, return_inverse=True)
        back = back.reshape(-1)
        kept = np.zeros((len(rest), states.shape[1]), np.int32)
        kept[:, columns] = rest
        begun = reset(self.worlds[b], limit, len(rest), kept)
        self._check_begun(b, begun.states)
        self.fired[a] |= after.fired
        self.fired[b] |= begun.fired
        first = np.searchsorted(begun.source, np.arange(len(rest) + 1))
        counts = np.where(after.ended, 1, np.diff(first)[back])
        row = np.repeat(np.arange(counts.size), counts)
        starts = first[back][row] + np.arange(row.size) - np.repeat(np.cumsum(counts) - counts, counts)
        retired = after.ended[row]
        probability = after.probability[row] * np.where(retired, 1.0, begun.probability[starts])
        return after.source[row], begun.states[starts], probability, after.events[row], retired

    def _check_begun(self, stage: int, states: Ints) -> None:
        world = self.worlds[stage]
        if (states[:, world.ended] > 0).any():
            raise NotEnumerableError(
                f"an episode of `{world.stage}` may be over as it begins, and in a life each takes a tick",
                "let a rule of the tick end it, or retire the life",
            )


def _finals(enumeration: Enumeration) -> Longs:
    """int64 `[n]`, in order: the states in which an episode may be over: ended, or reached as the horizon is."""
    mdp, horizon = enumeration.mdp, enumeration.world.horizon
    assert horizon is not None, "checked when the file was loaded"
    front, ended = np.unique(mdp.start_state).astype(np.int64), np.zeros(mdp.n_states, np.bool_)
    for _ in range(horizon):
        check_time(BUILDING)
        reached = np.unique(mdp.next_state[_outcomes(mdp, front)])
        ended[reached[mdp.ended[reached]]] = True
        front = reached[~mdp.ended[reached]].astype(np.int64)
    ended[front] = True
    return np.flatnonzero(ended)


def _outcomes(mdp: FiniteMDP, states: Longs) -> Longs:
    """int64 `[n]`: the outcomes of all actions in some states, state by state."""
    first, last = mdp.row_start[states * mdp.n_actions], mdp.row_start[(states + 1) * mdp.n_actions]
    counts = last - first
    return np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))


class _Lookup:
    """Finds states among those of an enumeration."""

    def __init__(self, states: Ints) -> None:
        self._index = {row.tobytes(): number for number, row in enumerate(np.ascontiguousarray(states))}

    def of(self, states: Ints) -> Longs:
        """int64 `[n]`: their numbers."""
        return np.array([self._index[row.tobytes()] for row in np.ascontiguousarray(states)], np.int64)


def _fronts(stages: _Stages, blocks: Sequence[_Block], max_states: int) -> list[list[Longs]]:
    """For each block and tick the states (int64, in order) in which an agent may act."""
    assert stages.begin is not None
    begun: list[Longs] = [np.zeros(0, np.int64) for _ in blocks]
    begun[0] = np.unique(stages.begin.start)
    fronts: list[list[Longs]] = []
    size = 0
    for number, block in enumerate(blocks):
        mdp, horizon = stages.enumerations[block.stage].mdp, stages.worlds[block.stage].horizon
        assert horizon is not None
        while True:
            check_time(BUILDING)
            front, layers, finals = begun[number], [], []
            for _ in range(horizon):
                layers.append(front)
                reached = np.unique(mdp.next_state[_outcomes(mdp, front)]).astype(np.int64)
                finals.append(reached[mdp.ended[reached]])
                front = reached[~mdp.ended[reached]]
            final = np.unique(np.concatenate([*finals, front]))
            for target, _ in block.follow:
                table = stages.arrivals[block.stage, blocks[target].stage]
                starts = table.start[_slices(table.first, final)[0]]
                begun[target] = np.union1d(begun[target], starts[starts >= 0])
            if begun[number].size == layers[0].size:  # a repeated block may arrive at itself
                break
        fronts.append(layers)
        size += sum(layer.size for layer in layers)
        if size > max_states:
            raise NotEnumerableError(
                f"more than {max_states:,} places in the life: {len(blocks)} episodes, each of up to {horizon} ticks "
                f"and {max(layer.size for layer in layers):,} states",
                "shorten the life, say `continues` for `episodes`, shrink its stages, or raise `runs.max_states`",
            )
    return fronts


def _slices(first: Longs, items: Longs) -> tuple[Longs, Longs]:
    """The contents of the slices `first[i]:first[i + 1]` of some items, and of each the place of its item; int64."""
    counts = first[items + 1] - first[items]
    place = np.repeat(np.arange(items.size), counts)
    return np.arange(place.size) + (first[items] - (np.cumsum(counts) - counts))[place], place


@dataclass(frozen=True, eq=False)
class _TickOutcomes:
    """All outcomes of one tick of one block, in order: the row, the outcome of the stage, its state and probability."""

    stage: int
    row: Longs
    outcome: Longs
    reached: Longs
    probability: Floats


class _FoundOutcomes:
    """The outcomes of a life, collected in parts."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._stored = 0

    def add(
        self,
        tick: _TickOutcomes,
        which: Longs,
        ahead: Longs,
        chance: Floats | float = 1.0,
        events: Bits | None = None,
        ends: bool = True,
    ) -> None:
        """Add some outcomes of a tick, by their numbers, and the place that each leads to.

        Args:
            tick: the outcomes of the tick.
            which: int64 `[n]`, their numbers in it.
            ahead: int64 `[n]`, the places.
            chance: of each, given the outcome.
            events: uint64 `[n]`, those between the episodes; none by default.
            ends: whether the episode is over.

        Raises:
            NotEnumerableError: there are more than `MAX_STORED` by now.
        """
        self._stored += which.size
        if self._stored > MAX_STORED:
            raise NotEnumerableError(f"more than {MAX_STORED:,} outcomes in the life", "shorten the life")
        self._parts.append(
            (
                tick.row[which],
                ahead,
                tick.probability[which] * chance,
                tick.outcome[which],
                np.full(which.size, ends),
                tick.reached[which],
                np.zeros(which.size, np.uint64) if events is None else events,
                np.full(which.size, tick.stage),
            )
        )

    def columns(self) -> tuple[np.ndarray, ...]:
        """Row, place ahead, probability, outcome, whether it ends an episode, state reached, events between, stage."""
        return tuple(np.concatenate(column) for column in zip(*self._parts, strict=True))


def _outcomes_of_life(
    stages: _Stages,
    mdps: Sequence[FiniteMDP],
    blocks: Sequence[_Block],
    fronts: Sequence[Sequence[Longs]],
    offsets: Longs,
    firsts: Longs,
) -> _FoundOutcomes:
    """What comes of every tick of every block.

    Args:
        stages: of the life.
        mdps: theirs.
        blocks: of the life.
        fronts: of each block the states of its layers, one layer for each tick.
        offsets: int64, the first place of each layer, over all blocks; last the place where the life is over.
        firsts: int64, the first layer of each block.
    """
    over, n_actions = int(offsets[-1]), mdps[0].n_actions
    found = _FoundOutcomes()
    for number, block in enumerate(blocks):
        mdp, layers = mdps[block.stage], fronts[number]
        for tick, front in enumerate(layers):
            check_time(BUILDING)
            outcome = _outcomes(mdp, front)
            counts = np.diff(mdp.row_start).reshape(-1, n_actions)[front].ravel()
            row = offsets[firsts[number] + tick] * n_actions + np.repeat(np.arange(counts.size), counts)
            reached = mdp.next_state[outcome].astype(np.int64)
            ends = mdp.ended[reached] | (tick + 1 == len(layers))
            of_tick = _TickOutcomes(block.stage, row, outcome, reached, mdp.probability[outcome])
            if (going := np.flatnonzero(~ends)).size:
                ahead = offsets[firsts[number] + tick + 1] + np.searchsorted(layers[tick + 1], reached[going])
                found.add(of_tick, going, ahead, ends=False)
            done = np.flatnonzero(ends)
            for target, chance in block.follow:
                table = stages.arrivals[block.stage, blocks[target].stage]
                entry, which = _slices(table.first, reached[done])
                start, begins = table.start[entry], offsets[firsts[target]]
                ahead = np.where(start < 0, over, begins + np.searchsorted(fronts[target][0], start))
                found.add(of_tick, done[which], ahead, chance * table.probability[entry], table.events[entry])
            if (left := 1 - sum(chance for _, chance in block.follow)) > 1e-15:
                found.add(of_tick, done, np.full(done.size, over), left)
    return found


def _joined(
    stages: _Stages, entries: tuple[LifeEntry, ...], blocks: Sequence[_Block], fronts: Sequence[Sequence[Longs]]
) -> LifeProcess:
    """The process over all blocks and ticks."""
    assert stages.begin is not None
    if (response := stages.worlds[0].response) is not None:
        enumerations = tuple(induced_by_response(each, response) for each in stages.enumerations)
    else:
        enumerations = tuple(stages.enumerations)
    mdps = [each.mdp for each in enumerations]
    sizes = [layer.size for layers in fronts for layer in layers]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    firsts = np.concatenate([[0], np.cumsum([len(layers) for layers in fronts])])  # of each block's layers
    over, n_actions = int(offsets[-1]), mdps[0].n_actions
    columns = _outcomes_of_life(stages, mdps, blocks, fronts, offsets, firsts).columns()
    row, _, probability, *_ = columns
    kept = np.flatnonzero(probability > 0)
    order = kept[np.argsort(row[kept], kind="stable")]
    row, ahead, probability, outcome, ends, reached, events, stage_of = (column[order] for column in columns)
    rewards = np.zeros((row.size, len(mdps[0].channels)))
    own, performance = np.zeros(row.size, np.uint64), np.zeros(row.size)
    for index, (mdp, each) in enumerate(zip(mdps, enumerations, strict=True)):
        here = stage_of == index
        rewards[here], own[here] = mdp.rewards[outcome[here]], mdp.events[outcome[here]]
        performance[here] = each.performance[outcome[here]]
    places = over + 1
    counts = np.bincount(row, minlength=places * n_actions)
    labels = [
        (block.stage, block.entry, block.episode, tick)
        for block, layers in zip(blocks, fronts, strict=True)
        for tick in range(len(layers))
    ]
    stage, entry, episode, tick_of = np.repeat(np.array(labels, np.int64), sizes, axis=0).T
    begin = np.searchsorted(fronts[0][0], stages.begin.start)
    start = np.unique(begin)
    mdp = replace(
        mdps[0],
        n_states=places,
        row_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        next_state=ahead.astype(np.int32),
        probability=probability,
        rewards=rewards,
        events=own,
        ended=np.arange(places) == over,
        start_state=start.astype(np.int32),
        start_probability=np.bincount(begin, stages.begin.probability)[start].astype(np.float64),
    )
    return LifeProcess(
        enumerations=enumerations,
        entries=entries,
        mdp=mdp,
        place=np.append(np.concatenate([layer for layers in fronts for layer in layers]), -1),
        stage=np.append(stage, 0),
        entry=np.append(entry, -1),
        episode=np.append(episode, -1),
        tick=np.append(tick_of, 0),
        layer=np.append(np.repeat(np.arange(len(sizes)), sizes), len(sizes)),
        performance=performance,
        ends=ends,
        reached=reached,
        between=events,
        retires=stages.retires,
    )
