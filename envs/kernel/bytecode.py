"""The assembler: a world as integer tables for the compiled kernel, with a tick as one program of a stack machine.

One instruction is a row of `WIDTH` int32: an operation and its operands. Geometry is looked up in tables; a relation to
a zone is one entry of `masks`, which holds for each zone and reach the cells that are in that relation to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from ...scenarios.language.expressions.syntax import (
    FAR_OFF,
    Assign,
    BeforeTick,
    Binary,
    Call,
    Cell,
    Coordinate,
    Cycles,
    Distance,
    Does,
    Drop,
    Effect,
    Emit,
    End,
    Expression,
    Facing,
    MoveBy,
    Moved,
    Name,
    Number,
    PutAt,
    Relation,
    Remove,
    ResetBoard,
    Retire,
    Swap,
    Take,
    Truth,
    Unary,
    ZoneOf,
)
from ..base import Bools, Floats, Ints
from ..world import geometry
from ..world.world import Body, DrawProgram, OverrideProgram, RuleProgram, World

WIDTH = 6
STACK = 1_200
"""Numbers that a program's stack may hold: the weights of the largest draw (1,024) and a deep expression."""

# Operations. The comment names the operands, and after a semicolon what is popped from the stack.
(
    # Tests. The fourth operand says what becomes of the result: 0 pushes it, n + 1 skips n instructions where it is
    # false, and -(n + 1) where it is true. A guard thus needs no separate jump.
    IS,  # address in the lane's memory, value to compare with (of an agent's action, a carrier)
    MOVED,  # column of the cell, its place before the tick
    FACES,  # column of the cell, column of the facing, direction
    AT_CELL,  # column, column
    AT_CONST,  # column, cell
    MEETS_CELL,  # column, column
    MEETS_CONST,  # column, cell
    NEAR_CELL,  # column, column, reach
    NEAR_CONST,  # column, cell, reach
    IN_MASK,  # column, mask
    IN_MASK_OF,  # column, column of the counter, offset into `lookups`
    COMPARE,  # column, low, index into `constants`; the fifth operand is the comparison (EQUAL to AT_LEAST)
    SEES_CELL,  # body, column, body of the target
    SEES_CONST,  # body, cell
    SEES_ZONE,  # body, mask
    SEES_ZONE_OF,  # body, column of the counter, offset into `lookups`
    # Tests of what is popped.
    SEES_HAND,  # body; the cell
    TRUTH,
    EQUAL,
    UNEQUAL,
    LESS,
    AT_MOST,
    MORE,
    AT_LEAST,
    AT_HAND,  # column; the cell
    MEETS_HAND,  # column; the cell
    NEAR_HAND,  # column; the cell and the reach
    NEAR_MASK,  # column, mask; the reach
    NEAR_MASK_OF,  # column, column of the counter, offset into `lookups`; the reach
    # Numbers: each pushes one.
    CONST,  # index into `constants`
    FIELD,  # column, low
    LISTED,  # address in the lane's memory, offset into `listed`
    DRAW,  # draw: pushes its uniform number
    CELL,  # ; row and column: pushes the cell, or nowhere
    ROW,  # ; the cell
    COLUMN,  # ; the cell
    APART,  # the distance to nowhere; two cells
    # Arithmetic on the top of the stack.
    NOT,
    NEGATE,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    FLOOR_DIVIDE,
    MODULO,
    POWER,
    MINIMUM,
    MAXIMUM,
    ABSOLUTE,
    FLOOR,
    CEILING,
    EXPONENTIAL,
    LOGARITHM,
    ROOT,
    CHOOSE,
    # Control flow, and writes to the lane's memory.
    SKIP,  # instructions
    COIN,  # instructions to skip unless a Bernoulli draw succeeds; its probability and a uniform number
    DECIDE,  # number of weights, address to write, whether to write nothing if all are 0; the weights, a uniform number
    LET,  # address in the lane's memory, value
    # The parts of a tick.
    BEGIN,  # layouts, whether what outlives an episode is kept; with several layouts, a uniform number
    REMEMBER,  # copy the state to the state before the tick
    EXCHANGE,  # swap the state with the state before the tick
    STORE,  # address in the lane's memory; the number
    MOVE_AGENT,  # the only agent: column of its cell, of its facing or -1
    MOVE_AGENTS,
    MOVE_BODY,  # motion; a uniform number where it wanders
    TICK,  # column of the clock, its last value
    ENDED,  # instructions to skip unless the episode ends
    AVAILABLE,  # index among the actions of all agents; whether it is available
    # What a rule does.
    PAY,  # channel; amount
    SET_NUMBER,  # column, operator (0 =, 1 +=, 2 -=), least, most, low; value
    SET_LISTED,  # column, operator, offset into `listed`, length; value
    CYCLE,  # column, least, most
    EMIT,  # bit
    END,  # reason code, bit
    REMOVE,  # body
    PUT_CELL,  # body, column of the cell
    PUT_CONST,  # body, cell
    PUT_HAND,  # body; the cell
    PUT_ZONE,  # body, mask
    PUT_ZONE_OF,  # body, column of the counter, offset into `lookups`
    PUT_RANDOM,  # body, mask; a uniform number
    PUT_RANDOM_OF,  # body, column of the counter, offset into `lookups`; a uniform number
    MOVE_BY,  # body, step
    SWAP,  # body, body
    TAKE,  # body, agent + 1
    DROP,  # body, agent + 1, body of the agent
    RESET_BOARD,
    NOTE,  # column of a flag, bit of the event that it notes
    RETIRE,
) = range(90)

LAST_TEST = NEAR_MASK_OF
JUMP = 4
"""The operand of a test that says what becomes of its result."""

_ARITHMETIC = {"+": ADD, "-": SUBTRACT, "*": MULTIPLY, "/": DIVIDE, "//": FLOOR_DIVIDE, "%": MODULO, "**": POWER}
_COMPARISONS = {"==": EQUAL, "!=": UNEQUAL, "<": LESS, "<=": AT_MOST, ">": MORE, ">=": AT_LEAST}
_FUNCTIONS = {
    "min": MINIMUM,
    "max": MAXIMUM,
    "abs": ABSOLUTE,
    "floor": FLOOR,
    "ceil": CEILING,
    "exp": EXPONENTIAL,
    "ln": LOGARITHM,
    "sqrt": ROOT,
}

WAYS = ("patrol", "chase", "flee", "follow", "wander", "still")


class KernelTables(NamedTuple):
    """The tables of a world that the kernel reads.

    Attributes:
        code: int32 `[n, WIDTH]`; `programs` int32 `[5, 2]`: the rows of a tick's program, of a start's, and of the one
            that finds what actions are available; of what comes between two episodes of a life, and of the start of an
            episode that another one of its life came before. The last two are empty outside a life.
        constants, listed: float64; lookups: int32 (zone masks by a counter's value).
        walls, masks, clear, walking, neighbours: see `world.Boards`; `clear` and `walking` are empty where unused.
        ways: int32 `[L, C + 1, 5]`: as `neighbours`, but a step into a wall leads to the same cell.
        starts: int32 `[L, bodies]`; fresh: int32 `[L, F]`, what `reset map` restores, -1 where it keeps.
        begin: int32 `[L, F]`, the state at the start. Both have one row where it is the same on all layouts.
        outlives: int32 `[n, 3]`, the columns that go on from episode to episode of a life, each with the least and the
            largest value that it may have here.
        bodies: int32 `[bodies, 11]`: cell, facing, phase, carrier, is_agent, solid (0 never, 1 always, else the address
            in the lane's memory that says whether), opaque, pushable, sight, first and
            last of `body_columns` (what removing resets).
        patrols: int32 `[bodies, 2]`: the first patrol's range in `paths`, `-1, -1` where there is none.
        blocks: int32 `[bodies, bodies]`: whether the first, where it is solid, blocks the second.
        obstacles: int32 `[n]`: cells (columns) of things that may be solid, or are pushable.
        motions: int32 `[m, 5]`: body, way, first and last of its path in `paths`, target body (of a wanderer, the
            mask of the zone that it does not leave; -1 for none).
        reward_terms: int32 `[w, 4]`, of the agents' scalar rewards: agent, channel, column of the weight (-1 where
            it is fixed), and the offset into `listed` of the weight or of its values.
        agents: int32 `[N, 2]`: body, offset into `moves` (the index into `geometry.STEPS` of each action).
        layout, ended: columns or -1. sizes: height, width, nowhere = H * W.
        chosen, executed, drawn, hand, slot: addresses in a lane's memory, see `_Assembler`.
    """

    code: Ints
    programs: Ints
    constants: Floats
    listed: Floats
    lookups: Ints
    walls: Bools
    masks: Bools
    clear: Bools
    walking: Ints
    neighbours: Ints
    ways: Ints
    starts: Ints
    fresh: Ints
    begin: Ints
    outlives: Ints
    bodies: Ints
    body_columns: Ints
    patrols: Ints
    blocks: Ints
    obstacles: Ints
    motions: Ints
    paths: Ints
    agents: Ints
    moves: Ints
    reward_terms: Ints
    layout: int
    ended: int
    height: int
    width: int
    nowhere: int
    n_channels: int
    chosen: int
    executed: int
    drawn: int
    hand: int
    slot: int


_FLOATS = ("constants", "listed")

# The address in the flat memory of each table's header: its offset (a scalar's value), rows, row width, plane size.
(
    H_CODE,
    H_PROGRAMS,
    H_CONSTANTS,
    H_LISTED,
    H_LOOKUPS,
    H_WALLS,
    H_MASKS,
    H_CLEAR,
    H_WALKING,
    H_NEIGHBOURS,
    H_WAYS,
    H_STARTS,
    H_FRESH,
    H_BEGIN,
    H_OUTLIVES,
    H_BODIES,
    H_BODY_COLUMNS,
    H_PATROLS,
    H_BLOCKS,
    H_OBSTACLES,
    H_MOTIONS,
    H_PATHS,
    H_AGENTS,
    H_MOVES,
    H_REWARD_TERMS,
    H_LAYOUT,
    H_ENDED,
    H_HEIGHT,
    H_WIDTH,
    H_NOWHERE,
    H_N_CHANNELS,
    H_CHOSEN,
    H_EXECUTED,
    H_DRAWN,
    H_HAND,
    H_SLOT,
) = range(0, 4 * len(KernelTables._fields), 4)


def flatten(tables: KernelTables) -> tuple[Ints, Floats]:
    """Pack the tables into one int32 and one float64 memory, so that a compiled call carries two arrays and not forty.

    The int32 memory begins with a header of four words for each field of `KernelTables`, in their order.
    """
    header = np.zeros(4 * len(tables), np.int32)
    parts: list[Ints] = [header]
    numbers: list[Floats] = []
    size, count = header.size, 0
    for slot, (name, table) in enumerate(zip(tables._fields, tables, strict=True)):
        assert isinstance(table, int | np.integer | np.ndarray)
        if not isinstance(table, np.ndarray):
            header[4 * slot] = table
            continue
        offset = count if name in _FLOATS else size
        plane = int(np.prod(table.shape[1:])) if table.ndim == 3 else 0
        header[4 * slot : 4 * slot + 4] = offset, table.shape[0], table.shape[-1], plane
        if name in _FLOATS:
            numbers.append(table)
            count += table.size
        else:
            parts.append(table.astype(np.int32).ravel())
            size += table.size
    return np.concatenate(parts), np.concatenate([*numbers, np.zeros(1)])


def assemble(world: World) -> KernelTables:
    """The tables of a world.

    Raises:
        WorldTooLargeError: see `Boards.clear`.
    """
    return _Assembler(world).tables()


class _Assembler:
    """Emits the instructions of a world's programs, and collects the tables that they refer to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.code: list[list[int]] = []
        self.constants: list[float] = []
        self.listed: list[float] = []
        self.lookups: list[int] = []
        self.masks: list[Bools] = []
        self.motions: list[list[int]] = []
        self.paths: list[int] = []
        self._mask_index: dict[tuple[int, int | None], int] = {}
        self._listed_at: dict[int, int] = {}
        self.needs_sight = self.needs_walking = False
        # A lane's memory: the state, the state before the tick, chosen and executed actions, tick draws, for each body
        # that is solid by a condition whether that holds, a computed cell that stands where a relation wants the column
        # of a body, the layout.
        self.chosen = 2 * len(world.fields)
        self.executed = self.chosen + len(world.agents)
        self.drawn = self.executed + len(world.agents)
        conditional = [body for body in world.bodies if not isinstance(body.solid, bool)]
        flags = self.drawn + len(world.tick_draws)
        self.solid_at = {body.order: flags + number for number, body in enumerate(conditional)}
        self.hand = flags + len(conditional)
        self.slot = self.hand + 1
        self.offsets = [0, *np.cumsum(world.action_counts).tolist()]

    # -------------------------------------------------------------- expressions

    def _op(self, *row: int) -> int:
        self.code.append([*row, *([0] * (WIDTH - len(row)))])
        return len(self.code) - 1

    def _emit(self, node: Expression) -> None:
        """Instructions that push the value of an expression."""
        world = self.world
        match node:
            case Number(value) | Truth(value):
                self.constants.append(float(value))
                self._op(CONST, len(self.constants) - 1)
            case Name(name):
                self._name(name)
            case Unary(operator, operand):
                self._emit(operand)
                self._op(NOT if operator == "not" else NEGATE)
            case Binary("and" | "or"):
                otherwise = self._skips(node, False)
                self._emit(Truth(True))
                end = self._op(SKIP)
                self._land(otherwise)
                self._emit(Truth(False))
                self.code[end][1] = 1
            case Binary(operator, Name(name), Number(value)) if operator in _COMPARISONS and self._is_plain(name):
                column = self.world.columns[name]
                self.constants.append(float(value))
                self._op(COMPARE, column.index, column.low, len(self.constants) - 1, 0, _COMPARISONS[operator])
            case Binary(operator, left, right):
                self._emit(left)
                self._emit(right)
                self._op({**_ARITHMETIC, **_COMPARISONS}[operator])
            case Call(function, arguments):
                self._call(function, arguments)
            case Relation(word, subject, target, reach):
                self._relation(word, subject, target, reach)
            case Coordinate(axis, where):
                self._cell(where)
                self._op(ROW if axis == "row" else COLUMN)
            case Distance(first, second):
                self._cell(first)
                self._cell(second)
                self._op(APART, FAR_OFF)
            case BeforeTick(earlier):
                # Emitted as a number and never as a jump, which would leave the states exchanged.
                self._op(EXCHANGE)
                self._emit(earlier)
                self._op(EXCHANGE)
            case Does(agent, action, chosen):
                index = [program.name for program in world.agents].index(agent)
                place = (self.chosen if chosen else self.executed) + index
                self._op(IS, place, world.agents[index].actions.index(action))
            case Moved(subject):
                cell = world.bodies[world.body_index[subject]].cell
                self._op(MOVED, cell, len(world.fields) + cell)
            case Facing(subject, direction):
                body = world.bodies[world.body_index[subject]]
                self._op(FACES, body.cell, body.facing, geometry.DIRECTIONS.index(direction))
            case _:
                raise TypeError(f"{type(node).__name__} was not resolved before assembly")

    def _skips(self, node: Expression, when: bool) -> list[int]:
        """Instructions that jump where a guard's truth is `when` and else fall through; their rows, for `_land`.

        `and`, `or` and `not` become jumps alone (short-circuit evaluation): guards are most of a tick's work.
        """
        match node:
            case Number(value) | Truth(value):
                return [self._op(SKIP)] if bool(value) == when else []
            case Unary("not", operand):
                return self._skips(operand, not when)
            case Binary("and" | "or" as operator, left, right):
                if (operator == "or") == when:
                    return self._skips(left, when) + self._skips(right, when)
                past = self._skips(left, not when)
                skips = self._skips(right, when)
                self._land(past)
                return skips
        self._emit(node)
        if self.code[-1][0] > LAST_TEST or isinstance(node, BeforeTick):
            self._op(TRUTH)
        self.code[-1][JUMP] = -1 if when else 1
        return [len(self.code) - 1]

    def _land(self, skips: Sequence[int]) -> None:
        """Set the targets of some jumps to the next instruction."""
        for row in skips:
            distance = len(self.code) - row - 1
            if self.code[row][0] == SKIP:
                self.code[row][1] = distance
            else:
                self.code[row][JUMP] *= distance + 1

    def _is_plain(self, name: str) -> bool:
        """Whether a name is a column of plain numbers, and not a draw of the tick."""
        return all(draw.name != name for draw in self.world.tick_draws) and self.world.columns[name].table is None

    def _name(self, name: str) -> None:
        for number, draw in enumerate(self.world.tick_draws):
            if draw.name == name:
                self._op(LISTED, self.drawn + number, self._list(draw.values))
                return
        column = self.world.columns[name]
        if column.table is None:
            self._op(FIELD, column.index, column.low)
        else:
            self._op(LISTED, column.index, self._list_of(column.index, column.table.tolist()))

    def _list_of(self, index: int, values: Sequence[float]) -> int:
        if index not in self._listed_at:
            self._listed_at[index] = self._list(values)
        return self._listed_at[index]

    def _list(self, values: Sequence[float]) -> int:
        self.listed.extend(values)
        return len(self.listed) - len(values)

    def _call(self, function: str, arguments: tuple[Expression, ...]) -> None:
        for argument in arguments:
            self._emit(argument)
            if function in ("min", "max") and argument is not arguments[0]:
                self._op(_FUNCTIONS[function])
        if function == "if":
            self._op(CHOOSE)
        elif function not in ("min", "max"):
            self._op(_FUNCTIONS[function])

    def _relation(self, word: str, subject: Expression, target: Expression, reach: Expression | None) -> None:
        world = self.world
        if word == "carries":
            assert isinstance(subject, Name)
            assert isinstance(target, Name)
            agent = self._agent(subject.name)
            if world.bodies[world.body_index[target.name]].carrier < 0:
                self._emit(Truth(False))
                return
            self._op(IS, world.bodies[world.body_index[target.name]].carrier, agent + 1)
            return
        if word == "sees":
            assert isinstance(subject, Name)
            order = world.body_index[subject.name]
            kind, value = self._place(target)
            self.needs_sight = True
            if kind == "column":
                self._op(SEES_CELL, order, value, self._target_body(target))
            elif kind == "cell":
                self._op(SEES_CONST, order, value)
            elif kind == "zone":
                self._op(SEES_ZONE, order, self._mask(value, None))
            elif kind == "hand":
                self._op(SEES_HAND, order)
            else:
                self._op(SEES_ZONE_OF, order, value, self._lookup(target, None))
            return
        kind, value = self._place(target)
        if reach is not None and (kind == "hand" or not isinstance(reach, Number)):
            self._near(subject, kind, value, reach, target)
            return
        cell = self._subject(subject)
        distance = int(np.floor(reach.value)) if isinstance(reach, Number) else 0
        if kind == "hand":
            self._op(AT_HAND if word == "on" else MEETS_HAND, cell)
            return
        if distance < 0:
            self._emit(Truth(False))
            return
        distance = min(distance, max(world.boards.height, world.boards.width))
        spread = None if word == "on" else -1 if word == "meets" else distance
        if kind == "zone":
            self._op(IN_MASK, cell, self._mask(value, spread))
        elif kind == "counter":
            self._op(IN_MASK_OF, cell, value, self._lookup(target, spread))
        else:
            pair = {"on": (AT_CELL, AT_CONST), "meets": (MEETS_CELL, MEETS_CONST), "near": (NEAR_CELL, NEAR_CONST)}[
                word
            ]
            self._op(pair[0] if kind == "column" else pair[1], cell, value, distance)

    def _subject(self, place: Expression) -> int:
        """The column of a body, or the address where the cell of another place is put for the next instruction."""
        kind, value = self._place(place)
        if kind == "column":
            return value
        if kind == "cell":
            self._emit(Number(value))
        self._op(STORE, self.hand)
        return self.hand

    def _cell(self, place: Expression) -> None:
        """Instructions that push the cell of a place that is no zone."""
        kind, value = self._place(place)
        if kind == "column":
            self._op(FIELD, value, 0)
        elif kind == "cell":
            self._emit(Number(value))

    def _near(self, subject: Expression, kind: str, value: int, reach: Expression, target: Expression) -> None:
        """`near` where the place or the reach is computed in the tick."""
        if kind == "column":
            self._op(FIELD, value, 0)
        elif kind == "cell":
            self._emit(Number(value))
        self._emit(reach)
        cell = self._subject(subject)
        if kind == "zone":
            self._op(NEAR_MASK, cell, self._mask(value, None))
        elif kind == "counter":
            self._op(NEAR_MASK_OF, cell, value, self._lookup(target, None))
        else:
            self._op(NEAR_HAND, cell)

    def _place(self, place: Expression) -> tuple[str, int]:
        """The kind of a place, and its column, cell, zone or counter's column; a computed cell is pushed."""
        world = self.world
        match place:
            case Name(name) if name in world.body_index:
                return "column", world.bodies[world.body_index[name]].cell
            case Name(name):
                return "zone", world.zone_index[name]
            case Cell(Number(row), Number(column)):
                r, c = int(np.rint(row)), int(np.rint(column))
                inside = 0 <= r < world.boards.height and 0 <= c < world.boards.width
                return "cell", r * world.boards.width + c if inside else world.boards.nowhere
            case Cell(row, column):
                self._emit(row)
                self._emit(column)
                self._op(CELL)
                return "hand", 0
            case ZoneOf(counter):
                return "counter", world.columns[counter].index
        raise TypeError(f"{type(place).__name__} is not a place")

    def _target_body(self, target: Expression) -> int:
        assert isinstance(target, Name)
        return self.world.body_index.get(target.name, -1)

    def _mask(self, zone: int, spread: int | None) -> int:
        """The index of a zone's mask: its own cells, or those that meet it (-1) or are near it."""
        key = (zone, spread)
        if key not in self._mask_index:
            boards = self.world.boards
            table = boards.zones if spread is None else boards.near_zones(spread)
            self._mask_index[key] = len(self.masks)
            self.masks.append(table[zone])
        return self._mask_index[key]

    def _lookup(self, place: Expression, spread: int | None) -> int:
        """The offset into `lookups` of the masks for a counter's values; -1 for a word that is not a zone."""
        assert isinstance(place, ZoneOf)
        words = self.world.columns[place.counter].words
        assert words is not None
        first = len(self.lookups)
        masks = [self.world.zone_index.get(word, -1) for word in words]
        self.lookups.extend(-1 if zone < 0 else self._mask(zone, spread) for zone in masks)
        return first

    # -------------------------------------------------------------- parts of a tick

    def _guarded(self, when: Expression, body: Callable[[], None]) -> None:
        """Instructions that run only where a guard holds."""
        skips = self._skips(when, False)
        body()
        self._land(skips)

    def _by_chance(
        self,
        chance: Expression | None,
        draw: int,
        body: Callable[[], None],
        otherwise: Callable[[], None] | None = None,
    ) -> None:
        """Instructions that run only where a Bernoulli draw succeeds, and others that run only where it fails."""
        if chance is None:
            body()
            return
        self._emit(chance)
        self._op(DRAW, draw)
        skip = self._op(COIN)
        body()
        end = self._op(SKIP) if otherwise is not None else -1
        self.code[skip][1] = len(self.code) - skip - 1
        if otherwise is not None:
            otherwise()
            self.code[end][1] = len(self.code) - end - 1

    def _check_actions(self, number: int) -> None:
        """Replace a chosen action that is not available by none."""
        for action, guard in enumerate(self.world.agents[number].guards):
            if guard is not None:
                self._op(IS, self.chosen + number, action, 0, 1)
                other = len(self.code) - 1
                allowed = self._skips(guard, True)
                self._op(LET, self.chosen + number, -1)
                self._op(LET, self.executed + number, -1)
                self._land([other, *allowed])

    def _available(self) -> None:
        """`reference.action_mask.available` of every agent: nobody has chosen an action, and nothing has moved."""
        if all(guard is None for agent in self.world.agents for guard in agent.guards):
            return
        self._op(REMEMBER)
        for place in range(self.chosen, self.drawn):
            self._op(LET, place, -1)
        for number, agent in enumerate(self.world.agents):
            for action, guard in enumerate(agent.guards):
                if guard is not None:
                    self._emit(guard)
                    self._op(AVAILABLE, self.offsets[number] + action)

    def _override(self, override: OverrideProgram) -> None:
        ids, place = self.world.draw_ids, self.executed + override.agent
        guards = self.world.agents[override.agent].guards

        def act() -> None:
            if override.action >= 0:
                self._op(LET, place, override.action)
                return
            for guard in guards:
                self._emit(Truth(True) if guard is None else guard)
            self._op(DRAW, ids[f"{override.name}.action"])
            self._op(DECIDE, len(guards), place, 1)

        self._guarded(override.when, lambda: self._by_chance(override.chance, ids[override.name], act))

    def _motion(self, body: Body) -> None:
        """The first motion whose guard holds; all the others are skipped."""
        ends = []
        for motion in body.motions:
            skips = self._skips(motion.when, False)
            if motion.way == "wander":
                self._op(DRAW, self.world.draw_ids[f"{body.name}.wander"])
            elif motion.way in geometry.DIRECTIONS:
                self._directed_step(body, motion.way)
            self._op(MOVE_BODY, len(self.motions))
            if motion is not body.motions[-1]:
                ends.append(self._op(SKIP))
            self._land(skips)
            first = len(self.paths)
            self.paths += motion.path
            target = self.world.body_index[motion.target] if motion.target else -1
            if motion.zone:
                target = self._mask(self.world.zone_index[motion.zone], None)
            way = WAYS.index("wander" if motion.way in geometry.DIRECTIONS else motion.way)
            self.motions.append([body.order, way, first, len(self.paths), target])
            self.needs_walking |= motion.way in ("patrol", "chase", "flee", "follow")
        self._land(ends)

    def _directed_step(self, body: Body, direction: str) -> None:
        """Before a step of an enlisted thing: reset its patrol, and push the number with which `wander` goes that way.

        A step in a direction reuses the operation of `wander`, which maps a uniform number to one of four directions.
        """
        if body.phase >= 0:
            phase = self.world.columns[self.world.fields[body.phase].name]
            here = Binary("!=", Name(self.world.fields[body.cell].name), Number(self.world.boards.nowhere))
            skips = self._skips(here, False)
            self._emit(Number(0))
            self._op(SET_NUMBER, phase.index, 0, phase.least, phase.most, phase.low)
            self._land(skips)
        self._emit(Number((geometry.DIRECTIONS.index(direction) + 0.5) / len(geometry.DIRECTIONS)))

    def _draw(self, draw: DrawProgram, place: int) -> None:
        def decide() -> None:
            for weight in draw.weights:
                self._emit(weight)
            self._op(DRAW, self.world.draw_ids[draw.name])
            self._op(DECIDE, len(draw.weights), place)

        if draw.column < 0:
            self._op(LET, place, 0)
        self._guarded(draw.when, decide)

    def _rules(self, rules: Sequence[RuleProgram]) -> None:
        """The instructions of rules; of those of which only one is tried, it jumps over the others."""
        for only, group in groupby(rules, key=lambda rule: rule.only):
            ends: list[int] = []
            for rule in group:
                if only:
                    ends += self._rule(rule)
                else:
                    self._rule(rule)
            self._land(ends)

    def _rule(self, rule: RuleProgram) -> list[int]:
        """The instructions of a rule; returns the jump to be landed behind those of which only one is tried."""
        ids = self.world.draw_ids
        if not (rule.pays or rule.performance or rule.effects or rule.two_sided):
            return []

        def pay(pays: Sequence[tuple[int, Expression]], performance: Expression | None) -> None:
            for channel, amount in pays:
                self._emit(amount)
                self._op(PAY, channel)
            if performance is not None:
                self._emit(performance)
                self._op(PAY, len(self.world.channels))

        def fire() -> None:
            pay(rule.pays, rule.performance)
            for i, effect in enumerate(rule.effects):
                self._effect(effect, ids.get(f"{rule.name}.{i}", -1))

        def fail() -> None:
            pay(rule.otherwise_pays, rule.otherwise_performance)
            for i, effect in enumerate(rule.otherwise):
                self._effect(effect, ids.get(f"{rule.name}.else.{i}", -1))

        otherwise = fail if rule.two_sided else None
        ends: list[int] = []

        def attempt() -> None:
            self._by_chance(rule.chance, ids.get(rule.name, -1), fire, otherwise)
            if rule.only:
                ends.append(self._op(SKIP))

        self._guarded(rule.when, attempt)
        return ends

    def _effect(self, effect: Effect, draw: int) -> None:
        world = self.world
        match effect:
            case Emit(event):
                self._op(EMIT, world.events.index(event))
            case End(reason):
                self._op(END, world.reasons.index(reason) + 1, world.events.index(f"ended:{reason}"))
            case Assign(target, operator, value):
                column = world.columns[target]
                sign = ("=", "+=", "-=").index(operator)
                self._emit(value)
                if column.table is None:
                    self._op(SET_NUMBER, column.index, sign, column.least, column.most, column.low)
                else:
                    offset = self._list_of(column.index, column.table.tolist())
                    self._op(SET_LISTED, column.index, sign, offset, column.table.size)
            case Cycles(target):
                column = world.columns[target]
                self._op(CYCLE, column.index, column.least, column.most)
            case Remove(subject):
                self._op(REMOVE, world.body_index[subject])
            case PutAt(subject, place, random):
                self._put(world.body_index[subject], place, random, draw)
            case MoveBy(subject, direction):
                self._op(MOVE_BY, world.body_index[subject], list(geometry.STEPS).index(direction))
            case Swap(first, second):
                self._op(SWAP, world.body_index[first], world.body_index[second])
            case Take(agent, thing):
                self._op(TAKE, world.body_index[thing], self._agent(agent) + 1)
            case Drop(agent, thing):
                if world.bodies[world.body_index[thing]].carrier < 0:  # no rule takes it
                    return
                self._op(DROP, world.body_index[thing], self._agent(agent) + 1, world.body_index[agent])
            case ResetBoard():
                self._op(RESET_BOARD)
            case Retire():
                self._op(RETIRE)

    def _agent(self, name: str) -> int:
        return [program.name for program in self.world.agents].index(name)

    def _put(self, body: int, place: Expression, random: bool, draw: int) -> None:
        kind, value = self._place(place)
        if random:
            self._op(DRAW, draw)
        if kind == "hand":
            self._op(PUT_HAND, body)
        elif kind == "column":
            self._op(PUT_CELL, body, value)
        elif kind == "cell":
            self._op(PUT_CONST, body, value)
        elif kind == "zone":
            mask = self._mask(value, None)
            self._op(*((PUT_RANDOM, body, mask) if random else (PUT_ZONE, body, mask)))
        else:
            lookup = self._lookup(place, None)
            self._op(*((PUT_RANDOM_OF, body, value, lookup) if random else (PUT_ZONE_OF, body, value, lookup)))

    # -------------------------------------------------------------- everything

    def _tick(self) -> None:
        """The program of a tick, in the order of `reference.step.step`."""
        world = self.world
        self._decide_solidity()
        for number in range(len(world.agents)):
            self._check_actions(number)
        for override in world.overrides:
            self._override(override)
        if len(world.agents) == 1 and world.walks(world.agents[0]):
            body = world.bodies[world.agents[0].body]
            self._op(MOVE_AGENT, body.cell, body.facing)
        elif any(world.walks(agent) for agent in world.agents):
            self._op(MOVE_AGENTS)
        for body in world.bodies:
            self._motion(body)
        if world.clock >= 0:
            self._op(TICK, world.clock, world.fields[world.clock].size - 1)
        for number, draw in enumerate(world.tick_draws):
            self._draw(draw, self.drawn + number)
        self._rules(world.rules)
        if world.end_rules:
            skip = self._op(ENDED)
            self._rules(world.end_rules)
            self.code[skip][1] = len(self.code) - skip - 1
        for event, column in world.happened:
            self._op(NOTE, column, event)

    def _decide_solidity(self) -> None:
        """Instructions that note which bodies are solid in this tick: the state before it decides."""
        for order, address in self.solid_at.items():
            condition = self.world.bodies[order].solid
            assert not isinstance(condition, bool)
            self._emit(condition)
            self._op(STORE, address)

    def _start(self, goes_on: bool = False) -> None:
        """The program of a start, in the order of `reference.step.reset`; whether a life goes on with it."""
        world = self.world
        layouts = world.boards.walls.shape[0]
        if layouts > 1:
            self._op(DRAW, world.draw_ids["layout"])
        self._op(BEGIN, layouts, int(goes_on))
        for draw in world.start_draws:
            self._draw(draw, draw.column)
        self._op(REMEMBER)
        self._decide_solidity()
        self._rules(world.start_rules)

    def _between(self) -> None:
        """The program of what comes between two episodes of a life, see `reference.step.between`."""
        self._rules(self.world.between_rules)

    def _go_on(self) -> None:
        """The program of the start of an episode of a life that another one came before."""
        if self.world.life:
            self._start(goes_on=True)

    def tables(self) -> KernelTables:
        """Assemble the programs and all tables."""
        world = self.world
        cuts = [0]
        for assemble_program in (self._tick, self._start, self._available, self._between, self._go_on):
            assemble_program()
            cuts.append(len(self.code))
        reward_terms = self._reward_terms()
        boards = world.boards
        columns = {column.index: column for column in world.columns.values()}
        begin = self._begins()
        persists = [columns[i].persists for i in range(len(world.fields))]
        bodies, body_columns = self._bodies()
        layouts, cells = boards.walls.shape[0], boards.nowhere + 1
        return KernelTables(
            code=_rows(self.code, WIDTH),
            programs=_rows([list(cut) for cut in pairwise(cuts)], 2),
            constants=np.array(self.constants, np.float64),
            listed=np.array(self.listed, np.float64),
            lookups=np.array(self.lookups, np.int32),
            walls=boards.walls,
            masks=np.stack(self.masks) if self.masks else np.zeros((0, layouts, cells), np.bool_),
            clear=boards.clear if self.needs_sight else np.zeros((0, 0, 0), np.bool_),
            walking=boards.walking.astype(np.int32) if self.needs_walking else np.zeros((0, 0, 0), np.int32),
            neighbours=boards.neighbours,
            ways=np.where(boards.walls[:, boards.neighbours], np.arange(cells)[:, None], boards.neighbours),
            starts=boards.starts,
            fresh=np.where(persists, -1, begin).astype(np.int32),
            begin=begin,
            outlives=_rows([[c.index, c.least, c.most] for c in columns.values() if c.outlives], 3),
            bodies=_rows(bodies, 11),
            body_columns=np.array(body_columns, np.int32),
            patrols=_rows([self._patrol(body) for body in world.bodies], 2),
            blocks=_rows(
                [[int(body.may_block(mover)) for mover in world.bodies] for body in world.bodies], len(world.bodies)
            ),
            obstacles=np.array(
                [body.cell for body in world.bodies if not body.is_agent and (body.solid or body.pushable)], np.int32
            ),
            motions=_rows(self.motions, 5),
            paths=np.array(self.paths, np.int32),
            agents=_rows(
                [[agent.body if world.walks(agent) else -1, self.offsets[i]] for i, agent in enumerate(world.agents)], 2
            ),
            moves=np.concatenate([agent.moves for agent in world.agents]),
            reward_terms=_rows(reward_terms, 4),
            layout=world.layout,
            ended=world.ended,
            height=boards.height,
            width=boards.width,
            nowhere=boards.nowhere,
            n_channels=len(world.channels),
            chosen=self.chosen,
            executed=self.executed,
            drawn=self.drawn,
            hand=self.hand,
            slot=self.slot,
        )

    def _begins(self) -> Ints:
        """int32 `[L, F]`, or `[1, F]` where they are all alike: the state at the start of each layout, bodies apart."""
        world = self.world
        layouts = np.arange(world.boards.walls.shape[0] if world.boards.field_starts else 1, dtype=np.int32)
        columns = [world.start_of(column, layouts) for column in range(len(world.fields))]
        return np.ascontiguousarray(np.stack(columns, axis=1), np.int32)

    def _reward_terms(self) -> list[list[int]]:
        """The terms of each agent's scalar reward; none where the stage withholds its rewards.

        Fixed weights come first, as in `adapters.base.ScalarReward`: the sums have to agree to the last bit.
        """
        rows: list[list[int]] = []
        for number, agent in enumerate(self.world.agents):
            for changing in (False, True):
                for channel, (owner, column) in enumerate(zip(self.world.owners, agent.weight_columns, strict=True)):
                    weight = float(agent.weights[channel])
                    if owner != number or not self.world.rewards_shown or (column >= 0) != changing:
                        continue
                    if changing:
                        table = self.world.columns[self.world.fields[column].name].table
                        assert table is not None
                        rows.append([number, channel, column, self._list_of(column, table.tolist())])
                    elif weight != 0:
                        rows.append([number, channel, -1, self._list([weight])])
        return rows

    def _patrol(self, body: Body) -> list[int]:
        """The range in `paths` of a body's first patrol."""
        ranges = [m[2:4] for m in self.motions if m[0] == body.order and m[3] > m[2]]
        return ranges[0] if ranges else [-1, -1]

    def _bodies(self) -> tuple[list[list[int]], list[int]]:
        rows: list[list[int]] = []
        columns: list[int] = []
        for body in self.world.bodies:
            first = len(columns)
            columns += [c for c in (body.facing, body.phase, body.carrier, *body.fields) if c >= 0]
            sight = -1 if body.sight is None else body.sight
            solid = self.solid_at.get(body.order, int(bool(body.solid)))
            flags = [int(body.is_agent), solid, int(body.opaque), int(body.pushable)]
            rows.append([body.cell, body.facing, body.phase, body.carrier, *flags, sight, first, len(columns)])
        return rows, columns


def _rows(rows: Sequence[Sequence[int]], width: int) -> Ints:
    return np.array(rows, np.int32).reshape(len(rows), width)
