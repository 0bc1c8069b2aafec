"""The reference semantics of a reset and a tick, in plain batched NumPy, in the order of `docs/semantics.md`.

Everything else that steps a world (the compiled kernel, tables on a GPU) is tested against it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from ...scenarios.language.expressions.syntax import (
    Assign,
    Cycles,
    Drop,
    Effect,
    Emit,
    End,
    Expression,
    MoveBy,
    PutAt,
    Remove,
    ResetBoard,
    Retire,
    Swap,
    Take,
)
from ..base import Bits, Bools, Floats, Ints, Longs, TooManyStatesError
from ..row_ids import row_ids
from ..world import geometry
from ..world.randomness import (
    LARGEST,
    SHRINK,
    DrawMethod,
    EnumeratedDraws,
    GivenDraws,
    SampledDraws,
    TooManyRowsError,
    categorical,
    uniform,
)
from ..world.world import AgentProgram, Body, DrawProgram, MotionProgram, RuleProgram, World
from .action_mask import available
from .expressions import EvalContext, cell_of, context_between_ticks, evaluate_bool, evaluate_float, zone_of

FEW_OUTCOMES = 64
"""Outcomes of a lane that are only compared when its tick is over: finding the few that are alike would cost more."""
_ROUNDING = 1e-12
"""Of the largest score: sums of the same pays that were added in another order differ by less."""


@dataclass(frozen=True, eq=False)
class TickResult:
    """The result of one tick (or of a reset) in B rows; with `EnumeratedDraws` a lane may have several rows.

    Attributes:
        states: int32 `[B, F]`, the state after.
        source: int64 `[B]`, which row of the input each row came from.
        probability: float64 `[B]`, of this outcome given the row it came from.
        executed: int32 `[B, N]`, the actions after overrides.
        rewards: float64 `[B, K]`; performance: float64 `[B]`, the hidden score.
        events: uint64 `[B]`, bit i for event i of the world.
        ended: bool `[B]`, the episode is over.
        fired: names of the rules that fired in any row.
        blended: some row's hidden score is the mean of unlike ones (see `merge_alike`).
    """

    states: Ints
    source: Longs
    probability: Floats
    executed: Ints
    rewards: Floats
    performance: Floats
    events: Bits
    ended: Bools
    fired: frozenset[str]
    blended: bool = False


def reset(world: World, chance: DrawMethod, lanes: int = 1, outliving: Ints | None = None) -> TickResult:
    """Begin `lanes` episodes: make the draws of the start, then fire the rules `at: start`.

    Args:
        world: of the episodes that begin.
        chance: how draws are decided.
        lanes: how many.
        outliving: int32 `[lanes, F]`, the states that the episodes before in the same life have left (see `between`),
            of which what outlives an episode is kept; None where a life begins.

    Raises:
        WorldTooLargeError: see `Boards.clear`.
    """
    if world.asks_for_sight:
        _ = world.boards.clear  # too large a board is refused here, and not when somebody first comes near
    tick = _TickState.at_start(world, chance, lanes)
    layouts = world.boards.walls.shape[0]
    if world.layout >= 0:
        rows, outcome = tick.draw("layout", np.arange(tick.context.lanes), np.full((1, layouts), 1 / layouts))
        tick.context.now[world.layout, rows] = outcome
    _place_at_starts(tick.context, np.arange(tick.context.lanes))
    for column, table in world.boards.field_starts.items():
        tick.context.now[column] = table[tick.context.layout]
    if outliving is not None:
        for each in world.columns.values():
            if each.outlives:
                # Bounds may differ between stages: the nearest value that is legal here.
                kept = np.clip(outliving[:, each.index], each.least, each.most)
                tick.context.now[each.index] = kept[tick.source]
    for draw in world.start_draws:
        rows = np.flatnonzero(evaluate_bool(draw.when, tick.context))
        rows, outcome = tick.draw(draw.name, rows, _draw_weights(draw, tick.context)[rows])
        tick.context.now[draw.column, rows] = outcome
    tick.context.before = tick.context.now.copy()
    for rule in world.start_rules:
        _fire(rule, tick)
    return tick.result()


def between(world: World, states: Ints, chance: DrawMethod) -> TickResult:
    """Fire the rules between two episodes of a life, in states that the first of them has left.

    Args:
        world: of the episode that is over.
        states: int32 `[B, F]`, its last states.
        chance: how draws are decided.

    Returns:
        The states from which what outlives an episode goes on, and the events; `ended` says where the life is retired.
        Nobody is paid.
    """
    tick = _TickState.of_states(world, chance, states)
    for rule in world.between_rules:
        _fire(rule, tick)
    return replace(tick.result(), ended=tick.retired[tick.order])


def step(world: World, states: Ints, actions: Ints, chance: DrawMethod) -> TickResult:
    """One tick of every lane.

    Args:
        world: the compiled world.
        states: int32 `[B, F]`.
        actions: int32 `[B, N]`, an action index for each agent.
        chance: how draws are decided. Lanes whose episode is over stay as they are and pay nothing.

    Raises:
        TooManyStatesError: with `EnumeratedDraws`, a lane has more outcomes than its limit; names the draws.
    """
    tick = _TickState.at_tick(world, states, actions, chance)
    _override(tick)  # 2
    _move_agents(tick.context)  # 3
    for body in world.bodies:  # 4
        if body.motions:
            _move_by_itself(body, tick)
            tick.merge_alike()
    if world.clock >= 0:
        clock = tick.context.now[world.clock]
        np.minimum(clock + 1, world.fields[world.clock].size - 1, out=clock)
    for draw in world.tick_draws:
        rows = np.flatnonzero(evaluate_bool(draw.when, tick.context))
        tick.context.draws[draw.name] = np.zeros(tick.context.lanes, np.int32)
        rows, outcome = tick.draw(draw.name, rows, _draw_weights(draw, tick.context)[rows])
        tick.context.draws[draw.name][rows] = outcome
        tick.merge_alike()
    for rule in world.rules:  # 5 and 6
        _fire(rule, tick)
        tick.merge_alike()
    for rule in world.end_rules:
        _fire(rule, tick, only=tick.reason > 0)
        tick.merge_alike()
    tick.note_events()
    return tick.result(frozen=states)


def unlike(beyond: Floats, mean: Floats) -> bool:
    """Whether hidden scores float64 `[B]` lie beyond those that they are merged with by more than rounding explains."""
    return bool(beyond.size) and bool(np.abs(beyond).max() > _ROUNDING * max(1.0, float(np.abs(mean).max())))


# ------------------------------------------------------------------ the batch in the middle of a tick


@dataclass(eq=False)
class _TickState:
    """The rows of a batch during a tick or a reset; rows are added where an enumerated draw splits one."""

    world: World
    chance: DrawMethod
    context: EvalContext
    source: Longs
    probability: Floats
    rewards: Floats
    performance: Floats
    events: Bits
    reason: Ints
    retired: Bools
    drawn: list[str] = field(default_factory=list)
    fired: set[str] = field(default_factory=set)
    grown: bool = False
    blended: bool = False

    @classmethod
    def at_start(cls, world: World, chance: DrawMethod, lanes: int) -> _TickState:
        now = np.empty((len(world.fields), lanes), np.int32)
        now[:] = np.array([world.columns[f.name].start for f in world.fields], np.int32)[:, None]
        return cls._of(world, chance, context_between_ticks(world, now.T))

    @classmethod
    def of_states(cls, world: World, chance: DrawMethod, states: Ints) -> _TickState:
        return cls._of(world, chance, context_between_ticks(world, states.copy()))

    @classmethod
    def at_tick(cls, world: World, states: Ints, actions: Ints, chance: DrawMethod) -> _TickState:
        now = np.array(states.T, order="C")  # a copy even of a single row: the caller's states stay as they are
        # An action that is not available is not an error: it is replaced by none, as in the kernel.
        chosen = np.array(actions.T, np.int32, order="C")
        for index in range(len(world.agents)):
            mask = available(world, states, index)
            chosen[index] = np.where(mask[np.arange(states.shape[0]), chosen[index]], chosen[index], -1)
        return cls._of(world, chance, EvalContext(world, now, now.copy(), chosen, chosen.copy()))

    @classmethod
    def _of(cls, world: World, chance: DrawMethod, context: EvalContext) -> _TickState:
        lanes = context.lanes
        return cls(
            world,
            chance,
            context,
            np.arange(lanes),
            np.ones(lanes),
            np.zeros((len(world.channels), lanes)),
            np.zeros(lanes),
            np.zeros(lanes, np.uint64),
            np.zeros(lanes, np.int32),
            np.zeros(lanes, np.bool_),
        )

    def draw(self, name: str, rows: np.ndarray, weights: Floats) -> tuple[np.ndarray, Ints]:
        """Decide a named draw in some rows.

        Args:
            name: of the draw.
            rows: indices of the rows that draw.
            weights: float64 `[rows, n]` or `[1, n]`, probabilities of the outcomes.

        Returns:
            The rows (with those that were added by splitting) and the outcome of each.
        """
        weights = np.broadcast_to(weights, (rows.size, weights.shape[1]))
        match self.chance:
            case SampledDraws(seed, lanes, clock):
                draw = self.world.draw_ids[name]
                return rows, categorical(
                    weights, uniform(seed, lanes[self.source[rows]], clock[self.source[rows]], draw)
                )
            case GivenDraws(outcomes):
                given = outcomes.get(name)
                if given is not None and not 0 <= given < weights.shape[1]:
                    raise ValueError(f"draw `{name}` has outcomes 0 to {weights.shape[1] - 1}, not {given}")
                fixed = weights.argmax(axis=1) if given is None else np.full(rows.size, given)
                return rows, fixed.astype(np.int32)
            case EnumeratedDraws(limit, most):
                return self._every_outcome(name, rows, weights, limit, most)

    def _every_outcome(
        self, name: str, rows: np.ndarray, weights: Floats, limit: int, most: int | None
    ) -> tuple[np.ndarray, Ints]:
        """Split each row into one for every outcome that can come."""
        self.drawn.append(name)
        which, outcome = np.nonzero(weights > 0)
        if which.size == rows.size:
            return rows, outcome.astype(np.int32)
        first = np.concatenate([[True], which[1:] != which[:-1]])
        self._refuse_too_many(rows[which[~first]], limit)
        if most is not None and self.source.size + which.size - rows.size > most:
            raise TooManyRowsError(f"more than {most:,} outcomes at once")
        added = self._split(rows[which[~first]])
        self.grown = True
        out = np.empty(which.size, rows.dtype)
        out[first], out[~first] = rows[which[first]], added
        self.probability[out] *= weights[which, outcome]
        return out, outcome.astype(np.int32)

    def _split(self, rows: np.ndarray) -> np.ndarray:
        """Copy rows to the end of the batch; returns the indices of the copies."""
        size = self.context.lanes
        self._keep(np.concatenate([np.arange(size), rows]))
        return np.arange(size, size + rows.size)

    def _keep(self, rows: np.ndarray) -> None:
        """Go on with these rows alone, in this order; a row may come several times."""
        self.context = self.context.take(rows)
        self.source, self.probability = self.source[rows], self.probability[rows]
        self.rewards, self.performance = self.rewards[:, rows], self.performance[rows]
        self.events, self.reason, self.retired = self.events[rows], self.reason[rows], self.retired[rows]

    @property
    def order(self) -> np.ndarray | slice:
        """The order in which the rows of one source stand next to each other; copies stand at the end of the batch."""
        split = self.source.size > 0 and self.source[-1] != self.source.size - 1
        return np.argsort(self.source, kind="stable") if split else slice(None)

    def note_events(self) -> None:
        """Note the events of a tick in the flags that rules between episodes read."""
        for event, column in self.world.happened:
            self.context.now[column] |= ((self.events >> np.uint64(event)) & np.uint64(1)).astype(np.int32)

    def result(self, frozen: Ints | None = None) -> TickResult:
        """The finished tick; where `frozen` states had already ended, they are handed back untouched."""
        world, context = self.world, self.context
        states = context.now
        # Written last: while rules run, the column still says that the episode goes on.
        states[world.ended] = np.maximum(states[world.ended], self.reason)
        if frozen is not None and (over := frozen[self.source, world.ended] > 0).any():
            states[:, over] = frozen[self.source[over]].T
            self.rewards[:, over], self.performance[over], self.events[over] = 0, 0, 0
            context.executed[:, over] = -1
        order = self.order
        out = np.ascontiguousarray(states.T[order])
        return TickResult(
            out,
            self.source[order],
            self.probability[order],
            context.executed.T[order],
            self.rewards.T[order],
            self.performance[order],
            self.events[order],
            out[:, world.ended] > 0,
            frozenset(self.fired),
            self.blended,
        )

    def merge_alike(self) -> None:
        """Make one row of those of a lane that have come to the same and can no longer differ, where a lane has many.

        So what a tick costs follows what can come of it, and not the product of its draws. A merged row has the mean
        of the hidden performances, as outcomes that an agent could not tell apart have it in the end.
        """
        if not self.grown:
            return
        self.grown = False
        counts = np.bincount(self.source)
        if counts.max() <= FEW_OUTCOMES:
            return
        many = np.flatnonzero(counts[self.source] > FEW_OUTCOMES)
        context = self.context
        columns = [self.source, *context.now, *context.executed, *context.draws.values(), self.reason, self.retired]
        alike = row_ids([column[many] for column in (*columns, self.events.view(np.int64), *self.rewards)])
        _, first = np.unique(alike, return_index=True)
        if first.size == many.size:
            return
        weight = np.bincount(alike, self.probability[many])
        # The mean as an offset from the first: where all are equal it is exact, whatever the probabilities round to.
        beyond = self.performance[many] - self.performance[many[first]][alike]
        mean = self.performance[many[first]] + np.bincount(alike, self.probability[many] * beyond) / weight
        self.probability[many[first]], self.performance[many[first]] = weight, mean
        self.blended |= unlike(beyond, mean)
        kept = np.ones(context.lanes, np.bool_)
        kept[many] = False
        kept[many[first]] = True
        self._keep(np.flatnonzero(kept))

    def _refuse_too_many(self, added: np.ndarray, limit: int) -> None:
        """Refuse to add copies of these rows if a lane then had too many: before memory is spent on them."""
        most = int((np.bincount(self.source) + np.bincount(self.source[added], minlength=self.source.max() + 1)).max())
        if most > limit:
            names = ", ".join(in_groups(list(dict.fromkeys(self.drawn))))
            raise TooManyStatesError(
                f"one tick has {most:,} or more joint outcomes of the draws {names}; at most {limit:,} are enumerated",
                "let fewer of these draws fall in one tick (by narrower `when`s, or fewer things that draw), or raise"
                f" `runs.max_outcomes` ({limit:,})",
            )


def in_groups(names: Sequence[str], several: int = 3) -> list[str]:
    """Names, those of one kind told together where they are many: `regrow:tree[0]` to `[8]` as `regrow:tree (9)`."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(re.sub(r"\[\d+\]", "", name), []).append(name)
    return [
        told
        for kind, alike in kinds.items()
        for told in ([f"{kind} ({len(alike)})"] if len(alike) > several else alike)
    ]


def _draw_weights(draw: DrawProgram, context: EvalContext) -> Floats:
    weights = np.stack([np.maximum(evaluate_float(weight, context), 0.0) for weight in draw.weights], axis=1)
    with np.errstate(over="ignore"):
        total = np.cumsum(weights, axis=1)[:, -1:]  # in order, so that every implementation adds up the same
    if (over := np.isinf(total)).any():
        # Only shares count: weights whose sum is beyond floats are made smaller by a power of two, which is exact.
        weights = np.where(over, np.minimum(weights, LARGEST) * SHRINK, weights)
        total = np.cumsum(weights, axis=1)[:, -1:]
    return np.where(total > 0, weights / np.where(total > 0, total, 1.0), 1.0 / weights.shape[1])


def _place_at_starts(context: EvalContext, rows: np.ndarray) -> None:
    """Put every body on its start cell; one whose start is on its patrol continues from there."""
    for body in context.world.bodies:
        cells = context.world.boards.starts[context.layout[rows], body.order]
        context.now[body.cell, rows] = cells
        if body.phase >= 0:
            path = next(motion.path for motion in body.motions if motion.path)
            context.now[body.phase, rows] = (cells[:, None] == np.array(path)).argmax(axis=1)


# ------------------------------------------------------------------ 2. overrides


def _override(tick: _TickState) -> None:
    for override in tick.world.overrides:
        rows = np.flatnonzero(evaluate_bool(override.when, tick.context))
        rows, _ = _by_coin(tick, override.name, rows, override.chance)
        if override.action >= 0:
            tick.context.executed[override.agent, rows] = override.action
        else:
            mask = available(tick.world, tick.context.before.T[rows], override.agent)
            some = mask.any(axis=1)
            rows, mask = rows[some], mask[some]
            rows, action = tick.draw(f"{override.name}.action", rows, mask / mask.sum(axis=1, keepdims=True))
            tick.context.executed[override.agent, rows] = action


def _by_coin(tick: _TickState, name: str, rows: np.ndarray, chance: Expression | None) -> tuple[np.ndarray, np.ndarray]:
    """The rows (with those that they split into) where a Bernoulli draw named `name` succeeds, and where it fails."""
    if chance is None or rows.size == 0:
        return rows, rows[:0]
    p = np.clip(evaluate_float(chance, tick.context)[rows], 0.0, 1.0)
    rows, outcome = tick.draw(name, rows, np.stack([1 - p, p], axis=1))
    return rows[outcome == 1], rows[outcome == 0]


# ------------------------------------------------------------------ 3. agents move together

_Push: TypeAlias = tuple[int, Body, Bools, Ints]
"""The index of the mover that pushes, the thing pushed, in which lanes, and the cells beyond it."""


def _is_solid(body: Body, context: EvalContext) -> Bools:
    """bool `[B]`: whether a body is solid in this tick, which the state before it decides."""
    if isinstance(body.solid, bool):
        return np.full(context.lanes, body.solid)
    return evaluate_bool(body.solid, replace(context, now=context.before))


def _blocked(context: EvalContext, cells: Ints, mover: Body) -> Bools:
    """bool `[B]`: a wall, or a solid thing that blocks the mover, is on the cells."""
    boards = context.world.boards
    out = boards.walls[context.layout, cells]
    for body in context.world.bodies:
        if body.solid and not body.is_agent and body.may_block(mover):
            out = out | ((context.now[body.cell] == cells) & _is_solid(body, context))
    return out


def _agent_on(context: EvalContext, cells: Ints) -> Bools:
    out = np.zeros(context.lanes, np.bool_)
    for body in context.world.bodies:
        if body.is_agent and body.solid:
            out |= (context.now[body.cell] == cells) & (cells != context.world.boards.nowhere)
    return out


def _move_agents(context: EvalContext) -> None:
    world, boards = context.world, context.world.boards
    movers = [program for program in world.agents if world.walks(program)]
    if not movers:
        return
    bodies = [world.bodies[program.body] for program in movers]
    here = [context.now[body.cell].copy() for body in bodies]
    moves = [_move_index(context, program) for program in movers]
    # Everybody's target is computed before anybody moves: agents move simultaneously.
    want = [boards.neighbours[cell, move] for cell, move in zip(here, moves, strict=True)]
    pushes: list[_Push] = []
    for i in range(len(bodies)):
        moving = want[i] != here[i]
        blocked = boards.walls[context.layout, want[i]]
        for thing in world.bodies:
            if thing.is_agent or not (thing.solid or thing.pushable):
                continue
            hit = moving & ~blocked & (context.now[thing.cell] == want[i]) & (want[i] != boards.nowhere)
            if not thing.may_block(bodies[i]):
                continue
            if thing.pushable and hit.any():
                beyond = boards.neighbours[context.now[thing.cell], moves[i]]
                hit_free = hit & ~_blocked(context, beyond, thing) & ~_agent_on(context, beyond)
                pushes.append((i, thing, hit_free, beyond))
                hit &= ~hit_free
            elif not thing.pushable:
                hit &= _is_solid(thing, context)
            blocked = blocked | hit
        want[i] = np.where(blocked, here[i], want[i])
        # One thing may be pushable while another on the same cell blocks: then nothing is pushed.
        for pusher, _, pushed, _ in pushes:
            if pusher == i:
                pushed &= ~blocked
    _resolve_conflicts(bodies, here, want, pushes)
    for _, thing, pushed, beyond in pushes:
        context.now[thing.cell, pushed] = beyond[pushed]
    for body, cells, move in zip(bodies, want, moves, strict=True):
        context.now[body.cell] = cells
        if body.facing >= 0:
            context.now[body.facing] = np.where(move > 0, move - 1, context.now[body.facing])


def _move_index(context: EvalContext, program: AgentProgram) -> Ints:
    index = next(i for i, other in enumerate(context.world.agents) if other is program)
    executed = context.executed[index]
    return np.where(executed >= 0, program.moves[executed], 0).astype(np.int32)


def _resolve_conflicts(bodies: list[Body], here: list[Ints], want: list[Ints], pushes: list[_Push]) -> None:
    """Cancel conflicting moves: two agents into one cell, two that swap, or a push into the way of another.

    All parties to a conflict stay, which may cause new ones with those that wanted their cells, so it is repeated until
    nothing changes. `want` and the masks of `pushes` are changed in place.
    """
    while True:
        stay = [np.zeros(here[0].size, np.bool_) for _ in bodies]
        for i, body in enumerate(bodies):
            moving = want[i] != here[i]
            for j, other in enumerate(bodies):
                if i == j or not (body.solid and other.solid):
                    continue
                clash = want[i] == want[j]
                swap = (want[i] == here[j]) & (want[j] == here[i]) & (want[j] != here[j])
                stay[i] |= moving & (clash | swap)
        for n, (i, thing, pushed, beyond) in enumerate(pushes):
            for j, other in enumerate(bodies):
                clash = pushed & (want[j] == beyond) & other.solid
                stay[i] |= clash
                stay[j] |= clash & (want[j] != here[j])
            for other_i, other_thing, other_pushed, other_beyond in pushes[n + 1 :]:
                clash = pushed & other_pushed & ((thing is other_thing) | (beyond == other_beyond))
                stay[i] |= clash
                stay[other_i] |= clash
        if not any((mask & (w != h)).any() for mask, w, h in zip(stay, want, here, strict=True)):
            return
        for i, mask in enumerate(stay):
            want[i] = np.where(mask, here[i], want[i])
        for i, _, pushed, _ in pushes:
            pushed &= ~stay[i]


# ------------------------------------------------------------------ 4. things move on their own


def _move_by_itself(body: Body, tick: _TickState) -> None:
    """The first motion whose `when` holds moves the body by at most one cell; a blocked mover waits."""
    if any(motion.way == "wander" for motion in body.motions):
        _draw_wandering(body, tick)
    context, boards = tick.context, tick.world.boards
    here = context.now[body.cell].copy()
    target, phase = here.copy(), context.now[body.phase].copy()
    leaving = np.zeros(context.lanes, np.bool_)
    for motion, rows in _active_motions(body, context):
        if motion.way in geometry.DIRECTIONS and body.phase >= 0:
            context.now[body.phase, rows] = 0  # a played step leaves the patrol, which then starts from its beginning
        target[rows], phase[rows] = _next_cell(
            motion, body, context if rows.size == context.lanes else context.take(rows)
        )
        if motion.zone:
            zone = boards.zones[tick.world.zone_index[motion.zone], context.layout[rows]]
            within = np.arange(rows.size)
            leaving[rows] = zone[within, here[rows]] & ~zone[within, target[rows]]
    moving = target != here
    blocked = boards.walls[context.layout, target] | leaving
    if body.solid:
        blocked |= _is_solid(body, context) & (_blocked(context, target, body) | _agent_on(context, target))
    context.now[body.cell] = np.where(blocked, here, target)
    if body.phase >= 0:
        context.now[body.phase] = np.where(moving & blocked, context.now[body.phase], phase)
    if body.facing >= 0:
        step = (boards.neighbours[here, 1:] == target[:, None]).argmax(axis=1)
        context.now[body.facing] = np.where(moving, step, context.now[body.facing])


def _active_motions(body: Body, context: EvalContext) -> list[tuple[MotionProgram, np.ndarray]]:
    """Each motion of a body with the rows in which it is the first whose guard holds."""
    undecided = context.now[body.cell] != context.world.boards.nowhere
    out = []
    for motion in body.motions:
        chosen = undecided & evaluate_bool(motion.when, context)
        out.append((motion, np.flatnonzero(chosen)))
        undecided = undecided & ~chosen
    return out


def _draw_wandering(body: Body, tick: _TickState) -> None:
    name = f"{body.name}.wander"
    rows = np.concatenate([rows for motion, rows in _active_motions(body, tick.context) if motion.way == "wander"])
    tick.context.draws[name] = np.zeros(tick.context.lanes, np.int32)
    rows, outcome = tick.draw(name, rows, np.full((1, len(geometry.DIRECTIONS)), 1 / len(geometry.DIRECTIONS)))
    tick.context.draws[name][rows] = outcome


def _next_cell(motion: MotionProgram, body: Body, context: EvalContext) -> tuple[Ints, Ints]:
    """The cell that a motion leads to in each lane, and the phase of a patrol if the move succeeds."""
    boards, here = context.world.boards, context.now[body.cell]
    phase = context.now[body.phase] if body.phase >= 0 else here
    if motion.way == "still":
        return here, phase
    if motion.way in geometry.DIRECTIONS:
        return boards.neighbours[here, 1 + geometry.DIRECTIONS.index(motion.way)], phase
    if motion.way == "wander":
        return boards.neighbours[here, context.draws[f"{body.name}.wander"] + 1], phase
    if motion.way == "patrol":
        path = np.array(motion.path, np.int32)
        post = path[phase % path.size]
        onward = (phase + 1) % path.size
        target = path[onward]
        off = np.flatnonzero(here != post)
        if off.size:
            target[off] = _step_towards(here[off], post[off], context.take(off))
        return target, np.where(here == post, onward, phase)
    target = context.now[context.world.bodies[context.world.body_index[motion.target]].cell]
    if motion.way == "flee":
        return _step_towards(here, target, context, away=True), phase
    step = _step_towards(here, target, context)
    if motion.way == "follow":
        close = (step == target) | (here == target)
        return np.where(close, here, step), phase
    return step, phase


def _step_towards(here: Ints, target: Ints, context: EvalContext, away: bool = False) -> Ints:
    """The cell in reach nearest to (or, `away`, farthest from) the target by walking distance.

    Ties are broken in the order stay, up, down, left, right. A body whose target is nowhere stays.
    """
    boards = context.world.boards
    known = target != boards.nowhere
    goal = np.where(known, target, 0)
    around = boards.neighbours[here]
    distance = np.empty(around.shape, np.int64)
    for k in range(around.shape[1]):
        open_cell = ~boards.walls[context.layout, around[:, k]]
        cell = np.where(open_cell, around[:, k], 0)
        distance[:, k] = np.where(open_cell, boards.walking[context.layout, cell, goal], -1 if away else geometry.FAR)
    best = distance.argmax(axis=1) if away else distance.argmin(axis=1)
    return np.where(known, around[np.arange(here.size), best], here)


# ------------------------------------------------------------------ 5 and 6. rules and pays


def _fire(rule: RuleProgram, tick: _TickState, only: Bools | None = None) -> None:
    """Where the guard holds (and the rule's draw succeeds), pay by the state that the guard saw, then apply effects."""
    holds = evaluate_bool(rule.when, tick.context)
    if rule.only:
        # Beside the draws of the tick, the copies of a row that chance splits carry on what has been tried in it.
        tried = tick.context.draws.setdefault(f"{rule.only}.only", np.zeros(tick.context.lanes, np.int32))
        holds = holds & (tried == 0)
        tried[holds] = 1
    rows = np.flatnonzero(holds if only is None else holds & only)
    rows, failed = _by_coin(tick, rule.name, rows, rule.chance)
    if failed.size and rule.two_sided:
        tick.fired.add(rule.name)
        _pay(rule.otherwise_pays, rule.otherwise_performance, failed, tick)
        for number, effect in enumerate(rule.otherwise):
            failed = _apply(effect, f"{rule.name}.else.{number}", failed, tick)
    if rows.size == 0:
        return
    tick.fired.add(rule.name)
    # Pays come before effects: they are evaluated in the state in which the guard held.
    _pay(rule.pays, rule.performance, rows, tick)
    for number, effect in enumerate(rule.effects):
        rows = _apply(effect, f"{rule.name}.{number}", rows, tick)


def _pay(
    pays: Sequence[tuple[int, Expression]], performance: Expression | None, rows: np.ndarray, tick: _TickState
) -> None:
    """Pay channels, and the hidden performance, in some rows."""
    for channel, pay in pays:
        tick.rewards[channel, rows] += evaluate_float(pay, tick.context)[rows]
    if performance is not None:
        tick.performance[rows] += evaluate_float(performance, tick.context)[rows]


def _apply(effect: Effect, name: str, rows: np.ndarray, tick: _TickState) -> np.ndarray:
    """Apply one effect in some rows; returns the rows, with those that an enumerated draw added."""
    world, context = tick.world, tick.context
    match effect:
        case Emit(event):
            tick.events[rows] |= world.event_bit(event)
        case End(reason):
            code = world.reasons.index(reason) + 1
            fresh = rows[tick.reason[rows] == 0]  # the first reason of a tick stands
            tick.reason[fresh] = code
            tick.events[fresh] |= world.event_bit(f"ended:{reason}")
        case Assign(target, operator, value):
            _assign(target, operator, evaluate_float(value, context)[rows], rows, context)
        case Cycles(target):
            column = world.columns[target]
            span = column.most - column.least + 1
            context.now[column.index, rows] = (context.now[column.index, rows] - column.least + 1) % span + column.least
        case Remove(subject):
            _remove(world.bodies[world.body_index[subject]], rows, context)
        case PutAt(subject, place, random):
            body = world.bodies[world.body_index[subject]]
            if random:
                return _put_at_random(body, place, name, rows, tick)
            _put(body, rows, _single_cell(place, context)[rows], context)
        case MoveBy(subject, direction):
            body = world.bodies[world.body_index[subject]]
            there = world.boards.neighbours[context.now[body.cell], list(geometry.STEPS).index(direction)]
            free = rows[~(_blocked(context, there, body) | _agent_on(context, there))[rows]]
            context.now[body.cell, free] = there[free]
        case Swap(first, second):
            a, b = (world.bodies[world.body_index[subject]].cell for subject in (first, second))
            both = rows[(context.now[a, rows] != world.boards.nowhere) & (context.now[b, rows] != world.boards.nowhere)]
            context.now[a, both], context.now[b, both] = context.now[b, both].copy(), context.now[a, both].copy()
        case Take(agent, thing):
            body = world.bodies[world.body_index[thing]]
            held = rows[context.now[body.cell, rows] != world.boards.nowhere]
            context.now[body.carrier, held] = 1 + [program.name for program in world.agents].index(agent)
            context.now[body.cell, held] = world.boards.nowhere
        case Drop(agent, thing):
            body = world.bodies[world.body_index[thing]]
            carrier = world.bodies[world.body_index[agent]]
            if body.carrier < 0:  # no rule takes it
                return rows
            held = rows[context.now[body.carrier, rows] == 1 + [program.name for program in world.agents].index(agent)]
            context.now[body.carrier, held] = 0
            context.now[body.cell, held] = context.now[carrier.cell, held]
        case Retire():
            tick.retired[rows] = True
        case ResetBoard():
            for column in world.columns.values():
                if not column.persists:
                    context.now[column.index, rows] = world.start_of(column.index, context.layout[rows])
            _place_at_starts(context, rows)
    return rows


def _put(body: Body, rows: np.ndarray, cells: Ints, context: EvalContext) -> None:
    """Put a body on one cell for each row; where that is a wall or nowhere it stays."""
    floor = ~context.world.boards.walls[context.layout[rows], cells]
    context.now[body.cell, rows[floor]] = cells[floor]
    if body.carrier >= 0:
        context.now[body.carrier, rows[floor]] = 0


def _put_at_random(body: Body, zone: Expression, name: str, rows: np.ndarray, tick: _TickState) -> np.ndarray:
    """Put a body on a random cell of a zone; where this board has no such cell it stays."""
    context, boards = tick.context, tick.world.boards
    cells = boards.zones[zone_of(zone, context)[rows], context.layout[rows], :-1]
    some = cells.any(axis=1)
    cells = cells[some]
    drawn, outcome = tick.draw(name, rows[some], cells / cells.sum(axis=1, keepdims=True))
    _put(body, drawn, outcome, tick.context)
    return np.concatenate([rows[~some], drawn])


def _assign(target: str, operator: str, value: Floats, rows: np.ndarray, context: EvalContext) -> None:
    """Set a counter: to the nearest integer within its bounds, or to the nearest of its listed values."""
    column = context.world.columns[target]
    stored = context.now[column.index, rows]
    if column.table is not None:
        wanted = {"=": value, "+=": column.table[stored] + value, "-=": column.table[stored] - value}[operator]
        context.now[column.index, rows] = np.abs(column.table - wanted[:, None]).argmin(axis=1)
        return
    number = stored + column.low
    wanted = {"=": value, "+=": number + value, "-=": number - value}[operator]
    context.now[column.index, rows] = np.clip(np.rint(wanted) - column.low, column.least, column.most)


def _remove(body: Body, rows: np.ndarray, context: EvalContext) -> None:
    context.now[body.cell, rows] = context.world.boards.nowhere
    for column in (body.facing, body.phase, body.carrier, *body.fields):
        if column >= 0:
            context.now[column, rows] = context.world.start_of(column, context.layout[rows])


def _single_cell(place: Expression, context: EvalContext) -> Ints:
    """The cell that a place is; of a zone, its first cell in reading order."""
    cell = cell_of(place, context)
    if cell is not None:
        return cell
    zones = context.world.boards.zones[zone_of(place, context), context.layout]
    return np.where(zones.any(axis=1), zones.argmax(axis=1), context.world.boards.nowhere).astype(np.int32)
